"""What the tests of the real program see and do, whatever kind of terminal it runs in."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

ROOT = Path(__file__).resolve().parents[2]

HANG_S = 60
"""What the screen does not show by then it never shows."""


class Driven(ABC):
    """`mull` with a screen of its own; leaving the context ends it and its model."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        model = self._model_processes()
        self._close()
        # a model notices that its parent is gone; a test that ends must not leave it to that
        for process in model:
            if process.is_running():
                process.kill()

    # -- what the user sees --------------------------------------------------------------------------

    @property
    @abstractmethod
    def rows(self) -> list[str]:
        """The screen as it is known, with the blanks that end its lines or without."""

    @property
    def lines(self) -> list[str]:
        """The screen as it is known, without the blanks that end its lines."""
        return [line.rstrip() for line in self.rows]

    @property
    def text(self) -> str:
        """The screen in one piece, each run of blanks, frames and line ends as one blank."""
        return re.sub(r"[\s│╭╮╰╯─▌▁▂▃▄▅▆▇█]+", " ", "\n".join(self.rows))

    def wait(self, *patterns: str, gone: str = "") -> str:
        """Wait until the screen shows each of the patterns, and not `gone`; returns its text.

        Raises:
            AssertionError: it never did, or the program ended before; says what the screen shows.
        """

        def is_shown() -> bool:
            text = self.text
            shows_all = all(re.search(pattern, text) for pattern in patterns)
            return shows_all and not (gone and re.search(gone, text))

        self.wait_until(is_shown, f"{patterns} without {gone!r}")
        return self.text

    def wait_for_line(self, pattern: str) -> None:
        """Wait until a line of the screen is as the pattern says, frames and blanks included."""
        self.wait_until(lambda: any(re.search(pattern, line) for line in self.lines), pattern)

    def wait_until(self, is_so: Callable[[], bool], what: str) -> None:
        """Take in what the program writes until something is so; `what` names it.

        Raises:
            AssertionError: it never was, or the program ended before; says what the screen shows.
        """
        deadline = time.monotonic() + HANG_S
        while not is_so():
            has_come = self._read(0.05)
            if not has_come and (status := self._status()) is not None:
                assert is_so(), self._picture(f"ended with {status} before {what}")
                return
            assert time.monotonic() < deadline, self._picture(f"does not show {what}")

    def end(self) -> int:
        """Wait until the program has ended and its last output is here.

        Returns:
            its exit status, or the negative number of the signal that ended it.
        """
        deadline = time.monotonic() + HANG_S
        while (status := self._status()) is None or self._read(0):
            self._read(0.05)
            assert time.monotonic() < deadline, self._picture("does not end")
        return status

    # -- what the user does --------------------------------------------------------------------------

    @abstractmethod
    def type(self, text: str) -> None:
        """Type `text`, as it is."""

    @abstractmethod
    def press(self, *keys: str) -> None:
        """Press keys by their names."""

    @abstractmethod
    def paste(self, text: str) -> None:
        """Paste `text`."""

    @abstractmethod
    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size; the program is told as by any terminal."""

    def ask(self, question: str) -> None:
        """Write a question, see it in the prompt, and send it."""
        self.type(question)
        self.wait(re.escape(question[-30:]))
        self.press("enter")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program alone."""
        os.kill(self.pid, number)

    def kill_model(self) -> None:
        """End the process that holds the model, as a crash does."""
        (model,) = self._model_processes()
        model.kill()

    # -- the terminal --------------------------------------------------------------------------------

    @property
    @abstractmethod
    def pid(self) -> int:
        """The program's process."""

    @abstractmethod
    def _status(self) -> int | None:
        """How the program ended, as `end` tells it; None while it runs."""

    @abstractmethod
    def _read(self, seconds: float) -> bool:
        """Bring the screen up to date, waiting so long for something new; whether anything was."""

    @abstractmethod
    def _close(self) -> None:
        """End the program at once, and its terminal."""

    def _model_processes(self) -> list[psutil.Process]:
        try:
            children = psutil.Process(self.pid).children(recursive=True)
            return [child for child in children if "assistant.engine.worker" in " ".join(child.cmdline())]
        except psutil.NoSuchProcess:
            return []

    def _picture(self, problem: str) -> str:
        return f"the program {problem}; its screen:\n" + "\n".join(self.lines)


Start = Callable[..., Driven]
"""Starts the program with arguments, and with `size` and `env` by their names."""


def command(*args: str) -> list[str]:
    """The command line that starts the program with these arguments."""
    return [sys.executable, "-m", "assistant", *args]


def environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    """The test's environment in a good terminal, with changes; None takes a variable away."""
    env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
    env |= {"PYTHONPATH": str(ROOT)}
    for name in ("NO_COLOR", "TMUX", "TMUX_PANE", "SSH_CONNECTION", "WAYLAND_DISPLAY", "DISPLAY"):
        env.pop(name, None)
    for name, value in changes.items():
        env.pop(name, None)
        if value is not None:
            env[name] = value
    return env
