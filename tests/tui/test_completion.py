"""Completing commands, choices and paths while writing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from assistant.tui.widgets.prompt import listing
from assistant.tui.widgets.prompt.completing import completing, paths_for, ranked
from assistant.tui.widgets.prompt.completion import Completion, end_of
from assistant.tui.widgets.prompt.listing import beneath, inside
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual import events
from textual.pilot import Pilot

from tests.tui.driving import chat, phase, prompt, shown, wait_until
from tests.tui.scripted import ScriptedSession, short_run
from tests.tui.test_commands import notices


def offered(pilot: Pilot[None]) -> list[str]:
    """What the list over the prompt shows; empty while it is closed."""
    completion: Any = pilot.app.query_one(Completion)
    return [each.label for each in completion._candidates] if completion.is_open else []


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a few files."""
    (tmp_path / "src" / "deep").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "node_modules" / "x").mkdir(parents=True)
    for name in ("src/main.py", "src/deep/chat.py", "my notes.txt", ".hidden", "node_modules/x/main.js"):
        (tmp_path / name).write_text(f"This is {name}.\n")
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def test_of_a_long_path_the_end_is_seen_and_a_short_one_is_whole(folder: Path) -> None:
    name = "notes" + "".join(f"-{n}" for n in range(60))
    (folder / name).touch()
    async with chat(ScriptedSession(), (80, 24)) as pilot:
        await pilot.press("@", "n", "o", "t")
        await wait_until(pilot, lambda: len(offered(pilot)) == 2)
        options = pilot.app.query_one(Completion)

        def ends() -> bool:
            long, short = (options.render_line(y).text for y in range(2))
            is_filled = len(long.rstrip()) > options.size.width - 3
            return is_filled and short.strip() == "my notes.txt" and name.endswith(long.strip(" …"))

        await wait_until(pilot, ends)
        await pilot.press("down")
        await pilot.resize_terminal(60, 24)
        await wait_until(pilot, ends)
        assert options.highlighted == 1


@given(st.text("aä漢🙂/", max_size=40), st.integers(1, 40))
def test_an_end_takes_the_room_there_is(text: str, n_cells: int) -> None:
    end = end_of(text, n_cells)
    if cell_len(text) <= n_cells:
        assert end == text
    else:
        assert end[0] == "…"
        assert text.endswith(end[1:])
        assert n_cells - 1 <= cell_len(end) <= n_cells


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/", ("command", "", 0)),
        ("/co", ("command", "co", 0)),
        ("/copy th", ("choice", "th", 6)),
        ("see @src/m", ("path", "src/m", 4)),
        ('see @"my no', ("path", "my no", 4)),
        ("me@home", None),
        ("see @src and", None),
        ("/etc/x", None),
        ("words", None),
        ("", None),
    ],
)
def test_what_waits_for_its_rest(line: str, expected: tuple[str, str, int] | None) -> None:
    what = completing(line, is_first_line=True)
    assert (what and (what.kind, what.typed, what.start)) == expected


def test_commands_are_completed_on_the_first_line_alone() -> None:
    assert completing("/co", is_first_line=False) is None
    assert completing("@co", is_first_line=False) is not None


PATHS = ["src/", "src/main.py", "src/deep/chat.py", "my notes.txt", "charts/a.md", "docs/CHAT.md"]


def test_the_name_counts_more_than_the_way_to_it() -> None:
    assert ranked("chat", PATHS, 9)[:2] == ["docs/CHAT.md", "src/deep/chat.py"]
    assert ranked("sdc", PATHS, 9) == ["src/deep/chat.py"]
    assert ranked("", PATHS, 2) == ["my notes.txt", "charts/a.md"]
    assert ranked("zzz", PATHS, 9) == []


@given(st.text(max_size=8), st.lists(st.text(min_size=1, max_size=12), max_size=20))
def test_what_is_ranked_contains_what_is_typed_in_order(typed: str, paths: list[str]) -> None:
    for path in ranked(typed, paths, 10):
        rest = iter(path.lower())
        assert all(char in rest for char in typed.lower())


def test_a_path_with_spaces_is_quoted_and_a_folder_stays_open() -> None:
    what = completing("@m", is_first_line=True)
    assert what is not None
    assert [each.text for each in paths_for(what, ["my notes.txt", "m/", "m y/"])] == [
        "@m/",
        '@"m y/',
        '@"my notes.txt" ',
    ]


def test_what_lies_beneath_a_folder(folder: Path) -> None:
    assert beneath(folder) == [
        "my notes.txt",
        "node_modules/",
        "photo.png",
        "src/",
        "src/deep/",
        "src/main.py",
        "src/deep/chat.py",
    ]
    assert beneath(folder, patience_s=-1) == []
    assert inside(folder, "./src/m") == ["./src/deep/", "./src/main.py"]
    assert ".hidden" in inside(folder, ".h")
    assert inside(folder, "/no/such/folder/") == []


def test_a_large_folder_is_not_listed_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(30):
        (tmp_path / f"f{n}").touch()
    monkeypatch.setattr(listing, "MOST_PATHS", 20)
    assert len(beneath(tmp_path)) == 20
    assert len(inside(tmp_path, "./")) == 20


async def test_a_command_is_taken_from_the_list_and_run() -> None:
    async with chat(ScriptedSession()) as pilot:
        await pilot.press("slash", "t", "h")
        await wait_until(pilot, lambda: offered(pilot) == ["/theme"])
        await pilot.press("tab")
        assert prompt(pilot).text == "/theme "
        await pilot.press(*"nor")
        await wait_until(pilot, lambda: offered(pilot) == ["nord"])
        await pilot.press("enter")
        await wait_until(pilot, lambda: pilot.app.theme == "nord")
        assert prompt(pilot).text == ""


async def test_the_list_is_walked_and_closed_with_keys() -> None:
    async with chat(ScriptedSession()) as pilot:
        await pilot.press("slash", "e", "f", "f", "space")
        await wait_until(pilot, lambda: offered(pilot) == [])
        await pilot.press("backspace")
        await wait_until(pilot, lambda: offered(pilot) == ["/effort"])
        await pilot.press("tab")
        await wait_until(pilot, lambda: "high" in offered(pilot))
        await pilot.press("down", "down", "tab")
        assert prompt(pilot).text == "/effort low"
        await pilot.press("escape")
        assert offered(pilot) == []
        assert prompt(pilot).text == "/effort low"


async def test_keys_that_come_faster_than_the_list_take_nothing_from_it() -> None:
    session = ScriptedSession()
    async with chat(session) as pilot:
        await pilot.press("slash")
        await wait_until(pilot, lambda: "/effort" in offered(pilot))
        for key in ("n", "w", "e", "enter"):
            pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await wait_until(pilot, lambda: "There is no command /nwe" in notices(pilot))
        assert prompt(pilot).text == "/nwe"


async def test_a_file_is_found_named_and_read(folder: Path) -> None:
    session = ScriptedSession(short_run("Read"), short_run("Again"))
    async with chat(session) as pilot:
        await pilot.press(*"say ", "@", *"chat")
        await wait_until(pilot, lambda: offered(pilot) == ["src/deep/chat.py"])
        await pilot.press("enter")
        assert prompt(pilot).text == "say @src/deep/chat.py "
        await pilot.press("@", *"notes")
        await wait_until(pilot, lambda: offered(pilot) == ["my notes.txt"])
        await pilot.press("tab", "enter")
        await wait_until(pilot, lambda: "Read" in shown(pilot) and phase(pilot) == "ready")
        assert "+ src/deep/chat.py, 1 line" in shown(pilot)
        await pilot.press(*"more", "enter")
        await wait_until(pilot, lambda: "Again" in shown(pilot))
    first, second = session.queries
    assert first.text == 'say @src/deep/chat.py @"my notes.txt" '
    assert [file.text for file in first.attachments] == [
        "This is src/deep/chat.py.\n",
        "This is my notes.txt.\n",
    ]
    assert "This is src/deep/chat.py." in second.history[0].content, "the file stays in the conversation"


async def test_a_folder_leads_on(folder: Path) -> None:
    async with chat(ScriptedSession()) as pilot:
        await pilot.press("@", *"src")
        await wait_until(pilot, lambda: offered(pilot)[:1] == ["src/"])
        await pilot.press("enter")
        assert prompt(pilot).text == "@src/"
        await wait_until(pilot, lambda: "src/main.py" in offered(pilot))
        await pilot.press("backspace", "backspace", "backspace", "backspace", ".", "slash", "s")
        await wait_until(pilot, lambda: offered(pilot)[:1] == ["./src/"])


async def test_a_file_that_cannot_go_keeps_the_question(folder: Path) -> None:
    session = ScriptedSession()
    async with chat(session) as pilot:
        prompt(pilot).load_text("What is on @photo.png?")
        await pilot.press("enter")
        await wait_until(pilot, lambda: "is an image, and Mull's models cannot see" in notices(pilot))
        assert prompt(pilot).text == "What is on @photo.png?"
    assert session.queries == []


async def test_a_file_that_is_not_there_is_told_and_goes_as_text(folder: Path) -> None:
    session = ScriptedSession(short_run("One"))
    async with chat(session) as pilot:
        prompt(pilot).load_text("fix @src/mian.py ")
        await pilot.press("enter")
        await wait_until(pilot, lambda: "There is no file src/mian.py" in notices(pilot))
        await wait_until(pilot, lambda: "One" in shown(pilot))
    assert session.queries[0].attachments == ()


async def test_a_click_takes_what_it_hits() -> None:
    async with chat(ScriptedSession()) as pilot:
        await pilot.press("slash")
        await wait_until(pilot, lambda: "/effort" in offered(pilot))
        await pilot.click(Completion, offset=(2, offered(pilot).index("/effort")))
        await wait_until(pilot, lambda: prompt(pilot).text == "/effort ")
        assert pilot.app.focused is prompt(pilot)
