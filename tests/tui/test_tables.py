"""A table stands as written, columns as wide as they need and aligned as they say; a rule is a line."""

from __future__ import annotations

import pytest
from assistant.tui.widgets.transcript.sections import SectionText
from assistant.tui.widgets.transcript.table import DrawnTable

from tests.tui.driving import ask, chat, phase, stand_still, wait_until
from tests.tui.scripted import ScriptedSession, answer, planned, text
from tests.tui.test_hostile import painted

TABLE = "| item | price | no |\n|---|--:|:-:|\n| tea | 4.50 | 1 |\n| a cup | 12.00 | 2 |\n"
SHOWN = [
    "┌───────┬───────┬────┐",
    "│ item  │ price │ no │",
    "├───────┼───────┼────┤",
    "│ tea   │  4.50 │ 1  │",
    "├───────┼───────┼────┤",
    "│ a cup │ 12.00 │ 2  │",
    "└───────┴───────┴────┘",
]


@pytest.mark.parametrize("n", [len(TABLE), 1, 7])
async def test_columns_are_aligned_as_they_say(n: int) -> None:
    pieces = [TABLE[at : at + n] for at in range(0, len(TABLE), n)]
    run = [planned(), *map(text, pieces), answer(TABLE)]
    async with chat(ScriptedSession(run)) as pilot:
        await ask(pilot, "q")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await stand_still(pilot)
        assert str(pilot.app.query_one(DrawnTable).visual).split("\n") == SHOWN


async def test_what_is_broken_to_fit_is_aligned_line_by_line() -> None:
    words = "one two three four five six seven eight nine ten eleven twelve"
    table = f"| words | n |\n|--:|---|\n| {words} {words} | 1 |\n"
    async with chat(ScriptedSession([planned(), text(table), answer(table)])) as pilot:
        await ask(pilot, "q")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await stand_still(pilot)
        cells = [line.split("│")[1] for line in str(pilot.app.query_one(DrawnTable).visual).split("\n")[3:-1]]
        assert len(cells) > 1
        assert " ".join(map(str.strip, cells)) == f"{words} {words}"
        assert all(cell.endswith(" ") and not cell.endswith("  ") for cell in cells)


@pytest.mark.parametrize("before", ["Words.", "- an item", "# A head", "```\ncode\n```"])
async def test_a_rule_is_one_line(before: str) -> None:
    words = f"{before}\n\n---\n\nAfter."
    async with chat(ScriptedSession([planned(), text(words), answer(words)])) as pilot:
        await ask(pilot, "q")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await stand_still(pilot)
        rows = [row.strip() for row in painted(pilot.app).split("\n")]
        at = rows.index("After.")
        assert set(rows[at - 2]) == {"─"}
        assert rows[at - 1] == rows[at - 3] == ""
        block, rule, _ = pilot.app.query_one(SectionText).children
        assert rule.region.y == block.region.bottom + 1
