"""Guesses about models that are not here: near enough to rank by."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from assistant.catalog.gguf import GGUFInfo, inspect
from assistant.hardware.expected import tokens_per_second
from assistant.hardware.fit import fit
from assistant.hardware.machine import parse
from assistant.hardware.memory import Load, Needs
from assistant.hardware.requirements import requirements
from tests import real_shapes
from tests.assumed import assumed

UNUSUAL = ("Gemma", "Nemotron", "Granite", "LFM2")
"""Caches that are far from the usual: their size has to be told."""
USUAL = [name for name in real_shapes.SHAPES if not name.startswith(UNUSUAL)]
ACTIVE = {
    "Qwen3-30B-A3B": 3.3e9,
    "gpt-oss-20b": 3.6e9,
    "Qwen3-Next-80B-A3B": 3.9e9,
    "DeepSeek-V2-Lite": 2.7e9,
}


@cache
def header(name: str) -> GGUFInfo:
    with TemporaryDirectory() as folder:
        return inspect(real_shapes.write(Path(folder) / "model.gguf", name))


@pytest.mark.parametrize("name", USUAL)
def test_a_file_that_is_not_here_is_taken_for_one_of_its_size(name: str) -> None:
    gguf = header(name)
    model = assumed(name, gguf.size_bytes, gguf.n_params, n_active=int(ACTIVE.get(name, 0)))
    load = Load(8192, 10)

    told = Needs(model).host(load).total
    real = Needs(requirements(gguf)).host(load).total

    assert 0.85 < told / real < 1.5
    assert model.has_experts == (name in ACTIVE)


@pytest.mark.parametrize("name", ACTIVE)
def test_few_of_the_weights_of_a_mixture_are_read_for_a_token(name: str) -> None:
    gguf = header(name)
    model = requirements(gguf)

    assert model.active == pytest.approx(ACTIVE[name] / gguf.n_params * model.weights, rel=0.35)


def test_a_faster_place_is_faster() -> None:
    model = requirements(header("Qwen3-8B"))

    def speed(machine: str) -> float:
        hardware = parse(machine)
        return tokens_per_second(model, fit(model, hardware), hardware)

    assert speed("32GiB ram") < speed("4GiB cuda, 32GiB ram") < speed("8GiB cuda, 32GiB ram")
    assert 4 < speed("32GiB ram") < 12
    assert 25 < speed("8GiB cuda, 32GiB ram") < 60
    assert speed("32GiB ram, 90GB/s bandwidth") == pytest.approx(2 * speed("32GiB ram, 45GB/s bandwidth"))


def test_experts_in_memory_are_faster_than_a_dense_model_there() -> None:
    hardware = parse("8GiB cuda, 64GiB ram")
    mixture, dense = requirements(header("Qwen3-30B-A3B")), requirements(header("Qwen3-32B"))

    fast = tokens_per_second(mixture, fit(mixture, hardware), hardware)
    slow = tokens_per_second(dense, fit(dense, hardware), hardware)

    assert fast > 5 * slow > 0


def test_what_is_read_from_disk_has_no_speed_to_tell() -> None:
    model, hardware = requirements(header("Qwen3-32B")), parse("8GiB ram")

    assert tokens_per_second(model, fit(model, hardware), hardware) == 0.0
