"""What terminals and Textual make of Escape or Alt with another key, made right.

Without the kitty protocol, as in tmux, Alt and a key come as Escape and the key, and so do the two keys
where they come at once: tmux before 3.6 waits half a second after Escape for what follows.
"""

from __future__ import annotations

from collections.abc import Container
from enum import StrEnum
from typing import Any, cast

from textual.events import Key


class _Told(StrEnum):
    ALT_ENTER = "alt+enter"


def tell_alt_enter() -> None:
    """Have Textual tell Alt+Enter from Enter; it drops the Escape that is all the difference."""
    try:
        from textual import _ansi_sequences
    except ImportError:  # no part of what Textual promises; without it there is Ctrl+J
        return
    cast("dict[str, Any]", _ansi_sequences.ANSI_SEQUENCES_KEYS)["\x1b\r"] = (_Told.ALT_ENTER,)


def parted(event: Key, bound: Container[str]) -> tuple[Key, ...]:
    """The keys that were pressed: Escape and a character where Alt and that character mean nothing.

    Args:
        event: a key as Textual tells it; one of the kitty protocol, where Alt is no Escape, has no character.
        bound: the keys that mean something at the moment.
    """
    if not event.key.startswith("alt+") or event.key in bound or event.character is None:
        return (event,)
    return Key("escape", "\x1b"), Key(event.character, event.character)
