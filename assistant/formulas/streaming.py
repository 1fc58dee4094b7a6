"""A Markdown text that grows, with its formulas made readable as soon as they are whole. Pure."""

from __future__ import annotations

import re

from assistant.formulas.finding import formula_at, next_opening
from assistant.formulas.readable import readable

_FENCE = re.compile(r" {0,3}(```|~~~)")


class ReadableStream:
    """Takes a text piece by piece and gives back what of it can be said already.

    What may yet become a formula or a code span is held back: to its line's end after a single dollar
    or backtick, to the next blank line else. Code stays as it is.
    """

    def __init__(self) -> None:
        self._held = ""
        self._fence = ""
        self._begins_line = True

    def feed(self, text: str) -> str:
        """Add `text`; gives back what is settled by now."""
        self._held += text
        return self._settled(is_end=False)

    def end(self) -> str:
        """What was still held back: nothing more comes."""
        return self._settled(is_end=True)

    def _settled(self, *, is_end: bool) -> str:
        said: list[str] = []
        while self._held:
            n, shown = self._next(is_end=is_end)
            if n == 0:
                break
            said.append(shown)
            self._begins_line = self._held[n - 1] == "\n"
            self._held = self._held[n:]
        return "".join(said)

    def _next(self, *, is_end: bool) -> tuple[int, str]:
        """How many characters of what is held are settled, and what they are; 0 waits for more."""
        text = self._held
        if self._begins_line or self._fence:
            line, newline, _ = text.partition("\n")
            found = _FENCE.match(line)
            if not newline and not is_end and (self._fence or found or len(line) < 6):
                return 0, ""  # it is a fence, or could yet become one
            if found:
                self._fence = "" if self._fence == found[1] else self._fence or found[1]
                return len(line + newline), line + newline
            if self._fence:
                return len(line + newline), line + newline
        mark = min((at for at in (next_opening(text, 0), text.find("`")) if at >= 0), default=-1)
        newline_at = text.find("\n")
        if newline_at >= 0 and (mark < 0 or newline_at < mark):
            return newline_at + 1, text[: newline_at + 1]
        if mark != 0:
            # a backslash at the end may be half of an opening
            n = mark if mark > 0 else len(text) if is_end else len(text) - _n_half(text)
            return n, text[:n]
        return self._at_mark(text, is_end=is_end)

    def _at_mark(self, text: str, *, is_end: bool) -> tuple[int, str]:
        """The formula or code span that `text` begins with, or its mark alone where none comes of it."""
        if not is_end and not text.strip(text[0]) and text[0] in "$`":
            return 0, ""  # more of the mark may come
        limit = "\n" if text[0] == "`" or (text[0] == "$" and not text.startswith("$$")) else "\n\n"
        scope, is_limited, _ = text.partition(limit)
        is_whole = is_end or bool(is_limited)
        if text[0] == "`":
            ticks = len(text) - len(text.lstrip("`"))
            end = scope.find("`" * ticks, ticks)
            if end >= 0:
                return end + ticks, text[: end + ticks]
            return (ticks, text[:ticks]) if is_whole else (0, "")
        formula = formula_at(scope, 0)
        # one more character tells whether a dollar closes
        if not is_whole and (formula is None or formula.end == len(scope)):
            return 0, ""
        if formula:
            return formula.end, readable(formula.source, is_display=formula.is_display)
        return (2, "$$") if text.startswith("$$") else (1, text[0])


def _n_half(text: str) -> int:
    r"""How many characters at the end may be the beginning of \boxed{, \begin{...} or \(."""
    found = re.search(r"\\[a-z]*(?:\{[a-z]*\*?)?$", text)
    return len(found[0]) if found else 0
