"""Messages between Mull and the process that runs the model: a length and a pickle, over two pipes.

Both ends are this program; nothing that a model wrote is ever unpickled as anything but text.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import pickle
import struct
import tempfile
from pathlib import Path
from typing import BinaryIO

_LENGTH = struct.Struct("<I")


class Wire:
    """One end of a connection. Both methods raise `EOFError` or `OSError` once the other end is gone."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, message: object) -> None:
        """Send a message whole."""
        data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        self._writer.write(_LENGTH.pack(len(data)) + data)
        self._writer.flush()

    def receive(self) -> object:
        """Wait for the next message."""
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        return pickle.loads(self._read(length))

    def close(self) -> None:
        """Close both pipes."""
        for pipe in (self._writer, self._reader):
            try:
                pipe.close()
            except OSError:
                continue

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
