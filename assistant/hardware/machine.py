"""What a machine has, as values, and the text that describes one: "8GiB cuda, 16GiB ram". Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from assistant.errors import UsageError

Backend = Literal["cuda", "rocm", "metal", "vulkan", "sycl", "other"]
"""What drives a GPU."""

GiB: Final = 1 << 30
MiB: Final = 1 << 20

_UNITS: Final = {"": GiB, "K": 1 << 10, "M": MiB, "G": GiB, "T": 1 << 40}
_DESKTOP_RAM: Final = 2 * GiB
"""What a system with its desktop takes, where a machine is only described."""
_DESKTOP_GPU: Final = 256 * MiB
_WORKING_SET: Final = 0.72
"""Share of a Mac's memory that its GPU may use, by Apple's own limit for smaller ones (two thirds to three
quarters)."""
_PART: Final = re.compile(
    r"(?:(?P<times>\d+)\s*[x*]\s*)?(?P<amount>\d+(?:\.\d+)?)\s*(?P<unit>[kmgt]?i?b?)\s*(?P<rate>/s)?\s+(?P<what>[a-z]+)"
)
_GPU_WORDS: Final[dict[str, Backend]] = {
    "cuda": "cuda",
    "nvidia": "cuda",
    "rocm": "rocm",
    "hip": "rocm",
    "amd": "rocm",
    "metal": "metal",
    "apple": "metal",
    "vulkan": "vulkan",
    "sycl": "sycl",
    "gpu": "other",
}
_NEXT: Final = 'Write it as "8GiB cuda, 16GiB ram", "16GiB metal" or "2x 24GiB cuda, 64GiB ram, 16 cores".'


@dataclass(frozen=True, slots=True)
class Gpu:
    """A device that llama.cpp can put layers on."""

    name: str
    """What the user calls it, such as NVIDIA GeForce RTX 4060."""
    backend: Backend
    total_bytes: int
    free_bytes: int
    """What nobody uses now."""
    is_unified: bool = False
    """Whether its memory is the machine's own: what it takes is taken from the RAM too."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """The processor, as far as this process may use it."""

    name: str = ""
    n_cores: int = 1
    """Physical cores that this process may keep busy: affinity and a container's quota taken in."""
    n_threads: int = 1
    """Threads of llama.cpp that suit it."""
    features: tuple[str, ...] = ()
    """Instruction sets that llama.cpp makes use of, such as AVX2."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """A machine."""

    ram_bytes: int
    """Memory that this process may have at most: the machine's, or a container's limit."""
    free_bytes: int
    """What of it can be had now without swapping."""
    gpus: tuple[Gpu, ...] = ()
    """Those that llama.cpp uses: discrete ones, or an integrated one where there is no other."""
    cpu: Cpu = Cpu()
    bandwidth: float = 0.0
    """Bytes a second that the processor reads from memory; 0 unknown."""
    advice: str = ""
    """What is wrong with the acceleration and the command that mends it; empty if nothing is."""

    def sentence(self) -> str:
        """The machine in a few words: "8 cores, 15.5 GiB of memory (9.1 GiB free)", and its GPUs."""
        cores = f"{self.cpu.n_cores} core{'' if self.cpu.n_cores == 1 else 's'}"
        words = [f"{cores}, {size(self.ram_bytes)} of memory ({size(self.free_bytes)} free)"]
        words += [
            f"{gpu.name} with {size(gpu.total_bytes)} ({size(gpu.free_bytes)} free)" for gpu in self.gpus
        ]
        return ", ".join(words)


def size(n_bytes: int) -> str:
    """5021851296 -> 4.7 GiB."""
    if n_bytes >= GiB:
        return f"{n_bytes / GiB:.1f} GiB"
    return f"{n_bytes / MiB:.0f} MiB"


def parse(text: str) -> Hardware:
    """A machine from its description; what is free is guessed as on one with a desktop and a browser.

    Args:
        text: parts with commas between them: memory ("16GiB ram"), GPUs ("8GiB cuda", "2x 24GiB cuda",
            "16GiB metal", which is memory and GPU in one), cores ("8 cores"), memory bandwidth
            ("60GB/s bandwidth"). A bare number or G is in GiB.

    Raises:
        UsageError: a part is not understood, or there is no memory.
    """
    ram, n_cores, bandwidth = 0, 8, 0.0
    gpus: list[Gpu] = []
    for part in filter(None, (piece.strip().lower() for piece in text.split(","))):
        match = _PART.fullmatch(part)
        if match is None:
            raise UsageError(f'"{part}" is no part of a machine that Mull understands.', _NEXT)
        amount, what = float(match["amount"]), match["what"]
        if what in ("core", "cores") and not match["unit"]:
            n_cores = max(1, int(amount))
        elif what == "bandwidth" and match["rate"]:
            bandwidth = float(_bytes(amount, match["unit"]))
        elif what in ("ram", "memory") and not match["rate"]:
            ram += _bytes(amount, match["unit"])
        elif what in _GPU_WORDS and not match["rate"]:
            gpus += [_gpu(_GPU_WORDS[what], _bytes(amount, match["unit"]))] * int(match["times"] or 1)
        else:
            raise UsageError(f'"{part}" is no part of a machine that Mull understands.', _NEXT)
    if not ram:
        ram = max((gpu.total_bytes for gpu in gpus if gpu.backend == "metal"), default=0)
    if not ram:
        raise UsageError("The description of the machine names no memory.", _NEXT)
    free = ram - min(_DESKTOP_RAM, ram // 2)
    gpus = [_unified(gpu, ram, free) if gpu.backend == "metal" else gpu for gpu in gpus]
    return Hardware(ram, free, tuple(gpus), Cpu("", n_cores, n_cores), bandwidth)


def _bytes(amount: float, unit: str) -> int:
    unit = unit.upper()
    letter = unit[:1] if unit[:1] in "KMGT" and unit else ""
    # disks and files are sold in GB of a thousand million; memory in GB is GiB to everyone who has it
    return round(amount * _UNITS[letter])


def _gpu(backend: Backend, total: int) -> Gpu:
    return Gpu(backend, backend, total, total - min(_DESKTOP_GPU, total // 4))


def _unified(gpu: Gpu, ram: int, free: int) -> Gpu:
    working_set = int(ram * _WORKING_SET)
    return Gpu(gpu.name, gpu.backend, working_set, min(working_set, free), is_unified=True)
