"""What is copied from a list or a paragraph is what was written, however wide it is shown."""

from __future__ import annotations

import asyncio

import pytest
from assistant.tui.widgets.transcript.answer import AnswerText

from tests.tui.driving import ask, chat, phase, stand_still, wait_until
from tests.tui.scripted import ScriptedSession, short_run

LONG = "https://example.org/" + "a-rather-long-path/" * 8 + "end"


async def copied(text: str, width: int) -> str:
    """All of an answer's text, as a selection has it."""
    async with chat(ScriptedSession(short_run(text)), (width, 40)) as pilot:
        await ask(pilot, "q")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await stand_still(pilot)
        pilot.app.query_one(AnswerText).query("MarkdownBlock").first().text_select_all()
        return pilot.app.screen.get_selected_text() or ""


@pytest.mark.parametrize(
    "text",
    [
        f"- {LONG}\n- two",
        f"See {LONG} for more.",
        f"1. see {LONG} and some words more that are broken between them, where it is narrow\n   - within",
        "- 漢字" * 3 + "漢字漢字" * 30,
    ],
)
def test_it_does_not_depend_on_the_width(text: str) -> None:
    narrow, wide = (asyncio.run(copied(text, width)) for width in (60, 400))
    assert narrow == wide
