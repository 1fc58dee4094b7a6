"""What a way of loading a model takes on each device. Pure; `requirements` reads a header for it.

The figures follow what llama.cpp 0.3.36 of the binding reserves (src/llama-kv-cache.cpp,
llama-kv-cache-iswa.cpp, llama-memory-recurrent.cpp, llama-hparams.cpp, `llama_context::sched_reserve`):

* A full layer keeps a key and a value for each cell; a sliding one for window x sequences + one micro-batch
  cells, rounded up to 256. Latent attention (MLA) keeps the latent key alone. A layer of a recurrent kind
  keeps a state for each sequence, in 32 bits.
* A computation's buffer holds its widest moment. With flash attention that is a feed-forward part: its
  hidden activations thrice (gate, up, product), the residual stream thrice, a query, and the mask; with
  experts the outputs of those used, twice. Without it the scores of all heads over all cells come first.
* Logits are kept for as many rows as there are sequences, which is all that Mull asks for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Literal

KVType = Literal["f16", "q8_0", "q4_0"]

KV_BITS: Final[dict[KVType, float]] = {"f16": 16, "q8_0": 8.5, "q4_0": 4.5}
"""Bits of a number in the KV cache; the quantised types have a scale for every 32 numbers."""
MICRO_BATCH: Final = 512
"""Most tokens that llama.cpp computes at once."""
FLOAT: Final = 4
"""Bytes of a number in a computation, and in a recurrent state."""
_MASK: Final = 2
_CELLS: Final = 256
"""The KV cache grows by so many cells."""
_SMALL: Final = 64 << 10
"""Positions, token ids and other small inputs of a computation."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One block of a model."""

    weights: int = 0
    """Bytes of all its tensors."""
    experts: int = 0
    """Those of them in expert matrices, of which a token uses few."""
    largest: int = 0
    """Bytes of its largest tensor."""
    kv: int = 0
    """Numbers that a token leaves in its cache, key and value together."""
    window: int = 0
    """Tokens back that it sees; 0 is all of them."""
    state: int = 0
    """Bytes that a sequence's recurrent state takes."""

    def active(self, expert_share: float) -> int:
        """Bytes that are read for each token."""
        return self.weights - int(self.experts * (1 - expert_share))


@dataclass(frozen=True, slots=True)
class ModelMemory:
    """What a model is made of."""

    name: str
    size_bytes: int
    n_ctx_train: int
    """Context that it was trained for, in tokens; 0 if the file does not say."""
    n_vocab: int
    n_embd: int
    embedding: int
    """Bytes of what turns tokens into vectors: it always stays in the machine's memory."""
    output: int
    """Bytes of what turns vectors into logits."""
    is_tied: bool
    """Whether the output is the embedding's own matrix, so that a GPU gets a copy of it."""
    layers: tuple[Layer, ...]
    width: int
    """Numbers that a token takes at the widest moment of a computation with flash attention."""
    mixer: int
    """Numbers that a token takes in a recurrent layer; the states of all sequences come on top."""
    attention: int
    """Numbers that a token takes beside the scores without flash attention."""
    n_head: int
    """Most heads of a layer."""
    expert_share: float
    """Share of the experts that a token uses; 1 without experts."""
    can_quantize_kv: bool
    """Whether its keys and values can be kept in fewer bits."""

    @property
    def n_layer(self) -> int:
        """How many blocks there are."""
        return len(self.layers)

    @property
    def weights(self) -> int:
        """Bytes of all weights that are loaded, a tied output counted once."""
        tied = self.output if self.is_tied else 0
        return self.embedding + self.output - tied + sum(layer.weights for layer in self.layers)

    @property
    def active(self) -> int:
        """Bytes of weights that are read for each token: of the experts, those that are used."""
        return self.output + sum(layer.active(self.expert_share) for layer in self.layers)

    @property
    def has_experts(self) -> bool:
        """Whether most weights are in experts."""
        return any(layer.experts for layer in self.layers)


@dataclass(frozen=True, slots=True)
class Load:
    """A way of loading a model."""

    n_ctx: int
    """Tokens of context, all sequences together."""
    n_slots: int
    """Sequences that the cache can hold."""
    kv_type: KVType = "f16"
    n_batch: int = MICRO_BATCH
    """Most tokens computed at a time."""
    flash_attn: bool = True
    n_gpu_layers: int = 0
    """Layers on GPUs, counted from the end; the output counts as one, so n_layer + 1 is all of them."""
    n_cpu_experts: int = 0
    """How many of the first layers keep their experts in the machine's memory."""
    shares: tuple[float, ...] = (1.0,)
    """How the layers on GPUs are shared out; one entry a GPU."""


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes on one device."""

    weights: int = 0
    cache: int = 0
    """KV cache and recurrent states."""
    compute: int = 0
    """Intermediate results, and what has to be copied to compute elsewhere."""
    output: int = 0
    """Logits that wait to be read."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.cache + self.compute + self.output


class Needs:
    """What ways of loading one model take; every question is answered from sums made once.

    Args:
        model: what `requirements` has found.
    """

    def __init__(self, model: ModelMemory) -> None:
        self.model = model
        layers = model.layers
        self._weights = _sums(layer.weights for layer in layers)
        self._experts = _sums(layer.experts for layer in layers)
        self._full = _sums(0 if layer.window else layer.kv for layer in layers)
        self._state = _sums(layer.state for layer in layers)
        windows = sorted({layer.window for layer in layers if layer.window})
        self._largest = [0, *accumulate((layer.largest for layer in layers), max)]
        self._largest_state = max((layer.state for layer in layers), default=0)
        self._sliding = {w: _sums(layer.kv if layer.window == w else 0 for layer in layers) for w in windows}

    def host(self, load: Load) -> Need:
        """What stays in the machine's memory."""
        model = self.model
        n_cpu = self._n_cpu(load)
        on_gpu = self._experts[max(load.n_cpu_experts, n_cpu)] - self._experts[n_cpu]
        weights = model.embedding + self._weights[n_cpu] + (on_gpu if load.n_cpu_experts > n_cpu else 0)
        if not load.n_gpu_layers and not model.is_tied:
            weights += model.output
        if load.n_gpu_layers > model.n_layer and not load.n_cpu_experts:
            # what goes over to the GPU: embedded tokens and the mask
            compute = 2 * FLOAT * model.n_embd * self._n_tokens(load) + self._mask(load) + _SMALL
        else:
            compute = self._compute(load)
        return Need(weights, self._cache(load, 0, n_cpu), compute, FLOAT * model.n_vocab * load.n_slots)

    def gpus(self, load: Load) -> tuple[Need, ...]:
        """What goes to each GPU."""
        if not load.n_gpu_layers:
            return tuple(Need() for _ in load.shares)
        first = self._n_cpu(load)
        compute = self._compute(load) + self._borrowed(load)
        needs = []
        for low, high, has_output in _ranges(load, self.model.n_layer, first):
            if low == high and not has_output:
                needs.append(Need())
                continue
            weights = self._weights[high] - self._weights[low] + (self.model.output if has_output else 0)
            n_spared = min(max(load.n_cpu_experts, low), high)
            weights -= self._experts[n_spared] - self._experts[low]
            needs.append(Need(weights, self._cache(load, low, high), compute))
        return tuple(needs)

    def cache_bytes(self, load: Load) -> int:
        """KV cache and recurrent states of all layers."""
        return self._cache(load, 0, self.model.n_layer)

    def _n_cpu(self, load: Load) -> int:
        """Layers that stay in the machine's memory."""
        return max(self.model.n_layer + 1 - load.n_gpu_layers, 0) if load.n_gpu_layers else self.model.n_layer

    def _n_tokens(self, load: Load) -> int:
        """Tokens of the largest computation; llama.cpp takes equally many for each sequence."""
        n_tokens = min(load.n_ctx, load.n_batch, MICRO_BATCH)
        return -(-n_tokens // load.n_slots) * load.n_slots

    def _cache(self, load: Load, low: int, high: int) -> int:
        n_ctx = _up(load.n_ctx, _CELLS)
        numbers = (self._full[high] - self._full[low]) * n_ctx
        for window, sums in self._sliding.items():
            numbers += (sums[high] - sums[low]) * _sliding_cells(load, window)
        states = (self._state[high] - self._state[low]) * load.n_slots
        return int(numbers * KV_BITS[load.kv_type] / 8) + states

    def _mask(self, load: Load) -> int:
        n_cells = _up(load.n_ctx, _CELLS) if self._full[-1] else 0
        n_cells += sum(_sliding_cells(load, window) for window in self._sliding)
        return n_cells * self._n_tokens(load) * (_MASK if load.flash_attn else 2 * _MASK)

    def _compute(self, load: Load) -> int:
        model, n_tokens = self.model, self._n_tokens(load)
        states = self._largest_state * load.n_slots
        mixer = model.mixer * n_tokens * FLOAT + states if states else 0
        widest = max(model.width * n_tokens * FLOAT, mixer)
        if not load.flash_attn:
            n_cells = _up(load.n_ctx, _CELLS) if self._full[-1] else 0
            n_cells = max([n_cells, *(_sliding_cells(load, window) for window in self._sliding)])
            scores = (model.n_head * n_cells + model.attention) * n_tokens * FLOAT
            widest = max(widest, scores)
        logits = model.n_vocab * load.n_slots * FLOAT + 2 * model.n_embd * n_tokens * FLOAT
        return max(widest + self._mask(load), logits) + _SMALL

    def _borrowed(self, load: Load) -> int:
        """Room on the GPU for weights of the machine's memory: long prompts are computed with them there."""
        n_cpu = max(self._n_cpu(load), load.n_cpu_experts)
        return 2 * self._largest[n_cpu]


def need(model: ModelMemory, load: Load) -> tuple[Need, tuple[Need, ...]]:
    """What a way of loading takes in the machine's memory, and on each GPU."""
    needs = Needs(model)
    return needs.host(load), needs.gpus(load)


def _up(n: int, step: int) -> int:
    return -(-n // step) * step


def _sliding_cells(load: Load, window: int) -> int:
    """Cells of a layer that slides; llama.cpp keeps a window for each sequence."""
    n_batch = min(load.n_batch, MICRO_BATCH, load.n_ctx)
    return _up(min(_up(load.n_ctx, _CELLS), window * load.n_slots + n_batch), _CELLS)


def _sums(values: Iterable[int]) -> list[int]:
    return [0, *accumulate(values)]


def _ranges(load: Load, n_layer: int, first: int) -> list[tuple[int, int, bool]]:
    """Which layers each GPU gets, from and to, and whether it gets the output: llama.cpp's own rule.

    Of n layers on GPUs, the output counted as the last, the k-th goes to the device whose share of the
    whole is the first to end after k / n.
    """
    n_on_gpu = min(load.n_gpu_layers, n_layer + 1)
    total = sum(load.shares)
    ranges, start = [], 0
    for end in accumulate(load.shares):
        stop = min(max(math.ceil(end / total * n_on_gpu - 1e-9), start), n_on_gpu)
        low = min(first + start, n_layer)
        ranges.append((low, min(first + stop, n_layer), start < stop == n_on_gpu))
        start = stop
    return ranges
