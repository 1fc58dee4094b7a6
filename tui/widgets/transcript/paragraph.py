"""A paragraph of an answer."""

from __future__ import annotations

from textual.content import Content
from textual.visual import Visual
from textual.widgets._markdown import MarkdownParagraph  # not exported

from .drawn import Drawn, Line, keep_same, wrapped


class GrowingParagraph(MarkdownParagraph, Drawn):
    """Paints only the lines that have changed, and asks for a layout only where it becomes higher."""

    _drawn: tuple[int, list[Line]] | None = None

    @property
    def visual(self) -> Visual:
        """Its text."""
        return self._content

    def set_content(self, content: Content) -> None:
        """Show other text."""
        self._content = content
        before, self._drawn = self._drawn, None
        width = self.content_size.width
        if before is not None and before[0] == width:
            self.redraw(keep_same(before[1], self.lines(width)))
        elif self.is_attached:
            self.refresh(layout=True)

    def lines(self, width: int) -> list[Line]:
        if self._drawn is None or self._drawn[0] != width:
            self._drawn = (width, [*wrapped(self._content, width, Content(""))] if width else [])
        return self._drawn[1]
