"""The real program in a pseudo terminal, its screen read by a terminal emulator."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import pyte

from tests.program.driving import HANG_S, ROOT, Driven, command, environment

_LAUNCH = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes the pseudo terminal the controlling one, in a process that has no threads yet."""

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "f1": "\x1bOP",
    "f2": "\x1bOQ",
    "f6": "\x1b[17~",
    "alt+up": "\x1b[1;3A",
    "alt+enter": "\x1b\r",
    **{f"alt+{letter}": f"\x1b{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"},
    **{f"ctrl+{letter}": chr(n) for n, letter in enumerate("abcdefghijklmnopqrstuvwxyz", 1)},
}
"""What a terminal sends for a key."""


class Program(Driven):
    """`mull` in a pseudo terminal.

    Args:
        *args: the command line after the program's name.
        size: columns and lines.
        env: changes to the environment; None takes a variable away.
    """

    def __init__(
        self,
        *args: str,
        size: tuple[int, int] = (120, 40),
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        is_controlling: bool = True,
    ) -> None:
        """`is_controlling` is False for a terminal that is another session's: it sends no SIGHUP."""
        self.output = b""
        """All that was ever written to the terminal."""
        self._is_open = True
        self._model: list[psutil.Process] = []
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._master, slave = pty.openpty()
        self.resize(*size)
        launch = [sys.executable, "-c", _LAUNCH] if is_controlling else []
        try:
            self._process = subprocess.Popen(
                [*launch, *command(*args)],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                start_new_session=True,
                cwd=cwd or ROOT,
                env=environment(env or {}),
            )
        finally:
            os.close(slave)

    @property
    def rows(self) -> list[str]:
        """The screen as it is known, each line with the blanks that end it."""
        return list(self._screen.display)

    def type(self, text: str) -> None:
        """Type `text`, as it is."""
        data = text.encode()
        while data:
            data = data[os.write(self._master, data[:1024]) :]
            self._read(0)

    def press(self, *keys: str) -> None:
        """Press keys by their names."""
        for key in keys:
            self.type(KEYS[key])

    def paste(self, text: str) -> None:
        """Paste `text`, marked as pasted."""
        self.type(f"\x1b[200~{text}\x1b[201~")

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size; the program is told as by any terminal."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._screen.resize(lines, columns)

    def hang_up(self) -> None:
        """Close the terminal's window: the program is sent SIGHUP, and can write nowhere any more."""
        self._model = self._model_processes()
        os.close(self._master)
        self._is_open = False

    def has_no_model(self) -> bool:
        """Whether the model's process has ended within the time that it has to notice."""
        return not psutil.wait_procs(self._model, timeout=HANG_S)[1]

    @property
    def pid(self) -> int:
        """The program's process."""
        return self._process.pid

    def _status(self) -> int | None:
        return self._process.poll()

    def _read(self, seconds: float) -> bool:
        if not self._is_open:
            time.sleep(seconds)
            return False
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux says so that no program holds the terminal any more
            return False
        self.output += data
        self._stream.feed(data)
        return bool(data)

    def _close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._is_open:
            os.close(self._master)
