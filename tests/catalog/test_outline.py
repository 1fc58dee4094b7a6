"""Shapes of the catalogue: what they say of a file must agree with the file's known size and parameters."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from assistant.catalog.families import load_offers
from assistant.catalog.gguf import inspect
from assistant.catalog.offers import Offer, find
from assistant.catalog.outline import outline
from assistant.hardware.memory import Load, Needs
from assistant.hardware.requirements import requirements
from tests import real_shapes

SAME = {
    "qwen3-4b": "Qwen3-4B",
    "qwen3-8b": "Qwen3-8B",
    "qwen3-14b": "Qwen3-14B",
    "qwen3-30b-a3b": "Qwen3-30B-A3B",
    "gpt-oss-20b": "gpt-oss-20b",
    "deepseek-r1-distill-qwen-1.5b": "R1-Distill-Qwen-1.5B",
    "deepseek-r1-distill-qwen-7b": "R1-Distill-Qwen-7B",
    "deepseek-r1-distill-llama-8b": "R1-Distill-Llama-8B",
    "deepseek-r1-distill-qwen-14b": "R1-Distill-Qwen-14B",
    "smollm3-3b": "SmolLM3-3B",
    "phi-4-reasoning": "Phi-4-reasoning",
    "granite-4.0-h-tiny": "Granite-4-H-Tiny",
}
"""Models of the catalogue whose header the planner's tests write in the same quantisation."""


@pytest.mark.parametrize("offer", load_offers(), ids=lambda offer: offer.name)
def test_shape_parameters_and_size_agree(offer: Offer) -> None:
    model, gguf = offer.model, outline(offer)
    assert gguf.n_params == pytest.approx(model.n_params, rel=0.005)
    whole = sum(tensor.n_bytes for tensor in gguf.tensors)
    assert 0.98 * gguf.size_bytes < whole <= gguf.size_bytes
    experts = sum(math.prod(t.shape) for t in gguf.tensors if "_exps" in t.name)
    share = requirements(gguf).expert_share
    looked_up = sum(
        math.prod(t.shape)
        for t in gguf.tensors
        if t.name == "per_layer_token_embd.weight" or (t.name == "token_embd.weight" and not model.is_tied)
    )
    if model.n_active_params:
        active = gguf.n_params - experts * (1 - share) - looked_up
        assert active == pytest.approx(model.n_active_params, rel=0.02)
    else:
        assert not experts


@pytest.mark.parametrize(("name", "shape"), SAME.items())
@pytest.mark.parametrize("n_ctx", [2048, 32768])
def test_what_is_planned_before_and_after_fetching_is_the_same(
    tmp_path: Path, name: str, shape: str, n_ctx: int
) -> None:
    offer = find(load_offers(), name)
    assert offer
    header = inspect(real_shapes.write(tmp_path / "model.gguf", shape))
    for layers in (0, 999):
        load = Load(n_ctx, 6, n_gpu_layers=min(layers, header.n_layer + 1))
        before, after = Needs(requirements(outline(offer))), Needs(requirements(header))
        assert _all(before, load) == pytest.approx(_all(after, load), rel=0.03)


def _all(needs: Needs, load: Load) -> int:
    return needs.host(load).total + sum(need.total for need in needs.gpus(load))
