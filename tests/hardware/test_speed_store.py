"""Remembering speeds: whatever becomes of the file, there is no error and no half of a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import paths
from assistant.engine.scripted import scripted_model
from assistant.hardware import speed
from assistant.hardware.speed import SpeedStore
from assistant.limits import SpeedCurve
from tests.conftest import ROOT

CURVE = SpeedCurve(300.0, ((1, 10.0), (2, 18.5), (4, 30.0)))
MODEL = replace(
    scripted_model(),
    path="/models/one.gguf",
    size_bytes=1000,
    quantisation="Q4_0",
    options={"n_gpu_layers": 0},
)


def test_a_speed_is_found_again(tmp_path: Path) -> None:
    SpeedStore(tmp_path / "new" / "folder").save(MODEL, CURVE)

    assert SpeedStore(tmp_path / "new" / "folder").load(MODEL) == CURVE
    assert os.listdir(tmp_path / "new" / "folder") == ["speeds.json"]


def test_it_lies_where_things_lie_that_may_be_lost() -> None:
    SpeedStore().save(MODEL, CURVE)

    assert (paths.state_dir() / "speeds.json").is_file()
    assert SpeedStore().load(MODEL) == CURVE


@pytest.mark.parametrize(
    "change",
    [
        {"path": "/models/two.gguf"},
        {"size_bytes": 1001},
        {"quantisation": "Q8_0"},
        {"device": "GPU"},
        {"build": "another"},
        {"options": {"n_gpu_layers": -1}},
    ],
)
def test_what_runs_otherwise_has_a_speed_of_its_own(tmp_path: Path, change: dict[str, object]) -> None:
    SpeedStore(tmp_path).save(MODEL, CURVE)

    assert SpeedStore(tmp_path).load(replace(MODEL, **change)) is None  # type: ignore[arg-type]


def test_so_has_another_number_of_threads_or_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SpeedStore(tmp_path, n_threads=2).save(MODEL, CURVE)

    assert SpeedStore(tmp_path, n_threads=3).load(MODEL) is None
    monkeypatch.setattr(speed, "usable_threads", lambda: 2)
    assert SpeedStore(tmp_path).load(MODEL) == CURVE
    monkeypatch.setattr(speed, "build_id", lambda: "newer")
    assert SpeedStore(tmp_path, n_threads=2).load(MODEL) is None


def test_the_same_file_elsewhere_and_another_context_have_the_same(tmp_path: Path) -> None:
    SpeedStore(tmp_path).save(MODEL, CURVE)

    assert SpeedStore(tmp_path).load(replace(MODEL, path="/else/one.gguf", n_ctx=512)) == CURVE


def test_the_newest_is_kept_and_64_models(tmp_path: Path) -> None:
    store = SpeedStore(tmp_path)
    models = [replace(MODEL, size_bytes=i) for i in range(66)]
    for model in models[:64]:
        store.save(model, CURVE)
    newer = SpeedCurve(1.0, ((1, 2.0),))
    store.save(models[0], newer)
    for model in models[64:]:
        store.save(model, CURVE)

    assert store.load(models[0]) == newer
    assert [store.load(model) for model in models[1:3]] == [None, None]
    assert all(store.load(model) for model in models[3:])
    assert len(json.loads((tmp_path / "speeds.json").read_text())) == 64


@pytest.mark.parametrize("curve", [SpeedCurve(5.0, ()), SpeedCurve(5.0, ((1, float("nan")),))])
def test_nothing_is_not_remembered(tmp_path: Path, curve: SpeedCurve) -> None:
    SpeedStore(tmp_path).save(MODEL, curve)

    assert not (tmp_path / "speeds.json").exists()


def test_an_unknown_prefill_is_remembered_as_that(tmp_path: Path) -> None:
    SpeedStore(tmp_path).save(MODEL, SpeedCurve(float("inf"), CURVE.decode))

    assert SpeedStore(tmp_path).load(MODEL) == replace(CURVE, prefill=0.0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"a": ' * 10_000,
        b"1" * 5000,
        b"\x00" * 64,
    ],
)
def test_a_damaged_file_is_passed_over_and_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "speeds.json").write_bytes(content)
    store = SpeedStore(tmp_path)

    assert store.load(MODEL) is None
    store.save(MODEL, CURVE)
    assert store.load(MODEL) == CURVE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(
    entry=JSON
    | st.fixed_dictionaries({"prefill": JSON, "decode": JSON})
    | st.fixed_dictionaries({"prefill": st.just(1.0), "decode": st.lists(st.tuples(JSON, JSON), max_size=3)})
)
def test_a_damaged_entry_is_a_curve_or_nothing(
    entry: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("store")
    store = SpeedStore(folder)
    (folder / "speeds.json").write_text(json.dumps({store._key(MODEL): entry}))

    curve = store.load(MODEL)

    assert curve is None or curve.tokens_per_second() > 0


def test_a_place_that_cannot_be_written_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder" / "speeds.json").mkdir(parents=True)

    for folder in (tmp_path / "file", tmp_path / "folder"):
        store = SpeedStore(folder)
        store.save(MODEL, CURVE)
        assert store.load(MODEL) is None
    assert os.listdir(tmp_path / "folder") == ["speeds.json"], "a part was left behind"


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from assistant.engine.scripted import scripted_model
from assistant.hardware.speed import SpeedStore
from assistant.limits import SpeedCurve
store, which = SpeedStore(Path(sys.argv[1])), int(sys.argv[2])
for i in range(100):
    store.save(replace(scripted_model(), size_bytes=which), SpeedCurve(1.0, ((1, 1.0 + i),)))
"""


def test_two_writers_at_once_leave_a_whole_file_at_any_time(tmp_path: Path) -> None:
    store = SpeedStore(tmp_path)
    store.save(MODEL, CURVE)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(i)], cwd=ROOT) for i in (1, 2)
    ]
    n_read = 0
    while any(writer.poll() is None for writer in writers):
        found = json.loads((tmp_path / "speeds.json").read_text())
        assert found, "the file was empty"
        n_read += 1

    assert [writer.wait() for writer in writers] == [0, 0]
    assert n_read > 0
    models = [replace(scripted_model(), size_bytes=i) for i in (1, 2)]
    assert SpeedCurve(1.0, ((1, 100.0),)) in [store.load(model) for model in models]
    assert os.listdir(tmp_path) == ["speeds.json"]


def test_speeds_are_told_by_file(tmp_path: Path) -> None:
    store = SpeedStore(tmp_path)
    store.save(MODEL, CURVE)
    store.save(replace(MODEL, options={"n_gpu_layers": -1}), SpeedCurve(400.0, ((1, 40.0),)))
    store.save(replace(MODEL, path="/elsewhere/two.gguf"), CURVE)

    assert store.by_file() == {("one.gguf", 1000): 40.0, ("two.gguf", 1000): 10.0}


def test_speeds_of_before_files_were_told_are_left_out(tmp_path: Path) -> None:
    store = SpeedStore(tmp_path)
    store.save(MODEL, CURVE)
    known = json.loads((tmp_path / "speeds.json").read_text())
    for entry in known.values():
        del entry["file"]
    (tmp_path / "speeds.json").write_text(json.dumps(known))

    assert store.by_file() == {}
    assert store.load(MODEL) == CURVE
