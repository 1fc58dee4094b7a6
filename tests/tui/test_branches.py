"""Other answers, other questions, and the branches that they make."""

from __future__ import annotations

import threading
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from assistant.tui.dialogue import Dialogue
from assistant.tui.widgets.transcript.user import UserTurn
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from assistant.errors import UsageError
from assistant.store.store import Store
from tests.tui.driving import ask, phase, prompt, shown
from tests.tui.keeping import (
    ask_and_wait,
    command,
    is_idle,
    keeping,
    press,
    said,
    screen,
    turns,
    until,
    versions,
)
from tests.tui.scripted import ScriptedSession, Step, answer, planned, short_run, text


def shows(pilot: Pilot[None], *texts: str) -> bool:
    return said(pilot) == [*texts] and is_idle(pilot)


async def test_an_answer_is_given_again_at_another_effort(path: Path) -> None:
    session = ScriptedSession(short_run("One"), short_run("Two"), short_run("Three"))
    async with keeping(session, path) as pilot:
        await ask_and_wait(pilot, "hi")
        await press(pilot, "f12")
        await until(lambda: shows(pilot, "hi", "Two"))
        await command(pilot, "/again high")
        await until(lambda: shows(pilot, "hi", "Three"))
        assert versions(turns(pilot)[1]) == "‹ 3/3 ›"
        assert versions(turns(pilot)[0]) == ""
        await press(pilot, "ctrl+up", "left")
        await until(lambda: shows(pilot, "hi", "Two"))
        await until(lambda: screen(pilot).can_steer("why"))
        assert versions(turns(pilot)[1]) == "‹ 2/3 ›"
        await press(pilot, "left")
        await until(lambda: shows(pilot, "hi", "One"))
        await press(pilot, "left")
        assert said(pilot) == ["hi", "One"]
    assert session.efforts == [None, None, "high"]
    assert all(query.history == () for query in session.queries)
    with closing(Store.open(path)) as store:
        latest = store.latest()
        assert latest is not None
        assert [m.content for m in store.conversation(latest.id).messages] == ["hi", "One"]


async def test_an_earlier_question_is_edited_and_both_branches_stay(path: Path) -> None:
    session = ScriptedSession(short_run("A1"), short_run("A2"), short_run("A3"), short_run("A4"))
    async with keeping(session, path) as pilot:
        for question in ("q1", "q2", "q3"):
            await ask_and_wait(pilot, question)
        await pilot.press("ctrl+up", "ctrl+up", "ctrl+up", "ctrl+up")
        focused = pilot.app.screen.focused
        assert isinstance(focused, UserTurn)
        assert focused.text == "q2"
        await press(pilot, "enter")
        await until(lambda: prompt(pilot).text == "q2")
        await pilot.press("!")
        await press(pilot, "enter")
        await until(lambda: shows(pilot, "q1", "A1", "q2!", "A4"))
        assert [message.content for message in session.queries[-1].history] == ["q1", "A1"]
        assert versions(turns(pilot)[2]) == "‹ 2/2 ›"
        await command(pilot, "/new")
        await until(lambda: said(pilot) == [])
        await command(pilot, "/open q1")
        await until(lambda: shows(pilot, "q1", "A1", "q2!", "A4"))
        await until(lambda: versions(turns(pilot)[2]) == "‹ 2/2 ›")
        screen(pilot).action_version_of(str(turns(pilot)[2].message_id), "-1")
        await until(lambda: shows(pilot, "q1", "A1", "q2", "A2", "q3", "A3"))


async def test_an_edit_can_be_left(path: Path) -> None:
    session = ScriptedSession(short_run("A1"), short_run("A2"))
    async with keeping(session, path) as pilot:
        await ask_and_wait(pilot, "q1")
        await command(pilot, "/edit")
        await until(lambda: prompt(pilot).text == "q1")
        await pilot.press("escape")
        await until(lambda: prompt(pilot).text == "")
        await ask_and_wait(pilot, "q2")
        assert said(pilot) == ["q1", "A1", "q2", "A2"]


async def test_typing_at_a_turn_goes_into_the_prompt(path: Path) -> None:
    async with keeping(ScriptedSession(short_run("A1")), path) as pilot:
        await ask_and_wait(pilot, "q1")
        await pilot.press("ctrl+up", "x", "y")
        await until(lambda: prompt(pilot).text == "xy")
        assert prompt(pilot).has_focus
        await pilot.press("ctrl+up", "ctrl+down")
        assert prompt(pilot).has_focus


async def test_copying_takes_the_turn_that_has_the_focus(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.clipboard.commands", lambda *_: [])
    async with keeping(ScriptedSession(short_run("A1"), short_run("A2")), path) as pilot:
        await ask_and_wait(pilot, "q1")
        await ask_and_wait(pilot, "q2")
        await pilot.press("ctrl+y")
        await until(lambda: pilot.app.clipboard == "A2")
        await pilot.press("ctrl+up", "ctrl+up", "ctrl+y")
        await until(lambda: pilot.app.clipboard == "q2")
        await pilot.press("ctrl+up", "ctrl+y")
        await until(lambda: pilot.app.clipboard == "A1")


async def test_nothing_branches_while_an_answer_runs(path: Path) -> None:
    gate = threading.Event()
    run: list[Step] = [planned(), text("Hm"), gate, answer("Hm")]
    async with keeping(ScriptedSession(short_run("A1"), run), path) as pilot:
        await ask_and_wait(pilot, "q1")
        await ask(pilot, "q2")
        await until(lambda: "Hm" in shown(pilot))
        with pytest.raises(UsageError, match="/again does nothing now"):
            await command(pilot, "/again")
        gate.set()
        await until(lambda: phase(pilot) == "ready")


async def test_asking_deeper_takes_the_place_of_the_answer(path: Path) -> None:
    run: list[Step] = [planned(), text("Hm"), threading.Event(), answer("Hm")]
    async with keeping(ScriptedSession(run, short_run("Deep")), path) as pilot:
        await ask(pilot, "q1")
        await until(lambda: "Hm" in shown(pilot))
        await command(pilot, "/deeper")
        await until(lambda: shows(pilot, "q1", "Deep"))
    with closing(Store.open(path)) as store:
        latest = store.latest()
        assert latest is not None
        assert latest.n_messages == 2
        assert store.conversation(latest.id).messages[-1].content == "Deep"


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1 << 30)), max_size=30))
def test_a_dialogue_shows_one_path_and_loses_nothing(steps: list[tuple[bool, int]]) -> None:
    dialogue = Dialogue()
    ids: list[int] = []
    for number, (is_new, choice) in enumerate(steps):
        if is_new or not ids:
            parent = [None, *ids][choice % (len(ids) + 1)]
            dialogue.add(number + 1, parent, f"m{number}", is_answer=parent is not None)
            ids.append(number + 1)
            assert dialogue.leaf_id == number + 1
        else:
            dialogue.switch(ids[choice % len(ids)])
            assert ids[choice % len(ids)] in dialogue.path
        path = dialogue.path
        assert all(dialogue[child].parent_id == parent for parent, child in pairwise(path))
        assert all(each in dialogue.versions(each) for each in ids)
    assert len(dialogue) == len(ids)


@given(
    st.lists(st.tuples(st.sampled_from(["ask", "answer", "switch", "drop"]), st.integers(0, 30)), max_size=30)
)
def test_what_is_told_never_lags_behind(steps: list[tuple[str, int]]) -> None:
    dialogue = Dialogue()
    for number, (step, choice) in enumerate(steps, 1):
        chosen = dialogue.path[choice % len(dialogue.path)] if len(dialogue) else None
        if step == "ask":
            dialogue.add(2 * number, chosen, f"q{number}")
            dialogue.add(2 * number + 1, 2 * number, "", is_answer=True)
            dialogue.settle(2 * number + 1, f"a{number}", "", "done")
        elif chosen is not None:
            if step == "answer":
                dialogue.settle(chosen, f"a{number}", "", "done")
            elif step == "switch":
                others = dialogue.versions(chosen)
                dialogue.switch(others[choice % len(others)])
            else:
                dialogue.first_sent = chosen
        # one that was never asked before knows nothing from before
        anew = Dialogue((dialogue[each] for each in dialogue.path), dialogue.leaf_id, dialogue.first_sent)
        asked = dialogue.leaf_id if choice > 15 else None
        assert dialogue.told(asked) == anew.told(asked)
