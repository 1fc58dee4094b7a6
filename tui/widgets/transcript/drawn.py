"""Blocks of many parts drawn by one widget: at each layout Textual walks every widget there is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from textual.content import Content
from textual.geometry import Region, Size
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.visual import Visual
from textual.widgets.markdown import MarkdownBlock

from .resting import Sized


@dataclass(slots=True, eq=False)
class Line:
    """A line as it stands on the screen."""

    content: Content
    margin: int = 0
    """So many cells at its left are no text."""
    joint: str | None = None
    """What stood where the line was broken to fit, a blank or nothing; None where the text has a line end."""
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
        end, plain = 0, line.plain
        for piece, after in zip_longest(pieces, pieces[1:]):
            end += len(piece)
            joint = None
            if after is not None:
                joint = plain[end : end + max(0, _n_blanks(plain[end:]) - _n_blanks(after.plain))]
                end += len(joint)
            yield Line(lead + piece, margin if lead is indent else 0, joint)
            lead = indent


def _n_blanks(text: str) -> int:
    return len(text) - len(text.lstrip())


def keep_same(old: Sequence[Line], new: list[Line]) -> int:
    """Put the old lines where the new begin the same, for they are painted; returns how many that are."""
    n_same = 0
    for line, other in zip(old, new, strict=False):
        if not line.content.is_same(other.content) or line.joint != other.joint:
            break
        new[n_same] = line
        n_same += 1
    return n_same


class Drawn(Sized, MarkdownBlock):
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
        if line.painted is None or line.painted[0] != style or line.painted[1].cell_length > width:
            line.painted = (style, self._painted(line.content, width, style))
        return line.painted[1].apply_offsets(0, y)

    def _selected(self, content: Content, start: int, end: int) -> Content:
        style = Style.from_styles(self.screen.get_component_styles("screen--selection"))
        return content.stylize(style, start, len(content) if end == -1 else end)

    def _painted(self, content: Content, width: int, style: Style) -> Strip:
        strips = Visual.to_strips(self, content, width, 1, style, apply_selection=False, pad=False)
        return strips[0].crop(0, width) if strips else Strip.blank(width, style.rich_style)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, without the breaks that only the width made."""
        text = ""
        lines = self.lines(self.content_size.width or self.app.size.width)  # what rests has no width
        is_first, joint = True, None
        for y, line in enumerate(lines):
            if (span := selection.get_span(y)) is None:
                continue
            start, end = span
            plain = line.content.plain
            if joint is not None and not is_first:
                start = max(start, line.margin)
            if not is_first:
                text += "\n" if joint is None else joint
            text += plain[start : len(plain) if end == -1 else end]
            is_first, joint = False, line.joint
        return None if is_first else (text, "\n")
