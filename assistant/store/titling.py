"""Whether what a model wrote is a title, or the words of one that did not understand. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from assistant.store.titles import MOST_CHARS, clean

_MOST_WORDS: Final = 9
_MARKUP: Final = re.compile(r"[#*_`|<>{}\\~^=]|\[|\]|https?:")
_TALK: Final = re.compile(
    r"^(i|i'm|i’m|sure|certainly|here|okay|ok|sorry|as an ai|the title|this conversation|our conversation)\b",
    re.IGNORECASE,
)
"""How an answer begins that is about the title, or refuses one."""
_SMALL_WORDS: Final = {
    "en": "the of and to in is for with how what are do does why which can i my",
    "de": "der die das und ist ein eine wie was für mit den von zu im warum ich nicht",
    "fr": "le la les des et est un une comment pour avec dans que quoi du pourquoi je",
    "es": "el la los las y es un una cómo para con en qué del por como mi",
    "it": "il la gli e è un una come per con in che cosa del perché mi",
    "pt": "o a os as e é um uma como para com em que do da por",
    "nl": "de het een en is hoe wat voor met van in waarom ik niet",
    "pl": "i w z na jest jak co do dla się nie czy",
}
"""Words by which languages of one script are told apart, as far as a few words tell anything."""


def proper(text: str, question: str) -> str:
    """The title that a model wrote; "" if it is none.

    A proper one is one line of few words without markup, in the script of the question and, as far as that
    can be told, in its language.

    Args:
        text: all that the model said.
        question: what the conversation began with.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) != 1 or len(lines[0]) > 2 * MOST_CHARS:
        return ""
    title = clean(lines[0]).rstrip(".。").rstrip()
    words = title.split()
    is_line = 0 < len(words) <= _MOST_WORDS and not title.endswith(("…", ":", "?!"))
    if not is_line or _MARKUP.search(title) or _TALK.match(title) or not any(map(str.isalpha, title)):
        return ""
    return title if _is_alike(title, question) else ""


def _is_alike(title: str, question: str) -> bool:
    """Whether a title is in the question's script, and in its language where that can be told."""
    asked, written = _scripts(question), _scripts(title)
    if asked and not (written & asked):
        return False
    theirs, ours = _languages(question), _languages(title)
    return not theirs or not ours or bool(theirs & ours)


def _scripts(text: str) -> set[str]:
    """The scripts that a good part of a text's letters is in, by their names in Unicode."""
    names = [unicodedata.name(char, "").partition(" ")[0] for char in text if char.isalpha()]
    return {_KIN.get(name, name) for name in names if 4 * names.count(name) >= len(names)}


_KIN: Final = {"HIRAGANA": "CJK", "KATAKANA": "CJK"}


def _languages(text: str) -> set[str]:
    """The languages that most small words of a text are of; empty where there are none."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    counts = {name: sum(word in small.split() for word in words) for name, small in _SMALL_WORDS.items()}
    most = max(counts.values())
    return {name for name, n in counts.items() if n == most} if most else set()
