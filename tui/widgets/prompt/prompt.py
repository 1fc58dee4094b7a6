"""The field that the user writes in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from assistant.terminal import visible

from .history import PromptHistory

FOLDED_CHARACTERS = 20_000
"""A longer paste is shown as one short mark: a text field wraps character by character."""


class Prompt(TextArea):
    """Several lines; Enter sends, and up and down at the edge walk through what was sent before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Send", id="send", show=False),
        Binding("shift+enter,ctrl+j,alt+enter", "newline", "New line", id="newline", show=False),
    ]

    @dataclass
    class Submitted(Message):
        """The user sent a prompt."""

        text: str
        """The whole text, pastes unfolded."""

    def __init__(self) -> None:
        super().__init__(
            soft_wrap=True,
            compact=True,
            highlight_cursor_line=False,
            placeholder="Ask anything. Enter sends, Ctrl+J starts a new line.",
        )
        self._history = PromptHistory()
        self._pastes: dict[str, str] = {}

    async def _on_key(self, event: events.Key) -> None:
        """Send and break lines in the order of the keys.

        A binding acts in the app's own time, before or after the letters that were typed around it.
        """
        if event.key == "enter" or not event.is_printable:
            active = self.screen.active_bindings.get(event.key)
            if active is not None and active.node is self and active.binding.id in ("send", "newline"):
                event.stop()
                event.prevent_default()
                await self.run_action(active.binding.action)

    def action_submit(self) -> None:
        """Send the text, unless there is none."""
        if not self.text.strip():
            return
        self._history.add(self.text)
        text = self._unfolded(self.text)
        self.load_text("")
        self.post_message(self.Submitted(text))

    def action_newline(self) -> None:
        """Start a new line at the cursor."""
        start, end = self.selection
        self._replace_via_keyboard("\n", start, end)

    def action_cursor_up(self, select: bool = False) -> None:
        """Move up, or to the prompt before when on the first line."""
        if select or not self.navigator.is_first_wrapped_line(self.cursor_location):
            super().action_cursor_up(select)
        else:
            self._recall(self._history.older(self.text))

    def action_cursor_down(self, select: bool = False) -> None:
        """Move down, or to the prompt after when on the last line."""
        if select or not self.navigator.is_last_wrapped_line(self.cursor_location):
            super().action_cursor_down(select)
        else:
            self._recall(self._history.newer(self.text))

    async def _on_paste(self, event: events.Paste) -> None:
        """Put the pasted text in, escape sequences made visible and a very long text folded."""
        event.stop()
        event.prevent_default()
        text = visible(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        if len(text) > FOLDED_CHARACTERS:
            text = self._folded(text)
        start, end = self.selection
        if result := self._replace_via_keyboard(text, start, end):
            self.move_cursor(result.end_location)

    def _folded(self, text: str) -> str:
        n_lines = text.count("\n") + 1
        mark = f"[paste {len(self._pastes) + 1}: {len(text):,} characters, {n_lines:,} lines]"
        self._pastes[mark] = text
        return mark

    def _unfolded(self, text: str) -> str:
        for mark, paste in self._pastes.items():
            text = text.replace(mark, paste)
        return text

    def _recall(self, text: str | None) -> None:
        if text is not None:
            self.load_text(text)
            self.move_cursor(self.document.end)
