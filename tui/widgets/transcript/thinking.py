"""The thinking of an answer: live while it runs, folded once it is over."""

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

from assistant.terminal import visible

TAIL_CHARACTERS = 2_000
"""How much of the thinking is laid out while it runs, so that each update costs the same."""


class ThinkingTitle(Static, can_focus=True):
    """The line that folds and unfolds the thinking."""

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


class ThinkingPanel(Vertical):
    """The thinking channel of one answer."""

    is_open: reactive[bool] = reactive(True)
    is_live: reactive[bool] = reactive(True)

    def __init__(self) -> None:
        super().__init__()
        self._chunks: list[str] = []
        self._tail = ""
        self._title = "thinking"
        self.display = False

    def compose(self) -> ComposeResult:
        yield ThinkingTitle()
        with VerticalScroll(can_focus=False):
            yield Static(classes="thoughts")

    def on_mount(self) -> None:
        """Follow the newest line."""
        self._paint()

    @property
    def text(self) -> str:
        """All that was thought, as the model wrote it."""
        return "".join(self._chunks)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was thought."""
        return not self._chunks

    @property
    def title(self) -> str:
        """What the title says."""
        return self._title

    def grow(self, text: str, title: str) -> None:
        """Add text and show `title` above it."""
        self._chunks.append(text)
        self._tail = (self._tail + text)[-TAIL_CHARACTERS:]
        self._title = title
        self.display = True
        self._paint()

    def replace(self, text: str) -> None:
        """Show `text` instead of what was streamed."""
        self._chunks = [text]
        self._tail = text[-TAIL_CHARACTERS:]
        self._paint()

    def fold(self, title: str) -> None:
        """The thinking is over: one line is left of it."""
        self._title = title
        self.is_live = False
        self.is_open = False
        self._paint()

    def reopen(self) -> None:
        """The thinking goes on after all."""
        self.is_live = True
        self.is_open = True
        self._paint()

    def toggle(self) -> None:
        """Open if folded, fold if open."""
        self.is_open = not self.is_open
        self._paint()
        if self.is_open and not self.is_live:
            self.call_after_refresh(self._reveal)

    def _reveal(self) -> None:
        """Scroll the transcript to the title, which may lie far above the end that it follows."""
        for parent in self.ancestors:
            if isinstance(parent, VerticalScroll):
                parent.release_anchor()
                parent.scroll_to_widget(self, animate=False)
                return

    @on(ThinkingTitle.Toggled)
    def _toggle(self, event: ThinkingTitle.Toggled) -> None:
        event.stop()
        self.toggle()

    def _paint(self) -> None:
        if not self.is_mounted:
            return
        self.set_class(self.is_open, "-open")
        self.set_class(self.is_live, "-live")
        self.query_one(ThinkingTitle).update(Content(f"{'▾' if self.is_open else '▸'} {self._title}"))
        if not self.is_open:
            return
        words = self._tail if self.is_live else self.text
        self.query_one(".thoughts", Static).update(Content(visible(words.strip())))
        scroll = self.query_one(VerticalScroll)
        if self.is_live:
            scroll.anchor()
        else:
            scroll.anchor(False)
            scroll.scroll_home(animate=False)
