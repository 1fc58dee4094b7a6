"""Whether the first start's offer was made; a module of its own, as every start asks."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from assistant import paths
from assistant.files import write_whole

_MARK: Final = "first-start"


def is_first() -> bool:
    """Whether the offer was never made."""
    return not (paths.state_dir() / _MARK).exists()


def note_shown() -> None:
    """The offer was made; where that cannot be written it is made again."""
    with suppress(OSError):
        paths.state_dir().mkdir(parents=True, exist_ok=True)
        write_whole(paths.state_dir() / _MARK, b"")
