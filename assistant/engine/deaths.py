"""How the model's process died, and what that says: against the build, the memory, or nothing."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assistant.engine.messages import MEMORY_SIGNS
from assistant.hardware.system import n_memory_kills

_FROM_OUTSIDE: Final = {"SIGTERM", "SIGHUP", "SIGINT"}
"""Signals that say nothing against the settings."""
_LOG_TAIL: Final = 16 << 10
_END_S: Final = 5.0
"""Seconds that a process gets to be gone in; one that hangs in a driver may outlive even its kill."""
_LEAST_SILENCE_S: Final = 120.0
_SLOWEST_READ: Final = 20e6
"""Bytes a second of the slowest disk that a model is worth loading from."""


@dataclass(frozen=True, slots=True)
class Death:
    """How a process ended."""

    cause: str
    """In words that go on from "The model's process"."""
    is_crash: bool = False
    """Whether it speaks against the build or the settings."""
    is_memory: bool = False
    """Whether memory ran out."""
    is_hang: bool = False
    """Whether it was ended because it had stood still."""


def most_silence_s(n_bytes: int) -> float:
    """How long a load may tell nothing, in seconds: a file may be read whole between two pieces of news.

    Two minutes come on top, in which drivers start and compile their programs.
    """
    return _LEAST_SILENCE_S + n_bytes / _SLOWEST_READ


def hung(seconds: float) -> Death:
    """The end of a process that told nothing of its load for so long."""
    span = f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"
    return Death(f"told nothing for {span} while it loaded the model and was ended", is_hang=True)


def end(child: subprocess.Popen[bytes], polite_s: float = 0.0) -> None:
    """See that a process ends, if it does not by itself in so many seconds."""
    with suppress(subprocess.TimeoutExpired):
        child.wait(polite_s)
        return
    child.kill()
    with suppress(subprocess.TimeoutExpired):
        child.wait(_END_S)


def death(child: subprocess.Popen[bytes] | None, log: Path, n_kills_before: int | None) -> Death:
    """How a child ended that does not answer any more.

    Args:
        child: the process; None where it is gone already.
        log: what it has written to standard error.
        n_kills_before: `n_memory_kills` when it was started; it tells whose kill it was.
    """
    if child is None:
        return Death("is gone")
    try:
        code = child.wait(_END_S)
    except subprocess.TimeoutExpired:
        end(child)
        return Death("stopped answering and was ended")
    is_memory = _wrote_of_memory(log)
    if code >= 0:
        cause = f"ended with exit code {code:#x}" if code > 255 else f"ended with exit code {code}"
        return _with_memory(Death(cause, code != 0, is_memory and code != 0))
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if name == "SIGKILL":
        return _killed(n_kills_before)
    if name in _FROM_OUTSIDE:
        return Death(f"was ended from outside ({name})")
    return _with_memory(Death(f"crashed ({name})", True, is_memory))


def _killed(n_kills_before: int | None) -> Death:
    now = n_memory_kills()
    if now is not None and n_kills_before is not None and now > n_kills_before:
        return Death("was ended by the system because memory ran out (SIGKILL)", is_memory=True)
    return Death("was killed from outside, as happens when memory runs out (SIGKILL)")


def _with_memory(found: Death) -> Death:
    if not found.is_memory:
        return found
    return Death(f"{found.cause} because memory ran out", is_memory=True)


def _wrote_of_memory(log: Path) -> bool:
    """Whether the last that the process wrote was of memory."""
    try:
        with log.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - _LOG_TAIL, 0))
            tail = file.read().decode("utf-8", "replace")
    except OSError:
        return False
    return any(sign in tail for sign in MEMORY_SIGNS)
