"""The real program in tmux, whose own idea of the screen is read."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.program.driving import HANG_S, ROOT, Driven, command, environment

_MODIFIERS = {"ctrl": "C-", "alt": "M-", "shift": "S-"}
_OPTIONS = {
    "remain-on-exit": "on",  # a pane whose program has ended can still be asked how
    "status": "off",  # every line of the window is the program's
}
_STATE = "#{pane_dead} #{pane_pid} #{pid} #{pane_dead_status}"


class InTmux(Driven):
    """`mull` as the only window of a tmux server of its own, which no terminal is attached to.

    Args:
        folder: where the server's socket lies; the path of a socket must be short.
        *args: the command line after the program's name.
        size: columns and lines.
        env: changes to the environment; None takes a variable away.
    """

    def __init__(
        self,
        folder: Path,
        *args: str,
        size: tuple[int, int] = (120, 40),
        env: Mapping[str, str | None] | None = None,
    ) -> None:
        self._folder = folder
        self._rows: list[str] = []
        self._ended: int | None = None
        self._pid = self._server = 0
        options = [word for name, value in _OPTIONS.items() for word in ("set", "-g", name, value, ";")]
        new = ["new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "-c", str(ROOT)]
        tmux(folder, *options, *new, *command(*args), env=env)
        self._read(0)

    @property
    def rows(self) -> list[str]:
        """The screen as it is known, each line without the blanks that end it."""
        return self._rows

    def type(self, text: str) -> None:
        """Type `text`, as it is."""
        self._tell("send-keys", "-l", "--", text)

    def press(self, *keys: str) -> None:
        """Press keys by their names, all of them at once."""
        self._tell("send-keys", *map(_named, keys))

    def paste(self, text: str) -> None:
        """Paste `text`, marked as pasted if the program has asked for that."""
        self._tell("set-buffer", "--", text, ";", "paste-buffer", "-p", "-r")

    def resize(self, columns: int, lines: int) -> None:
        """Give the window another size; the program is told as by any terminal."""
        self._tell("resize-window", "-x", str(columns), "-y", str(lines))

    @property
    def pid(self) -> int:
        """The program's process."""
        return self._pid

    def _tell(self, *words: str) -> str:
        return tmux(self._folder, *words)

    def _status(self) -> int | None:
        return self._ended

    def _read(self, seconds: float) -> bool:
        time.sleep(seconds)
        is_reaped = bool(self._pid) and not psutil.pid_exists(self._pid)
        state, *rows = self._tell("display-message", "-p", _STATE, ";", "capture-pane", "-p").splitlines()
        is_dead, pid, server, *status = state.split()
        self._pid, self._server = int(pid), int(server)
        if is_dead == "1" and is_reaped:
            # which signal it was only newer ones tell; the tests send no other one
            self._ended = int(status[0]) if status else -signal.SIGKILL
        elif is_dead == "1":
            # tmux sees first that nothing holds the pane any more, and may then miss that its program ends
            # (3.3a does, while it waits for libutempter), unless it is told to look
            os.kill(self._server, signal.SIGCHLD)
        is_new, self._rows = rows != self._rows, rows
        return is_new

    def _close(self) -> None:
        self._read(0)
        if self._ended is None:
            os.kill(self._pid, signal.SIGKILL)
        server = psutil.Process(self._server)
        end_server(self._folder)
        server.wait(HANG_S)


def tmux(folder: Path, *words: str, env: Mapping[str, str | None] | None = None) -> str:
    """Have the server in `folder` carry out tmux commands; returns what they print.

    Args:
        folder: where the server's socket lies; without a server, `new-session` starts one.
        *words: commands with their arguments, with ";" between them.
        env: changes to the environment that a new server has.

    Raises:
        AssertionError: tmux refuses; says why.
    """
    done = _run(folder, *words, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def end_server(folder: Path) -> None:
    """End the server in `folder` and all that runs in it; where none is, that is as well."""
    done = _run(folder, "kill-server")
    assert done.returncode == 0 or re.match("no server|error connecting", done.stderr), done.stderr


def _run(
    folder: Path, *words: str, env: Mapping[str, str | None] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["tmux", "-u", "-L", "mull", "-f", os.devnull, *words],
        env=environment({"TMUX_TMPDIR": str(folder), **(env or {})}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_S,
        check=False,
    )


def _named(key: str) -> str:
    *modifiers, name = key.split("+")
    return "".join(_MODIFIERS[modifier] for modifier in modifiers) + (name.capitalize() if name[1:] else name)
