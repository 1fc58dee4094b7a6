"""The keys, and how Mull answers, on one page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

KEYS = (
    ("send", "send; while Mull answers, it waits in the queue"),
    ("newline", "new line"),
    ("stop", "stop; what is written stays"),
    ("answer_now", "end the thinking and answer now"),
    ("think_more", "grant 256 more thinking tokens"),
    ("thinking", "open or close the last thinking"),
    ("copy_answer", "copy the last answer (OSC 52)"),
    ("new_conversation", "new conversation"),
    ("help", "this page"),
    ("quit", "quit"),
)
"""Binding ids with what they do, in the order shown."""

ALSO = (
    ("↑ ↓", "on the first or last line: earlier prompts"),
    ("^p", "all commands, themes among them"),
)


class HelpScreen(ModalScreen[None]):
    """Shows the keys as they are bound now."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q", "dismiss", "Close", id="close_help"),
    ]

    def __init__(self, bindings: Iterable[Binding]) -> None:
        super().__init__()
        self._keys: dict[str, list[str]] = {}
        for binding in bindings:
            if binding.id:
                self._keys.setdefault(binding.id, []).append(binding.key)

    def compose(self) -> ComposeResult:
        page = VerticalScroll(id="help")
        page.border_title = "Keys"
        page.border_subtitle = "Esc closes"
        with page:
            yield Static(self._page())
            yield Static(
                "Mull decides for each question whether to answer at once or to think first, and says why "
                "in the line above its answer. Everything runs on this machine.",
                classes="about",
            )

    def _page(self) -> Content:
        rows = [
            (", ".join(self.app.get_key_display(Binding(key, "")) for key in self._keys[name]), text)
            for name, text in KEYS
            if name in self._keys
        ]
        width = max(len(key) for key, _ in (*rows, *ALSO)) + 2
        lines = [
            Content.styled(key.ljust(width), "$text-accent") + Content(text) for key, text in (*rows, *ALSO)
        ]
        return Content("\n").join(lines)
