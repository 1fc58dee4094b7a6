"""The keys that can be pressed now, as many as fit on one line; the essential ones always do."""

from __future__ import annotations

from typing import Final

from textual import events
from textual.app import ComposeResult
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from ...commands import COMMANDS

_FIRST: Final = (
    *("help", "stop", "answer_now", "think_more", "continue", "version_before", "version_after"),
    *("why", "conversations", "new_conversation", "copy_answer", "thinking", "deeper", "quicker", "models"),
)
"""Names of commands, the first of which stay where the line is short; the others go before these."""
_RANKS: Final = {
    command.name: _FIRST.index(command.id) if command.id in _FIRST else len(_FIRST) for command in COMMANDS
}
_PADDING: Final = 3
"""Cells around a key and its word."""


class KeyLine(Footer):
    """Leaves out what does not fit, and never F1, which lists all keys."""

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)

    def compose(self) -> ComposeResult:
        """The keys in their usual order, without those that have to go."""
        keys = [key for key in super().compose() if isinstance(key, FooterKey)]
        kept = fitting([(key.description, _width(key)) for key in keys], self.size.width)
        yield from (key for place, key in enumerate(keys) if place in kept)

    def on_resize(self, event: events.Resize) -> None:
        """Another width has other keys."""
        self.call_after_refresh(self.recompose)


def fitting(keys: list[tuple[str, int]], width: int) -> set[int]:
    """The places of the keys that are shown, the most essential ones first to be taken.

    Args:
        keys: their words, and the cells that each takes.
        width: cells that there are; one key is shown in any case.
    """
    kept: set[int] = set()
    for place in sorted(range(len(keys)), key=lambda place: _RANKS.get(keys[place][0], len(_FIRST))):
        width -= keys[place][1]
        if width < 0 and kept:
            break
        kept.add(place)
    return kept


def _width(key: FooterKey) -> int:
    return len(key.key_display) + len(key.description) + _PADDING
