"""Writes the headers of real models: every key and tensor that says how large they are, and no weights.

The files are sparse: they have the length of the real ones and take a few hundred kilobytes of disk, so
llama.cpp accepts them where it is told not to allocate. The vocabulary is left out but for its size.
The shapes are those of the models' published configurations; the quantisation follows what llama.cpp's
`llama-quantize` does to each tensor for the named type.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import gguf
import numpy as np

Value = int | float | str | list[int] | list[bool]
Shape = tuple[int, ...]
Q = gguf.GGMLQuantizationType


@dataclass(frozen=True, slots=True)
class RealShape:
    """One model's header."""

    architecture: str
    n_layer: int
    n_embd: int
    n_vocab: int
    is_tied: bool
    """Whether the output matrix is that of the token embedding."""
    values: Mapping[str, Value]
    """Metadata, named without the architecture's prefix."""
    layer: Callable[[RealShape, int], dict[str, Shape]]
    """Tensors of one layer by name, llama.cpp's order of dimensions."""
    quantisation: str = "Q4_K_M"
    extra: Mapping[str, Shape] = field(default_factory=dict)
    """Tensors outside the layers beside the usual ones."""
    output_norm: str = "output_norm.weight"

    def number(self, key: str, layer: int = 0) -> int:
        """A value of the metadata, that of a layer where it is a list."""
        value = self.values.get(key, 0)
        if isinstance(value, list):
            return int(value[layer])
        assert isinstance(value, int)
        return value

    def tensors(self) -> dict[str, Shape]:
        """Every tensor of the model."""
        found: dict[str, Shape] = {"token_embd.weight": (self.n_embd, self.n_vocab)}
        for i in range(self.n_layer):
            found |= {f"blk.{i}.{name}": shape for name, shape in self.layer(self, i).items()}
        found[self.output_norm] = (self.n_embd,)
        if not self.is_tied:
            found["output.weight"] = (self.n_embd, self.n_vocab)
        return found | dict(self.extra)


def _heads(n_head: int, n_head_kv: int | list[int], head: int | None = None) -> dict[str, Value]:
    values: dict[str, Value] = {"attention.head_count": n_head, "attention.head_count_kv": n_head_kv}
    if head:
        values |= {"attention.key_length": head, "attention.value_length": head, "rope.dimension_count": head}
    return values


def _attention(
    m: RealShape, i: int, *, norms: bool = False, biases: bool = False, gated: int = 1
) -> dict[str, Shape]:
    n_head = m.number("attention.head_count", i)
    head = m.number("attention.key_length") or m.n_embd // n_head
    n_kv = m.number("attention.head_count_kv", i) * head
    found: dict[str, Shape] = {
        "attn_q.weight": (m.n_embd, n_head * head * gated),
        "attn_k.weight": (m.n_embd, n_kv),
        "attn_v.weight": (m.n_embd, n_kv),
        "attn_output.weight": (n_head * head, m.n_embd),
    }
    if norms:
        found |= {"attn_q_norm.weight": (head,), "attn_k_norm.weight": (head,)}
    if biases:
        found |= {"attn_q.bias": (n_head * head,), "attn_k.bias": (n_kv,), "attn_v.bias": (n_kv,)}
    return found


def _norms(m: RealShape, *names: str) -> dict[str, Shape]:
    return {f"{name}.weight": (m.n_embd,) for name in names}


def _feed_forward(m: RealShape, i: int) -> dict[str, Shape]:
    n_ff = m.number("feed_forward_length", i)
    return {
        "ffn_gate.weight": (m.n_embd, n_ff),
        "ffn_up.weight": (m.n_embd, n_ff),
        "ffn_down.weight": (n_ff, m.n_embd),
    }


def _experts(m: RealShape) -> dict[str, Shape]:
    n, n_ff = m.number("expert_count"), m.number("expert_feed_forward_length")
    return {
        "ffn_gate_inp.weight": (m.n_embd, n),
        "ffn_gate_exps.weight": (m.n_embd, n_ff, n),
        "ffn_up_exps.weight": (m.n_embd, n_ff, n),
        "ffn_down_exps.weight": (n_ff, m.n_embd, n),
    }


def _llama(m: RealShape, i: int) -> dict[str, Shape]:
    return {**_norms(m, "attn_norm", "ffn_norm"), **_attention(m, i), **_feed_forward(m, i)}


def _qwen2(m: RealShape, i: int) -> dict[str, Shape]:
    return {**_norms(m, "attn_norm", "ffn_norm"), **_attention(m, i, biases=True), **_feed_forward(m, i)}


def _qwen3(m: RealShape, i: int) -> dict[str, Shape]:
    return {**_norms(m, "attn_norm", "ffn_norm"), **_attention(m, i, norms=True), **_feed_forward(m, i)}


def _qwen3moe(m: RealShape, i: int) -> dict[str, Shape]:
    return {**_norms(m, "attn_norm", "ffn_norm"), **_attention(m, i, norms=True), **_experts(m)}


def _gemma3(m: RealShape, i: int) -> dict[str, Shape]:
    norms = _norms(m, "attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")
    return {**norms, **_attention(m, i, norms=True), **_feed_forward(m, i)}


def _gpt_oss(m: RealShape, i: int) -> dict[str, Shape]:
    n, n_ff = m.number("expert_count"), m.number("expert_feed_forward_length")
    return {
        **_norms(m, "attn_norm", "post_attention_norm"),
        **_attention(m, i, biases=True),
        "attn_output.bias": (m.n_embd,),
        "attn_sinks.weight": (m.number("attention.head_count"),),
        **_experts(m),
        "ffn_gate_inp.bias": (n,),
        "ffn_gate_exps.bias": (n_ff, n),
        "ffn_up_exps.bias": (n_ff, n),
        "ffn_down_exps.bias": (m.n_embd, n),
    }


def _phi3(m: RealShape, i: int) -> dict[str, Shape]:
    n_head, n_kv, n_ff = (
        m.number(k) for k in ("attention.head_count", "attention.head_count_kv", "feed_forward_length")
    )
    head = m.n_embd // n_head
    return {
        **_norms(m, "attn_norm", "ffn_norm"),
        "attn_qkv.weight": (m.n_embd, (n_head + 2 * n_kv) * head),
        "attn_output.weight": (n_head * head, m.n_embd),
        "ffn_up.weight": (m.n_embd, 2 * n_ff),
        "ffn_down.weight": (n_ff, m.n_embd),
    }


def _lfm2(m: RealShape, i: int) -> dict[str, Shape]:
    if m.number("attention.head_count_kv", i):
        mixer = _attention(m, i, norms=True)
    else:
        mixer = {
            "shortconv.conv.weight": (m.number("shortconv.l_cache"), m.n_embd),
            "shortconv.in_proj.weight": (m.n_embd, 3 * m.n_embd),
            "shortconv.out_proj.weight": (m.n_embd, m.n_embd),
        }
    return {**_norms(m, "attn_norm", "ffn_norm"), **mixer, **_feed_forward(m, i)}


def _mamba2(m: RealShape) -> dict[str, Shape]:
    inner, state, groups, heads, conv = (
        m.number(f"ssm.{key}")
        for key in ("inner_size", "state_size", "group_count", "time_step_rank", "conv_kernel")
    )
    n_channels = inner + 2 * groups * state
    return {
        "ssm_in.weight": (m.n_embd, inner + n_channels + heads),
        "ssm_conv1d.weight": (conv, n_channels),
        "ssm_conv1d.bias": (n_channels,),
        "ssm_dt.bias": (heads,),
        "ssm_a": (1, heads),
        "ssm_d": (1, heads),
        "ssm_norm.weight": (inner // groups, groups),
        "ssm_out.weight": (inner, m.n_embd),
    }


def _granite_hybrid(m: RealShape, i: int) -> dict[str, Shape]:
    mixer = _attention(m, i) if m.number("attention.head_count_kv", i) else _mamba2(m)
    norms = _norms(m, "attn_norm", "ffn_norm")
    if not m.number("expert_count"):
        return {**norms, **mixer, **_feed_forward(m, i)}
    n, n_ff = m.number("expert_count"), m.number("feed_forward_length", i)
    n_shared = m.number("expert_shared_feed_forward_length")
    return {
        **norms, **mixer,
        "ffn_gate_inp.weight": (m.n_embd, n),
        "ffn_gate_exps.weight": (m.n_embd, n_ff, n),
        "ffn_up_exps.weight": (m.n_embd, n_ff, n),
        "ffn_down_exps.weight": (n_ff, m.n_embd, n),
        "ffn_gate_shexp.weight": (m.n_embd, n_shared),
        "ffn_up_shexp.weight": (m.n_embd, n_shared),
        "ffn_down_shexp.weight": (n_shared, m.n_embd),
    }  # fmt: skip


def _nemotron_h(m: RealShape, i: int) -> dict[str, Shape]:
    if m.number("attention.head_count_kv", i):
        mixer = _attention(m, i)
    elif n_ff := m.number("feed_forward_length", i):
        mixer = {"ffn_up.weight": (m.n_embd, n_ff), "ffn_down.weight": (n_ff, m.n_embd)}
    else:
        mixer = _mamba2(m)
    return {**_norms(m, "attn_norm"), **mixer}


def _qwen3next(m: RealShape, i: int) -> dict[str, Shape]:
    inner, state, groups, rank, conv = (
        m.number(f"ssm.{key}")
        for key in ("inner_size", "state_size", "group_count", "time_step_rank", "conv_kernel")
    )
    n_mixed = 2 * groups * state + inner
    mixer: dict[str, Shape] = {
        "attn_qkv.weight": (m.n_embd, n_mixed),
        "attn_gate.weight": (m.n_embd, inner),
        "ssm_conv1d.weight": (conv, n_mixed),
        "ssm_dt.bias": (rank,),
        "ssm_a": (rank,),
        "ssm_ba.weight": (m.n_embd, 2 * rank),
        "ssm_norm.weight": (inner // rank,),
        "ssm_out.weight": (inner, m.n_embd),
    }
    if (i + 1) % m.number("full_attention_interval") == 0:
        mixer = _attention(m, i, norms=True, gated=2)
    n_shared = m.number("expert_shared_feed_forward_length")
    return {
        **_norms(m, "attn_norm", "post_attention_norm"), **mixer, **_experts(m),
        "ffn_gate_inp_shexp.weight": (m.n_embd,),
        "ffn_gate_shexp.weight": (m.n_embd, n_shared),
        "ffn_up_shexp.weight": (m.n_embd, n_shared),
        "ffn_down_shexp.weight": (n_shared, m.n_embd),
    }  # fmt: skip


def _deepseek2(m: RealShape, i: int) -> dict[str, Shape]:
    n_head, lora, key, value, rope = (
        m.number(k)
        for k in (
            "attention.head_count", "attention.kv_lora_rank", "attention.key_length_mla",
            "attention.value_length_mla", "rope.dimension_count",
        )
    )  # fmt: skip
    found: dict[str, Shape] = {
        **_norms(m, "attn_norm", "ffn_norm"),
        "attn_q.weight": (m.n_embd, n_head * key),
        "attn_kv_a_mqa.weight": (m.n_embd, lora + rope),
        "attn_kv_a_norm.weight": (lora,),
        "attn_k_b.weight": (key - rope, lora, n_head),
        "attn_v_b.weight": (lora, value, n_head),
        "attn_output.weight": (n_head * value, m.n_embd),
    }
    if i < m.number("leading_dense_block_count"):
        return {**found, **_feed_forward(m, i)}
    n_shared = m.number("expert_feed_forward_length") * m.number("expert_shared_count")
    return {
        **found, **_experts(m),
        "ffn_gate_shexp.weight": (m.n_embd, n_shared),
        "ffn_up_shexp.weight": (m.n_embd, n_shared),
        "ffn_down_shexp.weight": (n_shared, m.n_embd),
    }  # fmt: skip


def _qwen3_dense(n_layer: int, n_embd: int, n_head: int, n_ff: int, is_tied: bool) -> RealShape:
    values = {**_heads(n_head, 8, 128), "feed_forward_length": n_ff, "context_length": 40960}
    return RealShape("qwen3", n_layer, n_embd, 151936, is_tied, values, _qwen3)


def _gemma3_dense(
    n_layer: int, n_embd: int, heads: tuple[int, int, int], n_ff: int, window: int
) -> RealShape:
    values = {
        **_heads(*heads),
        "feed_forward_length": n_ff,
        "context_length": 131072,
        "attention.sliding_window": window,
    }
    return RealShape("gemma3", n_layer, n_embd, 262144, True, values, _gemma3)


def _ssm(inner: int, state: int, groups: int, rank: int, conv: int = 4) -> dict[str, Value]:
    return {
        "ssm.conv_kernel": conv,
        "ssm.inner_size": inner,
        "ssm.state_size": state,
        "ssm.time_step_rank": rank,
        "ssm.group_count": groups,
    }


def _at(n_layer: int, layers: tuple[int, ...], value: int) -> list[int]:
    return [value if i in layers else 0 for i in range(n_layer)]


_NEMOTRON_9B: Final = "M-M-M-MM-M-M-M*-M-M-M*-M-M-M-M*-M-M-M-M*-M-MM-M-M-M-M-M-"
_LFM2_ATTENTION: Final = (2, 5, 8, 10, 12, 14)

SHAPES: Final[dict[str, RealShape]] = {
    "Qwen3-0.6B": _qwen3_dense(28, 1024, 16, 3072, True),
    "Qwen3-1.7B": _qwen3_dense(28, 2048, 16, 6144, True),
    "Qwen3-4B": _qwen3_dense(36, 2560, 32, 9728, True),
    "Qwen3-8B": _qwen3_dense(36, 4096, 32, 12288, False),
    "Qwen3-14B": _qwen3_dense(40, 5120, 40, 17408, False),
    "Qwen3-32B": _qwen3_dense(64, 5120, 64, 25600, False),
    "Qwen3-30B-A3B": RealShape(
        "qwen3moe", 48, 2048, 151936, False,
        {
            **_heads(32, 4, 128), "feed_forward_length": 6144, "context_length": 40960,
            "expert_count": 128, "expert_used_count": 8, "expert_feed_forward_length": 768,
        },
        _qwen3moe,
    ),
    "gpt-oss-20b": RealShape(
        "gpt-oss", 24, 2880, 201088, False,
        {
            **_heads(64, 8, 64), "feed_forward_length": 2880, "context_length": 131072,
            "attention.sliding_window": 128,
            "expert_count": 32, "expert_used_count": 4, "expert_feed_forward_length": 2880,
        },
        _gpt_oss, "MXFP4_MOE",
    ),
    "Gemma-3-1B": _gemma3_dense(26, 1152, (4, 1, 256), 6912, 512),
    "Gemma-3-4B": _gemma3_dense(34, 2560, (8, 4, 256), 10240, 1024),
    "Gemma-3-12B": _gemma3_dense(48, 3840, (16, 8, 256), 15360, 1024),
    "Gemma-3-27B": _gemma3_dense(62, 5376, (32, 16, 128), 21504, 1024),
    "R1-Distill-Qwen-1.5B": RealShape(
        "qwen2", 28, 1536, 151936, False,
        {**_heads(12, 2), "feed_forward_length": 8960, "context_length": 131072}, _qwen2,
    ),
    "R1-Distill-Qwen-7B": RealShape(
        "qwen2", 28, 3584, 152064, False,
        {**_heads(28, 4), "feed_forward_length": 18944, "context_length": 131072}, _qwen2,
    ),
    "R1-Distill-Qwen-14B": RealShape(
        "qwen2", 48, 5120, 152064, False,
        {**_heads(40, 8), "feed_forward_length": 13824, "context_length": 131072}, _qwen2,
    ),
    "R1-Distill-Llama-8B": RealShape(
        "llama", 32, 4096, 128256, False,
        {
            **_heads(32, 8), "rope.dimension_count": 128, "feed_forward_length": 14336,
            "context_length": 131072,
        },
        _llama, extra={"rope_freqs.weight": (64,)},
    ),
    "SmolLM3-3B": RealShape(
        "smollm3", 36, 2048, 128256, True,
        {**_heads(16, 4), "rope.dimension_count": 128, "feed_forward_length": 11008, "context_length": 65536},
        _llama,
    ),
    "Phi-4-reasoning": RealShape(
        "phi3", 40, 5120, 100352, False,
        {
            **_heads(40, 10), "rope.dimension_count": 128, "feed_forward_length": 17920,
            "context_length": 32768,
        },
        _phi3,
    ),
    "LFM2-1.2B": RealShape(
        "lfm2", 16, 2048, 65536, True,
        {
            **_heads(32, _at(16, _LFM2_ATTENTION, 8)), "feed_forward_length": 8192, "context_length": 128000,
            "shortconv.l_cache": 3,
        },
        _lfm2, output_norm="token_embd_norm.weight",
    ),
    "Granite-4-H-Tiny": RealShape(
        "granitehybrid", 40, 1536, 100352, True,
        {
            **_heads(12, _at(40, (5, 15, 25, 35), 4)), "feed_forward_length": 512, "context_length": 131072,
            "rope.dimension_count": 128,
            "expert_count": 64, "expert_used_count": 6, "expert_shared_feed_forward_length": 1024,
            **_ssm(3072, 128, 1, 48),
        },
        _granite_hybrid,
    ),
    "Nemotron-Nano-9B-v2": RealShape(
        "nemotron_h", 56, 4480, 131072, False,
        {
            **_heads(40, [8 if kind == "*" else 0 for kind in _NEMOTRON_9B], 128),
            "feed_forward_length": [15680 if kind == "-" else 0 for kind in _NEMOTRON_9B],
            "context_length": 131072,
            **_ssm(10240, 128, 8, 128),
        },
        _nemotron_h,
    ),
    "Qwen3-Next-80B-A3B": RealShape(
        "qwen3next", 48, 2048, 151936, False,
        {
            **_heads(16, 2, 256), "rope.dimension_count": 64, "feed_forward_length": 5120,
            "context_length": 262144,
            "full_attention_interval": 4,
            "expert_count": 512, "expert_used_count": 10, "expert_feed_forward_length": 512,
            "expert_shared_feed_forward_length": 512,
            **_ssm(4096, 128, 16, 32),
        },
        _qwen3next,
    ),
    "DeepSeek-V2-Lite": RealShape(
        "deepseek2", 27, 2048, 102400, False,
        {
            "attention.head_count": 16, "attention.head_count_kv": 1,
            "attention.key_length": 576, "attention.value_length": 512,
            "attention.key_length_mla": 192, "attention.value_length_mla": 128,
            "attention.kv_lora_rank": 512, "rope.dimension_count": 64,
            "feed_forward_length": 10944, "context_length": 163840, "leading_dense_block_count": 1,
            "expert_count": 64, "expert_used_count": 6, "expert_feed_forward_length": 1408,
            "expert_shared_count": 2, "expert_weights_scale": 1.0, "rope.scaling.yarn_log_multiplier": 0.0707,
        },
        _deepseek2,
    ),
}  # fmt: skip


def _is_deep(layer: int, n_layer: int) -> bool:
    """llama-quantize's `use_more_bits`: these layers get Q6_K in a Q4_K_M file."""
    return layer < n_layer // 8 or layer >= 7 * n_layer // 8 or (layer - n_layer // 8) % 3 == 2


def _type(name: str, shape: Shape, m: RealShape) -> gguf.GGMLQuantizationType:
    is_small = len(shape) == 1 or name.endswith((".bias", "ssm_a", "ssm_d"))
    # of a convolution only the kernel stays as it is; what leads into it and out of it is quantised
    is_kernel = name.endswith(("conv.weight", "conv1d.weight"))
    if is_small or is_kernel or "ssm_norm" in name or "ffn_gate_inp" in name:
        return Q.F32
    if m.quantisation == "MXFP4_MOE":
        return Q.MXFP4 if "_exps." in name else Q.Q8_0
    if shape[0] % 256:
        return Q.Q5_0 if not shape[0] % 32 else Q.F16
    if name == "output.weight" or (name == "token_embd.weight" and m.is_tied):
        return Q.Q6_K
    if ("attn_v." in name or "ffn_down" in name) and _is_deep(int(name.split(".")[1]), m.n_layer):
        return Q.Q6_K
    return Q.Q5_K if "attn_qkv" in name and m.architecture == "phi3" else Q.Q4_K


def _add(writer: gguf.GGUFWriter, key: str, value: Value) -> None:
    if isinstance(value, list):
        writer.add_array(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_uint32(key, value)


def write(path: Path, name: str) -> Path:
    """Write the header of one of `SHAPES` and give the file its full length; the rest of it is a hole."""
    m = SHAPES[name]
    writer = gguf.GGUFWriter(path, m.architecture)
    writer.add_name(name)
    writer.add_file_type(int(gguf.LlamaFileType[f"MOSTLY_{m.quantisation}"]))
    common = {"block_count": m.n_layer, "embedding_length": m.n_embd, "vocab_size": m.n_vocab}
    for key, value in {**common, **m.values}.items():
        _add(writer, f"{m.architecture}.{key}", value)
    for epsilon in ("attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon"):
        writer.add_float32(f"{m.architecture}.{epsilon}", 1e-6)
    writer.add_tokenizer_model("no_vocab")
    n_bytes = 0
    for tensor, shape in m.tensors().items():
        kind = _type(tensor, shape, m)
        block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
        size = math.prod(shape) // block * block_bytes
        writer.add_tensor_info(tensor, list(reversed(shape)), np.dtype(np.float32), size, raw_dtype=kind)
        n_bytes += -(-size // 32) * 32
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with path.open("r+b") as file:
        header = os.path.getsize(path)
        file.truncate(-(-header // 32) * 32 + n_bytes)
    return path
