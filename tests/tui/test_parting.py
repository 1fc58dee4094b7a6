"""Escape or Alt with another key, as terminals without the kitty protocol send them."""

from __future__ import annotations

import threading

import pytest
from assistant.tui.parting import parted, tell_alt_enter
from assistant.tui.screens.help import HelpScreen
from textual import events
from textual._xterm_parser import XTermParser

from tests.tui.driving import ask, chat, phase, prompt, shown, wait_until
from tests.tui.scripted import ScriptedSession, planned, text


@pytest.mark.parametrize(("key", "character"), [("alt+x", "x"), ("alt+shift+x", "X"), ("alt+é", "é")])
def test_alt_and_a_character_that_mean_nothing_are_escape_and_the_character(key: str, character: str) -> None:
    keys = [(each.key, each.character) for each in parted(events.Key(key, character), {})]
    assert keys == [("escape", "\x1b"), (character, character)]


@pytest.mark.parametrize(
    ("key", "character"),
    [
        ("x", "x"),
        ("alt+x", None),
        ("alt+up", None),
        ("alt+enter", None),
        ("alt+m", "m"),
    ],
)
def test_every_other_key_stays_one(key: str, character: str | None) -> None:
    event = events.Key(key, character)
    assert parted(event, {"alt+m"}) == (event,)


def test_alt_enter_is_told_from_enter() -> None:
    tell_alt_enter()
    parser = XTermParser()
    assert [event.key for event in parser.feed("\x1b\r\r") if isinstance(event, events.Key)] == [
        "alt+enter",
        "enter",
    ]


async def test_escape_stops_the_answer_though_a_letter_came_at_once() -> None:
    gate = threading.Event()
    session = ScriptedSession([planned(), text("Once upon"), gate, text(" a time")])
    async with chat(session) as pilot:
        await ask(pilot, "tell me a story")
        await wait_until(pilot, lambda: "Once upon" in shown(pilot))
        pilot.app.post_message(events.Key("alt+n", "n"))
        pilot.app.post_message(events.Key("o", "o"))
        await wait_until(pilot, lambda: prompt(pilot).text == "no")
        gate.set()
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        assert "stopped" in shown(pilot)


async def test_escape_closes_the_help_though_a_letter_came_at_once() -> None:
    async with chat(ScriptedSession()) as pilot:
        await pilot.press("f1")
        assert isinstance(pilot.app.screen, HelpScreen)
        pilot.app.post_message(events.Key("alt+n", "n"))
        await wait_until(pilot, lambda: not isinstance(pilot.app.screen, HelpScreen))
