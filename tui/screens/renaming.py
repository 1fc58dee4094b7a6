"""Giving a conversation another title."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from .dialog import Dialog


class RenameScreen(Dialog[str | None]):
    """One line to write the title in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Cancel", id="cancel_rename"),
    ]

    def __init__(self, title: str) -> None:
        super().__init__()
        self._now = title

    def compose(self) -> ComposeResult:
        with Vertical(id="rename") as page:
            page.border_title = "Title"
            page.border_subtitle = "Enter takes it, Esc keeps the old one"
            yield Input(self._now, select_on_focus=False, compact=True)

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)
