"""Opening the database: making it, bringing it up to date, and setting aside what cannot be used.

Nothing that is there is ever overwritten. A damaged file is renamed, with the files that belong to it;
one of a newer Mull stays as it is, and this Mull keeps its conversations in a file beside it.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal

from assistant.errors import StoreError
from assistant.store.database import (
    APPLICATION_ID,
    VERSION,
    Database,
    connect,
    is_damage,
    is_full,
    suspect_path,
    translated,
    version,
)
from assistant.store.locks import alone
from assistant.store.migrations import MIGRATIONS, reindex

State = Literal["current", "older", "newer", "damaged", "foreign"]

Migration = Callable[[sqlite3.Connection], None]

_COMPANIONS = ("", "-wal", "-shm", "-journal")


def open_database(path: Path) -> tuple[Database, tuple[str, ...]]:
    """The database, ready for use, and sentences that the user should read.

    Raises:
        StoreError: there is none, and none can be made.
    """
    try:
        return _open(path)
    except sqlite3.Error as error:
        if is_full(path) and path.exists() and path.stat().st_size:
            return _open_for_reading(path)
        raise translated(error, path, "opened") from error
    except OSError as error:
        raise StoreError(
            f"The folder of conversations cannot be used: {error.strerror or error}.",
            f"Make {path.parent} a folder that you may write to, or set MULL_HOME to another.",
        ) from error


def _open(path: Path) -> tuple[Database, tuple[str, ...]]:
    if _is_out_of_reach(path):
        return _open_for_reading(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _make_private(path)
    is_suspect = suspect_path(path).exists()
    if not is_suspect and state_of(path) == "current":
        return Database(path), ()
    # one process at a time decides what becomes of the file; the next one finds it in order
    with alone(path.with_name(f"{path.name}-lock")):
        _make_private(path)
        state = state_of(path, is_thorough=suspect_path(path).exists())
        if state == "newer":
            return _open_beside(path)
        notes: tuple[str, ...] = ()
        try:
            if state in ("current", "older"):
                migrate(path)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            state = "damaged"
        if state in ("damaged", "foreign"):
            notes = (_set_aside(path, state),)
            _make_private(path)
            migrate(path)
        with suppress(FileNotFoundError):
            suspect_path(path).unlink()
    return Database(path), notes


def state_of(path: Path, *, is_thorough: bool = False, is_read_only: bool = False) -> State:
    """What kind of file this is.

    Args:
        path: the file.
        is_thorough: whether to read all of it; a damaged index is made anew then.
        is_read_only: whether nothing may be written.

    Raises:
        sqlite3.Error: it cannot be opened, which says nothing of what it is.
    """
    try:
        with closing(connect(path, is_read_only=is_read_only)) as db:
            tables = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            owner = db.execute("PRAGMA application_id").fetchone()[0]
            if owner != APPLICATION_ID:
                return "foreign" if tables or owner else "older"
            if version(db) > VERSION:
                return "newer"
            if version(db) < VERSION:
                return "older"
            if is_thorough and not _is_whole(db):
                return "damaged"
            for table in ("conversation", "message", "attachment", "run", "message_index"):
                db.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()
            return "current"
    except sqlite3.OperationalError as error:
        # a table of ours that is missing; whatever else is wrong with the machine passes by
        if "no such table" in str(error):
            return "damaged"
        if is_damage(error):
            return "damaged"
        raise
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return "damaged"
        raise


def _is_whole(db: sqlite3.Connection) -> bool:
    """Read everything; an index that is damaged is made anew, for all of it stands in the messages."""
    try:
        db.execute("INSERT INTO message_index (message_index) VALUES ('integrity-check')")
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        reindex(db)
    return bool(db.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok")


def migrate(path: Path, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Bring the file up to date, wholly or not at all."""
    with closing(connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")  # refused by some network drives, which then do without
        db.execute("BEGIN IMMEDIATE")
        try:
            for number, migration in enumerate(migrations, 1):
                if number > version(db):
                    migration(db)
                    db.execute(f"PRAGMA user_version = {number}")
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def _set_aside(path: Path, state: State) -> str:
    """Give a file that cannot be used another name; the sentence that says so."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.stem}.{state}-{stamp}{path.suffix}")
    n = 1
    while aside.exists():
        n += 1
        aside = path.with_name(f"{path.stem}.{state}-{stamp}-{n}{path.suffix}")
    for companion in _COMPANIONS:
        with suppress(FileNotFoundError):
            os.rename(f"{path}{companion}", f"{aside}{companion}")
    what = "is damaged" if state == "damaged" else "is not Mull's"
    return (
        f"The file of conversations {what}. It was set aside as {aside}, and a new one was begun; "
        f"mull history import {aside.name} brings back what can be read of it."
        if state == "damaged"
        else f"The file of conversations {what}. It was set aside as {aside}, and a new one was begun."
    )


def _open_beside(path: Path) -> tuple[Database, tuple[str, ...]]:
    """A file of this version beside one that is too new."""
    beside = path.with_name(f"{path.stem}.v{VERSION}{path.suffix}")
    database, notes = _open(beside)
    note = (
        f"The conversations in {path} were written by a newer Mull and are left as they are. Until Mull is "
        f"updated, conversations are kept in {beside.name}; mull history import brings them over then."
    )
    return database, (note, *notes)


def _make_private(path: Path) -> None:
    """Make the file if there is none, and let nobody but the user read it; its WAL takes after it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if hasattr(os, "fchmod") and os.fstat(handle).st_mode & 0o077:
            os.fchmod(handle, 0o600)
    finally:
        os.close(handle)


def _is_out_of_reach(path: Path) -> bool:
    """Whether the file is there and neither it nor its folder can be written."""
    return path.exists() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def _open_for_reading(path: Path) -> tuple[Database, tuple[str, ...]]:
    database = Database(path, is_read_only=True)
    if database.read(version) != VERSION:
        raise StoreError(
            "The file of conversations is of another version of Mull and may not be written.",
            f"Make {path} and its folder writable.",
        )
    return database, ()
