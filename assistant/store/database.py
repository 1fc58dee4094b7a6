"""Connections to the database: any thread may use it at any time, and so may other processes.

Each use borrows a connection of its own, so readers never wait (WAL); writers take turns. What SQLite
has to say is translated into Mull's errors here and nowhere else.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from assistant.errors import StoreDamaged, StoreError, StoreGone
from assistant.store.migrations import MIGRATIONS

VERSION = len(MIGRATIONS)
APPLICATION_ID = 0x4D756C6C
"""'Mull' in the header says whose database it is."""
BUSY_S = 5.0
"""How long a writer waits for another process; its transactions take milliseconds."""

T = TypeVar("T")


def connect(path: Path, *, is_read_only: bool = False) -> sqlite3.Connection:
    """A connection that any thread may use, one at a time; nothing is read or written yet.

    Raises:
        sqlite3.Error: the file cannot be opened.
    """
    mode = "mode=rw"
    if is_read_only:
        # to share a file in WAL mode SQLite writes beside it, which is not allowed and not needed here
        mode = "mode=ro" if _has_wal(path) else "mode=ro&immutable=1"
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,  # transactions begin and end where it is written
        check_same_thread=False,
    )
    try:
        if is_read_only:
            return db
        db.execute("PRAGMA foreign_keys = ON")
        # with WAL this outlives a killed process, and a power failure costs at most the last seconds
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA secure_delete = ON")  # what is purged is gone
    except sqlite3.Error:
        db.close()
        raise
    return db


def _has_wal(path: Path) -> bool:
    """Whether something is written beside the database that is not in it yet."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size > 0
    except OSError:
        return False


class Database:
    """A file that was opened by `assistant.store.opening`, and is of the present version.

    Args:
        path: the database.
        is_read_only: whether nothing can be written there.
    """

    def __init__(self, path: Path, *, is_read_only: bool = False) -> None:
        self.path = path
        self.is_read_only = is_read_only
        self._idle: list[sqlite3.Connection] = []
        self._writer = threading.Lock()
        self._place = _place(path)
        self._is_closed = False

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` makes of one consistent view of what is kept.

        Raises:
            StoreError: it cannot be read.
        """
        with self._translated("read"), self._borrowed() as db, _transaction(db, "BEGIN"):
            try:
                return work(db)
            except sqlite3.OperationalError as error:
                if "decode" not in str(error):
                    raise
            with tolerant(db):
                return work(db)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One change, made wholly or not at all. Keep it short: other processes wait.

        Raises:
            StoreError: it cannot be written.
        """
        with (
            self._translated("saved"),
            self._writer,
            self._borrowed() as db,
            _transaction(db, "BEGIN IMMEDIATE"),
        ):
            # what is written to a file that another Mull has set aside meanwhile would be out of sight
            if _place(self.path) != self._place:
                raise StoreGone(
                    f"The file of conversations, {self.path}, was moved or removed.",
                    "Another one will be begun.",
                )
            if version(db) != VERSION:
                raise StoreError(
                    "Another version of Mull has changed the file of conversations.",
                    "They cannot be saved until Mull is started again.",
                )
            yield db

    def close(self) -> None:
        """Close what is idle, and the rest when it comes back."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        if self._is_closed:
            raise StoreError("The conversations are closed.", "Start Mull again.")
        # taking from and giving to a list is atomic
        try:
            db = self._idle.pop()
        except IndexError:
            db = connect(self.path, is_read_only=self.is_read_only)
        try:
            yield db
        except sqlite3.Error:
            db.close()  # whatever is wrong with it, the next one may be better
            raise
        except BaseException:
            self._give_back(db)
            raise
        self._give_back(db)

    def _give_back(self, db: sqlite3.Connection) -> None:
        self._idle.append(db)
        if self._is_closed:
            self.close()

    @contextmanager
    def _translated(self, verb: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if is_damage(error):
                suspect_mark(self.path)
            raise translated(error, self.path, verb) from error


@contextmanager
def _transaction(db: sqlite3.Connection, begin: str) -> Iterator[None]:
    db.execute(begin)
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite has rolled back by itself if the disk is full
            if db.in_transaction:
                db.execute("ROLLBACK")
        raise


def _place(path: Path) -> tuple[int, int] | None:
    """Which file this is, whatever its name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def version(db: sqlite3.Connection) -> int:
    """How many migrations a database has been through."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def is_damage(error: sqlite3.Error) -> bool:
    """Whether this error says that the file itself is not as SQLite left it."""
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def translated(error: sqlite3.Error, path: Path, verb: str) -> StoreError:
    """What SQLite says, in words for the user; `verb` is what could not be done."""
    if is_damage(error):
        return StoreDamaged(
            f"The file of conversations is damaged: {path}.",
            "It is checked at the next start, and set aside if need be; nothing of it is thrown away.",
        )
    code = _code(error)
    if code in _OF_A_FULL_DISK and is_full(path):
        code = sqlite3.SQLITE_FULL
    cause, next_step = {
        sqlite3.SQLITE_FULL: ("the disk is full", "Free some space."),
        sqlite3.SQLITE_READONLY: ("they may not be written", f"Make {path} and its folder writable."),
        sqlite3.SQLITE_CANTOPEN: ("the file cannot be opened", f"Look at {path} and its folder."),
        sqlite3.SQLITE_PERM: ("the file may not be opened", f"Look at the permissions of {path}."),
        sqlite3.SQLITE_BUSY: ("another program keeps them locked", "Close the other program."),
        sqlite3.SQLITE_LOCKED: ("another program keeps them locked", "Close the other program."),
        sqlite3.SQLITE_IOERR: ("the disk fails", f"Look at the disk that holds {path}."),
        sqlite3.SQLITE_TOOBIG: ("a text is too long", "Ask with a shorter file."),
    }.get(code, (str(error), f"Look at {path}."))
    return StoreError(f"Conversations cannot be {verb}: {cause}.", next_step)


@contextmanager
def tolerant(db: sqlite3.Connection) -> Iterator[None]:
    """Read texts of which the disk has spoilt a few bytes; several times slower than SQLite's own way."""
    db.text_factory = lambda stored: stored.decode("utf-8", "replace")
    try:
        yield
    finally:
        db.text_factory = str


_OF_A_FULL_DISK = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
"""What SQLite may say where the disk is full, as it needs a file of its own to share a database."""
_LEAST_FREE_BYTES = 1 << 17


def is_full(path: Path) -> bool:
    """Whether the disk has no room for even the small files beside the database."""
    try:
        return shutil.disk_usage(path.parent).free < _LEAST_FREE_BYTES
    except OSError:
        return False


def suspect_path(path: Path) -> Path:
    """A file that says: look through the whole database at the next start."""
    return path.with_name(f"{path.name}-suspect")


def suspect_mark(path: Path) -> None:
    """Have the database looked through at the next start."""
    with suppress(OSError):
        suspect_path(path).touch(mode=0o600)


def _code(error: sqlite3.Error) -> int:
    """The primary result code; 0 where the error is Python's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
