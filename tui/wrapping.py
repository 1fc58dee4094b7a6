"""Wrapping text that grows: what has been wrapped once is never wrapped again."""

from __future__ import annotations

import re
from collections import deque

from rich.cells import cell_len, set_cell_size

_WORD = re.compile(r"\S+[^\S\n]*|[^\S\n]+")


class GrowingLines:
    """The last lines of a text that grows at its end.

    A line that is full stands as it is, so that nothing above the newest line ever moves but upwards.
    """

    def __init__(self, width: int, n_lines: int) -> None:
        """`width` in cells; `n_lines` are kept."""
        self.width = max(1, width)
        self._full: deque[str] = deque(maxlen=max(1, n_lines - 1))
        self._open = ""

    def add(self, text: str) -> None:
        """Put `text` at the end."""
        first, *more = text.expandtabs(4).split("\n")
        self._grow(first)
        for line in more:
            self._full.append(self._open)
            self._open = ""
            self._grow(line)

    @property
    def lines(self) -> list[str]:
        """The last lines, the newest last."""
        return [*self._full, self._open]

    def _grow(self, text: str) -> None:
        line = ""
        n_cells = 0
        for word in _WORD.findall(self._open + text):
            n_word = cell_len(word.rstrip())
            if n_cells and n_cells + n_word > self.width:
                self._full.append(line)
                line, n_cells = "", 0
            while n_word > self.width:
                head = set_cell_size(word, self.width).rstrip() or word[:1]
                self._full.append(head)
                word = word[len(head) :]
                n_word = cell_len(word.rstrip())
            line += word
            n_cells += cell_len(word)
        self._open = line
