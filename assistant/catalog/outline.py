"""What a model's header will say before its file is here: its tensors, from the shape in the catalogue. Pure.

The shapes are those that llama.cpp's converter writes for each kind of layer. Their types follow what
`llama-quantize` does for the quantisation, roughly; what is left of the file's known size is spread over
all of them, so that the sum is right and the parts are nearly so.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Final

from assistant.catalog.ggml import RECURRENT, TENSOR_TYPES
from assistant.catalog.gguf import GGUFInfo
from assistant.catalog.header import Tensor
from assistant.catalog.offers import Model, Offer

Shape = tuple[int, ...]

_TYPES: Final = {name: (block, n_bytes) for name, block, n_bytes in TENSOR_TYPES.values()}
_PLAIN: Final[dict[str, tuple[str, str, str]]] = {
    "Q8_0": ("Q8_0", "Q8_0", "Q8_0"),
    "Q6_K": ("Q6_K", "Q6_K", "Q6_K"),
    "Q5_K_M": ("Q5_K", "Q6_K", "Q6_K"),
    "Q4_K_M": ("Q4_K", "Q6_K", "Q6_K"),
    "Q4_0": ("Q4_0", "Q4_0", "Q6_K"),
    "MXFP4": ("Q8_0", "Q8_0", "Q8_0"),
}
"""Types of most weights, of the values and last products of some layers, and of the output."""
_FALLBACK: Final = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
"""What takes the place of a type whose blocks do not divide a row."""
_NEVER_QUANTISED: Final = ("conv.weight", "conv1d.weight", "ffn_gate_inp.weight")
_OUTPUTS: Final = ("output.weight", "per_layer_token_embd.weight")
_PER_TOKEN_TEXT: Final = 40
"""Bytes that the vocabulary takes in the header for each token, its merges included, about."""


def outline(offer: Offer) -> GGUFInfo:
    """What the header of an offered file will say, as far as loading it needs to know."""
    model, file = offer.model, offer.file
    shape = _Shape(model)
    tensors = _sized(shape.tensors(), file.quantisation, shape)
    total = sum(tensor.n_bytes for tensor in tensors)
    payload = file.size_bytes - shape.n("vocab_size") * _PER_TOKEN_TEXT
    scale = payload / total
    scaled = tuple(replace(tensor, n_bytes=int(tensor.n_bytes * scale)) for tensor in tensors)
    scalars = {f"{shape.architecture}.{k}": v for k, v in model.header.items() if type(v) is int}
    arrays = {f"{shape.architecture}.{k}": v for k, v in model.header.items() if isinstance(v, tuple)}
    return GGUFInfo(
        path=Path(file.file),
        name=model.title,
        architecture=shape.architecture,
        n_params=sum(math.prod(tensor.shape) for tensor in tensors),
        size_bytes=file.size_bytes,
        quantisation=file.quantisation,
        n_ctx_train=model.n_ctx,
        n_layer=shape.n("block_count"),
        chat_template=None,
        bos_token="",
        eos_token="",
        add_bos=False,
        sliding_window=shape.n("attention.sliding_window"),
        is_recurrent=shape.architecture in RECURRENT,
        metadata=scalars,
        arrays=arrays,
        tensors=scaled,
    )


class _Shape:
    """The tensors that a header's keys imply."""

    def __init__(self, model: Model) -> None:
        self._header = model.header
        self._is_tied = model.is_tied
        self.architecture = str(model.header["architecture"])
        self._n_embd = self.n("embedding_length")

    def n(self, key: str, layer: int = 0) -> int:
        """A value of the header, that of a layer where there is one for each; 0 if it has none."""
        value = self._header.get(key, 0)
        if isinstance(value, tuple):
            value = value[layer]
        return value if isinstance(value, int) else 0

    def tensors(self) -> dict[str, Shape]:
        """Every tensor's shape by name, inputs first."""
        n_vocab, n_layer = self.n("vocab_size"), self.n("block_count")
        found: dict[str, Shape] = {"token_embd.weight": (self._n_embd, n_vocab)}
        for i in range(n_layer):
            found |= {f"blk.{i}.{name}": shape for name, shape in self._layer(i).items()}
        if per_layer := self.n("embedding_length_per_layer_input"):
            found["per_layer_token_embd.weight"] = (per_layer * n_layer, n_vocab)
            found["per_layer_model_proj.weight"] = (self._n_embd, per_layer * n_layer)
        found["output_norm.weight"] = (self._n_embd,)
        if not self._is_tied:
            found["output.weight"] = (self._n_embd, n_vocab)
        return found

    def _layer(self, i: int) -> dict[str, Shape]:
        found: dict[str, Shape] = {"attn_norm.weight": (self._n_embd,), "ffn_norm.weight": (self._n_embd,)}
        if self._has_attention(i):
            found |= self._attention(i)
        elif self.n("shortconv.l_cache"):
            found |= self._short_convolution()
        elif self.n("full_attention_interval"):
            found |= self._delta_net()
        elif self.n("ssm.inner_size") and not self._is_feed_forward_only(i):
            found |= self._mamba()
        found |= self._experts() if self._has_experts(i) else {}
        found |= self._feed_forward(i) if self._has_feed_forward(i) else {}
        if per_layer := self.n("embedding_length_per_layer_input"):
            found |= {"inp_gate.weight": (self._n_embd, per_layer), "proj.weight": (per_layer, self._n_embd)}
        return found

    @property
    def _is_nemotron(self) -> bool:
        """Whether each layer is of one kind: attention, state space, or feed-forward."""
        return self.architecture.startswith("nemotron_h")

    def _is_feed_forward_only(self, i: int) -> bool:
        return self._is_nemotron and self.n("feed_forward_length", i) > 0

    def _has_attention(self, i: int) -> bool:
        if every := self.n("full_attention_interval"):
            return i % every == every - 1
        return self.n("attention.head_count_kv", i) > 0

    def _has_experts(self, i: int) -> bool:
        if not self.n("expert_count") or i < self.n("leading_dense_block_count"):
            return False
        return not self._is_nemotron or self._is_feed_forward_only(i)

    def _has_feed_forward(self, i: int) -> bool:
        # Gemma has a dense part beside its experts; with the others, it is the one or the other
        if self._has_experts(i) and self.architecture != "gemma4":
            return False
        return self.n("feed_forward_length", i) > 0

    def _attention(self, i: int) -> dict[str, Shape]:
        n_head, n_kv = self.n("attention.head_count", i), self.n("attention.head_count_kv", i)
        head = self.n("attention.key_length") or self._n_embd // n_head
        if self.n("attention.sliding_window_pattern", i):
            head = self.n("attention.key_length_swa") or head
        query = n_head * head * (2 if self.n("full_attention_interval") else 1)  # gated
        if self.architecture == "phi3":
            return {
                "attn_qkv.weight": (self._n_embd, query + 2 * n_kv * head),
                "attn_output.weight": (n_head * head, self._n_embd),
            }
        return {
            "attn_q.weight": (self._n_embd, query),
            "attn_k.weight": (self._n_embd, n_kv * head),
            "attn_v.weight": (self._n_embd, n_kv * head),
            "attn_output.weight": (n_head * head, self._n_embd),
        }

    def _short_convolution(self) -> dict[str, Shape]:
        n = self._n_embd
        return {
            "shortconv.conv.weight": (self.n("shortconv.l_cache"), n),
            "shortconv.in_proj.weight": (n, 3 * n),
            "shortconv.out_proj.weight": (n, n),
        }

    def _delta_net(self) -> dict[str, Shape]:
        inner, rank = self.n("ssm.inner_size"), self.n("ssm.time_step_rank")
        mixed = inner + 2 * self.n("ssm.group_count") * self.n("ssm.state_size")
        return {
            "attn_qkv.weight": (self._n_embd, mixed),
            "attn_gate.weight": (self._n_embd, inner),
            "ssm_conv1d.weight": (self.n("ssm.conv_kernel"), mixed),
            "ssm_beta.weight": (self._n_embd, rank),
            "ssm_alpha.weight": (self._n_embd, rank),
            "ssm_out.weight": (inner, self._n_embd),
        }

    def _mamba(self) -> dict[str, Shape]:
        inner, rank = self.n("ssm.inner_size"), self.n("ssm.time_step_rank")
        mixed = inner + 2 * self.n("ssm.group_count") * self.n("ssm.state_size")
        return {
            "ssm_in.weight": (self._n_embd, inner + mixed + rank),
            "ssm_conv1d.weight": (self.n("ssm.conv_kernel"), mixed),
            "ssm_out.weight": (inner, self._n_embd),
        }

    def _feed_forward(self, i: int) -> dict[str, Shape]:
        n_ff = self.n("feed_forward_length", i)
        return self._projections("", n_ff)

    def _experts(self) -> dict[str, Shape]:
        n = self.n("expert_count")
        n_ff = self.n("expert_feed_forward_length") or self.n("feed_forward_length")
        found: dict[str, Shape] = {"ffn_gate_inp.weight": (self._n_embd, n)}
        found |= {name: (*shape, n) for name, shape in self._projections("_exps", n_ff).items()}
        if shared := self.n("expert_shared_feed_forward_length"):
            found |= self._projections("_shexp", shared)
        return found

    def _projections(self, suffix: str, n_ff: int) -> dict[str, Shape]:
        """Up, down and gate; Nemotron has no gate, and Phi has it in one tensor with up."""
        is_gated = not self._is_nemotron
        is_fused = self.architecture == "phi3"
        found: dict[str, Shape] = {
            f"ffn_up{suffix}.weight": (self._n_embd, n_ff * (2 if is_fused else 1)),
            f"ffn_down{suffix}.weight": (n_ff, self._n_embd),
        }
        if is_gated and not is_fused:
            found[f"ffn_gate{suffix}.weight"] = (self._n_embd, n_ff)
        return found


def _sized(shapes: dict[str, Shape], quantisation: str, shape: _Shape) -> list[Tensor]:
    usual, better, output = _PLAIN.get(quantisation, ("Q4_K", "Q6_K", "Q6_K"))
    is_tied = "output.weight" not in shapes
    n_layer = shape.n("block_count")
    found = []
    for name, dims in shapes.items():
        kind = usual
        if len(dims) < 2 or name.endswith(_NEVER_QUANTISED):
            kind = "F32"
        elif name in _OUTPUTS or (name == "token_embd.weight" and is_tied):
            kind = output
        elif quantisation == "MXFP4" and "_exps" in name:
            kind = "MXFP4"
        elif ("attn_v." in name or "ffn_down" in name) and _is_deep(int(name.split(".")[1]), n_layer):
            kind = better
        elif "attn_qkv" in name and usual == "Q4_K":
            kind = "Q5_K"
        if dims[0] % _TYPES[kind][0]:
            kind = _FALLBACK.get(kind, "F16")
        block, n_bytes = _TYPES[kind]
        found.append(Tensor(name, kind, dims, -(-math.prod(dims) // block) * n_bytes))
    return found


def _is_deep(layer: int, n_layer: int) -> bool:
    """The layers that a mixed quantisation treats better: the first and last eighth, and every third."""
    return layer < n_layer // 8 or layer >= 7 * n_layer // 8 or (layer - n_layer // 8) % 3 == 2
