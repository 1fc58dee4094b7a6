"""`mull history`: what it prints, where, and with which status."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from assistant import paths
from assistant.cli import main
from assistant.store.store import Store
from tests.cli.scripted import Terminal
from tests.store.filling import following, said

Output = pytest.CaptureFixture[str]


@pytest.fixture
def store() -> Iterator[Store]:
    """The store that the command line uses."""
    with closing(Store.open()) as opened:
        yield opened


def mull(output: Output, *arguments: str) -> tuple[int, str, str]:
    """Run `mull history`: status, standard output and standard error, times as T."""
    status = main(["history", *arguments])
    out, err = output.readouterr()
    time = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")
    return status, time.sub("T", out), time.sub("T", err)


def test_nothing_yet(capsys: Output) -> None:
    assert mull(capsys) == (0, "", "There are no conversations yet.\n")
    assert mull(capsys, "list", "--deleted") == (0, "", "There are no such conversations.\n")
    assert mull(capsys, "search", "word") == (1, "", "Nothing was found.\n")


def test_the_list(capsys: Output, store: Store) -> None:
    ids = [said(store, f"Question {n}").conversation_id for n in range(3)]
    store.pin(ids[0])
    store.archive(ids[1])
    lines = f"{ids[0]}  T    2  * Question 0\n{ids[2]}  T    2  Question 2\n"
    assert mull(capsys) == mull(capsys, "list") == (0, lines, "")
    assert mull(capsys, "list", "--archived")[1] == f"{ids[1]}  T    2  Question 1\n"
    status, out, err = mull(capsys, "list", "--limit", "1")
    assert (status, out, err) == (
        0,
        lines.splitlines()[0] + "\n",
        "There are more; --limit 5 shows so many.\n",
    )
    out = mull(capsys, "list", "--json")[1]
    assert [json.loads(line)["id"] for line in out.splitlines()] == [ids[0], ids[2]]
    assert mull(capsys, "list", "--limit", "no")[0] == 2


def test_searching(capsys: Output, store: Store) -> None:
    turn = said(store, "Why is the sky blue?", "Light scatters, so the sky is blue.")
    said(store, "Something else")
    conversation = turn.conversation_id
    assert mull(capsys, "search", "blue", "sky") == (
        0,
        f"{conversation}  T    2  Why is the sky blue?\n"
        "          Mull: Light scatters, so the sky is blue.\n"
        "          You: Why is the sky blue?\n",
        "",
    )
    assert mull(capsys, "search", "blue sky") == mull(capsys, "search", "blue", "sky")
    assert mull(capsys, "search", '"blue sky"')[0] == 1
    assert mull(capsys, "search", '"')[0] == 1
    hits = [json.loads(line) for line in mull(capsys, "search", "--json", "scatters")[1].splitlines()]
    assert [(hit["id"], hit["role"], hit["marks"]) for hit in hits] == [
        (conversation, "assistant", [[6, 14]])
    ]


def test_matches_are_bold_on_a_terminal_and_nothing_drives_it(
    capsys: Output, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = said(store, "A \x1b[2J needle\x07")
    for environment, expected in (
        ({}, "You: A ␛[2J \x1b[1mneedle\x1b[0m␇\n"),
        ({"NO_COLOR": "1"}, "You: A ␛[2J needle␇\n"),
    ):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdout", terminal := Terminal())
        assert main(["history", "search", "needle"]) == 0
        assert terminal.getvalue().endswith(expected)
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    assert main(["history", "show", turn.conversation_id]) == 0
    assert "\x1b" not in terminal.getvalue()


def test_showing(capsys: Output, store: Store) -> None:
    turn = said(store, "6 * 7?", "42", thinking="six sevens")
    status, out, err = mull(capsys, "show", turn.conversation_id[:6])
    assert (status, err) == (0, "")
    assert out.startswith("# 6 * 7?\n")
    assert out.endswith("\n\n42\n")
    assert "six sevens" in mull(capsys, "show", "--thinking", turn.conversation_id)[1]
    shown = json.loads(mull(capsys, "show", "--json", turn.conversation_id)[1])
    assert shown["conversations"][0]["messages"][1]["thinking"] == "six sevens"
    assert mull(capsys, "show", "zzz") == (
        2,
        "",
        'mull: There is no conversation "zzz".\n      See "mull history list" for those that there are.\n',
    )


def test_exporting(capsys: Output, store: Store, tmp_path: Path) -> None:
    turn = said(store, "6 * 7?", "42")
    said(store, "7 * 7?", "49")
    page, everything = tmp_path / "page.html", tmp_path / "all.json"
    assert mull(capsys, "export", turn.conversation_id, "--out", str(page)) == (
        0,
        "",
        f"1 conversation written to {page}.\n",
    )
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert mull(capsys, "export", turn.conversation_id, "--out", str(page))[0] == 2
    assert mull(capsys, "export", "--all", "--out", str(everything))[0] == 0
    assert len(json.loads(everything.read_text(encoding="utf-8"))["conversations"]) == 2
    assert mull(capsys, "export", turn.conversation_id)[1].startswith("# 6 * 7?")
    for wrong in (
        ("--all",),
        (),
        (turn.conversation_id, "--all"),
        (turn.conversation_id, "--format", "pdf"),
        (turn.conversation_id, "--out", str(tmp_path / "none" / "a.md")),
        (turn.conversation_id, "--out", str(tmp_path / "page")),
    ):
        status, out, err = mull(capsys, "export", *wrong)
        assert (status, out) == (2, ""), wrong
        assert err.startswith("mull: ")


def test_importing(capsys: Output, store: Store, tmp_path: Path) -> None:
    turn = said(store, "6 * 7?", "42")
    file = tmp_path / "all.json"
    mull(capsys, "export", "--all", "--out", str(file))
    assert mull(capsys, "import", str(file)) == (
        0,
        "",
        f"0 conversations imported from {file}, 1 were here already.\n",
    )
    store.delete(turn.conversation_id)
    store.purge()
    assert mull(capsys, "import", str(file)) == (0, "", f"1 conversation imported from {file}.\n")
    assert store.find(turn.conversation_id).title == "6 * 7?"
    assert mull(capsys, "import", str(tmp_path / "none.json"))[0] == 2


def test_what_was_set_aside_is_imported_by_its_name(capsys: Output, store: Store) -> None:
    said(store, "6 * 7?", "42")
    store.close()
    database = paths.conversations()
    database.rename(database.with_name("old.db"))
    assert mull(capsys, "import", "old.db") == (0, "", "1 conversation imported from old.db.\n")
    assert mull(capsys)[1].endswith("  T    2  6 * 7?\n")


def test_a_damaged_file_is_told_of_once(capsys: Output) -> None:
    path = paths.conversations()
    path.parent.mkdir(parents=True)
    path.write_bytes(b"This is no database. " * 400)
    status, out, err = mull(capsys)
    assert (status, out) == (0, "")
    assert err.startswith("mull: The file of conversations is damaged. It was set aside as ")
    assert mull(capsys)[2] == "There are no conversations yet.\n"


def test_renaming(capsys: Output, store: Store) -> None:
    conversation = said(store, "6 * 7?").conversation_id
    assert mull(capsys, "rename", conversation, "My", "sum")[1] == f"{conversation}  T    2  My sum\n"
    assert mull(capsys, "rename", conversation, " ")[0] == 2


def test_deleting_and_undoing_it(capsys: Output, store: Store) -> None:
    turn = said(store, "6 * 7?")
    conversation = turn.conversation_id
    assert mull(capsys, "delete", conversation) == (
        2,
        "",
        "mull: Deleting wants to be confirmed, and there is no terminal.\n      Add --yes.\n",
    )
    assert mull(capsys, "delete", conversation, "--yes") == (
        0,
        "",
        f"1 conversation deleted. For 30 days, mull history restore {conversation} undoes it.\n",
    )
    assert store.conversations() == []
    assert mull(capsys, "restore", conversation[:7])[:2] == (0, f"{conversation}  T    2  6 * 7?\n")
    following(store, turn, "More?")
    assert mull(capsys, "delete", "--all", "--forever", "--yes") == (
        0,
        "",
        "1 conversation deleted for good.\n",
    )
    assert store.conversations(is_deleted=True) == []
    assert mull(capsys, "delete", "--all", "--yes")[0] == 2


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("YES\n", 0), ("n\n", 2), ("\n", 2), ("", 2)])
def test_deleting_asks(
    capsys: Output, store: Store, monkeypatch: pytest.MonkeyPatch, answer: str, status: int
) -> None:
    conversation = said(store, "6 * 7?").conversation_id
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    done = mull(capsys, "delete", conversation)
    assert done[0] == status
    assert done[2].startswith(f"{conversation}  T    2  6 * 7?\nDelete 1 conversation? [y/N] ")
    assert bool(store.conversations()) == (status != 0)


def test_no_terminal_at_all(capsys: Output, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    conversation = said(store, "6 * 7?").conversation_id
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert mull(capsys, "delete", conversation)[0] == 2


def test_help(capsys: Output) -> None:
    status, out, _ = mull(capsys, "--help")
    assert status == 0
    assert max(map(len, out.splitlines())) < 80
    for what in ("list", "search", "show", "export", "import", "rename", "delete", "restore"):
        assert f"\n    {what} " in out
        status, shown, _ = mull(capsys, what, "--help")
        assert status == 0
        assert max(map(len, shown.splitlines())) < 80
