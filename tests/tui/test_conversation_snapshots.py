"""Pictures of the list of conversations, their branches and the room that is left."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from assistant.tui.app import MullApp
from assistant.tui.screens.context import ContextScreen
from assistant.tui.screens.renaming import RenameScreen
from assistant.tui.widgets.room import RoomOffer
from assistant.tui.widgets.sidebar.sidebar import Sidebar
from textual.pilot import Pilot
from textual.widgets import Input, Static
from textual.widgets._toast import Toast

from assistant.config import Settings
from assistant.query import Attachment
from assistant.store.journal import Journal
from assistant.store.store import Store
from assistant.store.values import StoredMessage, Summary, Whole
from tests.store.filling import following, said
from tests.tui.driving import phase, prompt, shown, stand_still, words
from tests.tui.keeping import ask_and_wait, command, listed, mark, press, screen, turns, until
from tests.tui.scripted import ScriptedSession, Step, answer, planned, text, thinking, thinking_done

SIZES = [(80, 24), (120, 40), (200, 50)]
THEMES = ["textual-dark", "textual-light"]
DAY_S = 86400.0

Compare = Callable[..., bool]
Drive = Callable[[Pilot[None]], Awaitable[None]]

ADVICE = (
    "Leeks, spinach and chard do well in half shade. Sow **spinach** first: it stands frost.\n\n"
    "| bed | what | when |\n|---|---|---|\n| 1 | spinach | March |\n| 2 | leeks | April |"
)
OTHERS = [
    ("Plan a vegetable garden in half shade", 20, True),
    ("Explain the borrow checker with a small example", 1, False),
    ("Which regular expression finds dates written the German way, with and without the year?", 1.001, False),
    ("温泉はどこですか", 3, False),
    ("Soup of leeks for eight", 5, False),
    ("Why is the sky blue?", 12, False),
]


def kept(store: Store, title: str, days_ago: float, *, is_pinned: bool = False) -> str:
    """A conversation of one turn, written to so many days ago."""
    then = time.time() - days_ago * DAY_S
    question = StoredMessage(1, None, "user", title, "", "done", then, ())
    reply = StoredMessage(2, 1, "assistant", ADVICE, "", "done", then, ())
    summary = Summary("", title, "rule", then, then, 2, is_pinned=is_pinned)
    return store.insert(Whole(summary, (question, reply), {}, 2))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with conversations of some days, of which the newest has branches and a file."""
    path = tmp_path / "conversations.db"
    with closing(Store.open(path)) as store:
        for title, days_ago, is_pinned in OTHERS:
            kept(store, title, days_ago, is_pinned=is_pinned)
        old = kept(store, "A poem on rain", 2)
        store.archive(old)
        files = (Attachment("beds.csv", "bed,metres\n1,4\n2,6\n" * 60),)
        first = said(store, "How many seedlings do I need for @beds.csv?", "About 60.", files=files)
        name = first.conversation_id
        for reply in ("60 to 70, with some to spare.", "Sixty: ten for each square metre."):
            said(store, "", reply, conversation_id=name, question_id=first.question_id)
        other = said(
            store, "And for half of bed 2?", "30 of them.", conversation_id=name, parent_id=first.answer_id
        )
        following(store, other, "What do they cost at 2 euros each?", "60 euros.")
    return path


@pytest.fixture(params=THEMES)
def theme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    width, height = request.param
    return width, height


@pytest.fixture
def compared(
    snap_compare: Compare, path: Path, size: tuple[int, int], theme: str
) -> Iterator[Callable[..., bool]]:
    """Compare a picture of the app after something was done to it."""
    with closing(Journal(path=path)) as journal:

        def compare(drive: Drive, session: ScriptedSession | None = None, name: str | None = None) -> bool:
            played = session or ScriptedSession()
            app: Any = MullApp(lambda: played, journal=journal, conversation_id=name, clock=lambda: 0.0)
            app.theme = theme

            async def run(pilot: Pilot[None]) -> None:
                await until(lambda: phase(pilot) == "ready" and (name is None or turns(pilot)))
                prompt(pilot).cursor_blink = False
                await stand_still(pilot)  # a key before the first layout finds the pane at its top
                await drive(pilot)
                for field in pilot.app.screen.query(Input):
                    field.cursor_blink = False

            return snap_compare(app, terminal_size=size, run_before=run)

        yield compare


def newest(path: Path) -> str:
    with closing(Store.open(path)) as store:
        latest = store.latest()
    assert latest is not None
    return latest.id


async def open_list(pilot: Pilot[None], title: str) -> None:
    """The list with the keys, on a conversation."""
    if not screen(pilot).is_list_open:
        await press(pilot, "f6")
    await until(lambda: listed(pilot))
    await mark(pilot, title)


def test_the_list(compared: Callable[..., bool], path: Path) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await open_list(pilot, "Explain the borrow")

    assert compared(drive, name=newest(path))


def test_renaming(compared: Callable[..., bool]) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await open_list(pilot, "Which regular")
        await press(pilot, "r")
        await until(lambda: isinstance(pilot.app.screen, RenameScreen))

    assert compared(drive)


def test_archived(compared: Callable[..., bool]) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await open_list(pilot, "Why is the sky")
        await press(pilot, "v")
        await until(lambda: any("A poem" in line for line in listed(pilot)))
        await mark(pilot, "A poem")

    assert compared(drive)


def test_deleted_and_how_it_is_undone(compared: Callable[..., bool]) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await open_list(pilot, "Why is the sky")
        await press(pilot, "d")
        await until(lambda: not any("sky" in line for line in listed(pilot)))
        await until(lambda: pilot.app.screen.query(Toast))

    assert compared(drive)


def test_search(compared: Callable[..., bool]) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await command(pilot, "/find leeks")
        await until(lambda: any("Soup of leeks" in line for line in listed(pilot)))

    assert compared(drive)


def test_nothing_found(compared: Callable[..., bool]) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await command(pilot, "/find xylophone")
        told = pilot.app.query_one(Sidebar).query_one(".told", Static)
        await until(lambda: "Nothing" in str(told.visual))

    assert compared(drive)


def test_branches(compared: Callable[..., bool], path: Path) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await press(pilot, *["ctrl+up"] * 5)
        await until(lambda: turns(pilot)[1].has_focus)

    with closing(Store.open(path)) as store:
        whole = store.whole(newest(path))
        store.switch(whole.summary.id, whole.messages[2].id)
    assert compared(drive, name=newest(path))


def full() -> list[Step]:
    """A run after which hardly any context is left."""
    end = answer("They cost 120 euros in all.", "Sixty at two euros.").model_copy(
        update={"context_tokens": 3700}
    )
    return [
        planned("A calculation: thinking up to 1,024 tokens.", 1024),
        thinking("Sixty at two euros."),
        thinking_done(),
        text("They cost 120 euros in all."),
        end,
    ]


async def fill(pilot: Pilot[None]) -> None:
    """Ask until the context is nearly full, and let the planner say what can be had."""
    await ask_and_wait(pilot, "What do they cost in all?")
    offer: Any = pilot.app.query_one(RoomOffer)
    await until(lambda: "/larger" in str(offer.visual))


def roomy() -> ScriptedSession:
    """A model that could have a larger context."""
    session = ScriptedSession(full(), n_ctx_train=8192)
    session.settings = Settings(system="You help a gardener. Answer in one sentence, with figures.")
    return session


def test_near_the_limit(compared: Callable[..., bool], path: Path) -> None:
    assert compared(fill, roomy(), newest(path))


def test_the_context(compared: Callable[..., bool], path: Path) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await fill(pilot)
        await command(pilot, "/context")
        await until(lambda: isinstance(pilot.app.screen, ContextScreen))
        await until(lambda: any("It costs" in words(each) for each in pilot.app.screen.query(Static)))

    assert compared(drive, roomy(), newest(path))


def test_where_the_model_is_told_no_more(compared: Callable[..., bool], path: Path) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await fill(pilot)
        await command(pilot, "/drop")
        await until(lambda: any(turn.has_class("-first-told") for turn in turns(pilot)))
        await until(lambda: "cost in all" in shown(pilot))

    assert compared(drive, roomy(), newest(path))
