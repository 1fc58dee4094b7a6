"""What is far out of sight rests: its height is kept, and nothing in it is laid out.

Textual walks every displayed widget of a screen at each layout, seen or not, and a streaming answer asks for
many layouts a second. Whatever rests still has its place, so scroll bars and jumps stay exact.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from textual.containers import Vertical, VerticalScroll
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

if TYPE_CHECKING:
    from textual.css.styles import RenderStyles
    from textual.layout import DockArrangeResult

WAKE_PANES = 1.0
"""What is so near to the part that is seen is awake, in heights of the pane."""
REST_PANES = 2.0
"""What is farther away rests."""
SLICE_S = 0.008
"""Measuring anew gives way to the keys after so many seconds."""


class Sized:
    """Has the size that is asked for it: to be told so is no reason for another layout.

    Textual lays out all of a screen once more after each layout in which anything became larger.
    """

    def _size_updated(
        self, size: Size, virtual_size: Size, container_size: Size, layout: bool = True
    ) -> bool:
        """Take note of its size; whether it is another one."""
        is_other: bool = super()._size_updated(size, virtual_size, container_size, layout=False)  # type: ignore[misc]
        return is_other


class Flowing(Sized):
    """Arranges what is in a widget the same way in every container, for nothing in it depends on the height.

    Textual keeps what it found out by the size of the container, and while an answer grows that is another
    one at each layout: everything would be measured again for one line more. This is no widget itself, for
    a widget's styles come from the first base that is one.
    """

    def arrange(self, size: Size, optimal: bool = False) -> DockArrangeResult:
        """Places for what is in it, in a container of this width."""
        arranged: DockArrangeResult = super().arrange(Size(size.width, 0), optimal)  # type: ignore[misc]
        return arranged


class Bare(Flowing):
    """Has neither border nor colour of its own, so that what lies below it can be seen through it.

    Textual draws the whole of every container around the place that has changed, line by line.
    """

    def render_lines(self, _: Region) -> list[Strip]:
        """Nothing: Textual fills with what lies below."""
        return []


class Plain(Flowing):
    """Is bare as long as its styles give it neither border nor colour."""

    def render_lines(self, crop: Region) -> list[Strip]:
        """Nothing, or what its styles ask for."""
        styles: RenderStyles = self.styles  # type: ignore[attr-defined]
        if styles.background.a or any(styles.border.spacing):
            lines: list[Strip] = super().render_lines(crop)  # type: ignore[misc]
            return lines
        return []


class Resting(Plain, Vertical):
    """Holds one widget that holds all the others."""

    DEFAULT_CSS = """
    Resting { height: auto; }
    """

    is_resting = False
    """Whether only its height is left of it on the screen."""
    is_settled = False
    """Whether it may rest: what still changes may not."""
    extent = Size(0, 0)
    """The cells and lines that it has while it rests."""
    place: Region | None = None
    """Where it lies in what holds it, from when it rests in a column that does not have it laid out until it
    was laid out again: what was just woken is not lost in between."""

    class Settled(Message):
        """Something may rest from now on."""

    def settle(self) -> None:
        """Nothing in it changes by itself any more."""
        self.is_settled = True
        self.post_message(self.Settled())

    def parts(self) -> Sequence[Resting]:
        """Those in it that rest by themselves."""
        return ()

    def rest(self) -> None:
        """Leave only the height; not where it still changes, has the focus, or was never laid out."""
        size = self.outer_size
        if self.is_resting or not self.is_settled or not size.height or not self.children:
            return
        focused = self.screen.focused
        if focused is not None and self in focused.ancestors_with_self:
            return
        self.is_resting, self.extent = True, size
        self.styles.height = size.height
        self.children[0].display = False

    def wake(self) -> None:
        """Show again what it holds."""
        if self.is_resting:
            self.is_resting = False
            self.styles.height = None
            self.children[0].display = True

    def measure(self, width: int) -> int:
        """While it rests, take the height of another width; its parts have theirs already.

        Args:
            width: of all of it, in cells.

        Returns:
            By how many lines it became higher.
        """
        if not self.is_resting or width == self.extent.width:
            return 0
        before = self.extent.height
        held, gutter = self.children[0], self.styles.gutter
        inside = Size(max(1, width - gutter.width), before)
        within = max(1, inside.width - held.styles.gutter.width)
        height = held.get_content_height(inside, self.app.size, within)
        height += held.styles.gutter.height + gutter.height
        self.extent = Size(width, height)
        self.styles.height = height
        return height - before

    @property
    def virtual_region(self) -> Region:
        """Where it lies in what holds it, laid out or not."""
        return super().virtual_region if self.place is None else self.place

    @property
    def region(self) -> Region:
        """Where it lies on the screen, or would if that went on; laid out or not."""
        if self.place is None or not isinstance(self.parent, Widget):
            return super().region
        return self.place.translate(self.parent.region.shrink(self.parent.gutter).offset)


class Sight:
    """Has what is near the part of a pane that is seen be awake, and the rest rest."""

    def __init__(self, pane: VerticalScroll, things: Callable[[], Sequence[Resting]]) -> None:
        """`things` gives what lies in the pane, from top to bottom."""
        self._pane = pane
        self._things = things
        self._seen_at = -1.0
        self._is_due = True
        self._stale: Iterator[tuple[Resting, Resting]] | None = None
        self._width = 0

    def look_again(self) -> None:
        """Something new may rest: look after the next layout."""
        self._is_due = True

    def after_layout(self) -> None:
        """Look where that is due; all places are known now."""
        if not self._is_due and abs(self._pane.scroll_y - self._seen_at) < self._pane.size.height / 4:
            return
        self._is_due = False
        self.look(self._pane.scroll_y)

    def look(self, top: float) -> None:
        """Wake what is near the lines from `top` on, and let what is far from them rest."""
        height = self._pane.size.height
        if not height:
            return
        self._seen_at = top
        can_rest = not self._pane.screen.selections
        for thing in self._things():
            place = thing.virtual_region
            begin = place.y + _inset(thing.parent)
            if not place.height or not self._settle(thing, top - begin, place.height, height, can_rest):
                continue
            above = thing.region.y
            for part in thing.parts():
                if part.region.height:
                    from_top = top - begin - (part.region.y - above)
                    self._settle(part, from_top, part.region.height, height, can_rest)

    def _settle(self, thing: Resting, top: float, n_lines: int, height: int, can_rest: bool) -> bool:
        """Wake it or let it rest, the pane seen from line `top` of it on; whether it was laid out, awake."""
        away = max(-top - height, top - n_lines)
        was_awake = not thing.is_resting and thing.place is None
        if away <= WAKE_PANES * height:
            if thing.is_resting:
                thing.wake()
                self._is_due = True  # its parts have no place before the next layout
        elif away > REST_PANES * height and can_rest:
            thing.rest()
        return was_awake

    # -- another width ---------------------------------------------------------------------------------

    def resized(self, width: int) -> None:
        """The pane has another width: what rests gets the height that it has there, a little at a time."""
        self._is_due = True
        if self._width and width != self._width:
            self._stale = None
            self._pane.call_after_refresh(self._begin)
        self._width = width

    def _begin(self) -> None:
        self._stale = ((thing, each) for thing in self._things() for each in (*thing.parts(), thing))
        self._measure()

    def _measure(self) -> None:
        begun = time.perf_counter()
        n_more, is_done = 0, True
        for thing, each in self._stale or ():
            change = each.measure(_width_in(each, thing)) if each.is_attached else 0
            if thing.virtual_region.y < self._pane.scroll_y:
                n_more += change
            if time.perf_counter() - begun > SLICE_S:
                is_done = False
                break
        self._is_due = True
        self._pane.call_after_refresh(self._go_on, n_more, is_done=is_done)

    def _go_on(self, n_more: int, *, is_done: bool) -> None:
        """Keep what is read in its place, and measure the others."""
        if n_more and not self._pane.is_vertical_scroll_end:
            self._pane.scroll_relative(y=n_more, animate=False, immediate=True, force=True)
        if not is_done:
            self._measure()


def _inset(parent: object) -> int:
    return parent.styles.gutter.top if isinstance(parent, Widget) else 0


def _width_in(part: Widget, thing: Widget) -> int:
    """The cells that a part of a thing has; the thing itself has its place even while it rests."""
    width = thing.virtual_region.width
    node = part
    while node is not thing and isinstance(node.parent, Widget):
        node = node.parent
        width -= node.styles.gutter.width
    return width
