"""What a conversation is called until somebody says better. Pure."""

from __future__ import annotations

import re

from assistant.terminal import visible

MOST_CHARS = 60
"""Of a title; more does not fit a list beside anything else."""
UNTITLED = "New conversation"

_FENCE = re.compile(r"^\s*(```|~~~)")
_MARKS = re.compile(r"^[\s#>*\-+=_`|]+|[\s#*_`|]+$")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s|(?<=[。！？])")
_LABEL = re.compile(r"^(title|titel|titre|título|标题)\s*[:：]\s*", re.IGNORECASE)
_QUOTES = "\"'“”‘’«»„`*_ \t"


def title(question: str) -> str:
    """A title from the first question of a conversation: its first sentence, cut at a word."""
    for each in question.splitlines():
        if _FENCE.match(each):
            continue
        words = _plain(_MARKS.sub("", each))
        if any(char.isalnum() for char in words):
            first = _SENTENCE_END.split(words, maxsplit=1)[0]
            return _cut(first if len(first) >= 12 else words)
    return line(question) or UNTITLED


def clean(text: str) -> str:
    """A title that a person or a model wrote, in one line without quotes around it; "" if nothing is left."""
    for each in text.splitlines():
        if words := _LABEL.sub("", _plain(_MARKS.sub("", each))).strip(_QUOTES):
            return _cut(words)
    return ""


def line(text: str) -> str:
    """A title that was one before, in one line that is safe to show; may be ""."""
    return _cut(_plain(text))


def _plain(text: str) -> str:
    return visible(" ".join(text.split()))


def _cut(text: str) -> str:
    if len(text) <= MOST_CHARS:
        return text
    head = text[: MOST_CHARS - 1]
    at_word = head.rpartition(" ")[0]
    # scripts without spaces, and long words, are cut where they are
    return (at_word if len(at_word) >= MOST_CHARS // 2 else head).rstrip(" ,;:-") + "…"
