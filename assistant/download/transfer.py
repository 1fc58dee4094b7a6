"""One file from the network to the disk, whole or not at all.

What arrives goes into `<name>.part`; beside it, `<name>.part.json` says which version of which file it
is. The part is gone on with after a broken connection, a stop or a crash, is thrown away if the file has
changed meanwhile, and gets its name only when its checksum is that which the hub has on record.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from assistant.catalog.gguf import check_magic
from assistant.download.disk import (
    check_room,
    locked,
    part_of,
    read_record,
    record_of,
    throw_away,
    write_record,
)
from assistant.download.meter import Meter, Progress, amount, duration, eta
from assistant.download.reading import TICK_S, received
from assistant.download.web import BrokenError, Remote, Stream, stream
from assistant.errors import DownloadError, ModelFileError

_TRIES: Final = 6
"""Times in a row that nothing more may arrive."""
_MOST_WAIT_S: Final = 60.0
_TOLD_EVERY_S: Final = 0.1
_READ_BYTES: Final = 1 << 22
_HEAD_BYTES: Final = 512

Open = Callable[[Remote, int, str], AbstractContextManager[Stream]]
Step = Generator[Progress, None, None]


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, so that tests need none."""

    now: Callable[[], float] = time.monotonic
    """Seconds that only grow."""
    sleep: Callable[[float], None] = time.sleep


@dataclass(slots=True)
class Tally:
    """What has arrived of all files of a model together, for the progress."""

    name: str
    total_bytes: int = 0
    before_bytes: int = 0
    """Of the files that are done."""


def fetch(
    remote: Remote,
    target: Path,
    tally: Tally,
    *,
    known_sha256: str = "",
    open_stream: Open = stream,
    clock: Clock | None = None,
) -> Generator[Progress, None, bool]:
    """Fetch a file into `target`, going on where an earlier attempt ended. Closing it keeps the part.

    Args:
        remote: what to fetch.
        target: where it goes.
        tally: the whole that it is a part of.
        known_sha256: what `target` was found to be when it was fetched, so that it is not read again.
        open_stream: opens a file of the network.
        clock: the time.

    Returns:
        Whether anything had to be fetched.

    Raises:
        DownloadError: it cannot be had, does not fit on the disk, is fetched by another Mull already, or is
            not what the hub has on record.
    """
    with locked(target):
        transfer = _Transfer(remote, target, tally, open_stream, clock or Clock())
        if (yield from transfer.is_here(known_sha256)):
            return False
        yield from transfer.run()
        return True


def has_length(remote: Remote, target: Path) -> bool:
    """Whether there is a file of that name and length."""
    try:
        return remote.size_bytes in (None, target.stat().st_size)
    except OSError:
        return False


class _Transfer:
    """One attempt to fetch a file, through as many connections as it takes."""

    def __init__(self, remote: Remote, target: Path, tally: Tally, open_stream: Open, clock: Clock) -> None:
        self._remote = remote
        self._target = target
        self._tally = tally
        self._open = open_stream
        self._clock = clock
        self._meter = Meter()
        self._size = remote.size_bytes
        self._validator = ""
        self._hash: Any = None
        self._head: bytes | None = None
        self._done = 0
        self._is_spoilt = False

    def is_here(self, known_sha256: str) -> Generator[Progress, None, bool]:
        """Whether the file is here already, and what the hub has on record."""
        if not has_length(self._remote, self._target):
            return False
        if not self._remote.digest or known_sha256 == self._remote.digest:
            return True
        self._hash = self._new_hash()
        with open(self._target, "rb") as file:
            yield from self._read_into_hash(file, os.fstat(file.fileno()).st_size)
        return bool(self._hash.hexdigest() == self._remote.digest)

    def run(self) -> Step:
        """Fetch it."""
        self._done = self._usable()
        self._head = None if self._done >= _HEAD_BYTES else b""
        self._check_room()
        try:
            with self._opened() as file:
                self._hash = self._new_hash()
                self._done = yield from self._read_into_hash(file, self._done)
                yield from self._read_all(file)
                self._check()
                os.fsync(file.fileno())
        finally:
            if self._is_spoilt:  # now that it is closed: Windows deletes nothing that is open
                throw_away(self._target)
        os.replace(part_of(self._target), self._target)
        record_of(self._target).unlink(missing_ok=True)

    def _usable(self) -> int:
        """Bytes of an earlier attempt that can be gone on with; of another version nothing is left."""
        try:
            size = part_of(self._target).stat().st_size
        except OSError:
            return 0
        identity, validator = read_record(self._target)
        is_same = identity == self._identity() and bool(self._remote.digest or validator)
        if not is_same or (self._size is not None and size > self._size):
            return 0
        self._validator = "" if self._remote.digest else validator
        return size

    def _identity(self) -> str:
        """What the part must be of: the content where its digest is known, else the address."""
        return self._remote.digest or self._remote.url

    def _check_room(self) -> None:
        if self._size is not None:
            check_room(self._target.name, self._size - self._done, self._target.parent)

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        try:
            with open(part_of(self._target), "r+b" if self._done else "wb", buffering=0) as raw:
                yield raw
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DownloadError(
                    f"The disk is full: {self._target.name} has {amount(self._done)} of "
                    f"{amount(self._size or 0)}.",
                    f"Free some space for {self._target.parent}, then give the same command again.",
                ) from None
            raise DownloadError(
                f"{part_of(self._target)} cannot be written: {error.strerror or error}.",
                "Check the folder and the disk.",
            ) from None

    def _read_into_hash(self, file: IO[bytes], n_bytes: int) -> Generator[Progress, None, int]:
        """Take up to so many bytes of a file into the checksum; how many there were."""
        at = 0
        told = self._clock.now()
        while at < n_bytes and (block := file.read(min(_READ_BYTES, n_bytes - at))):
            self._hash.update(block)
            at += len(block)
            if self._clock.now() - told >= _TOLD_EVERY_S:
                told = self._clock.now()
                yield self._progress(at, is_checking=True)
        return at

    def _read_all(self, file: IO[bytes]) -> Step:
        yield self._progress(self._done)
        n_failed = 0
        while self._size is None or self._done < self._size:
            had = self._done
            try:
                yield from self._read_once(file)
                if self._size is not None and self._done < self._size:
                    raise BrokenError("The connection ended too early.")
                return
            except BrokenError as error:
                n_failed = 1 if self._done > had else n_failed + 1
                wait_s = min(error.wait_s or 2.0 ** (n_failed - 1), _MOST_WAIT_S)
                if n_failed >= _TRIES or (error.wait_s or 0) > _MOST_WAIT_S:
                    raise DownloadError(error.reason, error.next_step) from None
                yield from self._wait(wait_s, f"{error.reason} Going on in {duration(wait_s)}.")

    def _wait(self, wait_s: float, note: str) -> Step:
        """Wait in small steps, so that whoever iterates can stop between them."""
        until = self._clock.now() + wait_s
        while (left_s := until - self._clock.now()) > 0:
            yield self._progress(self._done, note=note)
            self._clock.sleep(min(left_s, TICK_S))
        self._meter.forget()

    def _read_once(self, file: IO[bytes]) -> Step:
        opened = partial(self._open, self._remote, self._done, self._validator)
        told = self._clock.now()
        with closing(received(opened)) as news:
            for item in news:
                if isinstance(item, Stream):
                    self._agree(file, item)
                elif item is not None:
                    self._take(file, item)
                    self._check_beginning(item)
                if item is None or self._clock.now() - told >= _TOLD_EVERY_S:
                    told = self._clock.now()
                    yield self._progress(self._done)
        self._check_beginning(b"", is_all=True)
        yield self._progress(self._done)

    def _agree(self, file: IO[bytes], answer: Stream) -> None:
        """Bring the part and what is about to arrive together."""
        begin, total = _range(answer)
        if answer.status == 416 or (self._size is not None and total is not None and total != self._size):
            self._forget(file)
            if answer.status == 416 or self._remote.size_bytes is not None:
                raise BrokenError("The file on the server is not as long as it was.")
        if answer.status == 206 and self._validator and _validator(answer) not in ("", self._validator):
            self._forget(file)
            raise BrokenError("The file on the server has changed.")
        if begin != self._done:
            self._forget(file)  # the server cannot begin in the middle, or the file has changed
            if begin:
                raise BrokenError("The server sent another part of the file than was asked for.")
        if total is not None:
            self._size = total
        self._validator = "" if self._remote.digest else _validator(answer)
        if not self._done:
            self._check_room()
            write_record(self._target, self._identity(), self._validator)

    def _take(self, file: IO[bytes], chunk: bytes) -> None:
        if self._size is not None and self._done + len(chunk) > self._size:
            self._forget(file)
            raise BrokenError("The server sent more than the file holds.")
        view = memoryview(chunk)
        while view:  # an unbuffered write may take a part only
            view = view[file.write(view) or 0 :]
        self._hash.update(chunk)
        self._done += len(chunk)

    def _check_beginning(self, chunk: bytes, *, is_all: bool = False) -> None:
        """See whether it is a GGUF as soon as enough of it is there to tell."""
        if self._head is None:
            return
        self._head += chunk[: _HEAD_BYTES - len(self._head)]
        if len(self._head) < _HEAD_BYTES and not is_all:
            return
        head, self._head = self._head, None
        try:
            check_magic(head, self._remote.name)
        except ModelFileError as error:
            self._is_spoilt = True
            raise DownloadError(
                error.message, "Check the address, and whether it asks for a login."
            ) from None

    def _forget(self, file: IO[bytes]) -> None:
        file.seek(0)
        file.truncate()
        self._hash = self._new_hash()
        self._head = b""
        self._done = 0
        self._meter.forget()

    def _check(self) -> None:
        if not self._remote.digest or self._hash.hexdigest() == self._remote.digest:
            return
        self._is_spoilt = True
        raise DownloadError(
            f"{self._target.name} is not what the hub has on record: its checksum is "
            f"{self._hash.hexdigest()[:12]}…, not {self._remote.digest[:12]}….",
            "It is thrown away. Fetch it again; if that does not help, the connection spoils it.",
        )

    def _new_hash(self) -> Any:
        if len(self._remote.digest) == 40:  # git's own name of a file that is not large
            return hashlib.sha1(f"blob {self._size or 0}\0".encode(), usedforsecurity=False)
        return hashlib.sha256()

    def _progress(self, at: int, *, is_checking: bool = False, note: str = "") -> Progress:
        done = self._tally.before_bytes + at
        total = self._tally.total_bytes or (self._size or 0)
        speed = 0.0 if is_checking or note else self._meter.note(self._clock.now(), at)
        return Progress(self._tally.name, done, total, speed, eta(done, total, speed), is_checking, note)


def _range(answer: Stream) -> tuple[int, int | None]:
    """Where an answer begins, and how long the whole file is, in bytes; None if it does not say."""
    if answer.status == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", "").strip())
        if not found:
            raise BrokenError("The server sent a part of the file and does not say which.")
        return int(found[1]), None if found[2] == "*" else int(found[2])
    length = answer.headers.get("Content-Length", "")
    is_plain = answer.headers.get("Content-Encoding", "identity") == "identity"
    return 0, int(length) if is_plain and length.isascii() and length.isdecimal() else None


def _validator(answer: Stream) -> str:
    """What tells one version of a file from another, for If-Range: a strong ETag, or else the date."""
    etag = answer.headers.get("ETag", "").strip()
    return etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified", "").strip()
