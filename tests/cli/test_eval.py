"""`mull eval`: its flags, its streams, and Ctrl-C."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from assistant import cli
from assistant.config import Settings
from assistant.session import Session
from tests.evaluation.asking import Asking, numbers, raising

Opened = list[Settings]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    rows = ({"id": f"q{i}", "question": f"Say {i}.", "answer": str(i), "type": "number"} for i in range(5))
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """The settings that sessions were opened with."""
    monkeypatch.setattr(sys, "stdin", None)
    return []


def answering(monkeypatch: pytest.MonkeyPatch, session: Asking, opened: Opened) -> None:
    def open_session(settings: Settings) -> Asking:
        opened.append(settings)
        return session

    monkeypatch.setattr(Session, "open", open_session)


def evaluated(monkeypatch: pytest.MonkeyPatch, session: Asking, opened: Opened, *arguments: object) -> int:
    answering(monkeypatch, session, opened)
    return cli.main(["eval", *map(str, arguments)])


def test_a_report_a_plot_and_a_table(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opened, capfd: Any
) -> None:
    out, plot = tmp_path / "report.json", tmp_path / "plot.png"
    session = Asking()
    arguments = [data, "--policy", "auto", "--policy", "think:50", "--out", out, "--plot", plot, "--seed", 5]
    assert evaluated(monkeypatch, session, opened, *arguments) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    assert list(report["policies"]) == ["auto", "think:50", "fixed"]
    assert report["seed"] == 5
    assert session.seeds[:5] == [5, 6, 7, 8, 9]
    with Image.open(plot) as image:
        assert image.format == "PNG"
    printed, told = capfd.readouterr()
    assert "think:50" in printed
    assert "mean tokens a question" in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert "\x1b" not in printed + told
    assert "auto (1/3): 5 of 5, 100% right" in told
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data.jsonl", "plot.png", "report.json"]


def test_three_policies_and_the_ablation_if_none_is_named(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opened, capfd: Any
) -> None:
    out = tmp_path / "report.json"
    assert evaluated(monkeypatch, Asking(), opened, data, "--out", out, "--limit", 3) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    assert list(report["policies"]) == ["auto", "direct", "think:1024", "fixed"]
    assert report["policies"]["auto"]["n"] == 3


def test_without_the_ablation(
    data: Path, monkeypatch: pytest.MonkeyPatch, opened: Opened, capfd: Any
) -> None:
    session = Asking()
    assert evaluated(monkeypatch, session, opened, data, "--policy", "auto", "--no-ablation") == 0
    assert len(session.asked) == 5
    assert "fixed" not in capfd.readouterr().out


@pytest.mark.parametrize("with_out", [True, False])
def test_ctrl_c_keeps_what_is_finished(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opened, capfd: Any, with_out: bool
) -> None:
    arguments = [data, "--policy", "direct", *(["--out", tmp_path / "r.json"] if with_out else [])]
    first = Asking(breaks=raising(None, None, KeyboardInterrupt()))
    assert evaluated(monkeypatch, first, opened, *arguments) == 130
    printed, told = capfd.readouterr()
    assert printed == ""
    assert "give the same command again to go on from there" in told
    second = Asking()
    assert evaluated(monkeypatch, second, opened, *arguments) == 0
    assert numbers(second.asked) == [2, 3, 4]
    third = Asking()
    assert evaluated(monkeypatch, third, opened, *arguments) == 0
    assert len(third.asked) == 5, "a finished evaluation leaves nothing behind"


def test_another_seed_does_not_go_on_and_fresh_starts_over(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opened, capfd: Any
) -> None:
    arguments = [data, "--policy", "direct", "--out", tmp_path / "r.json"]
    first = Asking(breaks=raising(None, KeyboardInterrupt()))
    assert evaluated(monkeypatch, first, opened, *arguments) == 130
    capfd.readouterr()
    assert evaluated(monkeypatch, Asking(), opened, *arguments, "--seed", 1) == 2
    assert "was begun with another seed: 0, not 1." in capfd.readouterr().err
    fresh = Asking()
    assert evaluated(monkeypatch, fresh, opened, *arguments, "--seed", 1, "--fresh") == 0
    assert len(fresh.asked) == 5


def test_side_by_side(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opened, capfd: Any
) -> None:
    out = tmp_path / "report.json"
    arguments = [data, "--policy", "think:50", "--parallel", 3, "--out", out]
    assert evaluated(monkeypatch, Asking(), opened, *arguments) == 0
    assert (opened[0].n_seq_max, opened[0].n_ctx) == (24, 24576)
    assert json.loads(out.read_text(encoding="utf-8"))["parallel"] == 3
    assert "side by side" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "The following arguments are required: DATA."),
        (["none.jsonl"], "There is no file none.jsonl."),
        (["DATA", "--policy", "fast"], '"fast" is not a policy.'),
        (["DATA", "--policy", "vote:0"], "The policy vote:N takes a number from 1 to 64, not 0."),
        (["DATA", "--limit", "0"], '--limit must be a number, 1 or more, not "0".'),
        (["DATA", "--limit", "few"], '--limit must be a number, 1 or more, not "few".'),
        (["DATA", "--parallel", "65"], '--parallel must be a number, from 1 to 64, not "65".'),
        (["DATA", "--out", "."], ". is a folder."),
        (["DATA", "--out", "no/such/r.json"], "There is no folder no/such."),
        (["DATA", "--plot", "no/such/r.png"], "There is no folder no/such."),
    ],
)
def test_wrong_usage(
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    opened: Opened,
    capfd: Any,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(data.parent)
    session = Asking()
    typed = [str(data) if word == "DATA" else word for word in arguments]
    assert evaluated(monkeypatch, session, opened, *typed) == 2
    printed, told = capfd.readouterr()
    assert printed == ""
    assert told.startswith(f"mull: {message}\n      ".replace("/", "\\" if sys.platform == "win32" else "/"))
    assert session.asked == []


def test_help_fits_a_terminal(capfd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(["eval", "--help"]) == 0
    assert max(map(len, capfd.readouterr().out.splitlines())) < 80
