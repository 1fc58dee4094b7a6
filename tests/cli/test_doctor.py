"""`mull doctor` on the machine that runs the tests, and on one on which things are broken."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from assistant import cli, paths
from assistant.catalog import installed
from assistant.diagnosis import look as looking
from assistant.diagnosis import smoke as smoking
from assistant.diagnosis.facts import Failed
from assistant.diagnosis.look import guarded
from assistant.diagnosis.surroundings import colours
from assistant.engine.options import LoadOptions
from assistant.engine.process import ProcessEngine
from assistant.paths import config_file
from assistant.store.health import health
from assistant.store.journal import Journal
from assistant.store.opening import open_database
from tests.cli.scripted import Terminal

Report = dict[str, Any]


def doctor(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Report]:
    """Status and report."""
    capsys.readouterr()
    status = cli.main(["doctor", "--json", *arguments])
    out, err = capsys.readouterr()
    assert err == ""
    assert out.isascii()
    return status, json.loads(out)


def about(report: Report, part: str, level: str = "mend") -> list[Report]:
    return [each for each in report["findings"] if (each["part"], each["level"]) == (part, level)]


def test_the_machine_with_the_starter_model(capsys: pytest.CaptureFixture[str]) -> None:
    status, report = doctor(capsys)
    machine = report["machine"]["hardware"]
    assert machine["ram_bytes"] >= machine["free_bytes"] > 0
    assert report["build"]["version"]
    assert report["model"]["is_starter"]
    assert report["model"]["plan"]["is_fit"]
    smoke = report["smoke"]
    assert smoke["n_tokens"] == 8
    assert smoke["text"].strip()
    assert smoke["tokens_per_second"] > 0
    assert smoke["build"].startswith("llama-cpp-python")
    assert report["store"]["state"] == "none"
    assert not about(report, "smoke")
    assert report["is_well"] == (status == 0)
    assert status in (0, 4)  # what is wrong with this machine's GPU or disk is not for a test to say


def test_for_people(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    cli.main(["doctor"])
    text = screen.getvalue()
    assert "\x1b[32mok    \x1b[0mllama.cpp" in text
    assert "Decoding       The starter model: 8 tokens" in text
    assert max(len(line.replace("\x1b[33m", "")) for line in text.splitlines() if "\x1b" not in line) <= 80


def test_nothing_is_made_or_changed(capsys: pytest.CaptureFixture[str], own_home: Path) -> None:
    doctor(capsys)
    assert not paths.data_dir().exists()
    assert not paths.config_dir().exists()


def test_a_settings_file_with_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    config_file().parent.mkdir(parents=True)
    config_file().write_text("think = auto\n", encoding="utf-8")
    status, report = doctor(capsys)
    (finding,) = about(report, "settings")
    assert status == 4
    assert "is not valid TOML" in finding["sentence"]
    assert "texts need quotes" in finding["next_step"]
    assert report["smoke"]["n_tokens"] == 8


def test_where_settings_come_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config_file().parent.mkdir(parents=True)
    config_file().write_text('effort = "low"\ntime = 5.0\n', encoding="utf-8")
    monkeypatch.setenv("MULL_TIME", "7")
    _, report = doctor(capsys)
    changed = {each["name"]: (each["value"], each["where"]) for each in report["settings"]["changed"]}
    assert changed == {"effort": ("low", str(config_file())), "time": ("7.0", "MULL_TIME")}


def test_a_damaged_store(capsys: pytest.CaptureFixture[str]) -> None:
    path = paths.conversations()
    path.parent.mkdir(parents=True)
    database, _ = open_database(path)
    database.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    status, report = doctor(capsys)
    assert status == 4
    assert "is damaged" in about(report, "store")[0]["sentence"]
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("content", "state"), [(b"", "older"), (b"nonsense " * 200, "damaged"), (None, "foreign")]
)
def test_what_is_no_store(tmp_path: Path, content: bytes | None, state: str) -> None:
    path = tmp_path / "conversations.db"
    if content is None:
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE theirs (x)")
        other.close()
    else:
        path.write_bytes(content)
    assert health(path).state == state


def test_a_store_that_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal()
    journal.store()
    _, report = doctor(capsys)
    journal.close()
    assert report["store"]["state"] == "current"
    assert not about(report, "store")
    aside = paths.conversations().with_name("conversations.damaged-20250101-000000.db")
    aside.touch()
    _, report = doctor(capsys)
    assert aside.name in about(report, "store", "note")[0]["sentence"]


def test_a_model_that_cannot_be_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, starter_model: Path
) -> None:
    half = tmp_path / "half.gguf"
    half.write_bytes(starter_model.read_bytes()[: 1 << 20])
    installed.add(half, "half")
    status, report = doctor(capsys, "--model", "half")
    assert status == 4
    assert "is incomplete" in about(report, "model")[0]["sentence"]
    assert not about(report, "models", "note")
    assert report["smoke"]["left_out"] == "the chosen model cannot be used"
    assert report["smoke"]["n_tokens"] == 8
    _, report = doctor(capsys)
    assert "mull models remove half" in about(report, "models", "note")[0]["next_step"]


def test_a_model_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    status, report = doctor(capsys, "--model", "qwen3-4b")
    assert status == 4
    assert about(report, "model")[0]["next_step"] == "Fetch it with: mull models get qwen3-4b"


def test_a_large_model_is_loaded_only_when_asked(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    starter_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(looking, "MOST_SMOKED_BYTES", 1 << 20)
    mine = tmp_path / "mine.gguf"
    shutil.copy(starter_model, mine)
    _, report = doctor(capsys, "--model", str(mine))
    assert "--deep" in report["smoke"]["left_out"]
    assert report["smoke"]["model"] == "The starter model"
    _, report = doctor(capsys, "--model", str(mine), "--deep")
    assert report["smoke"]["left_out"] == ""
    assert report["smoke"]["model"] == str(mine)


@pytest.mark.parametrize(
    ("factory", "patience_s", "says"),
    [("hanging", 0.5, "did not answer within"), ("crashing", 60.0, "crashed (SIG")],
)
def test_an_engine_that_does_not_answer(
    starter_model: Path, factory: str, patience_s: float, says: str
) -> None:
    engine = ProcessEngine(LoadOptions(str(starter_model)), f"tests.diagnosis.broken:{factory}")
    found = smoking.smoke(LoadOptions(str(starter_model)), "mine", patience_s, engine=engine)
    assert says in found.problem
    assert found.next_step
    assert engine.pid is None


def test_a_smoke_test_is_stopped_from_outside(starter_model: Path) -> None:
    stop = threading.Event()
    stop.set()
    engine = ProcessEngine(LoadOptions(str(starter_model)), "tests.diagnosis.broken:hanging")
    assert smoking.smoke(LoadOptions(str(starter_model)), "mine", 60.0, stop=stop, engine=engine).problem
    assert engine.pid is None


def test_a_part_that_fails_is_told_by_its_error() -> None:
    def broken() -> int:
        raise ZeroDivisionError("division by zero")

    assert guarded(broken) == Failed("ZeroDivisionError: division by zero")
    assert guarded(lambda: 4) == 4


@pytest.mark.parametrize(
    ("term", "colorterm", "n"),
    [
        ("xterm-256color", "", "256"),
        ("xterm-256color", "truecolor", "16 million"),
        ("xterm-kitty", "", "16 million"),
        ("linux", "", "16"),
        ("dumb", "", "none"),
        ("", "", "none"),
    ],
)
def test_colours_are_what_the_terminal_says(term: str, colorterm: str, n: str) -> None:
    assert colours(term, colorterm, "linux") == n
