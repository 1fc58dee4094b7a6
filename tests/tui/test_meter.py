"""The lines with a meter: the words stay whole, the meter takes what is left."""

from __future__ import annotations

import threading

import pytest
from assistant.tui import figures
from assistant.tui.meter import LEAST_METER_CELLS, METER_CELLS, metered
from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import Static

from assistant.events import Prefill
from tests.tui import runs
from tests.tui.driving import ask, chat, wait_until, words
from tests.tui.scripted import ScriptedSession, planned, thinking

WIDTHS = [40, 50, 60, 70, 80, 100, 120]

wordings = st.lists(st.text("abc 12", min_size=1, max_size=60), min_size=1, max_size=3)


@given(wordings, st.floats(0, 1) | st.none(), st.integers(1, 120))
def test_a_meter_takes_only_what_the_words_leave(said: list[str], share: float | None, width: int) -> None:
    line = metered("thinking", share, said, width).plain
    n_cells = line.count("━")
    assert line.endswith(tuple(said))
    assert n_cells == 0 or LEAST_METER_CELLS <= n_cells <= METER_CELLS
    assert n_cells == 0 or len(line) <= width
    if any(len(f"thinking · {words}") <= width for words in said):
        assert len(line) <= width, "what fits is taken"


@given(st.integers(0, 99_999), st.integers(0, 99_999), st.floats(0, 3600), st.floats(0, 3600))
def test_the_words_of_a_thinking_fit_a_terminal_of_60_columns(
    n_tokens: int, budget: int, duration_s: float, left_s: float
) -> None:
    said = figures.thinking_figures(n_tokens, budget, duration_s, left_s)
    assert len(metered("thinking", 0.5, said, 50).plain) <= 50


@pytest.mark.parametrize("columns", WIDTHS)
async def test_the_line_of_a_long_thinking_is_whole(columns: int) -> None:
    slow = thinking("So it is", tokens=4_120, seconds=674.0).model_copy(update={"budget": 16_384})
    session = ScriptedSession([runs.THINKING[-3], slow, threading.Event()])
    async with chat(session, (columns, 24)) as pilot:
        await ask(pilot, "hard")
        title = "ThinkingTitle"
        await wait_until(pilot, lambda: "4" in words(pilot.app.query_one(title, Static)))
        widget = pilot.app.query_one(title, Static)
        line = words(widget)
        assert len(line) <= widget.content_size.width
        assert "/ 16,384 tokens" in line or columns < 80
        assert line.endswith(" s left") or columns < 60
        assert "11 min 14 s" in line or columns < 70
        assert "━" in line or columns < 100


@pytest.mark.parametrize("columns", WIDTHS)
async def test_the_line_of_a_long_prompt_is_whole(columns: int) -> None:
    reading = [
        planned(),
        Prefill(done=0, total=16_200, cached=0),
        Prefill(done=2_560, total=16_200, cached=0),
    ]
    async with chat(ScriptedSession([*reading, threading.Event()]), (columns, 24)) as pilot:
        await ask(pilot, "long")
        await wait_until(pilot, lambda: "16" in words(pilot.app.query_one(".reading", Static)))
        widget = pilot.app.query_one(".reading", Static)
        assert len(words(widget)) <= widget.content_size.width
