"""Making room in the context, with the model that ships."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from assistant.tui.app import MullApp
from assistant.tui.widgets.room import RoomOffer
from textual.pilot import Pilot

from assistant.config import Settings
from assistant.session import Session
from assistant.store.journal import Journal
from assistant.store.store import Store
from tests.tui.driving import ask, phase, shown
from tests.tui.keeping import (
    ask_and_wait,
    command,
    is_idle,
    press,
    said,
    screen,
    turns,
    until,
    versions,
)
from tests.tui.test_commands import notices

STORY = "Once upon a time there was a dragon who wanted to learn how to cook a soup for the village. "


@asynccontextmanager
async def starter(path: Path, n_ctx: int, conversation_id: str | None = None) -> AsyncIterator[Pilot[None]]:
    """The app with the real model, short answers and a small context."""
    settings = Settings(n_ctx=n_ctx, seed=1, max_tokens=24, think="off")
    with closing(Journal(path=path)) as journal:
        app: Any = MullApp(lambda: Session.open(settings), journal=journal, conversation_id=conversation_id)
        async with app.run_test(size=(100, 30)) as pilot:
            await until(lambda: phase(pilot) == "ready" and is_idle(pilot))
            yield pilot


def prompt_tokens(pilot: Pilot[None]) -> int:
    """What the model was told before its last answer, in tokens."""
    return int(screen(pilot)._last_turn.record.answer.prompt_tokens)


async def test_a_summary_takes_the_place_of_the_conversation_and_is_undone(path: Path) -> None:
    async with starter(path, 1024) as pilot:
        await ask_and_wait(pilot, STORY * 12 + "What did it want?")
        await ask_and_wait(pilot, "Who lives in the village?")
        before, whole = prompt_tokens(pilot), said(pilot)
        assert before > 200
        await command(pilot, "/compact")
        await until(lambda: "goes on from this summary" in shown(pilot) and is_idle(pilot))
        summary = said(pilot)[1]
        assert summary.strip(), "the user sees it"
        assert versions(turns(pilot)[0]) == "‹ 2/2 ›"
        await ask_and_wait(pilot, "Who lives in the village?")
        assert prompt_tokens(pilot) < before
        assert screen(pilot).filling.total < before
        assert "as small as this one sums up poorly" in shown(pilot)
        await press(pilot, *["ctrl+up"] * 4, "left")
        await until(lambda: said(pilot) == whole)
        await press(pilot, "escape")
        await ask_and_wait(pilot, "And then?")
        assert prompt_tokens(pilot) > before, "it is told everything again"


async def test_old_turns_are_left_out_and_stay_so(path: Path) -> None:
    async with starter(path, 1024) as pilot:
        await ask_and_wait(pilot, STORY * 18 + "What did it want?")
        await ask_and_wait(pilot, "Say hello.")
        before = prompt_tokens(pilot)
        await command(pilot, "/drop")
        await until(lambda: turns(pilot)[2].has_class("-first-told"))
        await ask_and_wait(pilot, "Say goodbye.")
        assert prompt_tokens(pilot) < before / 2
    with closing(Store.open(path)) as store:
        (summary,) = store.conversations()
    async with starter(path, 1024, summary.id) as pilot:
        await until(lambda: len(turns(pilot)) == 6)
        await ask_and_wait(pilot, "Say hello again.")
        assert prompt_tokens(pilot) < before / 2
        await command(pilot, "/drop none")
        await ask_and_wait(pilot, "Say hello once more.")
        assert prompt_tokens(pilot) > before


async def test_a_question_that_did_not_fit_is_answered_in_a_larger_context(path: Path) -> None:
    async with starter(path, 512) as pilot:
        await ask_and_wait(pilot, "Say hello.")
        await ask(pilot, STORY * 30 + "What did it want?")
        offer: Any = pilot.app.query_one(RoomOffer)
        await until(lambda: is_idle(pilot) and "/larger takes 1,024 tokens" in str(offer.visual))
        assert "The conversation takes" in str(offer.visual)
        await command(pilot, "/larger")
        await until(lambda: "The context now has 1,024 tokens" in notices(pilot))
        assert "the conversation is read once more" in notices(pilot)
        await until(lambda: len(said(pilot)) == 4 and said(pilot)[-1].strip() and is_idle(pilot))
        assert prompt_tokens(pilot) > 512
        assert screen(pilot)._session.model.n_ctx == 1024
