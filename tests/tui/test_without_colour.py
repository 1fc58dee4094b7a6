"""What NO_COLOR must not hide: which row is marked, which turn has the keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from assistant.tui.widgets.prompt.completion import Completion
from assistant.tui.widgets.sidebar.sidebar import ConversationList
from assistant.tui.widgets.transcript.turn import Turn
from assistant.tui.widgets.transcript.welcome import Example
from textual.pilot import Pilot
from textual.widgets import OptionList

from tests.tui.driving import chat, prompt
from tests.tui.keeping import ask_and_wait, keeping, until
from tests.tui.scripted import ScriptedSession, short_run


@pytest.fixture(autouse=True)
def no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")


def reversed_lines(pilot: Pilot[None], kind: type[OptionList]) -> list[int]:
    """The lines of the list on the screen that are shown reversed."""
    found = pilot.app.screen.query(kind)
    options: Any = found.first() if found else None
    if options is None or not options.size.height:
        return []
    lines = [options.render_line(y) for y in range(options.size.height)]
    return [y for y, line in enumerate(lines) if all(each.style and each.style.reverse for each in line)]


async def test_the_marked_conversation_is_seen(tmp_path: Path) -> None:
    async with keeping(ScriptedSession(short_run("Hello!")), tmp_path / "c.db", (80, 24)) as pilot:
        await ask_and_wait(pilot, "hi there, Mull")
        await pilot.press("f6")
        await until(lambda: reversed_lines(pilot, ConversationList) == [1])


@pytest.mark.parametrize(("key", "moves"), [("ctrl+o", 1), ("slash", 2)])
async def test_the_marked_choice_is_seen(key: str, moves: int) -> None:
    kind = Completion if key == "slash" else OptionList

    def is_at(line: int) -> Callable[[], bool]:
        return lambda: reversed_lines(pilot, kind) == [line]

    async with chat(ScriptedSession()) as pilot:
        await pilot.press(key)
        await until(is_at(0))
        await pilot.press(*["down"] * moves)
        await until(is_at(moves))


async def test_the_turn_that_has_the_keys_is_seen() -> None:
    async with chat(ScriptedSession(short_run("Hello!"))) as pilot:
        prompt(pilot).load_text("hi")
        await pilot.press("enter")
        await until(
            lambda: len(pilot.app.query(Turn)) == 2 and "Hello!" in str(pilot.app.export_screenshot())
        )
        before = {turn: turn.styles.border_left[0] for turn in pilot.app.query(Turn)}
        for n, turn in enumerate(reversed(list(pilot.app.query(Turn)))):
            await pilot.press("ctrl+up")
            await until(lambda turn=turn: turn.has_focus)  # type: ignore[misc]
            borders = [each.styles.border_left[0] for each in pilot.app.query(Turn)]
            assert turn.styles.border_left[0] != before[turn], n
            assert borders.count("double") == 1


async def test_the_example_that_has_the_keys_is_seen() -> None:
    async with chat(ScriptedSession()) as pilot:
        example = pilot.app.query(Example).first()
        before = example.visual_style
        example.focus()
        await until(lambda: example.has_focus)
        assert (example.visual_style.bold, example.visual_style.underline) == (True, True)
        assert not before.bold
