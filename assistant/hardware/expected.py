"""What can be said of a model that is not here yet: what it is likely to need, and how fast it will be. Pure.

Both are guesses, good enough to rank models by and to be shown with "about": `assumed` takes a file that
has not been downloaded for one of the usual shape of its size, and `tokens_per_second` takes a model for
as fast as memory can be read, which is what bounds the decoding of one sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from assistant.hardware.fit import LoadPlan
from assistant.hardware.machine import GiB, Gpu, Hardware
from assistant.hardware.memory import Layer, ModelMemory

_Number = TypeVar("_Number", int, float)

_LAYERS: Final = ((0.3, 24), (2.5, 28), (10, 36), (20, 40), (28, 48), (45, 64), (90, 80))
"""Usual number of layers up to so many billion parameters."""
_MOST_LAYERS: Final = 94
_KV: Final = 2 * 8 * 128
"""Numbers that a token usually leaves in a layer's cache: keys and values of 8 heads of 128."""
_VOCABULARY: Final = 152_000
_WIDTH: Final = 13
"""Widest moment of a computation, in lengths of a vector: hidden activations are three times as long."""
_EXPERT_SHARE: Final = 1 / 16
"""Share of a mixture's experts that a token usually takes."""

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


def assumed(
    name: str,
    size_bytes: int,
    n_params: int,
    *,
    n_active: int = 0,
    n_ctx_train: int = 0,
    n_layer: int = 0,
    kv_per_token: int = 0,
) -> ModelMemory:
    """What a file is likely to need whose header is not at hand.

    Args:
        name: what it is called.
        size_bytes: of the file, or of all its parts.
        n_params: weights.
        n_active: weights that a token uses; 0 means all of them.
        n_ctx_train: context that it was trained for, in tokens; 0 unknown.
        n_layer: blocks, if that is known.
        kv_per_token: numbers that a token leaves in the caches of all layers, if that is known.
    """
    n_layer = n_layer or _first(_LAYERS, max(n_params, 1) / 1e9, _MOST_LAYERS)
    active = min(n_active or n_params, n_params)
    n_embd = _round((active / (12 * n_layer)) ** 0.5)
    vocabulary = min(n_embd * _VOCABULARY / max(n_params, 1), 0.3)
    embedding = int(size_bytes * vocabulary)
    each = max(size_bytes - 2 * embedding, 0) // n_layer
    unread = each * (1 - active / n_params) if active < n_params else 0.0
    experts = min(int(unread / (1 - _EXPERT_SHARE)), each)
    layer = Layer(each, experts, largest=each // 3, kv=kv_per_token // n_layer or _KV)
    return ModelMemory(
        name=name,
        size_bytes=size_bytes,
        n_ctx_train=n_ctx_train,
        n_vocab=_VOCABULARY,
        n_embd=n_embd,
        embedding=embedding,
        output=embedding,
        is_tied=False,
        layers=(layer,) * n_layer,
        width=_WIDTH * n_embd,
        mixer=0,
        attention=6 * n_embd,
        n_head=max(n_embd // 128, 1),
        expert_share=_EXPERT_SHARE if experts else 1.0,
        can_quantize_kv=True,
    )


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


def _first(table: Sequence[tuple[float, _Number]], amount: float, otherwise: _Number) -> _Number:
    """The entry for up to so much."""
    return next((entry for most, entry in table if amount <= most), otherwise)


def _round(n_embd: float) -> int:
    return max(round(n_embd / 256) * 256, 256)
