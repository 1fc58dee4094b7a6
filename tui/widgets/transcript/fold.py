"""A line that opens and closes what lies under it."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from .resting import Sized

MARK_CELLS = 2
"""What the mark before a title takes of its line."""


class FoldTitle(Static, can_focus=True):
    """The line itself."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "fold", "Open or close", id="fold_thinking", show=False)
    ]

    class Toggled(Message):
        """The title was clicked."""

    def action_fold(self) -> None:
        """Ask for the other state."""
        self.post_message(self.Toggled())

    def on_click(self, event: Click) -> None:
        """A click does what Enter does."""
        event.stop()
        self.action_fold()


class Fold(Sized, Vertical):
    """Something live while it runs, one line once it is over, and open again when asked for.

    Taking in what comes is cheap; `paint` shows it, once a frame.
    """

    is_open: reactive[bool] = reactive(True)
    is_live: reactive[bool] = reactive(True)

    title_type: ClassVar[type[FoldTitle]] = FoldTitle

    def __init__(self) -> None:
        super().__init__()
        self._title = Content("")
        self._is_stale = True
        self._shown_title: tuple[bool, Content] | None = None

    def compose(self) -> ComposeResult:
        yield self.title_type()
        yield from self.compose_body()

    def compose_body(self) -> ComposeResult:
        """What lies under the title."""
        yield from ()

    def paint_body(self) -> None:
        """Show what lies under the title; called while it is open."""

    def on_mount(self) -> None:
        """Show what came before."""
        self._repaint()

    @property
    def title(self) -> str:
        """What the title says."""
        return self._title.plain

    def set_title(self, title: str | Content) -> None:
        """Say something else in the title, at the next paint."""
        self._title = title if isinstance(title, Content) else Content(title)
        self._is_stale = True

    def fold(self, title: str) -> None:
        """It is over: one line is left of it."""
        self.set_title(title)
        self.is_live = False
        self.is_open = False
        self._repaint()

    def reopen(self) -> None:
        """It goes on after all."""
        self.is_live = True
        self.is_open = True
        self._repaint()

    def toggle(self) -> None:
        """Open if folded, fold if open."""
        self.is_open = not self.is_open
        self._repaint()
        if self.is_open and not self.is_live:
            self.call_after_refresh(self._reveal)

    def paint(self) -> None:
        """Show what has come since the last time."""
        if self._is_stale:
            self._repaint()

    def _reveal(self) -> None:
        """Scroll the transcript to the title, which may lie far above the end that it follows."""
        for parent in self.ancestors:
            if isinstance(parent, VerticalScroll):
                parent.release_anchor()
                parent.scroll_to_widget(self, animate=False)
                return

    @on(FoldTitle.Toggled)
    def _toggle(self, event: FoldTitle.Toggled) -> None:
        event.stop()
        self.toggle()

    def _repaint(self) -> None:
        if not self.is_mounted:
            return
        self._is_stale = False
        self.set_class(self.is_open, "-open")
        self.set_class(self.is_live, "-live")
        state = (self.is_open, self._title)
        if self._shown_title is None or not _is_same(state, self._shown_title):
            self._shown_title = state
            mark = Content("▾ " if self.is_open else "▸ ")
            self.query_one(FoldTitle).update(mark + self._title, layout=False)
        if self.is_open:
            self.paint_body()


def _is_same(one: tuple[bool, Content], other: tuple[bool, Content]) -> bool:
    return one[0] == other[0] and one[1].is_same(other[1])


class Lines(Sized, Static):
    """Lines that are laid out anew only when their number changes."""

    n_lines = 0

    def show(self, lines: list[Content]) -> None:
        """Show these lines, none wrapped."""
        is_other_height = len(lines) != self.n_lines
        self.n_lines = len(lines)
        self.update(Content("\n").join(lines), layout=is_other_height)
