"""Answers that Markdown would take for an empty block are seen."""

from __future__ import annotations

import pytest
from assistant.tui.widgets.transcript.answer import AnswerText
from textual.widgets import Static

from tests.tui.driving import ask, chat, phase, wait_until
from tests.tui.scripted import ScriptedSession, answer, planned, text


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        (["30."], ["30."]),
        (["3", "0", "."], ["30."]),
        (["30.\n"], ["30."]),
        (["7)"], ["7)"]),
        (["-"], ["-"]),
        (["It is\n\n", "42."], ["It is", "42."]),
        (["42.", "\n\nFor six times seven is that."], ["42.", "For six times seven is that."]),
        (["1.", " one\n", "2. two"], ["1. one", "2. two"]),
        (["- a\n-", " b"], ["• a", "• b"]),
        (["#"], ["#"]),
        (["It is called\n\n", "##"], ["It is called", "##"]),
        ([">"], [">"]),
        (["> #"], ["#"]),
        (["- #"], ["• #"]),
    ],
)
async def test_what_is_written_is_seen(pieces: list[str], lines: list[str]) -> None:
    whole = "".join(pieces)
    run = [planned(), *(text(piece) for piece in pieces), answer(whole)]
    async with chat(ScriptedSession(run)) as pilot:
        await ask(pilot, "q")
        await wait_until(pilot, lambda: phase(pilot) == "ready")

        def seen() -> list[str]:
            shown = pilot.app.query_one(AnswerText).query("MarkdownParagraph, ListText").results(Static)
            blocks = [str(block.visual) for block in shown if block.region.height]
            return [line.strip() for block in blocks for line in block.split("\n")]

        await wait_until(pilot, lambda: seen() == lines)
