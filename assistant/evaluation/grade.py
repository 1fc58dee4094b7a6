"""Whether an answer is right, blank, or shows markers that no user should see."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from assistant.answers import AnswerKind, extract, options_of, same
from assistant.catalog.families import load_families
from assistant.evaluation.datasets import Item

TEST_S = 10.0
"""Seconds that the tests of one program may take."""

_KINDS: dict[str, AnswerKind] = {
    "number": "number",
    "math": "expression",
    "choice": "choice",
    "code": "code",
    "text": "text",
}
_CHAT_MARKUP = re.compile(r"<\|[^|<>\s]{1,40}\|>|<｜[^｜<>]{1,40}｜>|</?think>|\[/?INST\]|\[/?THINK\]")
"""Spellings of markers that several families share."""
_COPULA = re.compile(r":\s|=|\b(?:is|are|be|was|were|at)\b")
_BOLD = re.compile(r"\*\*(.+?)\*\*")


def grade(item: Item, text: str) -> bool:
    """Whether an answer's text is right; a program is run against the item's tests."""
    if not text.strip():
        return False
    kind = _KINDS[item.type]
    options = list(item.choices) or (options_of(item.question) if item.type == "choice" else [])
    if item.type == "text":
        return plain(item.answer) in map(plain, _says(text))
    answer = extract(text, kind, options)
    if item.type == "code":
        return _passes(item, answer or text)
    return answer is not None and same(answer, item.answer, kind)


def plain(text: str) -> str:
    """A text without case, spaces, quotes, emphasis and final punctuation, to compare words by."""
    return re.sub(r"\s+|\*\*|[`\"“”„‘’]", "", text).casefold().strip("*_").rstrip(".,;:!?。！？")


def is_leaked(text: str, markers: Sequence[str] = ()) -> bool:
    """Whether chat markup, or one of the model's own markers, stands in an answer."""
    return bool(_CHAT_MARKUP.search(text)) or any(marker in text for marker in markers)


def markers_of(family: str) -> list[str]:
    """The markers of a family's thinking that are markup; [] for one without thinking or unknown."""
    known = load_families().get(family)
    thinking = known.thinking if known is not None else None
    if thinking is None:
        return []
    every = (*thinking.all_opens, *thinking.all_closes, *thinking.noise)
    return [marker.strip() for marker in every if re.search(r"[<\[|]", marker)]


def _passes(item: Item, code: str) -> bool:
    from assistant.sandbox.behaviour import passes
    from assistant.sandbox.examples import program_for

    return passes(program_for(item.question, code, item.entry_point), item.test, item.entry_point, TEST_S)


def _says(text: str) -> Iterator[str]:
    """What a text may mean by its answer: all of it, its last line, the end of that, its last bold words."""
    yield text
    if answer := extract(text, "text", []):
        yield answer
    last = [line for line in text.splitlines() if line.strip()][-1]
    yield last
    yield _COPULA.split(last)[-1]
    yield from _BOLD.findall(text)[-1:]
