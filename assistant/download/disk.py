"""Where a download lies while it arrives, whether it has room, and that nobody else writes there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from assistant.download.meter import amount
from assistant.errors import DownloadError
from assistant.files import write_whole

SPARE_BYTES: Final = 256 << 20
"""What a download leaves free on the disk."""


def part_of(target: Path) -> Path:
    """Where a file is while it arrives."""
    return target.with_name(target.name + ".part")


def record_of(target: Path) -> Path:
    """Where it is written down what the part is of."""
    return target.with_name(target.name + ".part.json")


def lock_of(target: Path) -> Path:
    """What is locked while a file arrives."""
    return target.with_name(target.name + ".lock")


def write_record(target: Path, identity: str, validator: str) -> None:
    """Write down what the part is of.

    Args:
        target: the file that the part becomes.
        identity: its checksum, or where there is none its address.
        validator: the server's word for this version; "" if it has none.
    """
    write_whole(record_of(target), json.dumps({"identity": identity, "validator": validator}).encode())


def read_record(target: Path) -> tuple[str, str]:
    """What `write_record` wrote; two empty texts if that is not there or damaged."""
    try:
        known = json.loads(record_of(target).read_text(encoding="utf-8"))
        identity, validator = known["identity"], known["validator"]
    except (OSError, ValueError, TypeError, LookupError):
        return "", ""
    return (identity, validator) if isinstance(identity, str) and isinstance(validator, str) else ("", "")


def throw_away(target: Path) -> None:
    """Delete the part and what is written of it."""
    part_of(target).unlink(missing_ok=True)
    record_of(target).unlink(missing_ok=True)


def check_room(name: str, n_bytes: int, folder: Path) -> None:
    """See that so many bytes fit where a folder is or will be.

    Raises:
        DownloadError: they do not.
    """
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < n_bytes + SPARE_BYTES:
        raise DownloadError(
            f"{name} needs {amount(n_bytes + SPARE_BYTES)} of disk, and {folder} has {amount(free)} left.",
            "Free some space, choose a smaller file, or set MULL_HOME to a folder on another disk.",
        )


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Keep other Mulls away from a file, on every system, until it is done or this process ends.

    Raises:
        DownloadError: another one has it, or the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(lock_of(target), timeout=0)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise DownloadError(
            f"Another Mull is fetching {target.name} right now.", "Wait until it is done, or stop it."
        ) from None
    except OSError as error:
        raise DownloadError(
            f"{target.parent} cannot be written: {error.strerror or error}.",
            "Make it writable, or set MULL_HOME to another folder.",
        ) from None
    try:
        yield
    finally:
        lock.release()
        # Gone with a lock that another Mull may just have opened, two could each think to hold it: harmless
        # once the file is there, because then neither fetches it.
        if target.exists():
            with suppress(OSError):  # Windows keeps what is open
                lock_of(target).unlink(missing_ok=True)
