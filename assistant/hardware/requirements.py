"""What a model is made of, told from its header: weights by layer and kind, cache, states, widths. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from assistant.catalog.gguf import GGUFInfo
from assistant.catalog.header import Scalar, Tensor
from assistant.hardware.memory import FLOAT, Layer, ModelMemory

_MOST_LAYERS: Final = 1024
"""Far more than there are in any model; a damaged header may claim thousands of millions."""
_QUANTUM: Final = 32
"""A row of the KV cache can only be quantised if its heads are made of so many numbers."""

_WINDOW_EVERY: Final[dict[str, tuple[int, bool]]] = {
    "afmoe": (4, False),
    "cohere2": (4, False),
    "cohere2moe": (4, True),
    "exaone-moe": (4, False),
    "exaone4": (4, False),
    "gemma2": (2, False),
    "gemma3": (6, False),
    "gemma3n": (5, False),
    "gpt-oss": (2, False),
    "laguna": (4, True),
    "llama4": (4, False),
    "mellum": (4, False),
    "olmo2": (4, False),
    "plamo3": (8, False),
    "smallthinker": (4, True),
}
"""Every which layer sees everything while the others slide, and whether that is the first of the group; for
architectures whose files do not say it."""
_ARRAY_ONLY: Final = frozenset(["gemma4", "granite-swa", "maple", "mimo2", "spark2-5", "step35"])
"""Architectures whose files name the sliding layers one by one."""
_NO_GROUPS: Final = frozenset(["mamba", "jamba"])
"""Architectures whose convolution runs over the inner stream alone."""
_DEFAULT_WINDOW: Final = {"gemma2": 4096, "exaone-moe": 128, "smallthinker": 4096}


def requirements(gguf: GGUFInfo) -> ModelMemory:
    """What a model is made of, from its header."""
    return _Reading(gguf).model()


class _Reading:
    """One header, and what it says of each layer."""

    def __init__(self, gguf: GGUFInfo) -> None:
        self._gguf = gguf
        self._n_layer = min(gguf.n_layer, _MOST_LAYERS)
        self._layers: list[dict[str, Tensor]] = [{} for _ in range(self._n_layer)]
        self._others: dict[str, Tensor] = {}
        for tensor in gguf.tensors:
            block, number, name = (*tensor.name.split(".", 2), "", "")[:3]
            if block == "blk" and number.isdecimal() and int(number) < self._n_layer:
                self._layers[int(number)][name] = tensor
            else:
                self._others[tensor.name] = tensor

    def model(self) -> ModelMemory:
        gguf = self._gguf
        vocabulary = self._others.get("token_embd.weight")
        output = self._others.get("output.weight")
        # the last layers may only serve to draft several tokens at once: they are not loaded
        n_layer = self._n_layer - min(self._number("nextn_predict_layers"), self._n_layer)
        layers = tuple(self._layer(i) if i < n_layer else Layer() for i in range(self._n_layer))
        apart = {"token_embd.weight", "output.weight", "per_layer_token_embd.weight"}
        rest = sum(t.n_bytes for name, t in self._others.items() if name not in apart)
        embedding = sum(t.n_bytes for name, t in self._others.items() if name in apart and t is not output)
        shape = vocabulary.shape if vocabulary and len(vocabulary.shape) == 2 else (0, 0)
        last = output or vocabulary
        width, mixer, attention = self._widths(n_layer, shape[0])
        return ModelMemory(
            name=gguf.name,
            size_bytes=gguf.size_bytes,
            n_ctx_train=gguf.n_ctx_train,
            n_vocab=shape[1],
            n_embd=shape[0],
            embedding=embedding,
            output=(last.n_bytes if last else 0) + rest,
            is_tied=output is None,
            layers=layers,
            width=width,
            mixer=mixer,
            attention=attention,
            n_head=max((self._at("attention.head_count", i) for i in range(n_layer)), default=0),
            expert_share=self._expert_share(),
            can_quantize_kv=all(self._head_length(i) % _QUANTUM == 0 for i in range(n_layer)),
        )

    def _layer(self, i: int) -> Layer:
        tensors = self._layers[i]
        sizes = [tensor.n_bytes for tensor in tensors.values()]
        return Layer(
            weights=sum(sizes),
            experts=sum(tensor.n_bytes for name, tensor in tensors.items() if "_exps." in name),
            largest=max(sizes, default=0),
            kv=self._kv(i),
            window=self._window(i),
            state=self._state(i),
        )

    def _kv(self, i: int) -> int:
        """Numbers that a token leaves in the layer's cache."""
        if not self._has_attention(i) or i >= self._n_layer_with_kv():
            return 0
        # models with one number for all layers name those without attention by their tensors alone
        n_head_kv = self._at("attention.head_count_kv", i) or self._at("attention.head_count", i)
        if isinstance(self._value("attention.head_count_kv"), tuple):
            n_head_kv = self._at("attention.head_count_kv", i)
        if self._number("attention.key_length_mla"):
            return self._head_length(i) * n_head_kv
        return (self._head_length(i) + self._value_length(i)) * n_head_kv

    def _n_layer_with_kv(self) -> int:
        """The layers after these use an earlier one's cache."""
        if self._gguf.architecture == "gemma3n":
            return 20
        return self._n_layer - self._number("attention.shared_kv_layers")

    def _has_attention(self, i: int) -> bool:
        names = self._layers[i]
        if any(name.startswith(("attn_k.", "attn_k_b.", "attn_kv_")) for name in names):
            return True
        is_recurrent = any(name.startswith(("ssm_", "time_mix_", "shortconv.")) for name in names)
        return "attn_qkv.weight" in names and not is_recurrent

    def _head_length(self, i: int) -> int:
        return self._length("key", i)

    def _value_length(self, i: int) -> int:
        return self._length("value", i)

    def _length(self, which: str, i: int) -> int:
        if self._window(i) and (sliding := self._number(f"attention.{which}_length_swa")):
            return sliding
        said = self._number(f"attention.{which}_length")
        return said or self._number("embedding_length") // max(self._at("attention.head_count", i), 1)

    def _window(self, i: int) -> int:
        """Tokens back that the layer sees; 0 is all of them."""
        architecture = self._gguf.architecture
        window = self._gguf.sliding_window or _DEFAULT_WINDOW.get(architecture, 0)
        if architecture == "llama4":
            window = window or 8192
        if not window or (architecture == "exaone4" and self._n_layer != 64):
            return 0
        pattern = self._value("attention.sliding_window_pattern")
        if isinstance(pattern, tuple):
            return window if i < len(pattern) and pattern[i] else 0
        if architecture in _ARRAY_ONLY or architecture not in _WINDOW_EVERY:
            return window if architecture == "lfm2" else 0
        every, is_first = _WINDOW_EVERY[architecture]
        if type(pattern) is int:
            every = pattern
        if not every:
            return window
        is_full = i % every == 0 if is_first else i % every == every - 1
        return 0 if is_full else window

    def _state(self, i: int) -> int:
        """Bytes of a sequence's state in the layer."""
        names, n_embd = self._layers[i], self._number("embedding_length")
        if any(name.startswith("shortconv.") for name in names):
            return n_embd * max(self._number("shortconv.l_cache") - 1, 0) * FLOAT
        if any(name.startswith("time_mix_") for name in names):
            shifts = self._number("token_shift_count") or 2
            return n_embd * (shifts + self._number("wkv.head_size")) * FLOAT
        if not any(name.startswith("ssm_") for name in names):
            return 0
        n_conv = max(self._number("ssm.conv_kernel") - 1, 0)
        if head := self._number("kda.head_dim"):
            inner = self._at("attention.head_count", i) * head
            return (3 * n_conv * inner + head * inner) * FLOAT
        inner, state = self._number("ssm.inner_size"), self._number("ssm.state_size")
        groups = 0 if self._gguf.architecture in _NO_GROUPS else self._number("ssm.group_count")
        return (n_conv * (inner + 2 * groups * state) + state * inner) * FLOAT

    def _widths(self, n_layer: int, n_embd: int) -> tuple[int, int, int]:
        """Numbers that a token takes at most: with flash attention, in recurrent layers, beside scores."""
        width = mixer = attention = 0
        for i in range(n_layer):
            names = self._layers[i]
            query = self._at("attention.head_count", i) * self._head_length(i)
            residual = 3 * n_embd
            width = max(width, self._feed_forward(names) + residual + query)
            width = max(
                width, self._expert_width(names, n_embd) + residual + (query if _is_biased(names) else 0)
            )
            mixer = max(mixer, self._mixer_width(names) + 2 * n_embd)
            keys = self._kv(i)
            attention = max(attention, residual + 2 * query * (1 + ("attn_gate.weight" in names)) + keys)
        return width, mixer, attention

    @staticmethod
    def _feed_forward(names: Mapping[str, Tensor]) -> int:
        """Hidden activations: those of gate and up, and their product."""
        up, down, gate = (names.get(f"ffn_{part}.weight") for part in ("up", "down", "gate"))
        return _outputs(up) + _outputs(gate) + (down.shape[0] if down else 0)

    def _expert_width(self, names: Mapping[str, Tensor], n_embd: int) -> int:
        down = names.get("ffn_down_exps.weight")
        n_used = self._number("expert_used_count")
        if down is None:
            return 0
        hidden = n_used * down.shape[0]
        return max(3 * hidden, hidden + 2 * n_used * n_embd)

    @staticmethod
    def _mixer_width(names: Mapping[str, Tensor]) -> int:
        """What a recurrent layer computes with: its projections, their convolution, its inner stream."""
        into, convolution, out = (names.get(f"ssm_{part}.weight") for part in ("in", "conv1d", "out"))
        if convolution is None or out is None:
            return 0
        mixed = into or names.get("attn_qkv.weight")
        return _outputs(mixed) + 2 * convolution.shape[-1] + 2 * out.shape[0]

    def _expert_share(self) -> float:
        n, n_used = self._number("expert_count"), self._number("expert_used_count")
        return min(n_used / n, 1.0) if n and n_used else 1.0

    def _value(self, key: str) -> Scalar | tuple[Scalar, ...] | None:
        name = f"{self._gguf.architecture}.{key}"
        array = self._gguf.arrays.get(name)
        return array if array is not None else self._gguf.metadata.get(name)

    def _number(self, key: str) -> int:
        value = self._value(key)
        if isinstance(value, tuple):
            value = max((v for v in value if type(v) is int), default=0)
        return value if type(value) is int and value > 0 else 0

    def _at(self, key: str, layer: int) -> int:
        """A value of one layer, where there may be one for each."""
        value = self._value(key)
        if isinstance(value, tuple):
            value = value[layer] if layer < len(value) else 0
        return value if type(value) is int and value > 0 else 0


def _is_biased(names: Mapping[str, Tensor]) -> bool:
    return "ffn_down_exps.bias" in names


def _outputs(tensor: Tensor | None) -> int:
    return tensor.shape[1] if tensor is not None and len(tensor.shape) > 1 else 0
