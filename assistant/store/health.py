"""How the file of conversations is, found out without changing anything of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assistant.errors import MullError
from assistant.store.database import connect, is_damage, suspect_path, translated
from assistant.store.opening import State, state_of

_MOST_READ_BYTES: Final = 32 << 20
"""A larger file is not read through: that takes a second."""


@dataclass(frozen=True, slots=True)
class Health:
    """What was found."""

    state: State | None
    """None if there is no such file, or if `trouble` kept it from being opened."""
    size_bytes: int = 0
    """With what belongs to it."""
    n_conversations: int = 0
    set_aside: tuple[str, ...] = ()
    """Names of damaged files of earlier days that lie beside it."""
    trouble: MullError | None = None


def health(path: Path) -> Health:
    """Look at the file of conversations; never raises."""
    aside = tuple(sorted(found.name for found in path.parent.glob(f"{path.stem}.damaged-*{path.suffix}")))
    if not path.exists():
        return Health(None, set_aside=aside)
    size = sum(_size(path.with_name(path.name + companion)) for companion in ("", "-wal"))
    try:
        state = state_of(path, is_read_only=True)
        if state == "current" and (suspect_path(path).exists() or size <= _MOST_READ_BYTES):
            state = "current" if _is_whole(path) else "damaged"
        return Health(state, size, _count(path) if state == "current" else 0, aside)
    except sqlite3.Error as error:
        if is_damage(error):
            return Health("damaged", size, 0, aside)
        return Health(None, size, 0, aside, translated(error, path, "read"))


def _is_whole(path: Path) -> bool:
    with closing(connect(path, is_read_only=True)) as db:
        return bool(db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")


def _count(path: Path) -> int:
    with closing(connect(path, is_read_only=True)) as db:
        return int(db.execute("SELECT count(*) FROM conversation WHERE deleted_s IS NULL").fetchone()[0])


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
