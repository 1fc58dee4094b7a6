"""A list of options whose mark is seen without colours, too."""

from __future__ import annotations

from rich.style import Style
from textual.strip import Strip
from textual.widgets import OptionList


class MarkedList(OptionList):
    """Shows the marked option reversed where there are no colours.

    The stylesheet cannot: of a text style, Textual leaves `reverse` out for options.
    """

    def render_line(self, y: int) -> Strip:
        """One line, reversed if it belongs to the marked option and no colour tells so."""
        strip = super().render_line(y)
        if not self.app.no_color:
            return strip
        line = self.scroll_offset.y + y
        is_marked = line < len(self._lines) and self._lines[line][0] == self.highlighted
        return strip.apply_style(Style(reverse=True)) if is_marked else strip
