"""The field that the user writes in."""

from __future__ import annotations

import threading
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from assistant.tui.widgets.prompt.completion import Completion
from textual import events

from assistant.store.store import Store
from assistant.wording import prompt as prompt_file
from tests.store.filling import following
from tests.store.filling import said as kept
from tests.tui.driving import ask, chat, phase, prompt, shown, wait_until
from tests.tui.keeping import ask_and_wait, keeping, press, until
from tests.tui.scripted import ScriptedSession, planned, short_run, text


@pytest.mark.parametrize("key", ["shift+enter", "ctrl+j", "alt+enter"])
async def test_enter_sends_and_its_relatives_start_a_line(key: str) -> None:
    session = ScriptedSession(short_run("Hello"))
    async with chat(session) as pilot:
        await pilot.press("a", key, "b")
        assert prompt(pilot).text == "a\nb"
        await pilot.press("enter")
        await wait_until(pilot, lambda: "Hello" in shown(pilot))
        assert prompt(pilot).text == ""
    assert session.queries[0].text == "a\nb"


async def test_keys_that_come_in_one_rush_keep_their_order() -> None:
    session = ScriptedSession(short_run("Hello"))
    async with chat(session) as pilot:
        for key in ("h", "i", "ctrl+j", "i", "enter", "x"):
            pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await wait_until(pilot, lambda: "Hello" in shown(pilot))
        await wait_until(pilot, lambda: prompt(pilot).text == "x")
    assert session.queries[0].text == "hi\ni"


async def test_nothing_is_not_sent() -> None:
    session = ScriptedSession()
    async with chat(session) as pilot:
        await pilot.press("space", "enter")
        assert phase(pilot) == "ready"
        assert "A local assistant" in shown(pilot)
    assert session.queries == []


async def test_up_and_down_walk_the_prompts_and_come_back_to_the_draft() -> None:
    async with chat(ScriptedSession(short_run("One"), short_run("Two"))) as pilot:
        await ask(pilot, "first")
        await wait_until(pilot, lambda: "One" in shown(pilot) and phase(pilot) == "ready")
        await ask(pilot, "second\nline")
        await wait_until(pilot, lambda: "Two" in shown(pilot) and phase(pilot) == "ready")
        field = prompt(pilot)
        await pilot.press("d", "up")
        assert field.text == "second\nline"
        await pilot.press("up")
        assert field.text == "second\nline", "inside the text, up moves the cursor"
        await pilot.press("up")
        assert field.text == "first"
        await pilot.press("up")
        assert field.text == "first", "there is nothing older"
        await pilot.press("down", "down")
        assert field.text == "d"
        await pilot.press("down")
        assert field.text == "d", "there is nothing newer"


async def test_up_goes_on_into_earlier_conversations(path: Path) -> None:
    with closing(Store.open(path)) as store:
        first = kept(store, "the oldest")
        following(store, first, "asked twice")
        kept(store, prompt_file("summary"), "Notes.")
        deleted = kept(store, "deleted since")
        store.delete(deleted.conversation_id)
        kept(store, "x" * 30_000)
        kept(store, "asked twice")
    async with keeping(ScriptedSession(short_run("One")), path) as pilot:
        field = prompt(pilot)
        await ask_and_wait(pilot, "now")
        await pilot.press("d", "up")
        assert field.text == "now"
        await pilot.press("up")
        await wait_until(pilot, lambda: field.text == "asked twice")
        await pilot.press("up")
        await wait_until(pilot, lambda: field.text == "[paste 1: 30 kB, 1 line]")
        await pilot.press("up")
        assert field.text == "the oldest", "no summary, nothing deleted, nothing twice"
        await pilot.press("up")
        await pilot.pause()
        assert field.text == "the oldest", "there is nothing older"
        await pilot.press(*["down"] * 4)
        assert field.text == "d"


async def test_the_walk_passes_commands_whose_list_would_take_the_key() -> None:
    async with chat(ScriptedSession(short_run("One"))) as pilot:
        field = prompt(pilot)
        await ask(pilot, "first")
        await wait_until(pilot, lambda: phase(pilot) == "ready" and "One" in shown(pilot))
        await ask(pilot, "/effort low")
        await wait_until(pilot, lambda: field.text == "")
        await pilot.press("up")
        assert field.text == "/effort low"
        await pilot.pause()
        await pilot.press("up")
        assert field.text == "first"
        await pilot.press("down", "down", "/")
        await wait_until(pilot, lambda: pilot.app.query_one(Completion).display)


async def test_what_is_typed_while_earlier_prompts_are_looked_up_stays(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, asked = threading.Event(), Store.asked

    def slowly(*args: Any, **options: Any) -> list[tuple[int, str]]:
        gate.wait()
        return asked(*args, **options)

    monkeypatch.setattr(Store, "asked", slowly)
    with closing(Store.open(path)) as store:
        kept(store, "earlier")
    async with keeping(ScriptedSession(), path) as pilot:
        field = prompt(pilot)
        await press(pilot, "up")
        await until(lambda: field._walked_from is not None)
        await press(pilot, "x")
        await until(lambda: field.text == "x")
        gate.set()
        await until(lambda: field._walked_from is None)
        assert field.text == "x"
        await pilot.press("up")
        assert field.text == "earlier"
        await pilot.press("down")
        assert field.text == "x"


async def test_pages_of_earlier_prompts_follow_each_other(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.tui.screens.keeping.ASKED_PAGE", 2)
    with closing(Store.open(path)) as store:
        for n in range(5):
            kept(store, f"question {n}")
            kept(store, "again and again")
    async with keeping(ScriptedSession(), path) as pilot:
        field, walked = prompt(pilot), []
        while not field._history.is_whole or field._walked_from is not None:
            await pilot.press("up")
            await wait_until(pilot, lambda: field._walked_from is None)
            walked.append(field.text)
    found = [text for text, _ in groupby(walked)]
    assert found == ["again and again", *(f"question {n}" for n in range(4, -1, -1))]


async def test_the_field_grows_to_a_limit() -> None:
    async with chat(ScriptedSession()) as pilot:
        field = prompt(pilot)
        assert field.size.height == 1
        await pilot.press("a", "ctrl+j", "b")
        await wait_until(pilot, lambda: field.size.height == 2)
        field.load_text("\n" * 50)
        await wait_until(pilot, lambda: field.size.height == 8)


async def test_typing_goes_on_while_a_run_is_on() -> None:
    async with chat(ScriptedSession([planned(), text("One"), threading.Event()])) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "answering")
        await pilot.press("a", "b")
        assert prompt(pilot).text == "ab"


async def test_what_failed_can_be_called_back() -> None:
    session = ScriptedSession([planned(), ValueError("x")])
    async with chat(session) as pilot:
        await ask(pilot, "precious")
        await wait_until(pilot, lambda: "ValueError" in shown(pilot))
        await pilot.press("up")
        assert prompt(pilot).text == "precious"


async def test_a_pasted_megabyte_is_folded_and_sent_whole() -> None:
    megabyte = "word " * 200_000
    session = ScriptedSession(short_run("Read"))
    async with chat(session) as pilot:
        field = prompt(pilot)
        field.post_message(events.Paste(megabyte))
        await wait_until(pilot, lambda: field.text == "[paste 1: 1.0 MB, 1 line]")
        await pilot.press("enter")
        await wait_until(pilot, lambda: "Read" in shown(pilot))
        assert "more characters" in shown(pilot)
        await pilot.press("up")
        assert field.text.startswith("[paste 1")
    assert session.queries[0].text == megabyte


async def test_a_short_paste_is_shown_with_its_escape_sequences_disarmed() -> None:
    async with chat(ScriptedSession()) as pilot:
        field = prompt(pilot)
        field.post_message(events.Paste("one\r\ntwo\rthree \x1b[31mred"))
        await wait_until(pilot, lambda: field.text == "one\ntwo\nthree ␛[31mred")


@pytest.mark.parametrize("columns", [30, 60, 66, 80, 100])
async def test_the_hint_of_the_empty_field_is_never_cut(columns: int) -> None:
    async with chat(ScriptedSession(), (columns, 24)) as pilot:
        await wait_until(pilot, lambda: "F1 helps." in prompt(pilot).render_line(0).text)
