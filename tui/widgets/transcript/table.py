"""A table of an answer, drawn by one widget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets._markdown import MarkdownBlock, MarkdownTable, MarkdownTH  # the others are not exported

from .drawn import Drawn, Line, keep_same

LEAST_CELLS = 6
"""A column is not made narrower than this before all are."""


def widths(natural: Sequence[int], room: int) -> list[int]:
    """Cells for each column.

    Args:
        natural: as many as its longest cell has.
        room: as many as all may have together.
    """
    found = [*natural]
    for least in (LEAST_CELLS, 1):
        while (over := sum(found) - room) > 0:
            widest = max(found)
            if widest <= least:
                break
            wide = [column for column, n in enumerate(found) if n == widest]
            below = max([n for n in found if n < widest] + [least])
            step = max(1, min(widest - below, over // len(wide)))
            for column in wide[: max(1, over)]:
                found[column] = widest - step
    return found


class DrawnTable(Drawn, MarkdownTable):
    """A table whose columns are as wide as what is in them, as far as there is room."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"header", "line"}
    DEFAULT_CSS = """
    DrawnTable { margin-bottom: 1; }
    DrawnTable > .header { color: $primary; }
    DrawnTable > .line { color: $foreground 20%; }
    """

    _drawn: tuple[int, list[Line]] | None = None
    _aligns: Sequence[str] = ()

    def compose(self) -> ComposeResult:
        """Take the cells; none becomes a widget."""
        self._headers, self._rows = self._get_headers_and_rows()
        self._aligns = _aligns(self)
        self._blocks = []
        yield from ()

    @property
    def n_settled(self) -> int:
        """Rows that no more text can change."""
        return max(0, len(self._rows) - 1)

    async def _update_from_block(self, block: MarkdownBlock) -> None:
        if not isinstance(block, DrawnTable):
            await MarkdownBlock._update_from_block(self, block)
            return
        before = self._drawn
        self._aligns = _aligns(block)
        self._headers, rows = block._get_headers_and_rows()
        self._rows = [*self._rows[: self.n_settled], *rows]
        self._drawn = None
        n_same = 0
        if before is not None:
            n_same = keep_same(before[1], self.lines(before[0]))
        self.redraw(n_same)

    def lines(self, width: int) -> list[Line]:
        if self._drawn is None or self._drawn[0] != width:
            self._drawn = (width, [Line(content) for content in self._contents(width)] if width else [])
        return self._drawn[1]

    def _contents(self, width: int) -> Iterator[Content]:
        n_columns = max([len(self._headers), *map(len, self._rows)], default=0)
        headers = [header.stylize_before(".header") for header in self._headers]
        rows = [[*row, *[Content("")] * (n_columns - len(row))] for row in (headers, *self._rows)]
        natural = [max(1, *(row[column].cell_length for row in rows)) for column in range(n_columns)]
        cells = widths(natural, max(n_columns, width - 3 * n_columns - 1))
        aligns = [*self._aligns, *["left"] * n_columns][:n_columns]
        yield _rule("┌", "┬", "┐", cells)
        for n, row in enumerate(rows):
            if n:
                yield _rule("├", "┼", "┤", cells)
            yield from _row(row, cells, aligns)
        yield _rule("└", "┴", "┘", cells)


def _rule(begin: str, cross: str, end: str, cells: Sequence[int]) -> Content:
    return Content.styled(begin + cross.join("─" * (n + 2) for n in cells) + end, ".line")


def _aligns(block: MarkdownBlock) -> list[str]:
    """For each column, as its header has it."""
    if isinstance(block, MarkdownTH):
        return [str(block._token.attrs.get("style", "")).removeprefix("text-align:")]
    return [align for each in block._blocks for align in _aligns(each)]


def _row(row: Sequence[Content], cells: Sequence[int], aligns: Sequence[str]) -> Iterator[Content]:
    columns = [cell.wrap(n) for cell, n in zip(row, cells, strict=True)]
    bar = Content.styled("│", ".line")
    for at in range(max(map(len, columns), default=0)):
        parts = [
            Content(" ")
            .append(_padded(column[at] if at < len(column) else Content(""), n, align))
            .append(" ")
            for column, n, align in zip(columns, cells, aligns, strict=True)
        ]
        yield bar + bar.join(parts) + bar


def _padded(content: Content, n: int, align: str) -> Content:
    n_blank = max(0, n - content.cell_length)
    n_before = {"center": n_blank // 2, "right": n_blank}.get(align, 0)
    return Content(" " * n_before) + content + Content(" " * (n_blank - n_before))
