"""Where a formula begins and ends in a text: dollars, brackets, \\boxed{} and environments. Pure.

An opening that nothing closes is text: more of it may still come, and then it is looked at again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ENVIRONMENTS = (
    r"(?:align|aligned|alignat|gather|gathered|equation|multline|eqnarray|split|cases|[pbvBV]?matrix)\*?"
)
_BEGIN = re.compile(rf"\\begin\{{({_ENVIRONMENTS})\}}")
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
_OPENINGS = re.compile(rf"\$|\\\(|\\\[|{_BOXED.pattern}|{_BEGIN.pattern}")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_PROSE = re.compile(r"(?<![\\\w])[^\W\d]{2,}[ ,;]+[^\W\d]{2,}(?!\w*[({])")
_MATHS = re.compile(r"[\\^_=+*/<>{}()|×·÷±≤≥≠]|\w-\w")
_IN_WORDS = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mbox|operatorname)\*?\s*\{[^{}]*\}|\\[a-zA-Z]+"
)

CLOSINGS = {"$$": "$$", "\\[": "\\]"}
"""What opens a formula with lines of its own, and what closes it."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula in a text."""

    source: str
    """Its LaTeX, without what stands around it."""
    start: int
    """Where it begins, its mark included."""
    end: int
    """Behind its last character, its mark included."""
    is_display: bool
    """Whether it asks for lines of its own."""


def formula_at(text: str, at: int) -> Formula | None:
    """The formula that begins at `at`; None if none does, or if it is still open."""
    if text.startswith("$$", at):
        return _between(text, at, "$$", "$$", is_display=True)
    if text.startswith("$", at):
        return _in_dollars(text, at)
    if text.startswith("\\(", at):
        return _between(text, at, "\\(", "\\)", is_display=False)
    if text.startswith("\\[", at):
        return _between(text, at, "\\[", "\\]", is_display=True)
    if boxed := _BOXED.match(text, at):
        end = _closing_brace(text, boxed.end())
        return Formula(text[at:end], at, end, is_display=False) if end else None
    if begin := _BEGIN.match(text, at):
        closing = f"\\end{{{begin[1]}}}"
        end = _find(text, closing, begin.end())
        return Formula(text[at : end + len(closing)], at, end + len(closing), True) if end >= 0 else None
    return None


def next_opening(text: str, at: int) -> int:
    """Where the next formula could begin; -1 if nowhere."""
    found = _OPENINGS.search(text, at)
    return found.start() if found else -1


def _find(text: str, closing: str, at: int) -> int:
    """Where `closing` stands unescaped, with no blank line before it; -1 if nowhere."""
    while (end := text.find(closing, at)) >= 0:
        n_slashes = len(text[at:end]) - len(text[at:end].rstrip("\\"))
        if n_slashes % 2 == 0 or (closing[0] == "\\" and n_slashes == 0):
            break
        at = end + 1
    if end >= 0 and _BLANK_LINE.search(text, at, end):
        return -1
    return end


def _between(text: str, at: int, opening: str, closing: str, *, is_display: bool) -> Formula | None:
    begin = at + len(opening)
    end = _find(text, closing, begin)
    if end < 0 or not text[begin:end].strip() or "`" in text[begin:end]:
        return None
    return Formula(text[begin:end].strip(), at, end + len(closing), is_display)


def _in_dollars(text: str, at: int) -> Formula | None:
    """What stands in single dollars, if it is maths: a price is none, and neither is $HOME."""
    begin = at + 1
    if (
        begin >= len(text)
        or text[begin].isspace()
        or (at and (text[at - 1].isalnum() or text[at - 1] == "\\"))
    ):
        return None
    end = _find(text, "$", begin)
    inner = text[begin:end]
    if end < 0 or not inner or inner[-1].isspace() or text[end + 1 : end + 2].isalnum() or "`" in inner:
        return None
    words = _IN_WORDS.sub(" ", inner)
    if _PROSE.search(words):
        return None
    if inner[0].isdigit() and " " in words.strip() and not _MATHS.search(inner):
        return None
    return Formula(inner, at, end + 1, is_display=False)


def _closing_brace(text: str, at: int) -> int:
    """Behind the brace that closes the one before `at`; 0 if it is still open."""
    depth = 1
    for n in range(at, len(text)):
        if text[n] in "{}" and text[n - 1] != "\\":
            depth += 1 if text[n] == "{" else -1
            if depth == 0:
                return n + 1
    return 0
