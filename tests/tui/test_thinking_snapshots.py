"""Pictures of the thinking in every state; a person looks at what `--snapshot-update` takes anew."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from assistant.events import Answer
from tests.tui import runs
from tests.tui.driving import ask, phase, prompt, shown, wait_until
from tests.tui.driving import words as words_of
from tests.tui.scripted import ScriptedSession, Step
from tests.tui.test_snapshots import Compare, compare, settle

SIZES = [(80, 24), (120, 40), (200, 50)]

DOUBT = "The samples disagree: only 45 % of the vote is for this answer."

STATES: dict[str, tuple[list[Step], str, tuple[str, ...]]] = {
    "reading": ([*runs.READING], "2,560 / 6,200", ()),
    "thinking": ([*runs.THINKING], "So it is", ()),
    "thought": ([*runs.FOUND, runs.found()], "tokens/s", ()),
    "voting": ([*runs.VOTING], "6 answering", ()),
    "decided": ([*runs.DECIDED], "decided after 4 of 8 samples", ()),
    "voted": ([*runs.DECIDED, runs.voted(DOUBT)], "tokens/s", ()),
    "voted_open": ([*runs.DECIDED, runs.voted()], "tokens/s", ("ctrl+t",)),
    "searching": ([*runs.SEARCHING], "4 dropped", ()),
    "why": ([*runs.FOUND, runs.found()], "tokens/s", ("f2",)),
    "effort": ([*runs.FOUND, runs.found()], "tokens/s", ("ctrl+o", "end", "right")),
}
"""What runs, the words that show that the state is there, and the keys that are pressed then."""


def session(name: str) -> ScriptedSession:
    """Plays the state; a run without an end waits in it, at a gate of its own."""
    steps = STATES[name][0]
    return ScriptedSession(steps if isinstance(steps[-1], Answer) else [*steps, threading.Event()])


def drive(name: str) -> Any:
    _, words, keys = STATES[name]

    async def to_the_state(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await ask(pilot, runs.QUESTION)
        await wait_until(pilot, lambda: words in shown(pilot))
        if words == "tokens/s":
            await wait_until(pilot, lambda: phase(pilot) == "ready")
        await pilot.press(*keys)
        if name == "why":  # the page is written once its width is known
            await wait_until(pilot, lambda: "The question" in words_of(pilot.app.screen.query_one(Static)))
        prompt(pilot).cursor_blink = False

    return to_the_state


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", STATES)
def test_state(snap_compare: Compare, name: str, size: tuple[int, int]) -> None:
    assert compare(snap_compare, session(name), size, drive(name))


@pytest.mark.parametrize("name", ["thinking", "voting", "voted", "why", "effort"])
def test_light(snap_compare: Compare, name: str) -> None:
    assert compare(snap_compare, session(name), (80, 24), drive(name), "textual-light")
