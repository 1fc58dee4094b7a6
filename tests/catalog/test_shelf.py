"""The list of the Models screen and the first start's offer, on machines that are described."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.catalog import choosing, installed, shown
from assistant.catalog.families import load_offers
from assistant.catalog.first_start import first_start
from assistant.catalog.shelf import shelf
from assistant.config import Settings
from assistant.config import load as load_settings
from assistant.errors import ModelFileError
from assistant.hardware.machine import parse
from assistant.paths import config_file

MACHINE = parse("8GiB cuda, 16GiB ram")


def test_what_is_here_comes_first_and_what_answers_before_all(starter_model: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.gguf"
    half.write_bytes(b"GGUF")
    installed.add(half, "a-half")
    installed.add(starter_model.absolute(), "zz-used")
    items = shelf(MACHINE, used=starter_model.absolute())
    here = [item.name for item in items if item.is_here]
    assert [item.name for item in items[: len(here)]] == here
    assert items[0].is_used
    assert {"a-half", "starter", "zz-used"} == {*here}
    broken = next(item for item in items if item.name == "a-half")
    assert broken.verdict == "cannot be used"
    assert broken.problem
    names = [item.name for item in items]
    assert len({*names}) == len(names)
    assert {offer.model.name for offer in load_offers()} <= {name.partition(":")[0] for name in names}


def test_what_was_measured_counts(starter_model: Path) -> None:
    measured = {(starter_model.name, starter_model.stat().st_size): 123.0}
    item = next(item for item in shelf(MACHINE, measured=measured) if item.name == "starter")
    assert item.is_measured
    assert item.tokens_per_second == 123.0


def test_what_is_fetched_is_here_and_no_more_to_fetch(starter_model: Path) -> None:
    offer = next(offer for offer in load_offers() if offer.name == "qwen3-4b")
    installed.add(starter_model.absolute(), offer.name, offer.source)
    (item,) = [item for item in shelf(MACHINE) if item.name == "qwen3-4b"]
    assert item.is_here
    assert item.title == offer.model.title


def test_the_offer_is_made_once_and_only_without_a_model(starter_model: Path) -> None:
    first = first_start(Settings())
    assert first is not None
    assert first.advice is None or first.advice.is_fit
    assert not first.is_offline
    assert first_start(Settings(model=Path("mine"))) is None
    installed.add(starter_model.absolute(), "mine")
    assert first_start(Settings()) is None
    installed.forget(installed.load()[0])
    shown.note_shown()
    assert first_start(Settings()) is None


def test_offline_is_told() -> None:
    first = first_start(Settings(offline=True))
    assert first is not None
    assert first.is_offline


def test_use_and_remove_change_the_settings_file(starter_model: Path) -> None:
    installed.add(starter_model.absolute(), "mine")
    entry, written = choosing.use("MINE")
    assert entry is not None
    assert written.line == 'model = "mine"'
    removed = choosing.remove(entry)
    assert removed.freed_bytes == 0
    assert starter_model.exists()
    assert load_settings().model is None
    assert choosing.use("starter")[0] is None


def test_a_settings_file_with_an_error_does_not_keep_a_model_from_being_removed(starter_model: Path) -> None:
    entry = installed.add(starter_model.absolute(), "mine")
    config_file().parent.mkdir(parents=True)
    config_file().write_text("model = oops\n")
    removed = choosing.remove(entry)
    assert removed.trouble is not None
    assert installed.load() == ()


def test_what_cannot_be_run_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"nonsense")
    with pytest.raises(ModelFileError, match="is no GGUF"):
        choosing.use(str(tmp_path / "bad.gguf"))
    assert not config_file().exists()
