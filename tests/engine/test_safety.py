"""Falling back: each rung asks for less than the one before, and a memory that is damaged does no harm."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.engine.options import LoadOptions
from assistant.engine.safety import Cures, Rung, ladder, memory_ladder

OPTIONS = st.builds(
    LoadOptions,
    path=st.just("model.gguf"),
    n_ctx=st.sampled_from([0, 256, 2048, 2049, 8192, 1 << 20]),
    n_gpu_layers=st.sampled_from([-1, 0, 1, 7]),
    n_seq_max=st.sampled_from([0, 1, 2, 8]),
    kv_type=st.sampled_from(["auto", "f16", "q8_0", "q4_0"]),
    can_quantize_kv=st.booleans(),
    use_extra_bufts=st.booleans(),
    flash_attn=st.booleans(),
)
WANTED = LoadOptions("model.gguf", n_ctx=8192)
CURED = replace(WANTED, use_extra_bufts=False, flash_attn=False, n_ctx=2048, n_gpu_layers=0)


def demand(options: LoadOptions) -> tuple[bool, bool, float, float, int, bool]:
    """What is asked of build and machine; each part may only fall."""
    n_ctx = options.n_ctx or float("inf")
    n_gpu_layers = options.n_gpu_layers if options.n_gpu_layers >= 0 else float("inf")
    # without flash attention there is no cache in fewer bits
    is_whole = options.kv_type in ("f16", "auto") and options.flash_attn
    return options.use_extra_bufts, options.flash_attn, n_ctx, n_gpu_layers, options.n_seq_max, is_whole


@pytest.mark.parametrize("rungs_of", [ladder, memory_ladder])
@given(options=OPTIONS)
def test_each_rung_asks_for_less(rungs_of: Callable[[LoadOptions], list[Rung]], options: LoadOptions) -> None:
    rungs = rungs_of(options)

    before = options
    for rung in rungs:
        assert all(now <= then for now, then in zip(demand(rung.options), demand(before), strict=True))
        assert demand(rung.options) != demand(before)
        assert rung.options.path == options.path
        before = rung.options
    assert len(rungs) <= 4
    sentences = [rung.sentence for rung in rungs]
    assert len(set(sentences)) == len(sentences)
    assert rungs_of(before) == [], "the last rung is the safest there is"


@given(options=OPTIONS)
def test_want_of_memory_leaves_the_speed_alone(options: LoadOptions) -> None:
    for rung in memory_ladder(options):
        assert rung.options.use_extra_bufts == options.use_extra_bufts
        assert rung.options.flash_attn == options.flash_attn


def test_repacked_weights_go_first() -> None:
    first, *_ = ladder(WANTED)

    assert first.options == replace(WANTED, use_extra_bufts=False)


def test_a_cure_is_found_again_and_only_for_its_model(tmp_path: Path) -> None:
    path = tmp_path / "state" / "cures.json"
    model, other = tmp_path / "a.gguf", tmp_path / "b.gguf"
    model.write_bytes(b"one")
    other.write_bytes(b"two")
    wanted = replace(WANTED, path=str(model))
    Cures(path).remember(wanted, replace(CURED, path=str(model)))

    assert Cures(path).apply(wanted) == replace(CURED, path=str(model))
    assert Cures(path).apply(replace(wanted, n_threads=3)).n_threads == 3
    assert Cures(path).apply(replace(wanted, path=str(other))) == replace(wanted, path=str(other))
    assert [entry.name for entry in path.parent.iterdir()] == [path.name], "a part was left behind"


def test_a_cure_never_asks_for_more_than_is_wanted(tmp_path: Path) -> None:
    cures = Cures(tmp_path / "cures.json")
    cures.remember(WANTED, CURED)

    assert cures.apply(replace(WANTED, n_ctx=512)).n_ctx == 512
    assert cures.apply(replace(WANTED, n_ctx=0)).n_ctx == 2048


def test_cures_of_several_models_are_kept(tmp_path: Path) -> None:
    cures = Cures(tmp_path / "cures.json")
    paths = [tmp_path / f"{i}.gguf" for i in range(3)]
    for i, path in enumerate(paths):
        path.write_bytes(bytes(i))
        cures.remember(replace(WANTED, path=str(path)), replace(CURED, path=str(path)))

    assert all(not cures.apply(replace(WANTED, path=str(path))).flash_attn for path in paths)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"a": 1}',
        b"[" * 100_000,
        b"\x00" * 64,
    ],
)
def test_a_damaged_file_is_as_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cures.json"
    path.write_bytes(content)

    assert Cures(path).apply(WANTED) == WANTED
    Cures(path).remember(WANTED, CURED)
    assert Cures(path).apply(WANTED) == CURED


@pytest.mark.parametrize(
    "cure",
    [
        {"n_ctx": "many", "flash_attn": "no", "n_gpu_layers": None},
        {"n_ctx": -1, "n_gpu_layers": 99, "use_extra_bufts": 0},
        {"n_ctx": 1 << 40, "flash_attn": True},
        {"n_ctx": True, "path": "other.gguf", "n_threads": 0, "new": 1},
        {"n_ctx": [2048], "flash_attn": {}},
    ],
)
def test_values_that_are_none_of_ours_are_passed_over(tmp_path: Path, cure: dict[str, object]) -> None:
    path = tmp_path / "cures.json"
    Cures(path).remember(WANTED, CURED)
    (key,) = json.loads(path.read_text())
    path.write_text(json.dumps({key: cure}))

    assert Cures(path).apply(WANTED) == WANTED


def test_a_place_that_cannot_be_written_or_read_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path / "file" / "cures.json", tmp_path):
        cures = Cures(path)
        cures.remember(WANTED, CURED)
        assert cures.apply(WANTED) == WANTED


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user whom permissions bind")
def test_a_folder_without_permission_costs_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    cures = Cures(folder / "cures.json")

    cures.remember(WANTED, CURED)

    assert cures.apply(WANTED) == WANTED
