"""Blocks of many parts drawn by one widget: at each layout Textual walks every widget there is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.geometry import Region, Size
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.visual import Visual
from textual.widgets.markdown import MarkdownBlock


@dataclass(slots=True, eq=False)
class Line:
    """A line as it stands on the screen."""

    content: Content
    margin: int = 0
    """So many cells at its left are no text."""
    goes_on: bool = False
    """Whether the text goes on in the next line, which was broken here to fit."""
    painted: tuple[Style, Strip] | None = None


def wrapped(content: Content, width: int, first: Content) -> Iterator[Line]:
    """A text in lines.

    Args:
        content: the text.
        width: cells in all.
        first: stands before its first line; the others are indented by as much.
    """
    margin = first.cell_length
    room = max(1, width - margin)
    lead, indent = first, Content(" " * margin)
    for line in content.split("\n", allow_blank=True):
        pieces = line.wrap(room)
        for piece in pieces:
            yield Line(lead + piece, margin if lead is indent else 0, goes_on=piece is not pieces[-1])
            lead = indent


class Drawn(MarkdownBlock):
    """Draws its lines itself, and anew only those that have changed."""

    DEFAULT_CSS = """
    Drawn { width: 1fr; height: auto; }
    """

    @abstractmethod
    def lines(self, width: int) -> Sequence[Line]:
        """All lines at a width in cells; those that stay must be the same objects when asked again."""

    @property
    def visual(self) -> Visual:
        """What is shown, as text."""
        return Content("\n").join(line.content for line in self.lines(self.content_size.width))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The number of lines."""
        return len(self.lines(width)) if width else 0

    def redraw(self, n_same: int = 0) -> None:
        """Its lines have changed, all but the first `n_same`."""
        width, height = self.content_size
        if not width or len(self.lines(width)) != height:
            self.refresh(layout=True)
        elif n_same < height:
            self.refresh(Region(0, n_same, width, height - n_same))

    def notify_style_update(self) -> None:
        """Colours may be others."""
        super().notify_style_update()
        for line in self.lines(self.content_size.width):
            line.painted = None

    def render_line(self, y: int) -> Strip:
        """One line, kept as it was painted."""
        width = self.content_size.width
        lines = self.lines(width)
        style = self.visual_style
        if y >= len(lines):
            return Strip.blank(width, style.rich_style)
        line = lines[y]
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(y)) is not None:
            return self._painted(self._selected(line.content, *span), width, style).apply_offsets(0, y)
        if line.painted is None or line.painted[0] != style or line.painted[1].cell_length != width:
            line.painted = (style, self._painted(line.content, width, style))
        return line.painted[1].apply_offsets(0, y)

    def _selected(self, content: Content, start: int, end: int) -> Content:
        style = Style.from_styles(self.screen.get_component_styles("screen--selection"))
        return content.stylize(style, start, len(content) if end == -1 else end)

    def _painted(self, content: Content, width: int, style: Style) -> Strip:
        strips = Visual.to_strips(self, content, width, 1, style, apply_selection=False, pad=True)
        return strips[0].crop(0, width) if strips else Strip.blank(width, style.rich_style)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, without the breaks that only the width made."""
        text = ""
        lines = self.lines(self.content_size.width)
        is_first, goes_on = True, False
        for y, line in enumerate(lines):
            if (span := selection.get_span(y)) is None:
                continue
            start, end = span
            plain = line.content.plain
            if goes_on and not is_first:
                start = max(start, line.margin)
            if not is_first:
                text += " " if goes_on else "\n"
            text += plain[start : len(plain) if end == -1 else end]
            is_first, goes_on = False, line.goes_on
        return None if is_first else (text, "\n")
