"""How fast the processor reads memory, which bounds how fast it decodes: measured once and kept."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from assistant import paths
from assistant.files import write_whole
from assistant.hardware.machine import Cpu

_CHUNK: Final = 32 << 20
"""Bytes that each thread reads at a time; larger than what a core keeps close to itself."""
_MOST_THREADS: Final = 8
_LEAST_S: Final = 0.12
"""Of each thread: several ticks of the coarsest clock, which is Windows'."""
_MOST_READS: Final = 1000
"""Where the clock stands still."""
_FILE: Final = "machine.json"
_HIGHEST: Final = 1e13


def measure(n_threads: int, clock: Callable[[], float] = time.thread_time) -> float:
    """Bytes a second that so many threads read together; takes a fifth of a second and 32 MiB a thread.

    Each thread counts the time that it had a core for: what else the machine is doing just then is no
    reason to take its memory for slow ever after. A chunk that fits into the last level of a large cache is
    read faster than memory: the figure is an upper bound there.
    """
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np  # 60 ms that only this needs

    n_threads = min(max(n_threads, 1), _MOST_THREADS)
    chunks = [np.ones(_CHUNK // 8) for _ in range(n_threads)]

    def speed(chunk: np.ndarray) -> float:
        began, n_read, took = clock(), 0, 0.0
        while took < _LEAST_S and n_read < _MOST_READS:
            np.sum(chunk)
            n_read += 1
            took = clock() - began
        return n_read * _CHUNK / took if took > 0 else 0.0

    with ThreadPoolExecutor(n_threads) as pool:
        return sum(pool.map(speed, chunks))


def remembered(cpu: Cpu, folder: Path | None = None) -> float:
    """What was measured for this machine; 0 if nothing was."""
    try:
        found = json.loads(_path(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return 0.0
    if not isinstance(found, dict) or found.get("machine") != _identity(cpu):
        return 0.0
    speed = found.get("bandwidth")
    if isinstance(speed, bool) or not isinstance(speed, int | float):
        return 0.0
    return float(speed) if 0 < speed < _HIGHEST else 0.0


def known(cpu: Cpu, folder: Path | None = None) -> float:
    """What is remembered, or else measured now and remembered."""
    if speed := remembered(cpu, folder):
        return speed
    speed = measure(cpu.n_threads)
    path = _path(folder)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({"machine": _identity(cpu), "bandwidth": round(speed)}).encode())
    return speed


def _path(folder: Path | None) -> Path:
    return (folder or paths.state_dir()) / _FILE


def _identity(cpu: Cpu) -> str:
    return f"{platform.node()} {cpu.name} {cpu.n_threads}"
