"""Writes tiny GGUF models with random weights, one for each kind of memory that llama.cpp has.

The models babble, but they are real: they load, tokenize and decode through llama.cpp like any other.
Channel 0 of the residual stream is never written by a layer, so an output row can lean on it: this is how
single tokens are made likely or impossible although the output matrix has no bias.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import gguf
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Values = dict[str, int | float | list[int]]
Tensors = dict[str, Array]
Alphabet = Literal["printable", "bytes"]

N_EMBD: Final = 64
N_HEAD: Final = 4
N_HEAD_KV: Final = 2
HEAD_DIM: Final = N_EMBD // N_HEAD
N_FF: Final = 128
N_LAYER: Final = 4
D_CONV: Final = 4
D_STATE: Final = 16
DT_RANK: Final = 4
N_SSM_HEAD: Final = 8
EPSILON: Final = 1e-6
BIAS: Final = 2.0
"""Value of channel 0 in every token's embedding; the other channels are around 1."""
BIAS_LEFT: Final = 0.6
"""About what is left of it after the last normalisation."""
NEVER: Final = -50.0
"""A bias that no sampler of a sane temperature overcomes: drawn tokens have logits near 8."""

DEFAULT_CHATML_WITH_THINK: Final = """\
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% if enable_thinking is defined and not enable_thinking -%}
<think>

</think>

{% else -%}
<think>
{% endif -%}
{%- endif -%}
"""

SPECIALS: Final = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MARKERS: Final = ("<think>", "</think>")
MERGES: Final = ["Ġ t", "h e", "Ġt he", "i n", "e r", "o n", "Ġ a", "r e", "a n", "Ġa n", "Ġan d", "Ċ Ċ"]


@dataclass(frozen=True, slots=True)
class Draw:
    """Random tensors, scaled so that activations stay around 1."""

    rng: np.random.Generator

    def normal(self, *shape: int, scale: float = 1.0) -> Array:
        """Gaussian values in numpy's order, which is llama.cpp's dimensions reversed."""
        return (self.rng.standard_normal(shape) * scale).astype(np.float32)

    def linear(self, n_in: int, n_out: int, gain: float = 1.0) -> Array:
        """A projection that keeps the variance of its input, times gain squared."""
        return self.normal(n_out, n_in, scale=gain / n_in**0.5)

    def into_residual(self, n_in: int) -> Array:
        """A projection back to the residual stream; channel 0 stays as the embedding made it."""
        weights = self.linear(n_in, N_EMBD, gain=2.0)
        weights[0] = 0
        return weights

    def norm(self, *shape: int) -> Array:
        """Weights of a normalisation, near 1."""
        return 1 + self.normal(*shape, scale=0.05)

    def uniform(self, low: float, high: float, *shape: int) -> Array:
        """Evenly spread values."""
        return self.rng.uniform(low, high, shape).astype(np.float32)


def _attention(draw: Draw, *, n_query: int = 1, with_norms: bool = False) -> Tensors:
    """Queries (`n_query` = 2 adds a gate to each), keys, values and the way back."""
    n_kv = N_HEAD_KV * HEAD_DIM
    tensors = {
        "attn_q.weight": draw.linear(N_EMBD, N_EMBD * n_query, gain=3.0),
        "attn_k.weight": draw.linear(N_EMBD, n_kv, gain=3.0),
        "attn_v.weight": draw.linear(N_EMBD, n_kv),
        "attn_output.weight": draw.into_residual(N_EMBD),
    }
    if with_norms:
        tensors["attn_q_norm.weight"] = draw.norm(HEAD_DIM)
        tensors["attn_k_norm.weight"] = draw.norm(HEAD_DIM)
    return tensors


def _norms(draw: Draw, *names: str) -> Tensors:
    return {f"{name}.weight": draw.norm(N_EMBD) for name in names}


def _feed_forward(draw: Draw, *, gated: bool = True) -> Tensors:
    tensors = {
        "ffn_up.weight": draw.linear(N_EMBD, N_FF),
        "ffn_down.weight": draw.into_residual(N_FF),
    }
    if gated:
        tensors["ffn_gate.weight"] = draw.linear(N_EMBD, N_FF)
    return tensors


def _mamba2(draw: Draw) -> Tensors:
    d_inner = 2 * N_EMBD
    n_channels = d_inner + 2 * D_STATE
    return {
        "ssm_in.weight": draw.linear(N_EMBD, d_inner + n_channels + N_SSM_HEAD),
        "ssm_conv1d.weight": draw.normal(n_channels, D_CONV, scale=0.5),
        "ssm_conv1d.bias": draw.normal(n_channels, scale=0.1),
        "ssm_dt.bias": draw.uniform(-3, 0, N_SSM_HEAD),
        "ssm_a": -draw.uniform(0.5, 4, N_SSM_HEAD, 1),
        "ssm_d": draw.norm(N_SSM_HEAD, 1),
        "ssm_norm.weight": draw.norm(1, d_inner),
        "ssm_out.weight": draw.into_residual(d_inner),
    }


def _llama(draw: Draw, layer: int) -> Tensors:
    return {**_norms(draw, "attn_norm", "ffn_norm"), **_attention(draw), **_feed_forward(draw)}


def _gemma3(draw: Draw, layer: int) -> Tensors:
    return {
        **_norms(draw, "attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"),
        **_attention(draw, with_norms=True),
        **_feed_forward(draw),
    }


def _lfm2(draw: Draw, layer: int) -> Tensors:
    short_convolution = {
        "shortconv.conv.weight": draw.normal(N_EMBD, D_CONV, scale=0.7),
        "shortconv.in_proj.weight": draw.linear(N_EMBD, 3 * N_EMBD),
        "shortconv.out_proj.weight": draw.into_residual(N_EMBD),
    }
    return {
        **_norms(draw, "attn_norm", "ffn_norm"),
        **(_attention(draw, with_norms=True) if layer % 2 else short_convolution),
        **_feed_forward(draw),
    }


def _delta_net(draw: Draw) -> Tensors:
    n_mixed = 2 * N_HEAD_KV * D_STATE + N_HEAD * D_STATE
    return {
        "attn_qkv.weight": draw.linear(N_EMBD, n_mixed),
        "attn_gate.weight": draw.linear(N_EMBD, N_HEAD * D_STATE),
        "ssm_conv1d.weight": draw.normal(n_mixed, D_CONV, scale=0.7),
        "ssm_dt.bias": draw.uniform(-3, 0, N_HEAD),
        "ssm_a": -draw.uniform(0.1, 1, N_HEAD),
        "ssm_beta.weight": draw.linear(N_EMBD, N_HEAD),
        "ssm_alpha.weight": draw.linear(N_EMBD, N_HEAD),
        "ssm_norm.weight": draw.norm(D_STATE),
        "ssm_out.weight": draw.into_residual(N_HEAD * D_STATE),
    }


def _qwen35(draw: Draw, layer: int) -> Tensors:
    mixer = _attention(draw, n_query=2, with_norms=True) if layer % 2 else _delta_net(draw)
    return {**_norms(draw, "attn_norm", "post_attention_norm"), **mixer, **_feed_forward(draw)}


def _granite_hybrid(draw: Draw, layer: int) -> Tensors:
    mixer = _attention(draw) if layer % 2 else _mamba2(draw)
    return {**_norms(draw, "attn_norm", "ffn_norm"), **mixer, **_feed_forward(draw)}


def _nemotron_h(draw: Draw, layer: int) -> Tensors:
    mixers = (_mamba2, _attention, lambda draw: _feed_forward(draw, gated=False))
    return {**_norms(draw, "attn_norm"), **mixers[layer % 3](draw)}


def _mamba(draw: Draw, layer: int) -> Tensors:
    d_inner = 2 * N_EMBD
    return {
        **_norms(draw, "attn_norm"),
        "ssm_in.weight": draw.linear(N_EMBD, 2 * d_inner),
        "ssm_conv1d.weight": draw.normal(d_inner, D_CONV, scale=0.5),
        "ssm_conv1d.bias": draw.normal(d_inner, scale=0.1),
        "ssm_x.weight": draw.linear(d_inner, DT_RANK + 2 * D_STATE),
        "ssm_dt.weight": draw.linear(DT_RANK, d_inner),
        "ssm_dt.bias": draw.uniform(-3, 0, d_inner),
        "ssm_a": -draw.uniform(0.5, 4, d_inner, D_STATE),
        "ssm_d": draw.norm(d_inner),
        "ssm_out.weight": draw.into_residual(d_inner),
    }


@dataclass(frozen=True, slots=True)
class _Architecture:
    """What tells one architecture from another."""

    layer: Callable[[Draw, int], Tensors]
    """Draws the tensors of one layer, named without their `blk.N.` prefix."""
    values: Values
    """Metadata beside the common keys, named without the architecture's prefix."""
    n_layer: int = N_LAYER
    output_norm: str = "output_norm.weight"
    """Name of the norm before the output matrix."""


def _ssm(n_inner: int, rank: int, *, n_group: int = 1) -> Values:
    return {
        "ssm.conv_kernel": D_CONV,
        "ssm.inner_size": n_inner,
        "ssm.state_size": D_STATE,
        "ssm.time_step_rank": rank,
        "ssm.group_count": n_group,
    }


_COMMON: Final[Values] = {
    "embedding_length": N_EMBD,
    "feed_forward_length": N_FF,
    "attention.head_count": N_HEAD,
    "attention.layer_norm_rms_epsilon": EPSILON,
}
_KV_EVERY_SECOND: Final = [0, N_HEAD_KV] * (N_LAYER // 2)
_HEADS: Final[Values] = {
    "attention.head_count_kv": N_HEAD_KV,
    "attention.key_length": HEAD_DIM,
    "attention.value_length": HEAD_DIM,
}

_ARCHITECTURES: Final[dict[str, _Architecture]] = {
    "llama": _Architecture(_llama, {"attention.head_count_kv": N_HEAD_KV, "rope.dimension_count": HEAD_DIM}),
    "gemma3": _Architecture(_gemma3, {**_HEADS, "attention.sliding_window_pattern": 2}),
    "lfm2": _Architecture(
        _lfm2,
        {"attention.head_count_kv": _KV_EVERY_SECOND, "shortconv.l_cache": D_CONV},
        output_norm="token_embd_norm.weight",
    ),
    "qwen35": _Architecture(
        _qwen35,
        {
            **_HEADS,
            "rope.dimension_count": HEAD_DIM,
            "rope.dimension_sections": [4, 2, 2, 0],
            "full_attention_interval": 2,
            **_ssm(N_HEAD * D_STATE, N_HEAD, n_group=N_HEAD_KV),
        },
    ),
    "granitehybrid": _Architecture(
        _granite_hybrid, {"attention.head_count_kv": _KV_EVERY_SECOND, **_ssm(2 * N_EMBD, N_SSM_HEAD)}
    ),
    "nemotron_h": _Architecture(
        _nemotron_h,
        {
            "attention.head_count_kv": [0, N_HEAD_KV, 0] * 2,
            "attention.layer_norm_epsilon": EPSILON,
            "feed_forward_length": [0, 0, N_FF] * 2,
            **_ssm(2 * N_EMBD, N_SSM_HEAD),
        },
        n_layer=6,
    ),
    "mamba": _Architecture(
        _mamba,
        {"attention.head_count": 0, "feed_forward_length": 0, **_ssm(2 * N_EMBD, DT_RANK)},
    ),
}

ARCHITECTURES: Final = tuple(_ARCHITECTURES)


def _byte_pieces() -> list[str]:
    """Byte-level BPE's letter for each byte: itself if printable, or one from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spare = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(spare)) for byte in range(256)]


def _is_printable(piece: str) -> bool:
    return all(letter.isascii() or letter in "ĠĊ" for letter in piece)


def _vocabulary(with_markers: bool) -> tuple[list[str], list[int]]:
    """Pieces and llama.cpp's type of each; the bytes come first, so a byte is its own token id."""
    plain = [*_byte_pieces(), *(merge.replace(" ", "") for merge in MERGES)]
    markers = MARKERS if with_markers else ()
    kinds = (
        [int(gguf.TokenType.NORMAL)] * len(plain)
        + [int(gguf.TokenType.CONTROL)] * len(SPECIALS)
        + [int(gguf.TokenType.USER_DEFINED)] * len(markers)
    )
    return [*plain, *SPECIALS, *markers], kinds


def _output(draw: Draw, pieces: list[str], alphabet: Alphabet, biases: Mapping[str, float]) -> Array:
    """The output matrix; specials and, for "printable", odd bytes never come unless a bias says so."""
    weights = draw.linear(N_EMBD, len(pieces), gain=4.0)
    n_plain = 256 + len(MERGES)
    for token, piece in enumerate(pieces):
        is_open = token < n_plain and (alphabet == "bytes" or _is_printable(piece))
        if not is_open:
            weights[token] = 0
        weights[token, 0] = biases.get(piece, 0.0 if is_open else NEVER) / BIAS_LEFT
    return weights


def _add_value(writer: Any, key: str, value: float | list[int]) -> None:
    if isinstance(value, list):
        writer.add_array(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    else:
        writer.add_uint32(key, value)


def _add_vocabulary(writer: Any, pieces: list[str], kinds: list[int], chat_template: str | None) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(pieces)
    writer.add_token_types(kinds)
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(pieces.index("<|endoftext|>"))
    writer.add_eos_token_id(pieces.index("<|im_end|>"))
    writer.add_add_bos_token(False)
    if chat_template is not None:
        writer.add_chat_template(chat_template)


def _save(writer: Any, tensors: Tensors) -> None:
    for name, array in tensors.items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write(
    path: Path,
    architecture: str,
    *,
    seed: int = 0,
    chat_template: str | None = DEFAULT_CHATML_WITH_THINK,
    with_markers: bool = True,
    n_ctx_train: int = 512,
    window: int = 32,
    alphabet: Alphabet = "printable",
    biases: Mapping[str, float] | None = None,
    n_tensors_a_part: int = 0,
) -> Path:
    """Write a model with random weights; the same arguments write the same file.

    Args:
        architecture: one of `ARCHITECTURES`.
        with_markers: whether <think> and </think> are tokens of their own.
        n_ctx_train: the context that the model claims, in tokens.
        window: attention window of the sliding layers (gemma3), in tokens.
        alphabet: what the model may say: printable text or any byte.
        biases: about what is added to the logit of a piece; {"</think>": 8.0} makes the marker about as
            likely as the best letter, 0.0 lets it come now and then. Keys are the vocabulary's pieces.
        n_tensors_a_part: most tensors of a file; more make it several, named as llama.cpp splits models.
    """
    kind = _ARCHITECTURES[architecture]
    draw = Draw(np.random.default_rng(seed))
    pieces, kinds = _vocabulary(with_markers)
    values: Values = {"context_length": n_ctx_train, "vocab_size": len(pieces), **_COMMON, **kind.values}
    values["block_count"] = kind.n_layer
    embeddings = draw.normal(len(pieces), N_EMBD, scale=0.7)
    embeddings[:, 0] = BIAS
    if architecture == "gemma3":
        values["attention.sliding_window"] = window
        embeddings /= N_EMBD**0.5  # the graph multiplies by this
    tensors: Tensors = {
        "token_embd.weight": embeddings,
        kind.output_norm: draw.norm(N_EMBD),
        "output.weight": _output(draw, pieces, alphabet, biases or {}),
    }
    for layer in range(kind.n_layer):
        tensors |= {f"blk.{layer}.{name}": array for name, array in kind.layer(draw, layer).items()}

    writer = gguf.GGUFWriter(path, architecture, split_max_tensors=n_tensors_a_part)
    writer.add_name(f"Tiny {architecture}")
    writer.add_file_type(int(gguf.LlamaFileType.ALL_F32))
    for key, value in values.items():
        _add_value(writer, f"{architecture}.{key}", value)
    _add_vocabulary(writer, pieces, kinds, chat_template)
    _save(writer, tensors)
    return path
