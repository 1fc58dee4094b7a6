"""The processor and the memory, read from files as Linux writes them."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from assistant.hardware import system

GiB = 1 << 30
MEMINFO = "MemTotal:       16384000 kB\nMemFree:         1000000 kB\nMemAvailable:   12000000 kB\n"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_this_machine_has_what_it_has() -> None:
    total, free = system.memory()

    assert 0 < free <= total <= psutil.virtual_memory().total
    cpu = system.cpu()
    assert 1 <= cpu.n_cores <= (os.cpu_count() or 1)
    assert cpu.name


def test_a_machine_without_limits(tmp_path: Path) -> None:
    write(tmp_path, {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/\n"})

    assert system.memory(tmp_path) == (16384000 << 10, 12000000 << 10)


def test_a_container_of_version_2(tmp_path: Path) -> None:
    """The limit of a group above counts too; what is kept of files can be dropped."""
    write(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "0::/app.slice/mull\n",
            "sys/fs/cgroup/app.slice/mull/memory.max": "max\n",
            "sys/fs/cgroup/app.slice/mull/memory.current": "123\n",
            "sys/fs/cgroup/app.slice/memory.max": f"{4 * GiB}\n",
            "sys/fs/cgroup/app.slice/memory.current": f"{3 * GiB}\n",
            "sys/fs/cgroup/app.slice/memory.stat": f"anon 5\ninactive_file {GiB}\nactive_file 7\n",
            "sys/fs/cgroup/app.slice/mull/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/app.slice/cpu.max": "max 100000\n",
        },
    )

    assert system.memory(tmp_path) == (4 * GiB, 2 * GiB)
    assert system._quota(tmp_path) == 1.5


def test_a_container_of_version_1(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "4:memory:/docker/1\n3:cpu,cpuacct:/docker/1\n0::/\n",
            "sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": f"{2 * GiB}\n",
            "sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes": f"{3 * GiB // 2}\n",
            "sys/fs/cgroup/memory/docker/1/memory.stat": f"cache 9\ntotal_inactive_file {GiB // 2}\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us": "100000\n",
        },
    )

    assert system.memory(tmp_path) == (2 * GiB, GiB)
    assert system._quota(tmp_path) is None


@pytest.mark.parametrize("text", ["", "nonsense", "MemTotal: x kB", ":::\n\n", "0::/../../..\n"])
def test_files_that_cannot_be_understood_are_no_error(tmp_path: Path, text: str) -> None:
    names = ("proc/self/cgroup", "proc/vmstat", "proc/cpuinfo", "sys/devices/cpu_core/cpus")
    write(tmp_path, dict.fromkeys(names, text))

    total, free = system.memory(tmp_path)

    assert 0 < free <= total
    assert system.n_memory_kills(tmp_path) is None
    assert system.cpu(tmp_path).n_cores >= 1


def test_threads_that_share_a_core_count_once(tmp_path: Path) -> None:
    siblings = {
        f"sys/devices/system/cpu/cpu{i}/topology/thread_siblings_list": f"{i % 4},{i % 4 + 4}\n"
        for i in range(8)
    }
    write(tmp_path, siblings)

    assert system._cores(tmp_path, set(range(8))) == 4
    assert system._cores(tmp_path, {0, 4}) == 1, "all that this process may use"


def test_fast_cores_are_used_where_there_are_enough(tmp_path: Path) -> None:
    """6 fast cores of two threads and 8 slow ones of one, as laptops have them."""
    lists = {i: f"{i // 2 * 2}-{i // 2 * 2 + 1}" if i < 12 else str(i) for i in range(20)}
    files = {
        f"sys/devices/system/cpu/cpu{i}/topology/thread_siblings_list": text for i, text in lists.items()
    }
    write(tmp_path, {**files, "sys/devices/cpu_core/cpus": "0-11\n"})

    assert system._cores(tmp_path, set(range(20))) == 6
    assert system._cores(tmp_path, {0, 1, 2, 3, 12, 13, 14, 15}) == 6, "two fast ones alone are too few"


def test_what_the_processor_can_is_told_in_the_usual_words(tmp_path: Path) -> None:
    write(tmp_path, {"proc/cpuinfo": "model name\t: Some CPU\nflags\t\t: fpu avx avx2 avx512f amx_int8\n"})

    cpu = system.cpu(tmp_path)

    assert cpu.name == "Some CPU"
    assert cpu.features == ("AVX", "AVX2", "AVX-512", "AMX INT8")


def test_kills_for_memory_are_counted(tmp_path: Path) -> None:
    write(tmp_path, {"proc/vmstat": "nr_free_pages 1\noom_kill 3\nother 4\n"})

    assert system.n_memory_kills(tmp_path) == 3
