"""Messages between Mull and the process that runs the model: a length and a pickle, over two pipes.

Both ends are this program; nothing that a model wrote is ever unpickled as anything but text.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import pickle
import queue
import struct
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_LENGTH = struct.Struct("<I")


class Silence(Exception):
    """The other end said nothing for as long as it was given."""


class Wire:
    """One end of a connection. Both methods raise `EOFError` or `OSError` once the other end is gone."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer
        self._closing = threading.Lock()
        self._is_reading = False
        """Whether a thread waits for the next message."""
        self._is_closed = False

    def send(self, message: object) -> None:
        """Send a message whole."""
        data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        self._writer.write(_LENGTH.pack(len(data)) + data)
        self._writer.flush()

    def receive(self) -> object:
        """Wait for the next message."""
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        return pickle.loads(self._read(length))

    def receive_within(self, seconds: float) -> object:
        """Wait for the next message, but not for longer; after a `Silence` nothing more can be received.

        The waiting is a thread's, as not every system can wait for a pipe with a limit; one that hangs in a
        driver may hold its end of the pipe even when it was killed, and the thread is left with it.

        Raises:
            Silence: nothing came in time.
        """
        came: queue.SimpleQueue[object | BaseException] = queue.SimpleQueue()

        def wait() -> None:
            try:
                came.put(self.receive())
            except Exception as error:  # noqa: BLE001 - raised again by whoever waits
                came.put(error)
            with self._closing:
                self._is_reading = False
                if self._is_closed:
                    self._close(self._reader)

        self._is_reading = True
        threading.Thread(target=wait, name="wire", daemon=True).start()
        try:
            message = came.get(timeout=seconds)
        except queue.Empty:
            raise Silence from None
        if isinstance(message, Exception):
            raise message
        return message

    def close(self) -> None:
        """Close both pipes; one that a thread still reads from is closed by that, when it comes back."""
        self._close(self._writer)
        with self._closing:
            self._is_closed = True
            if not self._is_reading:
                self._close(self._reader)

    def _close(self, pipe: BinaryIO) -> None:
        with suppress(OSError):
            pipe.close()

    def _read(self, n: int) -> bytes:
        data = self._reader.read(n)
        if len(data) < n:
            raise EOFError
        return data


class SharedFlag:
    """Two bytes that both processes see: the first says "stop", the second ends the string.

    A file that both map into memory works alike on every system, needs no helper process, and its
    address can be handed to C.
    """

    def __init__(self, path: str | None = None) -> None:
        if path is None:
            handle, path = tempfile.mkstemp(prefix="mull-", suffix=".flag")
            os.write(handle, bytes(mmap.PAGESIZE))
        else:
            handle = os.open(path, os.O_RDWR)
        self.path = path
        self._map = mmap.mmap(handle, mmap.PAGESIZE)
        os.close(handle)

    def buffer(self) -> ctypes.Array[ctypes.c_char]:
        """The two bytes for C; the flag must outlive it."""
        return (ctypes.c_char * 2).from_buffer(self._map)

    def set(self) -> None:
        """Say "stop", if anyone is left to hear it."""
        if not self._map.closed:
            self._map[0] = 1

    def clear(self) -> None:
        """Say "go on"."""
        self._map[0] = 0

    def remove(self) -> None:
        """Delete the file; where the system allows it, both sides may still use the bytes."""
        if self._unlink():
            return
        # Windows keeps a file that is mapped.
        try:
            self._map.close()
        except BufferError:
            return
        self._unlink()

    def _unlink(self) -> bool:
        try:
            Path(self.path).unlink(missing_ok=True)
        except OSError:
            return False
        return True
