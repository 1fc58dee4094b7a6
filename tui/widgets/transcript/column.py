"""Things above each other, of which those that rest cost a layout nothing but their height."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual.containers import Vertical
from textual.geometry import Region, Size
from textual.layout import WidgetPlacement
from textual.layouts.vertical import VerticalLayout
from textual.widget import Widget

from .resting import Bare, Resting


class ColumnLayout(VerticalLayout):
    """From top to bottom; what rests is told its place, and the compositor does not hear of it.

    The first and the last are always placed: the size of the whole comes from them.
    """

    name = "column"

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> list[WidgetPlacement]:
        """Places for what does not rest."""
        inner = set(children[1:-1])
        placed = [each for each in children if not (each in inner and _is_resting(each))]
        for each in placed:
            if isinstance(each, Resting):
                each.place = None
        placements = super().arrange(parent, placed, size, greedy)
        if len(placed) == len(children):
            return placements
        return [*_spread(children, placements)]

    def get_content_height(self, widget: Widget, container: Size, viewport: Size, width: int) -> int:
        """The lines of all of it."""
        return widget.arrange(Size(width, 0)).total_region.height


def _is_resting(widget: Widget) -> bool:
    return isinstance(widget, Resting) and widget.is_resting


def _spread(children: Sequence[Widget], placements: Sequence[WidgetPlacement]) -> Iterator[WidgetPlacement]:
    """Make room between placements for the children that have none."""
    rest = iter(placements)
    upcoming = next(rest, None)
    first = placements[0].region
    y, below = 0, 0
    for child in children:
        margin = child.styles.margin
        y += max(below, margin.top)
        if upcoming is not None and upcoming.widget is child:
            region = upcoming.region
            yield upcoming._replace(region=Region(region.x, y, region.width, region.height))
            y += region.height
            upcoming = next(rest, None)
        elif isinstance(child, Resting):
            child.place = Region(first.x, y, first.width, child.extent.height)
            y += child.extent.height
        below = margin.bottom


class Column(Bare, Vertical):
    """Holds things that may rest."""

    _column = ColumnLayout()

    @property
    def layout(self) -> ColumnLayout:
        """Of its own, whatever the styles say."""
        return self._column
