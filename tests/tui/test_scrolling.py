"""A long conversation is shown around the place that is read, and more of it as the edge comes near."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from assistant.tui.widgets.transcript.transcript import CHUNK, MOST, Transcript
from textual.pilot import Pilot

from assistant.store.store import Store
from assistant.store.values import StoredMessage, Summary, Whole
from tests.tui.keeping import ask_and_wait, keeping, said, screen, turns, until
from tests.tui.scripted import ScriptedSession, short_run

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
async def opened(path: Path, session: ScriptedSession | None = None) -> AsyncIterator[Pilot[None]]:
    """The app with the long conversation, its end on the screen."""
    with closing(Store.open(path)) as store:
        (summary,) = store.conversations()
    async with keeping(session or ScriptedSession(), path, (80, 24), summary.id) as pilot:
        await until(lambda: said(pilot)[-1:] == WORDS[-1:] and at_end(pilot))
        yield pilot


def transcript(pilot: Pilot[None]) -> Any:
    """The pane."""
    return pilot.app.query_one(Transcript)


def at_end(pilot: Pilot[None]) -> bool:
    """Whether the last line is on the screen."""
    return bool(0 < transcript(pilot).max_scroll_y <= transcript(pilot).scroll_y)


def place(pilot: Pilot[None]) -> int:
    """Where in the conversation the first turn on the screen is; those after it follow without a gap."""
    shown = said(pilot)
    first = WORDS.index(shown[0])
    assert shown == WORDS[first : first + len(shown)]
    return first


async def test_a_conversation_opens_at_its_end_and_only_that_is_made(path: Path) -> None:
    async with opened(path) as pilot:
        assert place(pilot) == len(WORDS) - CHUNK
        assert len(turns(pilot)) == CHUNK


async def scrolled(pilot: Pilot[None], y: float) -> None:
    """Scroll to a row, near an edge, and let more of the conversation come."""
    before = said(pilot)
    transcript(pilot).scroll_to(y=y, animate=False, immediate=True)
    await until(lambda: said(pilot) != before and not transcript(pilot)._is_loading)


async def test_scrolling_up_loads_older_turns_and_keeps_what_is_read_in_its_place(path: Path) -> None:
    async with opened(path) as pilot:
        n_loads = 0
        while (first := place(pilot)) > 0:
            top = turns(pilot)[0]
            row = top.virtual_region.y - 1
            await scrolled(pilot, 1)
            assert place(pilot) == max(0, first - CHUNK)
            assert top.virtual_region.y - transcript(pilot).scroll_y == row
            assert len(turns(pilot)) <= MOST
            n_loads += 1
        assert n_loads == -(-(len(WORDS) - CHUNK) // CHUNK)
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
