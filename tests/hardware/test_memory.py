"""What a model takes, told from its header, against what llama.cpp itself says."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.catalog.gguf import GGUFInfo, inspect
from assistant.hardware.fit import fit
from assistant.hardware.machine import parse
from assistant.hardware.memory import Layer, Load, ModelMemory, Needs, need
from assistant.hardware.requirements import requirements
from tests import real_shapes, tiny_gguf

MiB = 1 << 20
ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).parent / "llama_memory.json"
LOADED = ("n_ctx", "n_slots", "kv_type", "n_batch", "flash_attn")
MIXTURES = ("Qwen3-30B-A3B", "gpt-oss-20b", "Granite-4-H-Tiny", "Qwen3-Next-80B-A3B", "DeepSeek-V2-Lite")


@cache
def table() -> dict[str, list[dict[str, Any]]]:
    """llama.cpp's figures in MiB by model, as `python -m tests.bench.memory --write` has written them."""
    by_model: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads(TABLE.read_text(encoding="utf-8")):
        by_model.setdefault(row["model"], []).append(row)
    return by_model


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelMemory]:
    folder = tmp_path_factory.mktemp("shapes")
    return {
        name: requirements(inspect(real_shapes.write(folder / f"{name}.gguf", name)))
        for name in real_shapes.SHAPES
    }


def test_llama_cpp_was_asked_about_every_shape() -> None:
    assert set(table()) == set(real_shapes.SHAPES)


@pytest.mark.parametrize("name", real_shapes.SHAPES)
def test_what_is_told_is_what_llama_cpp_reserves(shapes: dict[str, ModelMemory], name: str) -> None:
    needs = Needs(shapes[name])
    for row in table()[name]:
        host = needs.host(Load(**{key: row[key] for key in LOADED}))

        assert host.weights == pytest.approx(row["weights"] * MiB, rel=0.0005)
        assert host.cache == pytest.approx(row["cache"] * MiB, rel=0.001)
        assert host.output == pytest.approx(row["output"] * MiB, rel=0.002)
        # a buffer of intermediate results is told a little too large rather than too small
        assert 0.92 < host.compute / (row["compute"] * MiB) < 1.18
        total = sum(row[part] for part in ("weights", "cache", "compute", "output"))
        assert host.total == pytest.approx(total * MiB, rel=0.005)


@pytest.mark.parametrize("architecture", tiny_gguf.ARCHITECTURES)
def test_the_installed_llama_cpp_agrees(tmp_path: Path, architecture: str) -> None:
    """Tiny models of every kind through the llama.cpp that is installed."""
    path = tiny_gguf.write(tmp_path / "tiny.gguf", architecture, n_ctx_train=32768)
    answer = subprocess.run(
        [sys.executable, "-m", "tests.bench.memory", str(path)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    needs = Needs(requirements(inspect(path)))

    for row in json.loads(answer.stdout):
        host = needs.host(Load(**{key: row[key] for key in LOADED}))
        hundredth = 0.011 * MiB
        assert host.weights == pytest.approx(row["weights"] * MiB, abs=hundredth)
        assert host.cache == pytest.approx(row["cache"] * MiB, abs=hundredth)
        assert host.output == pytest.approx(row["output"] * MiB, abs=hundredth)


def test_a_sliding_window_pays_for_each_sequence_and_a_full_layer_does_not(
    shapes: dict[str, ModelMemory],
) -> None:
    def cached(name: str, n_slots: int) -> int:
        return Needs(shapes[name]).cache_bytes(Load(8192, n_slots))

    assert cached("Gemma-3-12B", 10) > 1.7 * cached("Gemma-3-12B", 3)
    assert cached("Nemotron-Nano-9B-v2", 10) > 1.5 * cached("Nemotron-Nano-9B-v2", 3)
    assert cached("Qwen3-8B", 10) == cached("Qwen3-8B", 3)


def test_experts_are_most_of_a_mixture(shapes: dict[str, ModelMemory]) -> None:
    for name, model in shapes.items():
        assert model.has_experts == (name in MIXTURES)
    model = shapes["Qwen3-30B-A3B"]
    assert sum(layer.experts for layer in model.layers) > 0.9 * model.weights
    assert model.active == pytest.approx(3.1 / 30.5 * model.weights, rel=0.15)
    assert shapes["Qwen3-8B"].active == shapes["Qwen3-8B"].weights - shapes["Qwen3-8B"].embedding


@pytest.mark.parametrize("name", ["Qwen3-0.6B", "Qwen3-8B", "Qwen3-30B-A3B", "Gemma-3-4B", "LFM2-1.2B"])
@given(data=st.data())
def test_every_byte_lies_somewhere(shapes: dict[str, ModelMemory], name: str, data: st.DataObject) -> None:
    """Wherever the layers are, the weights and the cache are the same; a tied output is copied to the GPU."""
    model = shapes[name]
    n_gpu_layers = data.draw(st.integers(0, model.n_layer + 1))
    load = Load(
        n_ctx=data.draw(st.sampled_from([2048, 8192, 32768])),
        n_slots=data.draw(st.integers(1, 10)),
        kv_type=data.draw(st.sampled_from(["f16", "q8_0", "q4_0"])),
        n_gpu_layers=n_gpu_layers,
        n_cpu_experts=data.draw(st.integers(0, model.n_layer)) if n_gpu_layers else 0,
        shares=tuple(data.draw(st.lists(st.floats(1, 100), min_size=1, max_size=4))),
    )
    host, gpus = need(model, load)

    copied = model.output if model.is_tied and n_gpu_layers else 0
    assert host.weights + sum(gpu.weights for gpu in gpus) == model.weights + copied
    cached = host.cache + sum(gpu.cache for gpu in gpus)
    assert cached == pytest.approx(Needs(model).cache_bytes(load), abs=len(gpus) + 1)
    assert len(gpus) == len(load.shares)
    assert not n_gpu_layers or sum(gpu.compute for gpu in gpus) > 0


@given(
    n_layer=st.integers(1, 80),
    n_gpu_layers=st.integers(1, 90),
    shares=st.lists(st.integers(1 << 28, 24 << 30), min_size=1, max_size=4),
)
def test_several_gpus_share_the_layers_as_llama_cpp_shares_them(
    n_layer: int, n_gpu_layers: int, shares: list[int]
) -> None:
    """Its rule, word for word: the k-th of n goes to the first device whose share ends after k / n."""
    layer = Layer(weights=1, kv=0)
    model = ModelMemory("m", 0, 0, 1, 1, 0, 1000, False, (layer,) * n_layer, 1, 0, 1, 1, 1.0, True)
    load = Load(256, 1, n_gpu_layers=n_gpu_layers, shares=tuple(map(float, shares)))
    _, gpus = need(model, load)

    ends = [sum(shares[: i + 1]) / sum(shares) for i in range(len(shares))]
    n = min(n_gpu_layers, n_layer + 1)
    first = n_layer + 1 - n
    expected = [0] * len(shares)
    for k in range(n):
        device = next((i for i, end in enumerate(ends) if k / n < end - 1e-12), len(ends) - 1)
        expected[device] += 1000 if first + k == n_layer else 1
    assert [gpu.weights for gpu in gpus] == expected


def test_more_of_anything_takes_more(shapes: dict[str, ModelMemory]) -> None:
    for model in shapes.values():
        needs = Needs(model)
        load = Load(8192, 6, "q8_0", 256)
        base = needs.host(load).total
        for more in (
            replace(load, n_ctx=16384),
            replace(load, n_slots=10),
            replace(load, kv_type="f16"),
            replace(load, n_batch=512),
            replace(load, flash_attn=False),
        ):
            assert needs.host(more).total > base, more


KEYS = (
    "block_count", "embedding_length", "attention.head_count", "attention.head_count_kv",
    "attention.key_length", "attention.value_length", "attention.key_length_mla",
    "attention.sliding_window", "attention.sliding_window_pattern", "attention.shared_kv_layers",
    "nextn_predict_layers", "expert_count", "expert_used_count", "ssm.inner_size", "ssm.state_size",
    "ssm.conv_kernel", "shortconv.l_cache",
)  # fmt: skip
ODD = st.none() | st.booleans() | st.integers(-(1 << 63), 1 << 64) | st.floats() | st.text(max_size=3)


@given(
    architecture=st.sampled_from(
        ["llama", "gemma3", "gemma4", "gpt-oss", "deepseek2", "qwen35", "mamba", "?"]
    ),
    scalars=st.dictionaries(st.sampled_from(KEYS), ODD.filter(lambda value: value is not None), max_size=8),
    arrays=st.dictionaries(st.sampled_from(KEYS), st.lists(ODD, max_size=6).map(tuple), max_size=4),
    n_layer=st.sampled_from([0, 1, 4, 4_000_000_000]),
    window=st.integers(0, 1 << 40),
)
def test_no_header_is_too_odd_to_plan_for(
    odd: GGUFInfo,
    architecture: str,
    scalars: dict[str, Any],
    arrays: dict[str, Any],
    n_layer: int,
    window: int,
) -> None:
    """Whatever it claims, there is a plan: whether it loads is for llama.cpp to say."""
    gguf = replace(
        odd,
        architecture=architecture,
        metadata={f"{architecture}.{key}": value for key, value in scalars.items()},
        arrays={f"{architecture}.{key}": value for key, value in arrays.items()},
        n_layer=n_layer,
        sliding_window=window,
    )

    plan = fit(requirements(gguf), parse("8GiB cuda, 16GiB ram"))

    assert plan.sentence
    assert plan.total_bytes > 0


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> GGUFInfo:
    return inspect(tiny_gguf.write(tmp_path_factory.mktemp("odd") / "tiny.gguf", "qwen35"))


def test_layers_that_only_draft_are_not_loaded(tmp_path: Path) -> None:
    path = tiny_gguf.write(tmp_path / "tiny.gguf", "llama")
    gguf = inspect(path)
    drafting = replace(gguf, metadata={**gguf.metadata, "llama.nextn_predict_layers": 1})

    whole, without = requirements(gguf), requirements(drafting)

    assert without.weights == whole.weights - whole.layers[-1].weights
    assert without.n_layer == whole.n_layer


def test_a_header_that_says_little_is_no_error(tmp_path: Path) -> None:
    gguf = inspect(tiny_gguf.write(tmp_path / "tiny.gguf", "llama"))
    bare = replace(gguf, metadata={}, arrays={}, n_layer=0, n_ctx_train=0)

    model = requirements(bare)

    assert model.layers == ()
    assert model.weights == pytest.approx(gguf.size_bytes, rel=0.05)
    assert Needs(model).host(Load(8192, 3)).total > model.weights
