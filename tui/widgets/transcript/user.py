"""A turn of the user."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from assistant.query import Attachment
from assistant.terminal import visible

from .turn import Turn

SHOWN_CHARACTERS = 4_000
"""A longer text is cut on the screen (never for the model): wrapping a megabyte would stall the app."""

SHOWN_LINES = 40


class UserTurn(Turn):
    """What the user wrote, and whether it still waits for its turn."""

    def __init__(
        self, text: str, attachments: tuple[Attachment, ...] = (), *, is_queued: bool = False
    ) -> None:
        super().__init__(classes="-queued" if is_queued else "")
        self.text = text
        """The user's own words, as the model gets them."""
        self.is_settled = not is_queued
        self.attachments = attachments
        """The files that go with them."""

    def compose_body(self) -> ComposeResult:
        yield Static(Content(_shown(self.text)), classes="words")
        for file in self.attachments:
            n_lines = len(file.text.splitlines())
            lines = "1 line" if n_lines == 1 else f"{n_lines:,} lines"
            yield Static(Content(f"+ {visible(file.name)}, {lines}"), classes="file")
        yield Static("queued", classes="queue-note")

    def leave_queue(self) -> None:
        """Show that the turn has come."""
        self.remove_class("-queued")
        self.settle()


def _shown(text: str) -> str:
    lines = text[:SHOWN_CHARACTERS].split("\n")
    shown = "\n".join(lines[:SHOWN_LINES])
    rest = len(text) - len(shown)
    return visible(shown) + (f"\n… {rest:,} more characters" if rest else "")
