"""The processor and the memory that this process may use, a container's limits taken in."""

from __future__ import annotations

import math
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from assistant.hardware.machine import Cpu

_ROOT: Final = Path("/")
_UNLIMITED: Final = 1 << 60
"""Version 1 of cgroups writes "no limit" as about the largest number there is."""
_FEATURES: Final = {
    "avx": "AVX",
    "avx2": "AVX2",
    "fma": "FMA",
    "f16c": "F16C",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX-512 VNNI",
    "avx512_bf16": "AVX-512 BF16",
    "avx_vnni": "AVX-VNNI",
    "amx_int8": "AMX INT8",
    "asimd": "NEON",
    "asimddp": "DOTPROD",
    "i8mm": "I8MM",
    "sve": "SVE",
    "sme": "SME",
}
"""Linux's names of instruction sets that llama.cpp has code for, and the usual ones."""
_FEW_CORES: Final = 4
"""With fewer fast cores than these the slow ones help."""


def memory(root: Path = _ROOT) -> tuple[int, int]:
    """Bytes that this process may have, and those of them that can be had now without swapping.

    Args:
        root: where /proc and /sys are.
    """
    total, free = _machine_memory(root)
    for limit, used in _limits(root):
        if 0 < limit < _UNLIMITED:
            total = min(total, limit)
            free = min(free, max(limit - used, 0))
    return total, min(free, total)


def _machine_memory(root: Path) -> tuple[int, int]:
    lines = (line.split() for line in _read(root / "proc/meminfo").splitlines())
    facts = {words[0].rstrip(":"): int(words[1]) << 10 for words in lines if len(words) > 1}
    if "MemTotal" in facts and "MemAvailable" in facts:
        return facts["MemTotal"], facts["MemAvailable"]
    import psutil  # 20 ms that Linux can do without

    now = psutil.virtual_memory()
    return int(now.total), int(now.available)


def _limits(root: Path) -> Iterator[tuple[int, int]]:
    """Limit and use in bytes of every control group of this process, caches of files left out."""
    for folder in _groups(root, "memory"):
        stat = dict(line.split()[:2] for line in _read(folder / "memory.stat").splitlines() if " " in line)
        version_2 = _number(folder / "memory.max")
        if version_2 is not None:
            used = _number(folder / "memory.current") or 0
            yield version_2, used - int(stat.get("inactive_file", 0))
        elif (limit := _number(folder / "memory.limit_in_bytes")) is not None:
            used = _number(folder / "memory.usage_in_bytes") or 0
            yield limit, used - int(stat.get("total_inactive_file", stat.get("inactive_file", 0)))


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's control groups, up to the top: each of them may limit it."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        top = root / "sys/fs/cgroup"
        if number == "0" and not names:
            top = top / "unified" if (top / "unified").is_dir() else top
        elif controller in names.split(","):
            top = top / controller
        else:
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for n in range(len(parts), -1, -1):
            yield top.joinpath(*parts[:n])


def held_bytes(pid: int, root: Path = _ROOT) -> int | None:
    """Memory that comes back when a process ends, pages of files not counted; None if it is not told."""
    for line in _read(root / "proc" / str(pid) / "status").splitlines():
        name, _, amount = line.partition(":")
        if name == "RssAnon":
            return int(amount.split()[0]) << 10
    return None


def n_memory_kills(root: Path = _ROOT) -> int | None:
    """How many processes the system has ended for want of memory; None if it does not tell."""
    for line in _read(root / "proc/vmstat").splitlines():
        name, _, count = line.partition(" ")
        if name == "oom_kill" and count.isdecimal():
            return int(count)
    return None


def cpu(root: Path = _ROOT) -> Cpu:
    """The processor, as far as this process may use it.

    Threads are one for each physical core, of the fast kind where there are two: reading memory bounds the
    decoding, and llama.cpp's threads wait for the slowest of them.
    """
    allowed = _allowed()
    cores = _cores(root, allowed) or _cores_elsewhere() or max(len(allowed), 1)
    if (quota := _quota(root)) is not None:
        cores = max(1, min(cores, math.ceil(quota)))
    name, features = _name_and_features(root)
    return Cpu(name, cores, cores, features)


def _allowed() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def _cores(root: Path, allowed: set[int]) -> int:
    """Physical cores among these, only fast ones where there are enough of them; 0 where that is not told."""
    devices = root / "sys/devices"
    fast = _numbers(_read(devices / "cpu_core/cpus")) & allowed
    cores = set()
    n_fast = 0
    for number in sorted(allowed):
        siblings = _read(devices / f"system/cpu/cpu{number}/topology/thread_siblings_list").strip()
        if siblings and siblings not in cores:
            cores.add(siblings)
            n_fast += number in fast
    return n_fast if n_fast >= _FEW_CORES else len(cores)


def _cores_elsewhere() -> int:
    """Physical cores on systems other than Linux: on a Mac the fast ones."""
    if sys.platform == "darwin":
        import subprocess

        for name in ("hw.perflevel0.physicalcpu", "hw.physicalcpu"):
            with suppress(OSError, ValueError, subprocess.SubprocessError):
                told = subprocess.run(["sysctl", "-n", name], capture_output=True, timeout=1, check=True)
                return int(told.stdout)
    with suppress(ImportError, NotImplementedError):
        import psutil

        return int(psutil.cpu_count(logical=False) or 0)
    return 0


def _quota(root: Path) -> float | None:
    """Cores' worth of time that a container grants; None without a limit."""
    quotas = []
    for folder in _groups(root, "cpu"):
        words = _read(folder / "cpu.max").split()
        if len(words) == 2 and words[0].isdecimal():
            quotas.append(int(words[0]) / int(words[1]))
        quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        if quota and period and quota > 0:
            quotas.append(quota / period)
    return min(quotas, default=None)


def _name_and_features(root: Path) -> tuple[str, tuple[str, ...]]:
    name, flags = "", set()
    for line in _read(root / "proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name" and not name:
            name = value.strip()
        elif key.strip() in ("flags", "Features"):
            flags = set(value.split())
            break
    features = tuple(usual for flag, usual in _FEATURES.items() if flag in flags)
    return name or platform.processor() or platform.machine(), features


def _numbers(text: str) -> set[int]:
    """0-3,8 -> {0, 1, 2, 3, 8}."""
    found: set[int] = set()
    for part in _words(text):
        first, _, last = part.partition("-")
        if first.isdecimal() and (last or first).isdecimal():
            found |= set(range(int(first), int(last or first) + 1))
    return found


def _words(text: str) -> Iterable[str]:
    return filter(None, (part.strip() for part in text.split(",")))


def _number(path: Path) -> int | None:
    """A file that holds one number; None without one, as "max" is none."""
    text = _read(path).strip()
    return int(text) if text.lstrip("-").isdecimal() else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
