"""How a model is best loaded on a machine, without running out of memory. Pure.

What is given up first, until everything fits:

1. context beyond 16k, which is only taken where all layers are on GPUs and memory is plenty;
2. precision of the KV cache: f16, then q8_0, which costs next to no quality;
3. samples of a vote beyond 4, where sequences take memory of their own;
4. context beyond 8k;
5. experts on the GPU: as few as must go to the machine's memory;
6. layers on the GPU: as few as must go;
7. context beyond 4k, samples beyond 2;
8. context beyond 2k, KV cache in q4_0, samples, and tokens that are computed at a time.

What is left over goes back the same way: once the place of the layers is settled, the most comfortable
context, cache and vote that fit there are taken. More memory therefore never gives a worse plan. What the
user has set stays as it is, and the rest is fitted around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Protocol, cast

from assistant.engine.options import IDLE_SLOTS
from assistant.hardware.machine import Gpu, Hardware, MiB, size
from assistant.hardware.memory import KVType, Load, ModelMemory, Need, Needs

LARGE_CONTEXT: Final = 16384
"""Context above which more is a luxury: the memory of it is cleared at every load."""

_RAM_MARGIN: Final = 448 * MiB
"""For parked conversations (256 MiB), Mull itself and the libraries that its child loads."""
_GPU_MARGIN: Final = 320 * MiB
"""For the driver's own context and buffers, which llama.cpp does not count."""
_SHARE_KEPT: Final = 0.05
"""Of a device's whole memory, for the desktop and for what others may ask for later."""
_MORE_KEPT: Final = ((LARGE_CONTEXT, 0.3), (8192, 0.1))
"""Likewise, beside a context above so many tokens."""


class LoadWishes(Protocol):
    """How the user wants a model loaded: the settings, and the options that come of them."""

    @property
    def n_ctx(self) -> int:
        """Context in tokens; 0 leaves it to Mull, and so for the others but these two."""

    @property
    def n_seq_max(self) -> int: ...

    @property
    def kv_type(self) -> str:
        """f16, q8_0, q4_0; "auto" leaves it to Mull."""

    @property
    def n_batch(self) -> int: ...

    @property
    def n_gpu_layers(self) -> int:
        """-1 leaves them to Mull."""

    @property
    def n_threads(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Wants:
    """What the user has set; None is left to Mull."""

    n_ctx: int | None = None
    n_seq_max: int | None = None
    kv_type: KVType | None = None
    n_batch: int | None = None
    n_gpu_layers: int | None = None
    n_threads: int | None = None
    flash_attn: bool = True

    @classmethod
    def of(cls, wishes: LoadWishes) -> Wants:
        """What is set among the user's wishes."""
        return cls(
            n_ctx=wishes.n_ctx or None,
            n_seq_max=wishes.n_seq_max or None,
            kv_type=None if wishes.kv_type == "auto" else cast("KVType", wishes.kv_type),
            n_batch=wishes.n_batch or None,
            n_gpu_layers=None if wishes.n_gpu_layers < 0 else wishes.n_gpu_layers,
            n_threads=wishes.n_threads or None,
        )


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """How to load a model, and what that takes."""

    n_ctx: int
    n_seq_max: int
    """Samples side by side."""
    kv_type: KVType
    n_batch: int
    n_gpu_layers: int
    """Layers on GPUs, the output counted as one; 0 none."""
    n_cpu_experts: int
    """How many of the first layers keep their experts in the machine's memory."""
    n_threads: int
    flash_attn: bool
    shares: tuple[float, ...]
    """How several GPUs share the layers; empty with one or none."""
    n_layer: int
    """Blocks of the model."""
    host: Need
    """What it takes of the machine's memory."""
    gpus: tuple[Need, ...]
    """What it takes of each GPU's."""
    is_fit: bool
    """Whether all of it fits into what is free."""
    is_paged: bool = False
    """Whether the weights are larger than the memory, so that they must stay in their file."""
    note: str = ""
    """A sentence for the user where it does not fit; empty where it does."""

    @property
    def total_bytes(self) -> int:
        """All that it takes, on all devices."""
        return self.host.total + sum(need.total for need in self.gpus)

    @property
    def sentence(self) -> str:
        """The plan in a few words: "context 16k, KV q8_0, all layers on the GPU, votes of 6"."""
        place = in_words(self.n_gpu_layers, self.n_layer, self.n_cpu_experts, len(self.gpus))
        return sentence(self.n_ctx, self.kv_type, place, self.n_seq_max)


def sentence(n_ctx: int, kv_type: str, place: str, n_seq_max: int) -> str:
    """A way of loading in a few words."""
    return f"context {_thousands(n_ctx)}, KV {kv_type}, {place}, votes of {n_seq_max}"


def in_words(n_gpu_layers: int, n_layer: int, n_cpu_experts: int = 0, n_gpus: int = 1) -> str:
    """Where the layers are."""
    gpus = "the GPU" if n_gpus < 2 else f"{n_gpus} GPUs"
    if not n_gpu_layers:
        return "all layers on the CPU"
    is_whole = not 0 <= n_gpu_layers <= n_layer
    on_gpu = "all layers" if is_whole else f"{n_gpu_layers} of {n_layer + 1} layers"
    if n_cpu_experts:
        return f"{on_gpu} on {gpus} but for the experts of {n_cpu_experts} of {n_layer}"
    return f"{on_gpu} on {gpus}"


def expert_pattern(n_layers: int) -> str:
    """Regular expression of the names of the first layers' experts."""
    layers = "|".join(str(i) for i in range(n_layers))
    return rf"^blk\.({layers})\.ffn_(up|down|gate|gate_up)_exps\."


@dataclass(frozen=True, slots=True)
class _Comfort:
    """What does not depend on where the layers are."""

    n_ctx: int
    kv_type: KVType
    n_seq_max: int
    n_batch: int = 512


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the layers are."""

    n_gpu_layers: int
    n_cpu_experts: int = 0


_TIERS: Final[tuple[tuple[_Comfort, ...], ...]] = (
    (
        _Comfort(32768, "f16", 8),
        _Comfort(32768, "q8_0", 8),
        _Comfort(16384, "f16", 8),
        _Comfort(16384, "q8_0", 8),
        _Comfort(16384, "q8_0", 6),
        _Comfort(16384, "q8_0", 4),
        _Comfort(8192, "f16", 8),
        _Comfort(8192, "q8_0", 8),
        _Comfort(8192, "q8_0", 6),
        _Comfort(8192, "q8_0", 4),
    ),
    (
        _Comfort(4096, "f16", 8),
        _Comfort(4096, "q8_0", 8),
        _Comfort(4096, "q8_0", 4),
        _Comfort(4096, "q8_0", 2),
    ),
    (_Comfort(2048, "q8_0", 2, 256), _Comfort(2048, "q4_0", 1, 128)),
)
"""Comforts, the best first. The last one of a tier is what layers are moved off the GPU for; the next tier
comes into play only where that does not help."""


def fit(model: ModelMemory, hardware: Hardware, wants: Wants | None = None) -> LoadPlan:
    """The best way to load a model that fits; one that is as small as can be where none does.

    Args:
        model: what it is made of.
        hardware: the machine, as it is now.
        wants: what the user has set.
    """
    wants = wants or Wants()
    plan = _Planner(model, hardware, wants).plan()
    if plan.is_fit:
        return plan
    free = Wants(n_threads=wants.n_threads, flash_attn=wants.flash_attn)
    return replace(
        plan, note=_why(plan, hardware, wants, fit(model, hardware, free) if wants != free else plan)
    )


class _Planner:
    """One question for a plan."""

    def __init__(self, model: ModelMemory, hardware: Hardware, wants: Wants) -> None:
        self._model = model
        self._hardware = hardware
        self._wants = wants
        self._needs = Needs(model)
        self._shares = tuple(float(max(_room(gpu), 1)) for gpu in hardware.gpus) or (1.0,)

    def plan(self) -> LoadPlan:
        tiers = self._tiers()
        better: list[_Comfort] = []
        for tier in tiers:
            better += tier
            for place in self._places():
                if not self._fits(tier[-1], place):
                    continue
                return self._made(next(c for c in better if self._fits(c, place)), place, is_fit=True)
        smallest = tiers[-1][-1]
        return self._made(smallest, self._last_resort(smallest), is_fit=False)

    def _tiers(self) -> list[list[_Comfort]]:
        """The comforts that the user's settings and the model leave, without doubles."""
        wants, model = self._wants, self._model
        most = model.n_ctx_train or LARGE_CONTEXT
        tiers = []
        for tier in _TIERS:
            chosen: dict[_Comfort, None] = {}
            for comfort in tier:
                kv_type = comfort.kv_type if model.can_quantize_kv and wants.flash_attn else "f16"
                mine = _Comfort(
                    n_ctx=wants.n_ctx or min(comfort.n_ctx, most),
                    kv_type=wants.kv_type or kv_type,
                    n_seq_max=wants.n_seq_max or comfort.n_seq_max,
                    n_batch=wants.n_batch or comfort.n_batch,
                )
                chosen.setdefault(mine)
            tiers.append(list(chosen))
        return tiers

    def _places(self) -> Iterator[_Place]:
        """Where the layers may be, the fastest first."""
        n_layer = self._model.n_layer
        if not self._hardware.gpus or self._wants.n_gpu_layers == 0:
            yield _Place(0)
            return
        if self._wants.n_gpu_layers is not None:
            yield _Place(min(self._wants.n_gpu_layers, n_layer + 1))
            return
        yield _Place(n_layer + 1)
        n_spared = 0
        if self._model.has_experts:
            n_spared = n_layer
            for n in range(1, n_layer + 1):
                if self._model.layers[n - 1].experts:
                    yield _Place(n_layer + 1, n)
        for n in range(n_layer, 0, -1):
            yield _Place(n, n_spared)
        yield _Place(0)

    def _last_resort(self, smallest: _Comfort) -> _Place:
        """Where the layers go if the machine's memory is too small: what its GPUs hold is on them."""
        places = list(self._places())
        if any(gpu.is_unified for gpu in self._hardware.gpus):
            return places[-1]
        held = (p for p in places if self._fits_gpus(self._load(smallest, p), _SHARE_KEPT))
        return next(held, places[-1])

    def _load(self, comfort: _Comfort, place: _Place) -> Load:
        return Load(
            n_ctx=comfort.n_ctx,
            n_slots=comfort.n_seq_max + IDLE_SLOTS,
            kv_type=comfort.kv_type,
            n_batch=comfort.n_batch,
            flash_attn=self._wants.flash_attn,
            n_gpu_layers=place.n_gpu_layers,
            n_cpu_experts=place.n_cpu_experts,
            shares=self._shares,
        )

    def _fits(self, comfort: _Comfort, place: _Place) -> bool:
        load, hardware = self._load(comfort, place), self._hardware
        kept = self._kept(comfort)
        is_luxury = comfort.n_ctx > LARGE_CONTEXT and self._wants.n_ctx is None
        if (is_luxury and place.n_gpu_layers <= self._model.n_layer) or not self._fits_gpus(load, kept):
            return False
        host = self._needs.host(load).total
        needs = zip(hardware.gpus, self._needs.gpus(load), strict=False)
        return host + sum(need.total for gpu, need in needs if gpu.is_unified) <= room(hardware, kept)

    def _fits_gpus(self, load: Load, kept: float) -> bool:
        needs = zip(self._hardware.gpus, self._needs.gpus(load), strict=False)
        return all(need.total <= _room(gpu, kept) for gpu, need in needs)

    def _kept(self, comfort: _Comfort) -> float:
        """The share of each memory that is left to others."""
        if self._wants.n_ctx is not None:
            return _SHARE_KEPT
        return next((kept for n_ctx, kept in _MORE_KEPT if comfort.n_ctx > n_ctx), _SHARE_KEPT)

    def _made(self, comfort: _Comfort, place: _Place, *, is_fit: bool) -> LoadPlan:
        load = self._load(comfort, place)
        gpus = self._hardware.gpus
        host = self._needs.host(load)
        return LoadPlan(
            n_ctx=comfort.n_ctx,
            n_seq_max=comfort.n_seq_max,
            kv_type=comfort.kv_type,
            n_batch=comfort.n_batch,
            n_gpu_layers=place.n_gpu_layers,
            n_cpu_experts=place.n_cpu_experts if place.n_gpu_layers else 0,
            n_threads=self._wants.n_threads or self._hardware.cpu.n_threads,
            flash_attn=self._wants.flash_attn,
            shares=self._shares if len(gpus) > 1 and place.n_gpu_layers else (),
            n_layer=self._model.n_layer,
            host=host,
            gpus=self._needs.gpus(load) if gpus else (),
            is_fit=is_fit,
            is_paged=not is_fit and host.total > self._hardware.free_bytes > host.total - host.weights,
        )


def room(hardware: Hardware, kept: float = _SHARE_KEPT) -> int:
    """Bytes of the machine's memory that a model may take; `kept` is the share left to others."""
    margin = min(_RAM_MARGIN, hardware.ram_bytes // 8)
    return max(hardware.free_bytes - margin - int(kept * hardware.ram_bytes), 0)


def _room(gpu: Gpu, kept: float = _SHARE_KEPT) -> int:
    """Bytes of a GPU's memory that a model may take."""
    return max(gpu.free_bytes - _GPU_MARGIN - int(kept * gpu.total_bytes), 0)


def shortage(plan: LoadPlan, hardware: Hardware) -> str:
    """What a plan takes and what there is: "5.2 GiB of memory, and 4.1 GiB can be had"."""
    on_gpus, have = sum(need.total for need in plan.gpus), sum(_room(gpu) for gpu in hardware.gpus)
    if on_gpus > have:
        return f"{size(on_gpus)} of the GPU's memory, and {size(have)} can be had"
    return f"{size(plan.host.total)} of memory, and {size(room(hardware))} can be had"


def _why(plan: LoadPlan, hardware: Hardware, wants: Wants, free: LoadPlan) -> str:
    """The sentence on a plan that does not fit."""
    takes = shortage(plan, hardware)
    if not free.is_fit and plan.is_paged:
        return f"This model needs {takes}: it will be read from its file again and again, which is very slow."
    if not free.is_fit:
        return f"This model needs {takes}: little is left for other programs, and memory may run out."
    names = ("n_ctx", "n_seq_max", "kv_type", "n_batch", "n_gpu_layers")
    said = [f"{name} = {value}" for name in names if (value := getattr(wants, name)) is not None]
    return f"With {' and '.join(said)} this model needs {takes}; left to Mull: {free.sentence}."


def _thousands(n_tokens: int) -> str:
    """16384 -> 16k."""
    return f"{n_tokens // 1024}k" if n_tokens >= 1024 and n_tokens % 1024 == 0 else f"{n_tokens:,}"
