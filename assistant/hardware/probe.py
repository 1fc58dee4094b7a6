"""What this machine has: processor, memory, GPUs, and what keeps llama.cpp from seeing one."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from assistant.hardware import bandwidth, system
from assistant.hardware.devices import Device, DriverFailed, backends, listed_apart
from assistant.hardware.machine import Backend, Gpu, Hardware

_BACKENDS: Final[dict[str, Backend]] = {
    "cuda": "cuda",
    "rocm": "rocm",
    "hip": "rocm",
    "metal": "metal",
    "mtl": "metal",
    "vulkan": "vulkan",
    "sycl": "sycl",
}
_LEAST_GPU: Final = 512 << 20
"""A device with less memory is no place for layers."""


def probe(
    devices: Callable[[], Sequence[Device]] = listed_apart,
    *,
    root: Path = Path("/"),
    state: Path | None = None,
) -> Hardware:
    """The machine as it is now. Never raises; what cannot be told is left out.

    Where llama.cpp was built for the CPU alone nothing is asked of any driver, and it takes a millisecond.

    Args:
        devices: lists ggml's devices; by default in a process of its own.
        root: where /proc and /sys are.
        state: the folder where the memory's speed is remembered; None is Mull's own.
    """
    total, free = system.memory(root)
    built_for = backends()
    gpus: tuple[Gpu, ...] = ()
    advice = ""
    if built_for:
        try:
            gpus = used_gpus(devices(), free)
        except (DriverFailed, OSError) as error:
            advice = (
                f"The GPU's driver {error}: only the CPU is used. See that the driver works, and start again."
            )
    cpu = system.cpu(root)
    if not gpus and not advice:
        advice = missing(built_for, root)
    return Hardware(total, free, gpus, cpu, bandwidth.remembered(cpu, state), advice)


def measured() -> Hardware:
    """The machine as it is now, with the memory's speed: if nobody has measured it, it takes 0.2 s."""
    found = probe()
    return replace(found, bandwidth=found.bandwidth or bandwidth.known(found.cpu))


def used_gpus(devices: Sequence[Device], free_ram: int) -> tuple[Gpu, ...]:
    """The GPUs that llama.cpp puts layers on: the discrete ones, or else an integrated one."""
    discrete = [device for device in devices if device.kind == "gpu"]
    # llama.cpp takes one integrated GPU, and only where there is no other
    chosen = discrete or [device for device in devices if device.kind == "integrated"][:1]
    return tuple(_gpu(device, free_ram) for device in chosen if _total(device, free_ram) >= _LEAST_GPU)


def _gpu(device: Device, free_ram: int) -> Gpu:
    backend = _BACKENDS.get(device.backend.lower(), "other")
    is_unified = device.kind == "integrated" or (backend == "metal" and platform.machine() == "arm64")
    total = _total(device, free_ram)
    free = min(device.free_bytes or total, total)
    return Gpu(device.description or device.name, backend, total, free, is_unified)


def _total(device: Device, free_ram: int) -> int:
    """A device that tells no size takes the machine's memory, as llama.cpp supposes too."""
    return device.total_bytes or free_ram


def missing(built_for: Sequence[str], root: Path = Path("/")) -> str:
    """What keeps a GPU of this machine from being used, and what mends it; empty if nothing does."""
    gpu, backend = present(root)
    if not backend:
        return ""
    if backend not in built_for and not (backend == "rocm" and "vulkan" in built_for):
        built = f"for {', '.join(built_for)}" if built_for else "for the CPU alone"
        return (
            f"{gpu} is there, but llama.cpp was built {built}: run MULL_BACKEND={backend} make run in Mull's "
            f"folder to build it for {_NAMES[backend]}."
        )
    return f"{gpu} is there, but its driver gives llama.cpp no device: see that {_CHECKS[backend]} works."


_NAMES: Final = {"cuda": "CUDA", "rocm": "ROCm", "metal": "Metal"}
_CHECKS: Final = {"cuda": "nvidia-smi", "rocm": "rocminfo", "metal": "the system's own graphics"}


def present(root: Path = Path("/")) -> tuple[str, str]:
    """A GPU that the system has a driver for, and the backend that would use it; two empty texts if none."""
    if sys.platform == "darwin":
        return ("The Mac's GPU", "metal") if platform.machine() == "arm64" else ("", "")
    has_driver = (root / "proc/driver/nvidia/version").exists() or (root / "dev/nvidiactl").exists()
    if has_driver or (sys.platform == "win32" and shutil.which("nvidia-smi")):
        return "An NVIDIA GPU", "cuda"
    if (root / "dev/kfd").exists():
        return "An AMD GPU", "rocm"
    return "", ""
