"""What tests do to the app, in the user's words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from assistant.tui.app import MullApp
from assistant.tui.widgets.prompt.prompt import Prompt
from assistant.tui.widgets.status.status import StatusLine
from assistant.tui.widgets.transcript.transcript import Transcript
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Static

from tests.tui.scripted import ScriptedSession

HANG_S = 60
"""A state that has not come by then never comes."""


async def wait_until(pilot: Pilot[None], is_so: Callable[[], object]) -> None:
    """Let the app work until `is_so`."""
    async with asyncio.timeout(HANG_S):
        while not is_so():
            await pilot.pause()


def is_figure_due(pilot: Pilot[None]) -> bool:
    """Whether the status line has figures that it has not painted yet."""
    lines: Any = pilot.app.screen_stack[0].query(StatusLine)
    return any(line.is_due for line in lines)


async def stand_still(pilot: Pilot[None]) -> None:
    """Let the app work until it draws the same picture three times in a row."""
    pictures: list[str] = []
    async with asyncio.timeout(HANG_S):
        while len(pictures) < 3 or len(set(pictures[-3:])) > 1 or is_figure_due(pilot):
            await pilot.pause()
            await pilot.wait_for_animation()  # a pane that glides may look the same for a while
            pictures.append(pilot.app.export_screenshot())


def app_for(session: ScriptedSession) -> Any:
    """The app over a scripted session, with a clock that stands still."""
    return MullApp(lambda: session, clock=lambda: 0.0)


@asynccontextmanager
async def chat(session: ScriptedSession, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[None]]:
    """The app, running and ready for a question."""
    async with app_for(session).run_test(size=size) as pilot:
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        yield pilot


def prompt(pilot: Pilot[None]) -> Any:
    """The field that the user writes in."""
    return pilot.app.query_one(Prompt)


async def ask(pilot: Pilot[None], text: str) -> None:
    """Write `text` and send it."""
    prompt(pilot).load_text(text)
    await pilot.press("enter")


def phase(pilot: Pilot[None]) -> str:
    """What the model does."""
    return str(getattr(pilot.app.screen_stack[0], "phase", "")) if pilot.app.screen_stack else ""


def status(pilot: Pilot[None]) -> str:
    """The status line as shown."""
    return str(pilot.app.query_one(StatusLine).render())


def footer(pilot: Pilot[None]) -> set[str]:
    """What the footer offers."""
    return {b.binding.description for b in pilot.app.screen.active_bindings.values() if b.binding.show}


def shown(pilot: Pilot[None]) -> str:
    """All text of the transcript that is displayed, a widget a line."""
    return "\n".join(
        words(widget) for widget in pilot.app.query_one(Transcript).query(Static) if is_shown(widget)
    )


def words(widget: Static) -> str:
    """The plain text of a widget."""
    return str(widget.visual)


def is_shown(widget: Widget) -> bool:
    """Whether a widget and all around it are displayed."""
    return all(node.display for node in widget.ancestors_with_self if isinstance(node, Widget))
