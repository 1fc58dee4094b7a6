"""The thinking of an answer: live while it runs, folded once it is over."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from assistant.terminal import visible

from ...wrapping import GrowingLines
from .fold import Fold, FoldTitle, Lines

TAIL_CHARACTERS = 2_000
"""How much of the thinking is kept to be wrapped anew when the width changes while it runs."""

TAIL_LINES = 6
"""Lines of the thinking that are shown while it runs."""


class ThinkingTitle(FoldTitle):
    """The line that folds and unfolds the thinking."""


class ThinkingPanel(Fold):
    """The thinking channel of one answer."""

    title_type = ThinkingTitle

    def __init__(self) -> None:
        super().__init__()
        self._chunks: list[str] = []
        self._tail = ""
        self._growing = GrowingLines(80, TAIL_LINES)
        self._shown_text: str | None = None
        self.display = False
        self.set_title("thinking")

    def compose_body(self) -> ComposeResult:
        yield Lines(classes="tail")
        with VerticalScroll(can_focus=False):
            yield Static(classes="thoughts")

    def on_resize(self, event: events.Resize) -> None:
        """Wrap the newest lines to the new width."""
        width = self.query_one(".tail").content_size.width
        if width and width != self._growing.width:
            self._growing = GrowingLines(width, TAIL_LINES)
            self._growing.add(self._tail)
            self._repaint()

    @property
    def text(self) -> str:
        """All that was thought, as the model wrote it."""
        return "".join(self._chunks)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was thought."""
        return not self._chunks

    def grow(self, text: str) -> None:
        """Add text, to be shown at the next paint."""
        self._chunks.append(text)
        shown = visible(text) if self._tail else visible(text).lstrip()
        self._tail = (self._tail + shown)[-TAIL_CHARACTERS:]
        self._growing.add(shown)
        self.display = True
        self._is_stale = True

    def replace(self, text: str) -> None:
        """Show `text` instead of what was streamed."""
        self._chunks = [text]
        self.display = True
        self._is_stale = True

    def clear(self) -> None:
        """Forget all: thinking begins anew, if at all."""
        self._chunks = []
        self._tail = ""
        self._growing = GrowingLines(self._growing.width, TAIL_LINES)
        self._shown_text = None
        self.display = False
        self.set_title("thinking")
        self.reopen()

    def paint_body(self) -> None:
        if self.is_live:
            lines = self._growing.lines
            self.query_one(".tail", Lines).show([Content(line.rstrip()) for line in lines])
        elif (text := self.text) != self._shown_text:
            self._shown_text = text
            self.query_one(".thoughts", Static).update(Content(visible(text.strip())))
            self.query_one(VerticalScroll).scroll_home(animate=False)
