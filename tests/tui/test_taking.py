"""Copying, saving, and taking a queued question back."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from assistant.tui.screens.saving import SaveScreen
from assistant.tui.widgets.transcript.user import UserTurn
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.tui.driving import ask, chat, phase, prompt, shown, wait_until, words
from tests.tui.scripted import ScriptedSession, answer, planned, short_run, text
from tests.tui.test_commands import full_run, notices, say

TWO_BLOCKS = "```py\nx = 1\n```\n\n```sh\nls\n```"


@pytest.mark.parametrize(
    ("line", "copied", "told"),
    [
        ("/copy", "It is $x^2$.\n\n```py\nx = 1\n```", "The answer was copied"),
        ("/copy question", "how?", "The question was copied"),
        ("/copy code", "x = 1", "The last code block was copied"),
        ("/copy thinking", "Hm.", "The thinking was copied"),
    ],
)
async def test_each_piece_is_copied_and_told_how(line: str, copied: str, told: str) -> None:
    async with chat(ScriptedSession(full_run())) as pilot:
        await ask(pilot, "how?")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await say(pilot, line)
        await wait_until(pilot, lambda: told in notices(pilot))
        assert pilot.app.clipboard == copied
        assert "OSC 52), which does not say whether it obeyed" in notices(pilot)


async def test_a_selection_goes_to_the_clipboards_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copied = tmp_path / "copied"
    store = f"import pathlib, sys; pathlib.Path({str(copied)!r}).write_bytes(sys.stdin.buffer.read())"
    monkeypatch.setattr("assistant.clipboard.commands", lambda *_: [[sys.executable, "-c", store]])
    async with chat(ScriptedSession()) as pilot:
        pilot.app.copy_to_clipboard("selected")
        await wait_until(pilot, lambda: copied.exists() and copied.read_text() == "selected")
        assert pilot.app.clipboard == "selected"


async def test_keys_copy_code_and_thinking() -> None:
    async with chat(ScriptedSession(full_run())) as pilot:
        await ask(pilot, "how?")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await pilot.press("f5")
        await wait_until(pilot, lambda: pilot.app.clipboard == "x = 1")
        await pilot.press("f8")
        await wait_until(pilot, lambda: pilot.app.clipboard == "Hm.")


async def test_code_of_an_earlier_answer_is_taken_where_the_last_has_none() -> None:
    async with chat(ScriptedSession(full_run(), short_run("You are welcome."))) as pilot:
        await ask(pilot, "how?")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await ask(pilot, "thanks")
        await wait_until(pilot, lambda: "You are welcome." in shown(pilot) and phase(pilot) == "ready")
        await pilot.press("f5")
        await wait_until(pilot, lambda: pilot.app.clipboard == "x = 1")
        assert "x = 1" in words((await saving(pilot)).query_one(".code", Static))
        await pilot.press("escape")
        await wait_until(pilot, lambda: not isinstance(pilot.app.screen, SaveScreen))
        pilot.app.copy_to_clipboard("")
        await pilot.press("ctrl+up", "f5")
        await pilot.pause()
        assert pilot.app.clipboard == "", "the turn that has the focus has no code"


async def test_an_answer_that_speaks_of_fences_does_not_hide_the_code_before_it() -> None:
    async with chat(ScriptedSession(full_run(), short_run("Code begins with ``` and a name."))) as pilot:
        await ask(pilot, "how?")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await ask(pilot, "what is a fence?")
        await wait_until(pilot, lambda: "Code begins" in shown(pilot) and phase(pilot) == "ready")
        await pilot.press("f5")
        await wait_until(pilot, lambda: pilot.app.clipboard == "x = 1")


async def saving(pilot: Pilot[None], key: str = "ctrl+s") -> Any:
    """The screen that asks for a name, open."""
    await pilot.press(key)
    await wait_until(pilot, lambda: isinstance(pilot.app.screen, SaveScreen))
    return pilot.app.screen


async def asked(pilot: Pilot[None]) -> None:
    await ask(pilot, "hi")
    await wait_until(pilot, lambda: phase(pilot) == "ready")


async def test_a_code_block_is_saved_under_the_name_that_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with chat(ScriptedSession([planned(), text(TWO_BLOCKS), answer(TWO_BLOCKS)])) as pilot:
        await asked(pilot)
        screen = await saving(pilot)
        assert screen.query_one(Input).value == "code.sh", "the last block"
        await pilot.press("shift+tab", "up")
        await wait_until(pilot, lambda: screen.query_one(Input).value == "code.py")
        await pilot.press("enter", *["backspace"] * 3, *"_x.py", "enter")
        await wait_until(pilot, lambda: not isinstance(pilot.app.screen, SaveScreen))
        assert f"Saved as {tmp_path / 'code_x.py'}." in notices(pilot)
    assert (tmp_path / "code_x.py").read_text() == "x = 1\n"


async def test_a_file_is_replaced_only_when_told_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code.sh").write_text("precious")
    (tmp_path / "code.sh").chmod(0o750)
    (tmp_path / "folder").mkdir()
    async with chat(ScriptedSession([planned(), text(TWO_BLOCKS), answer(TWO_BLOCKS)])) as pilot:
        await asked(pilot)
        screen = await saving(pilot)

        def told() -> str:
            return words(screen.query_one(".told", Static))

        await pilot.press("enter")
        await wait_until(pilot, lambda: "code.sh exists. Enter again replaces it" in told())
        assert (tmp_path / "code.sh").read_text() == "precious"
        field = screen.query_one(Input)
        for name, problem in (("", "A name is needed"), ("folder", "is a folder"), ("no/such", "cannot be")):
            field.value = name
            await pilot.press("enter")
            await wait_until(pilot, lambda problem=problem: problem in told())  # type: ignore[misc]
        field.value = "code.sh"
        await pilot.press("enter")
        await wait_until(pilot, lambda: "exists" in told())
        assert (tmp_path / "code.sh").read_text() == "precious", "another name takes the permission back"
        await pilot.press("enter")
        await wait_until(pilot, lambda: not isinstance(pilot.app.screen, SaveScreen))
    assert (tmp_path / "code.sh").read_text() == "ls\n"
    assert (tmp_path / "code.sh").stat().st_mode & 0o777 == 0o750


async def test_the_slash_command_brings_its_name_along() -> None:
    async with chat(ScriptedSession(full_run())) as pilot:
        await asked(pilot)
        await say(pilot, "/save my file.py")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, SaveScreen))
        assert pilot.app.screen.query_one(Input).value == "my file.py"
        await pilot.press("escape")
        await wait_until(pilot, lambda: not isinstance(pilot.app.screen, SaveScreen))


async def test_a_queued_question_comes_back_into_the_prompt() -> None:
    gate = threading.Event()
    session = ScriptedSession([planned(), text("One"), gate, answer("One")], short_run("Two"))
    async with chat(session) as pilot:
        await ask(pilot, "first")
        await wait_until(pilot, lambda: phase(pilot) == "answering")
        await ask(pilot, "second")
        await ask(pilot, "third")
        await wait_until(pilot, lambda: len(pilot.app.query(UserTurn)) == 3)
        await pilot.press("up")
        await wait_until(pilot, lambda: prompt(pilot).text == "third")
        await wait_until(pilot, lambda: "third" not in shown(pilot))
        await pilot.press("!", "enter")
        await wait_until(pilot, lambda: "third!\nqueued" in shown(pilot))
        await pilot.press("up", *["backspace"] * 6)
        await wait_until(pilot, lambda: prompt(pilot).text == "")
        gate.set()
        await wait_until(pilot, lambda: "Two" in shown(pilot))
    assert [query.text for query in session.queries] == ["first", "second"]


async def test_a_mark_of_a_paste_goes_as_a_whole_and_is_missed_when_spoilt() -> None:
    session = ScriptedSession(short_run("Read"))
    async with chat(session) as pilot:
        field = prompt(pilot)
        field.post_message(events.Paste("line\n" * 5000))
        await wait_until(pilot, lambda: field.text == "[paste 1: 25 kB, 5,001 lines]")
        await pilot.press("backspace")
        assert field.text == ""
        field.post_message(events.Paste("line\n" * 5000))
        await wait_until(pilot, lambda: field.text.startswith("[paste 1"))
        await pilot.press("home", "delete")
        assert field.text == ""
        field.post_message(events.Paste("line\n" * 5000))
        await wait_until(pilot, lambda: field.text.startswith("[paste 1"))
        await pilot.press("left", "left", "x", "enter")
        await wait_until(pilot, lambda: "The mark of paste 1 was changed" in notices(pilot))
        assert session.queries == []
        await pilot.press("ctrl+z", "end", *" so?", "enter")
        await wait_until(pilot, lambda: "Read" in shown(pilot))
    assert session.queries[0].text == "line\n" * 5000 + " so?"


async def test_without_an_editor_it_is_said_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    async with chat(ScriptedSession()) as pilot:
        await pilot.press("a", "f3")
        await wait_until(pilot, lambda: "No editor is set. Set EDITOR" in notices(pilot))
        monkeypatch.setenv("EDITOR", "no-such-editor")
        await pilot.press("f3")
        await wait_until(pilot, lambda: "This terminal cannot be given to an editor" in notices(pilot))
        assert prompt(pilot).text == "a"
