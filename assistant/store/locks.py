"""Locks on files, held by the system: they end with their process, however it ends."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int, is_patient: bool) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_LOCK if is_patient else msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(handle: int, is_patient: bool) -> bool:
        # flock and not lockf: it also keeps two parts of one process apart, and no other close ends it
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if is_patient else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Be the only one in here, of all processes that name the same file; waits for the others.

    Raises:
        OSError: the file cannot be made.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(handle, is_patient=True)
        yield
    finally:
        os.close(handle)


class Owner:
    """Proof that a process lives: a locked file beside the database, by whose name it signs what it writes.

    A process number would be given to another process one day, and a time stamp stands still while the
    machine sleeps; the lock does neither.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, database: Path) -> None:
        while True:
            self.name = secrets.token_hex(8)
            self._path = _owner_path(database, self.name)
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            # between the two calls somebody may have taken the file for a leftover and removed it
            if _lock(self._handle, is_patient=False) and self._path.exists():
                return
            os.close(self._handle)

    def release(self) -> None:
        """Leave; what this process was writing counts as interrupted from now on. Twice is harmless."""
        if self._handle >= 0:
            with suppress(OSError):
                self._path.unlink()
            os.close(self._handle)
            with suppress(OSError):  # Windows does not remove a file that is open
                self._path.unlink()
            self._handle = -1


def is_alive(database: Path, name: str) -> bool:
    """Whether the process that signs with this name still runs; removes what it left if not.

    Where that cannot be found out, it counts as alive: nothing of its work is touched then.
    """
    path = _owner_path(database, name)
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        if not _lock(handle, is_patient=False):
            return True
        with suppress(OSError):
            path.unlink()
    finally:
        os.close(handle)
    with suppress(OSError):
        path.unlink(missing_ok=True)
    return False


def leftovers(database: Path) -> list[str]:
    """The names of all owners there are files of, dead or alive."""
    prefix = _owner_path(database, "").name
    return [path.name.removeprefix(prefix) for path in database.parent.glob(f"{prefix}*")]


def _owner_path(database: Path, name: str) -> Path:
    return database.with_name(f"{database.name}-owner-{name}")
