"""A long conversation is shown around the place that is read, and more of it as the edge comes near."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from assistant.tui.widgets.transcript.transcript import CHUNK, KEPT_ROWS, MOST, NEAR_ROWS, Transcript
from textual.pilot import Pilot

from assistant.store.store import Store
from assistant.store.values import StoredMessage, Summary, Whole
from tests.tui.driving import ask, phase, prompt, shown
from tests.tui.keeping import ask_and_wait, command, is_idle, keeping, press, said, screen, turns, until
from tests.tui.scripted import ScriptedSession, Step, planned, short_run, text

N_TURNS = 80
WORDS = [
    f"{'Question' if n % 2 == 0 else 'Answer'} {n // 2}" + " and some words more" * 9
    for n in range(2 * N_TURNS)
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with one long conversation."""
    path = tmp_path / "conversations.db"
    messages = tuple(
        StoredMessage(n + 1, n or None, "assistant" if n % 2 else "user", words, "", "done", 1e9 + n, ())
        for n, words in enumerate(WORDS)
    )
    summary = Summary("", "Long", "rule", 1e9, 1e9, len(messages))
    with closing(Store.open(path)) as store:
        store.insert(Whole(summary, messages, {}, len(messages)))
    return path


@asynccontextmanager
async def opened(
    path: Path, session: ScriptedSession | None = None, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Pilot[None]]:
    """The app with the long conversation, its end on the screen."""
    with closing(Store.open(path)) as store:
        (summary,) = store.conversations()
    # There is room for all of it: else an offer comes over the prompt, and the pane becomes lower meanwhile.
    session = (session or ScriptedSession()).with_context(65536)
    async with keeping(session, path, size, summary.id) as pilot:
        await until(lambda: said(pilot)[-1:] == WORDS[-1:] and is_seen_whole(pilot))
        await until(lambda: not transcript(pilot)._changing.locked())
        yield pilot


def transcript(pilot: Pilot[None]) -> Any:
    """The pane."""
    return pilot.app.query_one(Transcript)


def at_end(pilot: Pilot[None]) -> bool:
    """Whether the last line is on the screen."""
    return bool(0 < transcript(pilot).max_scroll_y <= transcript(pilot).scroll_y)


def is_seen_whole(pilot: Pilot[None]) -> bool:
    """Whether the last line is on the screen, or nothing is left to load."""
    return at_end(pilot) or said(pilot) == WORDS


def place(pilot: Pilot[None]) -> int:
    """Where in the conversation the first turn on the screen is; those after it follow without a gap."""
    shown = said(pilot)
    first = WORDS.index(shown[0])
    assert shown == WORDS[first : first + len(shown)]
    return first


def shows_beginning(pilot: Pilot[None]) -> bool:
    """Whether the first line is on the screen, and every turn that follows has its words by now."""
    shown = said(pilot)
    return bool(shown) and shown == WORDS[: len(shown)] and transcript(pilot).scroll_y == 0


async def test_a_conversation_opens_at_its_end_and_only_that_is_made(path: Path) -> None:
    async with opened(path) as pilot:
        assert place(pilot) == len(WORDS) - len(turns(pilot))
        assert len(turns(pilot)) <= CHUNK
        assert transcript(pilot).max_scroll_y > NEAR_ROWS, "there is something to scroll to"


@pytest.mark.parametrize("n_rows", [100, 400])
async def test_a_pane_that_is_high_is_filled(path: Path, n_rows: int) -> None:
    async with opened(path, size=(200, n_rows)) as pilot:
        await until(lambda: said(pilot) == WORDS or transcript(pilot).max_scroll_y > NEAR_ROWS)
        assert said(pilot)[-1] == WORDS[-1]


async def test_a_pane_that_becomes_higher_is_filled(path: Path) -> None:
    async with opened(path) as pilot:
        n_first = len(turns(pilot))
        await pilot.resize_terminal(200, 120)
        await until(lambda: len(turns(pilot)) > n_first and transcript(pilot).max_scroll_y > NEAR_ROWS)
        await until(lambda: at_end(pilot))


async def scrolled(pilot: Pilot[None], y: float) -> None:
    """Scroll to a row, near an edge, and let more of the conversation come."""
    before = said(pilot)
    transcript(pilot).scroll_to(y=y, animate=False, immediate=True)
    await until(lambda: said(pilot) != before and not transcript(pilot)._is_loading)


async def test_scrolling_up_loads_older_turns_and_keeps_what_is_read_in_its_place(path: Path) -> None:
    async with opened(path) as pilot:
        n_loads, n_first = 0, len(turns(pilot))
        while (first := place(pilot)) > 0:
            top = turns(pilot)[0]
            row = top.virtual_region.y - 1
            await scrolled(pilot, 1)
            assert place(pilot) == max(0, first - CHUNK)
            assert top.virtual_region.y - transcript(pilot).scroll_y == row
            assert len(turns(pilot)) <= MOST
            n_loads += 1
        assert n_loads == -(-(len(WORDS) - n_first) // CHUNK)
        assert said(pilot)[-1] != WORDS[-1], "what is far away was put away"


async def test_scrolling_down_again_comes_back_to_the_end(path: Path) -> None:
    async with opened(path) as pilot:
        while place(pilot) > 0:
            await scrolled(pilot, 0)
        while said(pilot)[-1] != WORDS[-1]:
            last = turns(pilot)[-1]
            row = last.virtual_region.y - transcript(pilot).max_scroll_y
            await scrolled(pilot, transcript(pilot).max_scroll_y)
            assert last.virtual_region.y - transcript(pilot).scroll_y == row
            assert place(pilot) > 0 or len(turns(pilot)) <= MOST
        transcript(pilot).scroll_end(animate=False, immediate=True)
        await until(lambda: at_end(pilot))


async def test_a_question_asked_far_up_is_answered_in_sight(path: Path) -> None:
    async with opened(path, ScriptedSession(short_run("The new answer."))) as pilot:
        await scrolled(pilot, 0)
        await ask_and_wait(pilot, "And now?")
        await until(lambda: said(pilot)[-2:] == ["And now?", "The new answer."] and at_end(pilot))
        assert screen(pilot)._talk.dialogue.leaf_id == turns(pilot)[-1].message_id


async def test_the_end_is_followed_whatever_comes_above_it(path: Path) -> None:
    async with opened(path, ScriptedSession(short_run("A line.\n\n" * 30))) as pilot:
        transcript(pilot)._load(is_older=True)
        await ask_and_wait(pilot, "q")
        await until(lambda: not transcript(pilot)._is_loading)
        await until(lambda: "A line." in said(pilot)[-1] and at_end(pilot))


def below(pilot: Pilot[None]) -> float:
    """How many rows follow what is seen."""
    return float(transcript(pilot).max_scroll_y - transcript(pilot).scroll_y)


async def test_a_page_up_and_down_from_the_prompt(path: Path) -> None:
    async with opened(path) as pilot:
        page = transcript(pilot).size.height - KEPT_ROWS
        await press(pilot, "pageup")
        await until(lambda: below(pilot) == page)
        await press(pilot, "pageup")
        await until(lambda: below(pilot) == 2 * page)
        await press(pilot, "pagedown")
        await until(lambda: below(pilot) == page)
        await press(pilot, "x", "ctrl+end")
        await until(lambda: at_end(pilot))
        assert prompt(pilot).text == "x"
        await press(pilot, "pageup", "pagedown")
        await until(lambda: at_end(pilot))


@pytest.mark.parametrize("n_back", [0, 1, 4, 7])
async def test_pages_that_come_faster_than_they_are_loaded_are_all_gone(path: Path, n_back: int) -> None:
    async with opened(path) as pilot:
        page = transcript(pilot).size.height - KEPT_ROWS
        await press(pilot, *["pageup"] * 12, *["pagedown"] * n_back)
        await until(lambda: below(pilot) == (12 - n_back) * page and not transcript(pilot)._is_loading)
        assert place(pilot) > 0


async def test_a_page_that_comes_while_older_turns_are_loaded_is_gone(path: Path) -> None:
    async with opened(path) as pilot:
        pane = transcript(pilot)
        await until(lambda: not pane._is_loading)
        seen_at = below(pilot)
        n_turns = len(turns(pilot))
        pane._load(is_older=True)
        await until(lambda: len(turns(pilot)) > n_turns)
        pane.page(-1)
        await until(lambda: not pane._is_loading and below(pilot) == seen_at + pane.size.height - KEPT_ROWS)


async def test_more_pages_than_there_are_end_at_the_beginning_and_at_the_end(path: Path) -> None:
    async with opened(path) as pilot:
        await press(pilot, *["pageup"] * 60)
        await until(lambda: shows_beginning(pilot))
        await press(pilot, *["pagedown"] * 60)
        await until(lambda: said(pilot)[-1] == WORDS[-1] and at_end(pilot))


async def test_page_up_holds_while_an_answer_grows_and_the_end_follows_it_again(path: Path) -> None:
    more, gate = threading.Event(), threading.Event()
    run: list[Step] = [
        planned(),
        text("A line.\n\n" * 30),
        more,
        text("The middle.\n\n" * 5),
        gate,
        text("The end."),
    ]
    async with opened(path, ScriptedSession(run)) as pilot:
        await ask(pilot, "q")
        await until(lambda: phase(pilot) == "answering" and at_end(pilot))
        await press(pilot, "pageup")
        await until(lambda: not at_end(pilot))
        seen_at = transcript(pilot).scroll_y
        more.set()
        await until(lambda: "The middle." in shown(pilot))
        assert transcript(pilot).scroll_y == seen_at
        await press(pilot, "ctrl+end")
        await until(lambda: at_end(pilot))
        await press(pilot, "pagedown")
        gate.set()
        await until(lambda: "The end." in shown(pilot) and phase(pilot) == "ready" and at_end(pilot))


async def test_the_beginning_is_shown_and_the_end_again(path: Path) -> None:
    async with opened(path) as pilot:
        await press(pilot, "ctrl+home")
        await until(lambda: shows_beginning(pilot))
        assert len(turns(pilot)) <= 2 * CHUNK
        await press(pilot, "ctrl+end")
        await until(lambda: said(pilot)[-1] == WORDS[-1] and at_end(pilot))


async def test_the_beginning_is_shown_after_a_question_too(path: Path) -> None:
    async with opened(path, ScriptedSession(short_run("New."))) as pilot:
        await ask_and_wait(pilot, "q")
        await press(pilot, "ctrl+home")
        await until(lambda: shows_beginning(pilot))
        await press(pilot, "ctrl+end")
        await until(lambda: said(pilot)[-2:] == ["q", "New."] and at_end(pilot))


async def test_what_acts_on_the_last_turn_does_so_from_far_away(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.clipboard.commands", lambda *_: [])
    async with opened(path, ScriptedSession(short_run("Another."))) as pilot:
        await press(pilot, "ctrl+home")
        await until(lambda: shows_beginning(pilot))
        await command(pilot, "/copy")
        await until(lambda: pilot.app.clipboard == WORDS[-1])
        await press(pilot, "ctrl+home")
        await until(lambda: shows_beginning(pilot))
        await command(pilot, "/edit")
        await until(lambda: prompt(pilot).text == WORDS[-2])
        await press(pilot, "escape", "ctrl+home")
        await until(lambda: shows_beginning(pilot))
        await command(pilot, "/again")
        await until(lambda: said(pilot)[-2:] == [WORDS[-2], "Another."] and is_idle(pilot))


async def test_what_was_found_has_the_keys(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.clipboard.commands", lambda *_: [])
    async with opened(path) as pilot:
        screen(pilot)._read(screen(pilot)._talk.id, screen(pilot)._talk.dialogue.shown[60].id)
        await until(lambda: screen(pilot).focused_turn is not None)
        await press(pilot, "ctrl+y")
        await until(lambda: pilot.app.clipboard == WORDS[60])
        await press(pilot, "a")
        await until(lambda: prompt(pilot).text == "a" and prompt(pilot).has_focus)


async def test_a_page_in_a_long_text_moves_in_it(path: Path) -> None:
    async with opened(path) as pilot:
        prompt(pilot).put("\n".join(f"line {n}" for n in range(30)))
        await until(lambda: prompt(pilot).max_scroll_y > 0 and at_end(pilot))
        row = prompt(pilot).cursor_location[0]
        await press(pilot, "pageup")
        await until(lambda: prompt(pilot).cursor_location[0] < row and at_end(pilot))
        above = prompt(pilot).cursor_location[0]
        await press(pilot, "pagedown")
        await until(lambda: prompt(pilot).cursor_location[0] > above)
