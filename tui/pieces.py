"""Taking something out of the conversation: to the clipboard, or into a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual.app import App

from assistant import clipboard
from assistant.codeblocks import code_blocks
from assistant.terminal import visible

from .widgets.transcript.assistant import AssistantTurn
from .widgets.transcript.user import UserTurn

if TYPE_CHECKING:
    from .widgets.transcript.turn import Turn

WHAT = {
    "answer": "The answer",
    "question": "The question",
    "code": "The last code block",
    "thinking": "The thinking",
}


def piece(turn: AssistantTurn | None, what: str) -> str:
    """The answer, question, code or thinking of a turn, as it may be shown; empty if there is none."""
    if turn is None:
        return ""
    if what == "code":
        blocks = code_blocks(visible(turn.answer))
        return blocks[-1].text.removesuffix("\n") if blocks else ""
    if what == "question":
        return visible(question(turn))
    return visible(turn.thinking if what == "thinking" else turn.answer)


def with_code(turns: Sequence[Turn]) -> AssistantTurn | None:
    """The newest answer that has a block of code between fences; None if none has."""
    for turn in reversed(turns):
        if not isinstance(turn, AssistantTurn):
            continue
        # looking for fences first spares parsing every answer there is
        if any(fence in turn.answer for fence in ("```", "~~~")) and piece(turn, "code"):
            return turn
    return None


def question(turn: AssistantTurn) -> str:
    """What the user asked for this turn."""
    asked = ""
    for each in turn.parent.children if turn.parent else ():
        if each is turn:
            break
        if isinstance(each, UserTurn):
            asked = each.text
    return asked


def copy(app: App[Any], turn: AssistantTurn | None, what: str) -> None:
    """Copy a piece of a turn, and say how."""
    if text := piece(turn, what):
        app.run_worker(_copied(app, text, WHAT[what]), group="clipboard", exclusive=True)


async def _copied(app: App[Any], text: str, name: str) -> None:
    # Textual's own: the sequence is out at once, and what is left are programs, which may be slow
    App.copy_to_clipboard(app, text)
    told = await asyncio.to_thread(clipboard.copy, text, lambda _: None, dict(os.environ))
    app.notify(f"{name} was copied {told}.", markup=False)


def save_code(app: App[Any], turn: AssistantTurn | None, name: str) -> None:
    """Ask where to save a code block of a turn, and save it."""
    from .screens.saving import SaveScreen

    if turn is not None and (blocks := code_blocks(turn.answer)):
        app.push_screen(SaveScreen(blocks, name))
