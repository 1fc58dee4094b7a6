"""The app over a store of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from assistant.tui.app import MullApp
from assistant.tui.commands import parsed
from assistant.tui.slash import resolved
from assistant.tui.widgets.sidebar.sidebar import ConversationList, Sidebar
from assistant.tui.widgets.transcript.transcript import Transcript
from assistant.tui.widgets.transcript.turn import Turn
from textual._wait import wait_for_idle
from textual.pilot import Pilot
from textual.widgets import Static

from assistant.store.journal import Journal
from assistant.store.store import Store
from tests.tui.driving import HANG_S, ask, phase, wait_until
from tests.tui.scripted import ScriptedSession

WIDE = (120, 40)


@asynccontextmanager
async def keeping(
    session: ScriptedSession,
    path: Path,
    size: tuple[int, int] = WIDE,
    conversation_id: str | None = None,
) -> AsyncIterator[Pilot[None]]:
    """The app with its conversations in `path`, ready for a question."""
    with closing(Journal(path=path)) as journal:
        app: Any = MullApp(
            lambda: session, journal=journal, conversation_id=conversation_id, clock=lambda: 0.0
        )
        async with app.run_test(size=size) as pilot:
            await wait_until(pilot, lambda: phase(pilot) == "ready")
            yield pilot
            # the program ends no sooner, for its loop waits for its threads
            await until(lambda: all(each.is_finished for each in app.workers if each.group == "store"))


async def ask_and_wait(pilot: Pilot[None], question: str) -> None:
    """Ask, and let the answer come to its end."""
    n_turns = len(turns(pilot))
    await ask(pilot, question)
    await until(lambda: len(turns(pilot)) >= n_turns + 2 and is_idle(pilot))


def is_idle(pilot: Pilot[None]) -> bool:
    """Whether the last run is wholly over."""
    return phase(pilot) == "ready" and screen(pilot)._job is None


def screen(pilot: Pilot[None]) -> Any:
    """The chat, whatever lies over it."""
    return pilot.app.screen_stack[0]


def turns(pilot: Pilot[None]) -> list[Turn]:
    """The turns on the screen."""
    found: list[Turn] = pilot.app.query_one(Transcript).turns
    return found


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys that may take turns away: the pilot's own way waits for widgets that are gone."""
    for key in keys:
        pilot.app.simulate_key(key)
        await wait_for_idle(0)


async def command(pilot: Pilot[None], line: str) -> None:
    """Run a slash command as the prompt does."""
    word, argument = parsed(line) or ("", "")
    await pilot.app.run_action(resolved(pilot.app.screen, word, argument), pilot.app.screen)


async def until(is_so: Callable[[], object]) -> None:
    """Let the app work until `is_so`, and wait for no widget, for turns may be taken away."""
    async with asyncio.timeout(HANG_S):
        while not is_so():
            await asyncio.sleep(0.01)


def said(pilot: Pilot[None]) -> list[str]:
    """The text of each turn on the screen."""
    return [str(getattr(turn, "text", "") or getattr(turn, "answer", "")) for turn in turns(pilot)]


def versions(turn: Turn) -> str:
    """What a turn says of its versions."""
    return next((str(line.visual) for line in turn.query(".versions").results(Static)), "")


def listed(pilot: Pilot[None]) -> list[str]:
    """The lines of the list of conversations."""
    rows: list[Any] = pilot.app.query_one(Sidebar)._rows
    return [row.text.plain for row in rows]


async def mark(pilot: Pilot[None], title: str) -> None:
    """Put the cursor of the list on a conversation."""
    await wait_until(pilot, lambda: any(title in line for line in listed(pilot)))
    options = pilot.app.query_one(ConversationList)
    options.focus()
    options.highlighted = next(place for place, line in enumerate(listed(pilot)) if title in line)
    await wait_until(pilot, lambda: options.has_focus)


def stored(path: Path) -> list[tuple[str, list[str]]]:
    """The titles and texts of all conversations that are not deleted."""
    with closing(Store.open(path)) as store:
        return [
            (summary.title, [message.content for message in store.conversation(summary.id).messages])
            for summary in store.conversations()
        ]
