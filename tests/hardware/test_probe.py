"""What is found of GPUs, and what is said where llama.cpp does not see one."""

from __future__ import annotations

import itertools
import platform
import sys
from pathlib import Path

import pytest

from assistant.hardware import bandwidth, devices, probe
from assistant.hardware.devices import Device, DriverFailed, listed_apart
from assistant.hardware.machine import Cpu, GiB

CPU = Device("CPU", "A processor", "cpu", "CPU", 8 * GiB, 16 * GiB)
CARD = Device("CUDA0", "NVIDIA GeForce RTX 4060", "gpu", "CUDA", 7 * GiB, 8 * GiB)
IGPU = Device("Vulkan0", "Intel(R) Graphics", "integrated", "Vulkan", 0, 0)
METAL = Device("MTL0", "Apple M3", "gpu", "MTL", 11 * GiB, 12 * GiB)


def built_for(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(probe, "backends", lambda: names)


def test_the_installed_llama_cpp_lists_its_devices() -> None:
    found = listed_apart()

    assert "cpu" in [device.kind for device in found]
    (cpu,) = [device for device in found if device.kind == "cpu"]
    assert 0 < cpu.free_bytes <= cpu.total_bytes
    assert cpu.name == "CPU"
    assert found[0].backend


def test_this_machine_is_probed_without_a_word_of_error() -> None:
    hardware = probe.probe()

    assert 0 < hardware.free_bytes <= hardware.ram_bytes
    assert hardware.cpu.n_cores >= 1


def test_a_build_for_the_cpu_asks_no_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built_for(monkeypatch)

    hardware = probe.probe(lambda: pytest.fail("a driver was asked"), root=tmp_path)

    assert hardware.gpus == ()


def test_a_card_is_preferred_to_what_is_built_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built_for(monkeypatch, "cuda", "vulkan")

    hardware = probe.probe(lambda: [IGPU, CARD, CPU], root=tmp_path)

    (gpu,) = hardware.gpus
    assert (gpu.name, gpu.backend, gpu.is_unified) == ("NVIDIA GeForce RTX 4060", "cuda", False)
    assert (gpu.free_bytes, gpu.total_bytes) == (7 * GiB, 8 * GiB)
    assert not hardware.advice


def test_what_is_built_in_has_the_memory_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built_for(monkeypatch, "vulkan")

    hardware = probe.probe(lambda: [IGPU, CPU], root=tmp_path)

    (gpu,) = hardware.gpus
    assert gpu.is_unified
    assert 0 < gpu.free_bytes <= gpu.total_bytes == hardware.free_bytes


def test_a_macs_gpu_shares_its_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built_for(monkeypatch, "metal")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")

    (gpu,) = probe.probe(lambda: [METAL, CPU], root=tmp_path).gpus

    assert (gpu.backend, gpu.is_unified, gpu.total_bytes) == ("metal", True, 12 * GiB)


def test_a_driver_that_fails_leaves_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built_for(monkeypatch, "cuda")

    def hang() -> list[Device]:
        raise DriverFailed("did not answer within 8 s")

    hardware = probe.probe(hang, root=tmp_path)

    assert hardware.gpus == ()
    assert hardware.advice.startswith("The GPU's driver did not answer within 8 s: only the CPU is used.")


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac has no NVIDIA driver")
@pytest.mark.parametrize(
    ("file", "built", "words"),
    [
        ("proc/driver/nvidia/version", (), "built for the CPU alone: run MULL_BACKEND=cuda make run"),
        ("dev/nvidiactl", ("vulkan",), "built for vulkan: run MULL_BACKEND=cuda make run"),
        ("proc/driver/nvidia/version", ("cuda",), "see that nvidia-smi works"),
        ("dev/kfd", (), "MULL_BACKEND=rocm make run"),
        ("dev/kfd", ("vulkan",), "see that rocminfo works"),
    ],
)
def test_a_gpu_that_is_not_used_is_told_with_what_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, built: tuple[str, ...], words: str
) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).touch()
    built_for(monkeypatch, *built)

    advice = probe.probe(lambda: [CPU], root=tmp_path).advice

    assert words in advice
    assert advice.count(". ") == 0


def test_a_driver_that_crashes_or_hangs_takes_nothing_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_ASK", "import os; os.abort()")
    with pytest.raises(DriverFailed, match="crashed"):
        listed_apart()
    monkeypatch.setattr(devices, "_ASK", "import threading; threading.Event().wait(60)")
    with pytest.raises(DriverFailed, match=r"did not answer within 0\.5 s"):
        listed_apart(0.5)
    monkeypatch.setattr(devices, "_ASK", "print('[{\"name\": 1}]')")
    with pytest.raises(DriverFailed):
        listed_apart()


def test_libraries_tell_what_a_build_is_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("libggml-base.so.0", "libggml-cpu.so", "libggml-cuda.so.0.25.3", "ggml-vulkan.dll"):
        (tmp_path / name).touch()
    monkeypatch.setattr(devices, "library_folder", lambda: tmp_path)
    assert devices.backends() == ("cuda", "vulkan")
    monkeypatch.setattr(devices, "library_folder", lambda: None)
    assert devices.backends() == ()


def test_the_speed_of_memory_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = Cpu("a processor", 2, 2)
    assert bandwidth.remembered(cpu, tmp_path) == 0.0

    speed = bandwidth.known(cpu, tmp_path)

    assert 1e8 < speed < 1e13
    monkeypatch.setattr(bandwidth, "measure", lambda _: pytest.fail("measured again"))
    assert bandwidth.known(cpu, tmp_path) == round(speed)
    assert bandwidth.remembered(Cpu("another", 2, 2), tmp_path) == 0.0


def test_what_else_runs_does_not_make_memory_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    had_a_core = itertools.count()

    speed = bandwidth.measure(1, clock=lambda: next(had_a_core) / 64)

    assert speed == pytest.approx(64 * (32 << 20))  # 32 MiB a tick of the thread's own clock
    monkeypatch.setattr(bandwidth, "_MOST_READS", 2)
    assert bandwidth.measure(1, clock=lambda: 1.0) == 0.0


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"machine": 1}', b"\xff", b"[" * 100_000])
def test_a_damaged_memory_of_it_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "machine.json").write_bytes(content)

    assert bandwidth.remembered(Cpu("a processor", 2, 2), tmp_path) == 0.0
