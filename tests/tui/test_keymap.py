"""Keys of the user's own."""

from __future__ import annotations

import pytest
from assistant.tui.app import MullApp
from assistant.tui.keymap import checked
from assistant.tui.taste import Taste
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.driving import ask, phase, shown, wait_until
from tests.tui.scripted import ScriptedSession, short_run


def test_right_keys_are_taken() -> None:
    keys = {"stop": "ctrl+x, f11", "help": "Alt+F1", "copy_code": "ctrl+alt+c"}
    assert checked(keys) == ({"stop": "ctrl+x,f11", "help": "alt+f1", "copy_code": "alt+ctrl+c"}, [])


@pytest.mark.parametrize(
    ("name", "keys", "told"),
    [
        ("stpo", "f11", "keys.stpo in the settings names nothing: did you mean stop?"),
        ("stop", "ctrl+foo", '"ctrl+foo" is not a key'),
        ("stop", "hold+x", '"hold+x" is not a key'),
        ("stop", "x", '"x" could not be typed any more'),
        ("stop", "", "it names no key"),
        ("stop", "f1", '"f1" already is help'),
        ("stop", "ctrl+k", '"ctrl+k" edits text in the prompt'),
    ],
)
def test_a_wrong_key_is_told_in_one_sentence(name: str, keys: str, told: str) -> None:
    keymap, wrong = checked({name: keys}, taken=["ctrl+k"])
    assert keymap == {}
    assert len(wrong) == 1
    assert told in wrong[0]


def test_two_keys_can_be_exchanged() -> None:
    assert checked({"help": "ctrl+q", "quit": "f1"}) == ({"help": "ctrl+q", "quit": "f1"}, [])


def test_of_two_that_want_one_key_one_gets_it() -> None:
    keymap, wrong = checked({"help": "f11", "stop": "f11"})
    assert len(keymap) == 1
    assert len(wrong) == 1


@given(st.dictionaries(st.sampled_from(["stop", "help", "quit", "x"]), st.text(max_size=12), max_size=4))
def test_no_table_raises(keys: dict[str, str]) -> None:
    keymap, wrong = checked(keys)
    assert len(keymap) + len(wrong) >= len(keys)


async def test_the_app_takes_the_right_keys_and_tells_of_the_wrong_ones() -> None:
    session = ScriptedSession(short_run("One"))
    wishes = Taste(theme="nowhere", keys={"new_conversation": "f11", "stop": "x"})
    async with MullApp(lambda: session, clock=lambda: 0.0, wishes=wishes).run_test() as pilot:
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        told = " ".join(notice.message for notice in pilot.app._notifications)
        assert 'There is no theme "nowhere"' in told
        assert '"x" could not be typed any more' in told
        assert pilot.app.theme == "textual-dark"
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "ready" and "One" in shown(pilot))
        await pilot.press("ctrl+l")
        assert "One" in shown(pilot)
        await pilot.press("f11")
        await wait_until(pilot, lambda: "A local assistant" in shown(pilot))
