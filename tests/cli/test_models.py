"""`mull models`: what each verb says and does, on a machine that is described and a hub on this one."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from assistant import cli
from assistant.catalog import installed
from assistant.catalog.families import load_offers
from assistant.cli._models._words import table
from assistant.config import load as load_settings
from assistant.hardware import probe
from assistant.hardware.machine import parse
from assistant.paths import config_file
from tests import tiny_gguf
from tests.cli.scripted import Terminal
from tests.conftest import ROOT
from tests.download.fixtures import FILE, REPO
from tests.download.hub import Hub, cut, stall, status
from tests.download.models import gguf_bytes

MACHINE = "8GiB cuda, 16GiB ram, 45GB/s bandwidth"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model of the user's own."""
    path = tmp_path / "mine" / "Mine-Q8_0.gguf"
    path.parent.mkdir()
    path.write_bytes(gguf_bytes(tmp_path))
    return path


@pytest.fixture
def mull(capsys: pytest.CaptureFixture[str]) -> Mull:
    return Mull(capsys)


class Mull:
    """Runs a command in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, status: int = 0) -> str:
        """Standard output and error of a command that ends with this status."""
        self._capsys.readouterr()
        ended = cli.main(["models", *arguments])
        out, err = self._capsys.readouterr()
        assert ended == status, out + err
        return out + err

    def json(self, *arguments: str) -> object:
        """What a command prints as JSON."""
        self._capsys.readouterr()
        assert cli.main(["models", *arguments, "--json"]) == 0
        out = self._capsys.readouterr().out
        assert out.isascii()
        return json.loads(out)


def test_recommend_names_the_first_and_how_to_fetch_it(mull: Mull) -> None:
    text = mull("recommend", "--as", MACHINE)
    lines = text.splitlines()
    first = lines[3].split()[0]
    assert first in {offer.name for offer in load_offers()}
    assert "the best balance of strength and speed here" in lines[3]
    assert f"Fetch it with: mull models get {first}" in text
    assert len([line for line in lines if "~" in line]) >= 8


def test_recommend_as_json_is_whole_and_in_order(mull: Mull) -> None:
    said = mull.json("recommend", "--as", MACHINE, "--most", "5")
    assert isinstance(said, dict)
    assert len(said["models"]) == 5
    for entry in said["models"]:
        assert entry["is_fit"]
        assert entry["tokens_per_second"] > 0
        assert entry["source"].startswith("hf:")
    everything = mull.json("recommend", "--as", "4GiB ram", "--all")
    assert isinstance(everything, dict)
    fits = [entry["is_fit"] for entry in everything["models"]]
    assert True in fits
    assert fits == sorted(fits, reverse=True)
    assert len(fits) == len({offer.model.name for offer in load_offers()})


def test_nothing_fits_a_machine_without_memory(mull: Mull) -> None:
    assert "No model of the catalogue fits" in mull("recommend", "--as", "1GiB ram")


@pytest.mark.parametrize("arguments", [("--as", "a toaster"), ("--most", "0"), ("--n-ctx", "7")])
def test_recommend_refuses_nonsense(mull: Mull, arguments: tuple[str, str]) -> None:
    text = mull("recommend", *arguments, status=2)
    assert text.startswith("mull: ")
    assert "\n      " in text


def test_the_context_that_is_asked_for_counts(mull: Mull) -> None:
    said = mull.json("recommend", "--as", MACHINE, "--n-ctx", "32768")
    assert isinstance(said, dict)
    assert {entry["n_ctx"] for entry in said["models"]} == {32768}


def test_the_list_begins_with_the_starter_model(mull: Mull) -> None:
    text = mull("list")
    assert "*  starter" in text
    assert "mull models recommend" in text
    assert mull() == text


def test_a_model_is_imported_used_and_forgotten(mull: Mull, model: Path) -> None:
    assert "mine-q8_0" in mull("import", str(model))
    assert "is used from now on" in mull("use", "mine-q8_0")
    assert load_settings().model == Path("mine-q8_0")
    assert "*  mine-q8_0" in mull("list")
    text = mull("remove", "mine-q8_0")
    assert "is forgotten. Its file stays" in text
    assert "the starter model takes its place" in text
    assert model.exists()
    assert load_settings().model is None


def test_use_takes_a_path_and_says_what_it_changed(mull: Mull, model: Path) -> None:
    config_file().parent.mkdir(parents=True)
    config_file().write_text('# mine\nmodel = "before.gguf"\n', encoding="utf-8")
    text = mull("use", str(model))
    assert f'{config_file()}: model = "mine-q8_0" (was: before.gguf)' in text
    assert config_file().read_text(encoding="utf-8") == '# mine\nmodel = "mine-q8_0"\n'
    assert "took out: mine-q8_0" in mull("use", "starter")
    assert load_settings().model is None


def test_use_refuses_what_cannot_be_run(mull: Mull, tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"nonsense")
    assert "is no GGUF file" in mull("use", str(tmp_path / "bad.gguf"), status=3)
    assert "mull models get qwen3-4b" in mull("use", "qwen3-4b", status=3)
    assert not config_file().exists()


def test_use_says_when_a_variable_wins(mull: Mull, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULL_MODEL", "other")
    assert "MULL_MODEL is set and wins" in mull("use", str(model))


def test_importing_a_folder_and_giving_a_name(mull: Mull, model: Path) -> None:
    (model.parent / "half.gguf").write_bytes(b"GGUF")
    text = mull("import", str(model.parent))
    assert "mine-q8_0" in text
    assert "Left out, 1:" in text
    assert "half.gguf is incomplete" in text
    assert mull.json("import", str(model), "--name", "again") == {
        "models": [{"name": "mine-q8_0", "path": str(model), "source": ""}],
        "refused": [],
    }
    assert "goes with one file" in mull("import", str(model.parent), "--name", "x", status=2)
    assert "is no name" in mull("import", str(model), "--name", "a b", status=2)
    assert "is incomplete" in mull("import", str(model.parent / "half.gguf"), status=3)


def test_importing_what_other_programs_have(mull: Mull, model: Path, own_home: Path) -> None:
    assert "No model that Mull can run" in mull("import")
    theirs = own_home / ".lmstudio" / "models" / "maker" / "Theirs-GGUF" / "Theirs-Q4_K_M.gguf"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(model.read_bytes())
    assert "LM Studio" in mull("import")
    assert installed.resolve(Path("theirs-q4_k_m")) == theirs


def test_inspect_shows_header_template_and_memory(mull: Mull, model: Path) -> None:
    text = mull("inspect", str(model), "--as", MACHINE)
    assert "Small Model" in text
    assert "{{ messages }}<think></think>" in text
    assert "CONTEXT" in text
    said = mull.json("inspect", "qwen3-8b", "--as", MACHINE)
    assert isinstance(said, dict)
    table_ = said["memory_bytes"]
    assert set(table_) == {"2048", "4096", "8192", "16384", "32768"}
    for row in table_.values():
        assert row["f16"] > row["q8_0"] > row["q4_0"] > said["size_bytes"] * 0.95


def test_what_a_file_says_cannot_drive_the_terminal(mull: Mull, tmp_path: Path) -> None:
    evil = gguf_bytes(tmp_path).replace(b"Small Model", b"Sm\x1b[2J Mode")
    (tmp_path / "evil.gguf").write_bytes(evil)
    assert "\x1b" not in mull("inspect", str(tmp_path / "evil.gguf"), "--as", MACHINE)


def test_a_model_is_fetched_listed_and_deleted(
    mull: Mull,
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = mull("get", f"hf:{REPO}/{FILE}")
    assert "model-q4_k_m is here now" in text
    assert "with the checksum that the hub has on record" in text
    assert "100%" in text
    assert "was here already" in mull("get", f"hf:{REPO}:Q4_K_M")
    entry = installed.find("model-q4_k_m")
    assert entry
    assert entry.is_ours
    assert "has to be agreed to" in mull("remove", "model-q4_k_m", status=2)
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    assert "Nothing was removed" in mull("remove", "model-q4_k_m")
    assert entry.path.exists()
    assert "are free again" in mull("remove", "model-q4_k_m", "--yes")
    assert not entry.path.exists()
    assert [path.name for path in installed.models_dir().iterdir() if path.is_dir()] == []
    assert "starter" in mull("list")


def test_a_catalogue_name_is_kept_by_what_is_fetched(
    mull: Mull, hub: Hub, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = next(offer for offer in load_offers() if offer.name == "qwen3-1.7b:q4_k_m")
    hub.add(offer.file.repo, offer.file.file, content)
    monkeypatch.setattr(probe, "probe", lambda: parse(MACHINE))
    text = mull("get", "Qwen3 1.7B:Q4_K_M")
    assert "mull models recommend" not in text
    assert "qwen3-1.7b:q4_k_m is here now" in text
    assert "another one than when this version of Mull was made" in text
    said = mull.json("get", offer.source)
    assert isinstance(said, dict)
    assert (said["name"], said["was_here"], said["source"]) == ("qwen3-1.7b:q4_k_m", True, offer.source)


@pytest.mark.parametrize(
    ("arguments", "status_", "words"),
    [
        (("qwen3-5b",), 2, "Did you mean"),
        (("zzz",), 2, "mull models recommend --all"),
        (("qwen3-4b:q2_k",), 2, "There is: q4_k_m."),
        (("hf:nonsense",), 2, "hf:owner/repository/file.gguf"),
        (("qwen3-4b", "--offline"), 3, "Leave --offline out"),
        (("hf:nobody/Nothing-GGUF/x.gguf",), 3, "no repository nobody/Nothing-GGUF"),
    ],
)
def test_what_cannot_be_fetched(
    mull: Mull,
    hub: Hub,
    arguments: tuple[str, ...],
    status_: int,
    words: str,
) -> None:
    text = mull("get", *arguments, status=status_)
    assert words in text
    assert not hub.requests("cdn")


@pytest.mark.skipif(os.name != "posix", reason="SIGINT is sent as POSIX does")
def test_stopping_says_how_to_go_on(mull: Mull, hub: Hub) -> None:
    over = threading.Event()
    hub.faults.append(stall(70_000, over))
    command = [sys.executable, "-m", "assistant", "models", "get", f"hf:{REPO}/{FILE}"]
    child = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    part = installed.models_dir() / REPO / f"{FILE}.part"
    try:
        while not part.exists() or part.stat().st_size != 70_000:
            assert child.poll() is None
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=10)  # the limits of a connection are longer
    finally:
        over.set()
        child.kill()
        child.communicate()
    assert child.returncode == 130
    assert f"go on with: mull models get hf:{REPO}/{FILE}" in err
    assert "Traceback" not in err
    text = mull("list")
    assert (
        f"Interrupted: model-q4_k_m, 70.1 kB are here. Go on with: mull models get hf:{REPO}/{FILE}" in text
    )
    assert part.stat().st_size == 70_000
    listed: Any = mull.json("list")
    *whole, begun = listed
    assert [each["is_whole"] for each in whole] == [True] * len(whole)
    assert (begun["name"], begun["is_whole"]) == ("model-q4_k_m", False)
    assert begun["go_on"] == f"mull models get hf:{REPO}/{FILE}"
    assert begun["part_bytes"] >= 70_000
    assert begun.keys() == whole[0].keys()
    assert "are free again" in mull("remove", "model-q4_k_m", "--yes")
    assert not list(installed.models_dir().rglob("*.part*"))
    assert "Interrupted" not in mull("list")


def test_an_interrupted_address_is_gone_on_with_by_it(mull: Mull, hub: Hub) -> None:
    url = f"{hub.cdn}/{REPO}/{FILE}"
    hub.faults.extend([cut(70_000, '"v1"'), status(404)])
    mull("get", url, status=3)
    assert f"Go on with: mull models get {url}" in mull("list")
    mull("get", url)
    assert "Interrupted" not in mull("list")


def test_progress_on_a_terminal_is_one_line(
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    err = Terminal()
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert cli.main(["models", "get", f"hf:{REPO}/{FILE}"]) == 0
    text = err.getvalue()
    assert text.startswith("\r\x1b[2K")
    assert text.count("\n") == 1


def test_a_server_that_fails_is_told_once(mull: Mull, hub: Hub) -> None:
    hub.faults.append(status(404))
    assert "There is no" in mull("get", f"{hub.cdn}/{REPO}/{FILE}", status=3)


def test_a_split_model_is_fetched_and_opened_as_one(
    mull: Mull,
    hub: Hub,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tiny_gguf.write(tmp_path / "tiny.gguf", "llama", n_tensors_a_part=16)
    parts = sorted(tmp_path.glob("tiny-*.gguf"))
    assert len(parts) == 3
    for part in parts:
        hub.add(REPO, part.name, part.read_bytes())
    assert "tiny is here now" in mull("get", f"hf:{REPO}/{parts[2].name}")
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert cli.main(["ask", "--model", "tiny", "--max-tokens", "4", "--seed", "1", "Hello"]) == 0
    assert capsys.readouterr().out.strip()
    mull("remove", "tiny", "--yes")
    assert not list(installed.models_dir().rglob("*.gguf"))


def test_verbs_that_are_not(mull: Mull) -> None:
    assert "Did you mean list?" in mull("lst", status=2)
    assert "It has recommend, list" in mull("zzz", status=2)


def test_what_has_no_room_here_is_said_before_it_is_fetched(
    mull: Mull, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "probe", lambda: parse("4GiB ram, 20GB/s bandwidth"))
    text = mull("get", "qwen3-14b", status=3)  # this hub does not have it
    first = text.splitlines()[0]
    assert first.startswith("This machine has ")
    assert first.endswith('See what fits with "mull models recommend".')
    assert "This machine" not in mull("get", "qwen3-14b", "--offline", status=3)


def test_this_machine_is_asked_and_what_is_set_counts(mull: Mull, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "probe", lambda: parse("8GiB cuda, 16GiB ram, 45GB/s bandwidth"))
    assert "GPU" in mull("inspect", "qwen3-1.7b").splitlines()[-1]
    monkeypatch.setenv("MULL_N_GPU_LAYERS", "0")
    monkeypatch.setenv("MULL_KV_TYPE", "q8_0")
    last = mull("inspect", "qwen3-1.7b").splitlines()[-1]
    assert "all layers on the CPU" in last
    assert "KV q8_0" in last
    assert "all layers on the GPU" in mull("inspect", "qwen3-1.7b", "--as", MACHINE)


@pytest.mark.parametrize("verb", ["", "recommend", "list", "get", "import", "inspect", "use", "remove"])
def test_help_fits_a_terminal(mull: Mull, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = mull(*filter(None, [verb]), "--help")
    assert max(map(len, text.splitlines())) <= 88
    assert "usage: mull models" in text


def test_tables_break_their_last_column() -> None:
    lines = table(("A", "B"), [("one", "word " * 20)], columns=40)
    assert max(map(len, lines)) <= 40
    assert all(line.startswith("     ") for line in lines[2:])
    assert len(table(("A", "B"), [("one", "word " * 20)])) == 2


def test_a_name_opens_the_model_everywhere(mull: Mull, starter_model: Path) -> None:
    from assistant.session import Session

    installed.add(starter_model, "mine")
    with Session.open(load_settings({"model": "mine"})) as session:
        assert session.model_name == "Mull Starter 135M"
    with Session.open(load_settings({"model": "starter"})) as session:
        assert session.model_name == "Mull Starter 135M"
