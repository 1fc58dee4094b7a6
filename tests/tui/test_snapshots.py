"""Pictures of the screens; `--snapshot-update` takes them anew, and a person looks at them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from assistant.tui.screens.saving import SaveScreen
from assistant.tui.widgets.prompt.completion import Completion
from assistant.tui.widgets.transcript.thinking import ThinkingPanel
from textual.pilot import Pilot
from textual.widgets import Input

from assistant.errors import EngineDied
from tests.tui.driving import app_for, ask, phase, prompt, shown, wait_until
from tests.tui.scripted import (
    ScriptedSession,
    Step,
    answer,
    planned,
    prefill,
    text,
    thinking,
    thinking_done,
)

SMALL, LARGE, HUGE = (80, 24), (120, 40), (200, 50)

REASON = "Letters are to be counted: thinking up to 1,024 tokens, about 14 s."
THOUGHTS = "\n".join(
    f"Letter {n} of strawberry is {letter}{': that is one.' if letter == 'r' else '.'}"
    for n, letter in enumerate("strawberry", 1)
)
ANSWER = """There are **three** r's in *strawberry*:

1. one after the `t`,
2. two before the `y`.

```python
"strawberry".count("r")
```
"""

Compare = Callable[..., bool]


def counted(*end: Step) -> list[Step]:
    """A run with thinking; `end` comes after the answer's text."""
    return [
        planned(REASON, 1024),
        prefill(1200, 1200),
        thinking(THOUGHTS),
        thinking_done(),
        text(ANSWER),
        *end,
    ]


async def settle(pilot: Pilot[None]) -> None:
    """The model is ready and the cursor stands still."""
    await wait_until(pilot, lambda: phase(pilot) == "ready")
    prompt(pilot).cursor_blink = False


async def ask_and_wait(pilot: Pilot[None], question: str) -> None:
    await settle(pilot)
    await ask(pilot, question)
    await wait_until(pilot, lambda: phase(pilot) == "ready")


def compare(
    snap_compare: Compare, session: ScriptedSession, size: tuple[int, int], drive: Any, theme: str = ""
) -> bool:
    app = app_for(session)
    if theme:
        app.theme = theme
    return snap_compare(app, terminal_size=size, run_before=drive)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_welcome(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert compare(snap_compare, ScriptedSession(), size, settle)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_thinking(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await ask(pilot, "How many r's are in strawberry?")
        await wait_until(pilot, lambda: "Letter 10" in shown(pilot))
        await ask(pilot, "And in raspberry?")
        await wait_until(pilot, lambda: "queued" in shown(pilot))

    run: list[Step] = [planned(REASON, 1024), prefill(1200, 1200), thinking(THOUGHTS), threading.Event()]
    assert compare(snap_compare, ScriptedSession(run), size, drive)


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
def test_answer(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await ask_and_wait(pilot, "How many r's are in strawberry?")

    session = ScriptedSession(counted(answer(ANSWER, THOUGHTS)))
    assert compare(snap_compare, session, size, drive, theme)


def test_thinking_opened_again(snap_compare: Compare) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await ask_and_wait(pilot, "How many r's are in strawberry?")
        await pilot.press("ctrl+t")
        await wait_until(pilot, lambda: pilot.app.query_one(ThinkingPanel).has_class("-open"))

    assert compare(snap_compare, ScriptedSession(counted(answer(ANSWER, THOUGHTS))), LARGE, drive)


def test_error(snap_compare: Compare) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await ask_and_wait(pilot, "How many r's are in strawberry?")
        prompt(pilot).load_text("And in\nraspberry?")

    died = EngineDied("The engine has stopped.", "Ask again: it starts anew with safer settings.")
    assert compare(snap_compare, ScriptedSession(counted(died)), LARGE, drive)


def test_help(snap_compare: Compare) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("f1")

    assert compare(snap_compare, ScriptedSession(), SMALL, drive)


FORMULAS = r"""The roots of $x^2 - 5x + 6 = 0$ are

$$
x = \frac{5 \pm \sqrt{25 - 24}}{2}
$$

| $n$ | $n^2$ | which is a long column of words that has to be wrapped in a narrow terminal |
|---|---|---|
| 1 | 1 | one |
| 2 | 4 | two |

so it is \boxed{x = 2 \text{ or } x = 3}, for $5."""


@pytest.mark.parametrize("size", [SMALL, LARGE, HUGE])
@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
def test_formulas(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await ask_and_wait(pilot, "Solve it.")

    session = ScriptedSession([planned(), text(FORMULAS), answer(FORMULAS)])
    assert compare(snap_compare, session, size, drive, theme)


@pytest.mark.parametrize("size", [SMALL, LARGE, HUGE])
@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
def test_completion(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await ask_and_wait(pilot, "How many r's are in strawberry?")
        await pilot.press("slash")
        await wait_until(pilot, lambda: pilot.app.query_one(Completion).region.height > 1)

    assert compare(snap_compare, ScriptedSession(counted(answer(ANSWER, THOUGHTS))), size, drive, theme)


@pytest.mark.parametrize("size", [SMALL, LARGE, HUGE])
@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
def test_saving(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await ask_and_wait(pilot, "How many r's are in strawberry?")
        await pilot.press("ctrl+s")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, SaveScreen))
        pilot.app.screen.query_one(Input).cursor_blink = False

    assert compare(snap_compare, ScriptedSession(counted(answer(ANSWER, THOUGHTS))), size, drive, theme)


@pytest.mark.parametrize("size", [LARGE, HUGE])
@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
def test_help_on_larger_screens(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("f1")

    assert compare(snap_compare, ScriptedSession(), size, drive, theme)
