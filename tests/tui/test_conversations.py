"""Conversations are kept while they are had, and can be found, opened and changed."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import Any

from assistant.tui.app import MullApp
from assistant.tui.screens.renaming import RenameScreen
from assistant.tui.widgets.sidebar.sidebar import Sidebar
from assistant.tui.widgets.status.keys import KeyLine
from assistant.tui.widgets.transcript.welcome import Unfinished
from textual.widgets import Input, Static

from assistant.errors import StoreError
from assistant.query import Query
from assistant.store.journal import Journal
from assistant.store.recording import Turn
from assistant.store.store import Store
from tests.store.filling import following
from tests.store.filling import said as kept
from tests.tui.driving import ask, chat, footer, phase, prompt, shown, words
from tests.tui.keeping import ask_and_wait, command, keeping, listed, mark, press, said, screen, stored, until
from tests.tui.scripted import ScriptedSession, Step, answer, planned, short_run, text, thinking
from tests.tui.test_commands import notices, say


def fill(path: Path, *questions: str) -> list[str]:
    """Keep a conversation of two turns for each question; returns their ids."""
    with closing(Store.open(path)) as store:
        first = [kept(store, question, f"Answer to: {question}") for question in questions]
        for turn, question in zip(first, questions, strict=True):
            following(store, turn, f"More on {question}", "And more.")
        return [turn.conversation_id for turn in first]


async def test_what_is_asked_is_kept_and_comes_back(path: Path) -> None:
    async with keeping(ScriptedSession(short_run("Hello!"), short_run("Fine.")), path) as pilot:
        await ask_and_wait(pilot, "hi there, Mull")
        await ask_and_wait(pilot, "how are you?")
    assert stored(path) == [("hi there, Mull", ["hi there, Mull", "Hello!", "how are you?", "Fine."])]
    with closing(Store.open(path)) as store:
        latest = store.latest()
    assert latest is not None
    session = ScriptedSession(short_run("Bye."))
    async with keeping(session, path, conversation_id=latest.id) as pilot:
        await until(lambda: "Fine." in shown(pilot))
        assert "450 tokens" in shown(pilot), "the figures are there as well"
        await ask_and_wait(pilot, "good bye")
    assert [message.content for message in session.queries[0].history] == [
        *("hi there, Mull", "Hello!", "how are you?", "Fine.")
    ]
    assert stored(path)[0][1][-2:] == ["good bye", "Bye."]


async def test_a_partial_answer_is_in_the_file_before_the_run_ends(path: Path) -> None:
    gate = threading.Event()
    async with keeping(ScriptedSession([planned(), text("Once upon"), gate, answer("x")]), path) as pilot:
        await ask(pilot, "tell me a story")
        await until(lambda: "Once upon" in shown(pilot))
        with closing(Store.open(path)) as other:

            def is_written() -> bool:
                latest = other.latest()
                messages = other.conversation(latest.id).messages if latest else ()
                return bool(messages) and (messages[-1].content, messages[-1].status) == (
                    *("Once upon", "running"),
                )

            await until(is_written)
        gate.set()
        await until(lambda: phase(pilot) == "ready")


def interrupted(path: Path) -> None:
    """Leave an answer as a killed Mull leaves it."""
    with closing(Store.open(path)) as store:
        turn = Turn(Query("tell me a story"))
        turn.note(thinking("Let me think. ", tokens=4))
        turn.note(text("Once upon a time"))
        turn.write(store.write)


async def test_an_interrupted_answer_is_offered_marked_and_gone_on_with(path: Path) -> None:
    interrupted(path)
    session = ScriptedSession([planned(), text("Once upon a time, all was well."), answer("Once … well.")])
    async with keeping(session, path) as pilot:
        await until(lambda: pilot.app.query(Unfinished))
        pilot.app.query_one(Unfinished).focus()
        await press(pilot, "enter")
        await until(lambda: "Interrupted: Mull ended" in shown(pilot))
        assert "Once upon a time" in said(pilot)[1]
        await until(lambda: "Continue" in footer(pilot))
        await press(pilot, "ctrl+n")
        await until(lambda: said(pilot)[1:] == ["Once … well."])
        assert "Interrupted" not in shown(pilot)
        assert "Continue" not in footer(pilot)
    begun = session.queries[0].begun
    assert begun is not None
    assert (begun.content, begun.thinking) == ("Once upon a time", "Let me think. ")
    assert session.queries[0].history == ()


async def test_an_answer_that_was_killed_before_its_first_word_is_asked_for_again(path: Path) -> None:
    with closing(Store.open(path)) as store:
        Turn(Query("tell me a story")).write(store.write)
    async with keeping(ScriptedSession(short_run("All was well.")), path) as pilot:
        await until(lambda: pilot.app.query(Unfinished))
        pilot.app.query_one(Unfinished).focus()
        await press(pilot, "enter")
        await until(lambda: "Mull ended before a word of this was kept. /again" in shown(pilot))
        assert "Continue" not in footer(pilot)
        await ask(pilot, "/again")
        await until(lambda: said(pilot)[1:] == ["All was well."])


async def test_the_list_shows_opens_and_leaves(path: Path) -> None:
    fill(path, "Why is the sky blue?", "How many legs has a spider?")
    async with keeping(ScriptedSession(), path) as pilot:
        await pilot.press("f6")
        await until(lambda: pilot.app.query_one(Sidebar).display)
        await mark(pilot, "sky")
        assert listed(pilot)[0] == "Today"
        await press(pilot, "enter")
        await until(lambda: said(pilot)[:1] == ["Why is the sky blue?"])
        assert said(pilot)[-1] == "And more."
        await until(lambda: "● Why is the sky blue?" in listed(pilot))
        assert prompt(pilot).has_focus
        await pilot.press("f6")
        await until(lambda: not pilot.app.query_one(Sidebar).display)


async def test_a_search_shows_passages_and_opens_the_place(path: Path) -> None:
    fill(path, "Why is the sky blue?", "How many legs has a spider?")
    async with keeping(ScriptedSession(), path) as pilot:
        await pilot.press("ctrl+f", *"spider")
        await until(lambda: any("Answer to: How many" in line for line in listed(pilot)))
        assert not any("sky" in line for line in listed(pilot))
        await press(pilot, "enter")
        await until(lambda: said(pilot)[:1] == ["How many legs has a spider?"])
        await pilot.press("ctrl+f", *"xyzzy")
        await until(lambda: listed(pilot) == [])


async def test_conversations_are_renamed_pinned_archived_and_deleted_with_undo(path: Path) -> None:
    fill(path, "Why is the sky blue?", "How many legs has a spider?")
    async with keeping(ScriptedSession(), path) as pilot:
        screen(pilot).is_list_open = True
        await mark(pilot, "sky")
        await pilot.press("r")
        await until(lambda: isinstance(pilot.app.screen, RenameScreen))
        pilot.app.screen.query_one(Input).value = "Sky"
        await press(pilot, "enter")
        await mark(pilot, "  Sky")
        await pilot.press("p")
        await until(lambda: listed(pilot)[:2] == ["Pinned", "  Sky"])
        await mark(pilot, "spider")
        await pilot.press("a")
        await until(lambda: not any("spider" in line for line in listed(pilot)))
        await pilot.press("v")
        await until(lambda: any("spider" in line for line in listed(pilot)))
        await mark(pilot, "spider")
        await pilot.press("a", "v")
        await until(lambda: len(listed(pilot)) == 4)
        await mark(pilot, "Sky")
        await pilot.press("d")
        await until(lambda: not any("Sky" in line for line in listed(pilot)))
        assert "u brings it back" in notices(pilot)
        await pilot.press("u")
        await until(lambda: any("Sky" in line for line in listed(pilot)))


async def test_a_list_from_which_all_are_archived_does_not_say_that_nothing_is_kept(path: Path) -> None:
    def told() -> str:
        return words(screen(pilot).query_one(".told", Static))

    async with keeping(ScriptedSession(), path) as pilot:
        screen(pilot).is_list_open = True
        await until(lambda: told() == "Nothing is kept yet.")
        fill(path, "Why is the sky blue?")
        screen(pilot)._look_again()
        await mark(pilot, "sky")
        await pilot.press("a")
        await until(lambda: told() == "All are archived; v shows them.")
        await pilot.press("v")
        await until(lambda: told() == "Archived; v shows the others.")
        await mark(pilot, "sky")
        await pilot.press("a")
        await until(lambda: told() == "Nothing is archived; v shows the others.")


async def test_the_list_over_the_chat_leaves_the_line_of_keys_whole(path: Path) -> None:
    async with keeping(ScriptedSession(), path, (80, 24)) as pilot:
        screen(pilot).is_list_open = True
        await until(lambda: screen(pilot).query_one(Sidebar).region.height > 1)
        keys = screen(pilot).query_one(KeyLine).region
        await until(lambda: not screen(pilot).query_one(Sidebar).region.overlaps(keys))


async def test_slash_commands_act_on_the_open_conversation(path: Path, tmp_path: Path) -> None:
    async with keeping(ScriptedSession(short_run("Hello!")), path) as pilot:
        screen(pilot).is_list_open = True
        await say(pilot, "/rename x")
        await until(lambda: "it is there once the conversation is kept" in notices(pilot))
        await ask_and_wait(pilot, "hi there, Mull")
        await say(pilot, "/rename A greeting")
        await until(lambda: "● A greeting" in listed(pilot))
        for name in ("talk.md", "talk.json", "talk.html"):
            await say(pilot, f"/export {tmp_path / name}")
            await until((tmp_path / name).exists)
            await until(lambda name=name: f"{name}." in notices(pilot))  # type: ignore[misc]
        await say(pilot, f"/export {tmp_path / 'talk.md'}")
        await until(lambda: "exists already" in notices(pilot))
        await command(pilot, "/delete")
        await until(lambda: "A local assistant" in shown(pilot))
        await command(pilot, "/undelete")
        await until(lambda: "  A greeting" in listed(pilot))
        await command(pilot, "/open greeting")
        await until(lambda: said(pilot) == ["hi there, Mull", "Hello!"])
        await command(pilot, "/open xyzzy")
        await until(lambda: 'no conversation with "xyzzy"' in notices(pilot))
    assert "Hello!" in (tmp_path / "talk.md").read_text()


async def test_another_mull_shows_in_the_list(path: Path) -> None:
    fill(path, "Why is the sky blue?")
    async with keeping(ScriptedSession(), path) as pilot:
        screen(pilot).is_list_open = True
        await mark(pilot, "sky")
        fill(path, "How many legs has a spider?")
        screen(pilot)._look_again()
        await until(lambda: any("spider" in line for line in listed(pilot)))


async def test_without_history_there_is_no_list_and_nothing_is_kept() -> None:
    async with chat(ScriptedSession(short_run("Hello!"))) as pilot:
        assert "Conversations" not in footer(pilot)
        await pilot.press("f6")
        await ask_and_wait(pilot, "hi")
        assert not pilot.app.query_one(Sidebar).display
        await say(pilot, "/open")
        await until(lambda: "it is there where conversations are kept" in notices(pilot))


async def test_a_broken_store_is_told_once_and_the_chat_goes_on() -> None:
    def broken(_: Path | None) -> Store:
        raise StoreError("Conversations cannot be read: the disk fails.", "Look at the disk.")

    session = ScriptedSession(short_run("Hello!"), short_run("Fine."))
    with closing(Journal(opened=broken)) as journal:
        app: Any = MullApp(lambda: session, journal=journal, clock=lambda: 0.0)
        async with app.run_test(size=(120, 40)) as pilot:
            await until(lambda: phase(pilot) == "ready")
            await until(lambda: "the disk fails" in shown(pilot))
            await pilot.press("f6", "escape")
            await ask_and_wait(pilot, "hi")
            await ask_and_wait(pilot, "how are you?")
    assert [message.content for message in session.queries[1].history] == ["hi", "Hello!"]


async def test_a_narrow_terminal_lays_the_list_over_the_chat(path: Path) -> None:
    fill(path, "Why is the sky blue?")
    async with keeping(ScriptedSession(), path, size=(80, 24)) as pilot:
        assert not pilot.app.query_one(Sidebar).display
        await pilot.press("f6")
        await mark(pilot, "sky")
        assert prompt(pilot).region.x < 10, "the chat keeps its place"
        await pilot.press("escape")
        await until(lambda: not pilot.app.query_one(Sidebar).display)
        assert prompt(pilot).has_focus


async def test_opening_another_conversation_stops_the_run_and_keeps_what_it_wrote(path: Path) -> None:
    (name,) = fill(path, "Why is the sky blue?")
    run: list[Step] = [planned(), text("Once upon"), threading.Event(), answer("never")]
    session = ScriptedSession(run, short_run("Because."))
    async with keeping(session, path) as pilot:
        await ask(pilot, "tell me a story")
        await until(lambda: "Once upon" in shown(pilot))
        await command(pilot, f"/open {name}")
        await until(lambda: said(pilot)[:1] == ["Why is the sky blue?"])
        await until(lambda: phase(pilot) == "ready")
        await ask_and_wait(pilot, "but why?")
        assert said(pilot)[-2:] == ["but why?", "Because."]
    assert sorted(texts[0] for _, texts in stored(path)) == ["Why is the sky blue?", "tell me a story"]
