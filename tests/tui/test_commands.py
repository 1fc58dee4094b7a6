"""One list of commands: keys, palette, slash words and help offer the same."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from assistant.tui.app import MullApp
from assistant.tui.commands import COMMANDS, UNBOUND, bindings, checked_choice, named, parsed
from assistant.tui.screens.dialog import Dialog
from assistant.tui.screens.help import HelpScreen
from assistant.tui.widgets.prompt.completion import Completion
from assistant.tui.widgets.sidebar.sidebar import ConversationList
from assistant.tui.widgets.transcript.turn import Turn
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import Static, TextArea

from assistant.errors import UsageError
from tests.tui.driving import ask, chat, phase, prompt, shown, wait_until, words
from tests.tui.scripted import ScriptedSession, answer, planned, short_run, text, thinking, thinking_done

BY_WORD = {command.word: command for command in COMMANDS if command.word}


def notices(pilot: Pilot[None]) -> str:
    """What the app has told the user."""
    return "\n".join(notice.message for notice in pilot.app._notifications)


async def say(pilot: Pilot[None], line: str) -> None:
    """Write a slash command and send it, its list closed."""
    prompt(pilot).load_text(line)
    await pilot.pause()
    await pilot.press("escape", "enter")


def full_run() -> list[Any]:
    """A run with thinking, code and a formula."""
    words = "It is $x^2$.\n\n```py\nx = 1\n```"
    return [planned(), thinking("Hm."), thinking_done(), text(words), answer(words, "Hm.")]


def test_names_words_and_keys_are_told_apart() -> None:
    ids = [command.id for command in COMMANDS]
    assert len({*ids}) == len(ids)
    for focused in ("prompt", "turn", "list"):
        active = [command for command in COMMANDS if command.owner in ("app", "chat", focused)]
        keys = [key for command in active for key in command.keys.split(",") if key]
        assert len({*keys}) == len(keys)
    assert len(BY_WORD) == len([command for command in COMMANDS if command.word])
    assert all(command.sentence and command.name for command in COMMANDS)


def test_no_key_is_taken_by_the_text_field_first() -> None:
    editing = {key for binding in TextArea.BINDINGS for key in binding.key.split(",")}  # type: ignore[union-attr]
    for command in COMMANDS:
        if command.owner == "chat" and not command.has_priority:
            assert not editing & {*command.keys.split(",")}, command.id


async def test_every_command_has_its_action_where_it_says() -> None:
    async with chat(ScriptedSession()) as pilot:
        screen = pilot.app.screen
        acting = {"app": pilot.app, "chat": screen, "prompt": prompt(pilot), "turn": screen, "list": screen}
        having = {**acting, "turn": Turn(), "list": ConversationList()}
        for command in COMMANDS:
            assert hasattr(acting[command.owner], f"action_{command.action}"), command.id
            ids = {binding.id for _, binding in having[command.owner]._bindings}
            assert command.id in ids, command.id


def test_a_command_without_keys_can_be_given_some() -> None:
    unbound = [binding for binding in bindings("chat") if binding.key.startswith(UNBOUND)]
    assert {binding.id for binding in unbound} == {
        command.id for command in COMMANDS if command.owner == "chat" and not command.keys
    }


async def test_palette_help_and_slash_list_offer_the_same() -> None:
    async with chat(ScriptedSession(full_run()), size=(120, 80)) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        app: Any = pilot.app
        palette = {entry.title.partition(":")[0] for entry in app.get_system_commands(app.screen)}
        await pilot.press("slash")
        await wait_until(pilot, lambda: app.query_one(Completion).is_open)
        offered = {each.label[1:] for each in app.query_one(Completion)._candidates}
        await pilot.press("escape", "backspace", "f1")
        await wait_until(pilot, lambda: isinstance(app.screen, HelpScreen))
        helped = {command.word for command in app.screen._now if command.word}
    assert palette == {BY_WORD[word].name for word in offered}
    assert offered == helped
    assert {"copy", "save", "formulas", "thinking", "effort", "theme", "new", "quit"} <= offered
    assert not {"stop", "now", "back"} & offered, "nothing runs, nothing waits"


async def test_the_help_tells_what_can_be_done_now_and_what_not() -> None:
    async with chat(ScriptedSession([planned(), thinking("Hm"), threading.Event()])) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "thinking")
        await pilot.press("f1")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        page = [words(cell) for cell in pilot.app.screen.query(Static)]
        now, later = page.index("Now"), page.index("At other times")
        assert now < page.index("end the thinking and answer now") < later
        assert page[page.index("end the thinking and answer now") - 2 :][:2] == ["^g", "/now"]
        assert later < page.index("save a code block to a file (once there is code)")
        await pilot.press("f1")
        await wait_until(pilot, lambda: len(pilot.app.screen_stack) == 1)


@pytest.mark.parametrize(
    ("key", "told"),
    [("f2", {"close": "esc, f2"}), ("ctrl+o", {"close": "esc, ^o", "lower the least": "←"})],
)
async def test_the_help_on_a_page_over_the_chat_tells_its_keys_alone(key: str, told: dict[str, str]) -> None:
    async with chat(ScriptedSession(full_run())) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await pilot.press(key)
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, Dialog))
        await pilot.press("f1")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        page = [words(cell) for cell in pilot.app.screen.query(Static)]
        assert {what: page[page.index(what) - 2] for what in told} == told
        assert "start a new line" not in page
        assert "Now" not in page
        await pilot.press("escape")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, Dialog))


async def test_the_help_on_a_turn_does_not_tell_the_keys_of_the_prompt() -> None:
    async with chat(ScriptedSession(full_run())) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        for key, has_prompt in (("f1", True), ("alt+up", False)):
            await pilot.press(key, *(["f1"] if key != "f1" else []))
            await wait_until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
            page = [words(cell) for cell in pilot.app.screen.query(Static)]
            assert ("start a new line" in page) == has_prompt
            await pilot.press("f1")
            await wait_until(pilot, lambda: len(pilot.app.screen_stack) == 1)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("/new", ("new", "")),
        ("/Copy  Code ", ("copy", "Code")),
        ("/save my file.py", ("save", "my file.py")),
        ("/?", ("?", "")),
        ("/etc/hosts says what?", None),
        ("//new", None),
        (" /new", None),
        ("/new\nand more", None),
        ("/ new", None),
        ("new", None),
    ],
)
def test_what_is_a_slash_command(line: str, command: tuple[str, str] | None) -> None:
    assert parsed(line) == command


@given(st.text(alphabet="/ab \n?-"))
def test_no_line_breaks_the_slash_parser(line: str) -> None:
    assert parsed(line) is None or line.startswith("/")


def test_an_unknown_command_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no command /copi.*Did you mean /copy"):
        named("copi")
    with pytest.raises(UsageError, match="/help lists"):
        named("xyzzy")
    assert named("exit").word == "quit"


def test_a_choice_may_be_begun() -> None:
    assert checked_choice(BY_WORD["copy"], "th") == "thinking"
    assert checked_choice(BY_WORD["effort"], "low..high") == "low..high"
    with pytest.raises(UsageError, match=r'must be auto.* not "hgh"'):
        checked_choice(BY_WORD["effort"], "hgh")
    with pytest.raises(UsageError, match='takes answer, question, code or thinking, not "x"'):
        checked_choice(BY_WORD["copy"], "x")


async def test_the_words_of_the_help_keep_off_its_bar() -> None:
    async with chat(ScriptedSession()) as pilot:
        await pilot.press("f1")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        page = pilot.app.screen.query_one("#help")
        await wait_until(pilot, lambda: page.max_scroll_y > 0)
        bar = page.vertical_scrollbar.region
        rows = [cell.region for cell in page.query("Grid > Static")]
        assert all(row.right < bar.x for row in rows)


async def test_a_slash_command_runs_and_is_not_asked() -> None:
    session = ScriptedSession(short_run("One"))
    async with chat(session) as pilot:
        await ask(pilot, "first")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await say(pilot, "/new")
        await wait_until(pilot, lambda: "A local assistant" in shown(pilot))
        assert prompt(pilot).text == ""
    assert len(session.queries) == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/nwe", "There is no command /nwe. Did you mean /new?"),
        ("/stop", "/stop does nothing now: it is there while an answer runs."),
        ("/help me", "/help takes nothing after it."),
        ("/theme nrd", 'There is no theme "nrd": did you mean nord?'),
        ("/effort hgh", "An effort must be"),
    ],
)
async def test_a_slash_command_that_cannot_be_had_says_why(line: str, told: str) -> None:
    session = ScriptedSession()
    async with chat(session) as pilot:
        await say(pilot, line)
        await wait_until(pilot, lambda: told in notices(pilot))
        if not line.startswith("/theme"):
            assert prompt(pilot).text == line, "what was written stays"
    assert session.queries == []


async def test_effort_holds_for_what_is_asked_from_then_on() -> None:
    session = ScriptedSession(short_run("One"), short_run("Two"))
    async with chat(session) as pilot:
        await ask(pilot, "first")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await say(pilot, "/effort high")
        await wait_until(pilot, lambda: "effort high" in notices(pilot))
        await ask(pilot, "second")
        await wait_until(pilot, lambda: "Two" in shown(pilot))
    assert session.efforts == [None, "high"]


async def test_a_theme_is_taken_and_remembered() -> None:
    async with chat(ScriptedSession()) as pilot:
        await say(pilot, "/theme nord")
        await wait_until(pilot, lambda: pilot.app.theme == "nord")
    async with chat(ScriptedSession()) as pilot:
        assert pilot.app.theme == "nord"


async def test_no_colour_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app: Any = MullApp(lambda: ScriptedSession(), clock=lambda: 0.0)
    async with app.run_test() as pilot:
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        colours = {
            (style.color.name, style.bgcolor.name)
            for strip in app.screen._compositor.render_strips()
            for _, style, _ in strip.apply_filter(app._filters[-1], app.screen.background_colors[0])
            if style is not None and style.color and style.bgcolor
        }
    assert colours == {("default", "default")}
