"""Lists and code that grow in place end up as if they had come at once."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from assistant.tui.widgets.transcript.fence import GrowingFence
from assistant.tui.widgets.transcript.lists import GrowingOrderedList

from tests.tui.driving import ask, chat, phase, shown, wait_until
from tests.tui.scripted import ScriptedSession, Step, answer, planned, text
from tests.tui.test_hostile import painted

LISTS = (
    "7. seven\n8. eight\n   - nested `one`\n   - nested two\n9. nine\n10. ten\n\n    more of ten\n"
    "11. eleven\n\n- a\n\n- b\n  ```py\n  x = 1\n  ```\n- c\n\n1. one\n- dash\n\nEnd."
)
CODE = (
    "```python\n"
    + 'text = """\nmany lines\n'
    + "".join(f"of text {n}\n" for n in range(60))
    + '"""\n'
    + "".join(f"x_{n} = {n}  # comment\n" for n in range(60))
    + "```\n\nEnd."
)


async def page(words: str, size: int) -> tuple[str, list[Any]]:
    """What the screen shows in the end, and the colours of the code."""
    run: list[Step] = [planned(), *(text(words[at : at + size]) for at in range(0, len(words), size))]
    async with chat(ScriptedSession([*run, answer(words)]), size=(80, 160)) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "ready" and "End." in shown(pilot))
        await pilot.pause()
        spans = [
            (chunk.plain, chunk.spans) for fence in pilot.app.query(GrowingFence) for chunk in fence._chunks
        ]
        return painted(pilot.app), spans


@pytest.mark.parametrize("words", [LISTS, CODE])
@pytest.mark.parametrize("size", [3, 11, 40])
async def test_a_stream_ends_up_as_the_whole(words: str, size: int) -> None:
    assert await page(words, size) == await page(words, len(words))


async def test_settled_items_are_not_built_again() -> None:
    many = "".join(f"{n}. item {n}\n" for n in range(1, 30))
    gate, end = threading.Event(), threading.Event()
    session = ScriptedSession([planned(), text(many), gate, text("30. item 30\n"), end])
    async with chat(session) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: "item 29" in shown(pilot))
        rows = [*pilot.app.query_one(GrowingOrderedList).children]
        gate.set()
        await wait_until(pilot, lambda: "item 30" in shown(pilot))
        assert [*pilot.app.query_one(GrowingOrderedList).children][:28] == rows[:28]


async def test_code_is_coloured_while_it_is_open() -> None:
    session = ScriptedSession([planned(), text("```python\nx = 1  # one\n"), threading.Event()])
    async with chat(session) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: "# one" in shown(pilot))
        (chunk,) = pilot.app.query_one(GrowingFence)._chunks
        assert chunk.spans
