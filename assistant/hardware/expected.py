"""How fast a model will be that has not run here yet. Pure.

A guess, good enough to rank models by and to be shown with "about": a model is taken for as fast as memory
can be read, which is what bounds the decoding of one sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from assistant.hardware.fit import LoadPlan
from assistant.hardware.machine import GiB, Gpu, Hardware
from assistant.hardware.memory import ModelMemory

_EFFICIENCY: Final = 0.65
"""Share of a memory's speed that decoding reaches."""
_RAM_SPEED: Final = 45e9
"""Bytes a second of two channels of DDR5 or fast DDR4, where it was not measured."""
_GPU_SPEEDS: Final = ((4, 130e9), (6, 190e9), (8, 260e9), (12, 380e9), (16, 480e9), (24, 850e9), (48, 1.0e12))
"""Bytes a second of a usual card with up to so many GiB."""
_LARGE_GPU_SPEED: Final = 2e12
_MAC_SPEEDS: Final = ((18, 100e9), (40, 200e9))
"""Bytes a second of a usual Mac with up to so many GiB of memory."""
_LARGE_MAC_SPEED: Final = 400e9


def tokens_per_second(model: ModelMemory, plan: LoadPlan, hardware: Hardware) -> float:
    """About how fast one sequence will be decoded; 0.0 where the model is read from disk as it runs."""
    if plan.is_paged:
        return 0.0
    first = model.n_layer + 1 - plan.n_gpu_layers if plan.n_gpu_layers else model.n_layer
    on_gpu = model.output if plan.n_gpu_layers else 0
    on_host = 0 if plan.n_gpu_layers else model.output
    for i, layer in enumerate(model.layers):
        read = layer.active(model.expert_share)
        experts = int(layer.experts * model.expert_share)
        if i < first:
            on_host += read
        elif i < plan.n_cpu_experts:
            on_host, on_gpu = on_host + experts, on_gpu + read - experts
        else:
            on_gpu += read
    seconds = on_host / (hardware.bandwidth or _RAM_SPEED)
    if on_gpu and hardware.gpus:
        seconds += on_gpu / max(_speed(gpu, hardware) for gpu in hardware.gpus)
    return _EFFICIENCY / seconds if seconds else 0.0


def _speed(gpu: Gpu, hardware: Hardware) -> float:
    """Bytes a second that a GPU is likely to read from its memory."""
    if gpu.backend == "metal":
        return _first(_MAC_SPEEDS, hardware.ram_bytes / GiB, _LARGE_MAC_SPEED)
    if gpu.is_unified:
        return hardware.bandwidth or _RAM_SPEED
    # a card has a little less than its nameplate says
    return _first(_GPU_SPEEDS, gpu.total_bytes / GiB, _LARGE_GPU_SPEED)


def _first(table: Sequence[tuple[float, float]], amount: float, otherwise: float) -> float:
    """The entry for up to so much."""
    return next((entry for most, entry in table if amount <= most), otherwise)
