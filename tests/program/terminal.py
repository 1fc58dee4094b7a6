"""The real program in a pseudo terminal, its screen read by a terminal emulator."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import pyte

ROOT = Path(__file__).resolve().parents[2]

HANG_S = 60
"""What the screen does not show by then it never shows."""

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
    **{f"ctrl+{letter}": chr(n) for n, letter in enumerate("abcdefghijklmnopqrstuvwxyz", 1)},
}
"""What a terminal sends for a key."""


class Program:
    """`mull` with a screen of its own; leaving the context ends it and its model.

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
                [*launch, sys.executable, "-m", "assistant", *args],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                start_new_session=True,
                cwd=cwd or ROOT,
                env=_environment(env or {}),
            )
        finally:
            os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        model = self._model_processes()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._is_open:
            os.close(self._master)
        # a model notices that its parent is gone; a test that ends must not leave it to that
        for process in model:
            if process.is_running():
                process.kill()

    # -- what the user sees --------------------------------------------------------------------------

    @property
    def lines(self) -> list[str]:
        """The screen as it is now."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        """The screen in one piece, each run of blanks, frames and line ends as one blank."""
        return re.sub(r"[\s│╭╮╰╯─▌▁▂▃▄▅▆▇█]+", " ", "\n".join(self._screen.display))

    def wait(self, *patterns: str, gone: str = "") -> str:
        """Wait until the screen shows each of the patterns, and not `gone`; returns its text.

        Raises:
            AssertionError: it never did, or the program ended before; says what the screen shows.
        """

        def is_shown() -> bool:
            text = self.text
            shows_all = all(re.search(pattern, text) for pattern in patterns)
            return shows_all and not (gone and re.search(gone, text))

        self._work_until(is_shown, f"{patterns} without {gone!r}")
        return self.text

    def wait_for_line(self, pattern: str) -> None:
        """Wait until a line of the screen is as the pattern says, frames and blanks included."""
        self._work_until(lambda: any(re.search(pattern, line) for line in self.lines), pattern)

    def end(self) -> int:
        """Wait until the program has ended and all of its output is here; returns its exit status."""
        deadline = time.monotonic() + HANG_S
        while self._process.poll() is None or self._read(0):
            self._read(0.05)
            assert time.monotonic() < deadline, self._picture("does not end")
        return int(self._process.returncode)

    # -- what the user does --------------------------------------------------------------------------

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

    def ask(self, question: str) -> None:
        """Write a question, see it in the prompt, and send it."""
        self.type(question)
        self.wait(re.escape(question[-30:]))
        self.press("enter")

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size; the program is told as by any terminal."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._screen.resize(lines, columns)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program alone."""
        self._process.send_signal(number)

    def kill_model(self) -> None:
        """End the process that holds the model, as a crash does."""
        (model,) = self._model_processes()
        model.kill()

    def hang_up(self) -> None:
        """Close the terminal's window: the program is sent SIGHUP, and can write nowhere any more."""
        self._model = self._model_processes()
        os.close(self._master)
        self._is_open = False

    def has_no_model(self) -> bool:
        """Whether the model's process has ended within the time that it has to notice."""
        return not psutil.wait_procs(self._model, timeout=HANG_S)[1]

    # -- the terminal --------------------------------------------------------------------------------

    def _model_processes(self) -> list[psutil.Process]:
        try:
            children = psutil.Process(self._process.pid).children(recursive=True)
            return [child for child in children if "assistant.engine.worker" in " ".join(child.cmdline())]
        except psutil.NoSuchProcess:
            return []

    def _work_until(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + HANG_S
        while not is_so():
            has_come = self._read(0.05)
            if not has_come and self._process.poll() is not None:
                assert is_so(), self._picture(f"ended with {self._process.returncode} before {what}")
                return
            assert time.monotonic() < deadline, self._picture(f"does not show {what}")

    def _read(self, seconds: float) -> bool:
        """Take in what has come; whether anything has."""
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

    def _picture(self, problem: str) -> str:
        return f"the program {problem}; its screen:\n" + "\n".join(self.lines)


def _environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
    env |= {"PYTHONPATH": str(ROOT)}
    for name in ("NO_COLOR", "TMUX", "SSH_CONNECTION", "WAYLAND_DISPLAY", "DISPLAY"):
        env.pop(name, None)
    for name, value in changes.items():
        env.pop(name, None)
        if value is not None:
            env[name] = value
    return env
