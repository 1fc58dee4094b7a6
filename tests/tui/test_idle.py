"""What the app does while nobody asks, and that nobody ever waits for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from assistant.tui.screens import idling

from assistant.control import Control
from assistant.query import Message
from assistant.store.store import Store
from tests.tui.driving import chat, shown, wait_until
from tests.tui.keeping import ask_and_wait, command, keeping, listed, screen, stored
from tests.tui.scripted import ScriptedSession, short_run

TITLE = "Colours of the sky"


@pytest.fixture(autouse=True)
def no_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment alone is over at once."""
    monkeypatch.setattr(idling, "IDLE_S", 0.01)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What a measurement waits for; it ends with the test in any case."""
    event = threading.Event()
    yield event
    event.set()


def done(session: ScriptedSession) -> list[str]:
    """What was done while nobody asked."""
    return [what for what, _, _ in session.idle]


async def test_the_speed_is_measured_once_the_model_is_left_alone() -> None:
    session = ScriptedSession()
    async with chat(session) as pilot:
        await wait_until(pilot, lambda: done(session) == ["measure"])
        assert session.idle[0][2] == (), "nothing was said yet"


async def test_not_before_a_moment_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idling, "IDLE_S", 3600)
    session = ScriptedSession(short_run())
    async with chat(session) as pilot:
        await ask_and_wait(pilot, "hello")
        await wait_until(pilot, lambda: screen(pilot)._idle_timer is not None)
    assert done(session) == []


async def test_a_question_stops_it_and_it_is_gone_on_with_later(gate: threading.Event) -> None:
    session = ScriptedSession(short_run("An answer."))
    session.idle_gates["measure"] = gate
    async with chat(session) as pilot:
        await wait_until(pilot, lambda: done(session) == ["measure"])
        _, control, _ = session.idle[0]
        assert not control.is_stopped

        await ask_and_wait(pilot, "Why is the sky blue?")

        assert control.is_stopped
        assert "An answer." in shown(pilot)
        await wait_until(pilot, lambda: done(session) == ["measure", "measure"])
        assert [message.content for message in session.idle[1][2]] == ["Why is the sky blue?", "An answer."]


async def test_who_writes_is_not_slowed_down(gate: threading.Event) -> None:
    session = ScriptedSession()
    session.idle_gates["measure"] = gate
    async with chat(session) as pilot:
        await wait_until(pilot, lambda: done(session) == ["measure"])
        await pilot.press("W")
        assert session.idle[0][1].is_stopped
        await wait_until(pilot, lambda: len(session.idle) == 2)


async def test_a_long_conversation_is_left_in_peace(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = ScriptedSession(short_run("word " * 1000))
    async with keeping(session, path) as pilot:
        await wait_until(pilot, lambda: done(session) == ["measure"])
        await ask_and_wait(pilot, "Tell me much.")
        await wait_until(pilot, lambda: "title" in done(session))
        await wait_until(pilot, lambda: not any(w.group == "idle" for w in pilot.app.workers if w.is_running))
    assert done(session) == ["measure", "title"]


async def test_quitting_does_not_wait_for_it(gate: threading.Event) -> None:
    session = ScriptedSession()
    session.idle_gates["measure"] = gate
    async with chat(session) as pilot:
        await wait_until(pilot, lambda: done(session) == ["measure"])
    assert session.idle[0][1].is_stopped
    assert not gate.is_set() or session.is_closed


async def test_a_model_that_did_not_survive_it_is_loaded_again() -> None:
    class Mortal(ScriptedSession):
        def measure(self, control: Control, history: tuple[Message, ...] = ()) -> None:
            super().measure(control, history)
            if len(self.idle) == 1:
                self.model = None

    session = Mortal()
    async with chat(session) as pilot:
        await wait_until(pilot, lambda: len(session.idle) == 2)
        assert session.model is not None


async def test_the_model_titles_a_conversation_after_its_first_exchange(
    path: Path, gate: threading.Event
) -> None:
    session = ScriptedSession(short_run(), short_run())
    session.own_title = TITLE
    session.idle_gates["title"] = gate
    async with keeping(session, path) as pilot:
        await ask_and_wait(pilot, "Why is the sky blue?")
        assert stored(path)[0][0] == "Why is the sky blue?", "the rule's, until the model has a moment"
        gate.set()
        await wait_until(pilot, lambda: stored(path)[0][0] == TITLE)
        screen(pilot).is_list_open = True
        await wait_until(pilot, lambda: any(TITLE in line for line in listed(pilot)))
        await ask_and_wait(pilot, "And at night?")
        await wait_until(pilot, lambda: done(session).count("measure") >= 2)
    assert done(session).count("title") == 1
    with closing(Store.open(path)) as store:
        assert store.conversations()[0].title_by == "model"


async def test_a_title_of_the_users_own_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idling, "IDLE_S", 3600)
    session = ScriptedSession(short_run(), short_run())
    session.own_title = TITLE
    async with keeping(session, path) as pilot:
        await ask_and_wait(pilot, "Why is the sky blue?")
        await command(pilot, "/rename My sky")
        await wait_until(pilot, lambda: stored(path)[0][0] == "My sky")
        monkeypatch.setattr(idling, "IDLE_S", 0.01)
        await ask_and_wait(pilot, "And at night?")
        await wait_until(pilot, lambda: "measure" in done(session))
    assert "title" not in done(session)
    assert stored(path)[0][0] == "My sky"


async def test_a_title_given_while_the_model_thinks_of_one_stays(path: Path, gate: threading.Event) -> None:
    session = ScriptedSession(short_run())
    session.own_title = TITLE
    session.idle_gates["title"] = gate
    async with keeping(session, path) as pilot:
        await ask_and_wait(pilot, "Why is the sky blue?")
        await wait_until(pilot, lambda: "title" in done(session))
        await command(pilot, "/rename My sky")
        await wait_until(pilot, lambda: stored(path)[0][0] == "My sky")
        gate.set()
        await wait_until(pilot, lambda: "measure" in done(session)[1:])
    assert stored(path)[0][0] == "My sky"


async def test_a_title_that_was_interrupted_is_asked_for_again(path: Path, gate: threading.Event) -> None:
    session = ScriptedSession(short_run(), short_run())
    session.own_title = TITLE
    session.idle_gates["title"] = gate
    async with keeping(session, path) as pilot:
        await ask_and_wait(pilot, "Why is the sky blue?")
        await wait_until(pilot, lambda: "title" in done(session))
        session.idle_gates.clear()
        await ask_and_wait(pilot, "And at night?")
        await wait_until(pilot, lambda: stored(path)[0][0] == TITLE)


@pytest.mark.parametrize("said", ["", "Sure! Here is one:\nSky", "天空的颜色"])
async def test_a_model_without_a_title_is_not_asked_twice(path: Path, said: str) -> None:
    session = ScriptedSession(short_run(), short_run())
    session.own_title = said
    async with keeping(session, path) as pilot:
        await ask_and_wait(pilot, "Why is the sky blue?")
        await wait_until(pilot, lambda: "title" in done(session))
        await ask_and_wait(pilot, "And at night?")
        n: Any = len(session.idle)
        await wait_until(pilot, lambda: len(session.idle) > n or done(session)[-1] == "measure")
    assert done(session).count("title") == 1
    assert stored(path)[0][0] == "Why is the sky blue?"
