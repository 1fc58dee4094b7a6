"""Why the last question was answered as it was."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from ..run_record import RunRecord
from ..why_page import why_page
from .dialog import Dialog

REFRESH_S = 0.5


class WhyScreen(Dialog[None]):
    """Follows the run while it is on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f2,q", "dismiss", "Close", id="close_why"),
    ]

    def __init__(self, record: RunRecord) -> None:
        super().__init__()
        self._record = record

    def compose(self) -> ComposeResult:
        page = VerticalScroll(id="why")
        page.border_title = "Why this answer"
        page.border_subtitle = "Esc closes"
        with page:
            yield Static()

    def on_mount(self) -> None:
        """Scroll with the keys, and follow what comes."""
        self.query_one("#why").focus()
        self.set_interval(REFRESH_S, self._paint)
        self.call_after_refresh(self._paint)

    def on_resize(self) -> None:
        """Wrap anew."""
        self.call_after_refresh(self._paint)

    def _paint(self) -> None:
        page = self.query_one(Static)
        if page.content_size.width:
            page.update(why_page(self._record, page.content_size.width))
