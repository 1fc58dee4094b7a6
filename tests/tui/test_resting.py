"""What is out of sight rests, and nobody can tell: the same text, in the same place."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest
from assistant.tui.app import MullApp
from assistant.tui.widgets.transcript import answer as answers
from assistant.tui.widgets.transcript.answer import AnswerText
from assistant.tui.widgets.transcript.resting import Resting
from assistant.tui.widgets.transcript.sections import Section
from assistant.tui.widgets.transcript.transcript import Transcript
from assistant.tui.widgets.transcript.turn import Turn
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.pilot import Pilot

from tests.tui.driving import ask, chat, phase, stand_still, wait_until
from tests.tui.scripted import ScriptedSession, Step, answer, planned, short_run, text
from tests.tui.test_hostile import painted

BLOCKS = (
    "A paragraph with **bold** words, `code` and [a link](https://example.org) longer than a line.",
    "# A heading",
    "### A smaller one",
    "- one\n- two with more words than fit into a line of that width\n  - nested\n- three",
    "9. nine\n10. ten\n\n    more of ten\n11. eleven",
    "- code in an item:\n  ```py\n  x = 1\n  ```\n- after it",
    '```python\ntext = """\nmany\n\nlines\n"""\n```',
    "| a | b |\n|---|---|\n| 1 | words that are too many for a narrow pane, wrapped |\n| **2** | `x` |",
    "> a quote\n> of two lines",
    "---",
    "$$\nx^2\n$$",
    "Line one\nline two\n===",
    "[ref]",
    "* star\n-\n- dash",
    "- a\n- b\n---",
    "- a\n-b",
    "30.",
    "1. a\n\n2. b\n\n3. c",
    "1. a\n2. b\n3.\n4. d",
    "    indented code",
    "[ref]: https://example.org/there",
)


def numbered(n: int) -> str:
    """An answer of `n` times all kinds of blocks."""
    return "".join(f"Part {i} begins.\n\n" + "\n\n".join(BLOCKS) + "\n\n" for i in range(n)) + "The end."


class Page(App[None]):
    """An answer and nothing else."""

    CSS_PATH = Path(import_module(MullApp.__module__).__file__ or "").with_name("mull.tcss")

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield AnswerText()


async def page(source: str, pieces: list[str], n_blocks: int) -> str:
    """What is on the screen after an answer in pieces, with sections of so many blocks."""
    app = Page()
    async with app.run_test(size=(60, 400)) as pilot:
        shown = app.query_one(AnswerText)
        before, answers.MOST_BLOCKS = answers.MOST_BLOCKS, n_blocks
        try:
            for piece in pieces:
                await shown.append(piece)
            shown.raw = source
            await shown.finish()
        finally:
            answers.MOST_BLOCKS = before
        await pilot.pause()
        return "\n".join(line.rstrip() for line in painted(app).rstrip().split("\n"))


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=9),
    st.sampled_from(["\n\n", "\n"]),
    st.lists(st.integers(0, 600), max_size=40),
    st.integers(1, 4),
)
def test_however_it_is_cut_it_is_the_same_page(
    blocks: list[str], between: str, cuts: list[int], n_blocks: int
) -> None:
    source = between.join(blocks)
    places = sorted({0, *(cut for cut in cuts if cut < len(source)), len(source)})
    pieces = [source[begin:end] for begin, end in pairwise(places)]
    cut = asyncio.run(page(source, pieces, n_blocks))
    assert cut == asyncio.run(page(source, [source], 10_000))


def resting(pilot: Pilot[None]) -> list[Resting]:
    """What rests."""
    return [each for each in pilot.app.query(Resting) if each.is_resting]


def seen(pilot: Pilot[None]) -> str:
    return painted(pilot.app)


def lines_at(pilot: Pilot[None]) -> Iterator[tuple[int, int]]:
    """Where each turn and each section that has a place is, and how high."""
    for each in pilot.app.query(Resting):
        yield each.virtual_region.y, each.virtual_region.height


async def long_answer(pilot: Pilot[None]) -> Transcript:
    await ask(pilot, "hi")
    await wait_until(pilot, lambda: phase(pilot) == "ready" and "The end." in seen(pilot))
    await wait_until(pilot, lambda: resting(pilot))
    return pilot.app.query_one(Transcript)


def streamed(words: str, size: int = 500) -> list[Step]:
    pieces = [words[at : at + size] for at in range(0, len(words), size)]
    return [planned(), *(text(piece) for piece in pieces), answer(words)]


async def test_sections_rest_and_wake_in_their_place() -> None:
    async with chat(ScriptedSession(streamed(numbered(8)))) as pilot:
        transcript = await long_answer(pilot)
        n_lines = transcript.virtual_size.height
        for each in pilot.app.query(Resting):
            each.is_settled = False
            each.wake()
        await stand_still(pilot)
        assert not resting(pilot)
        assert transcript.virtual_size.height == n_lines


async def test_scrolling_up_shows_all_of_it() -> None:
    async with chat(ScriptedSession(streamed(numbered(8)))) as pilot:
        transcript = await long_answer(pilot)
        found = set()
        while transcript.scroll_y > 0:
            transcript.scroll_relative(y=-10, animate=False, immediate=True)
            await pilot.pause()
            page = seen(pilot)
            found |= {i for i in range(8) if f"Part {i} begins." in page}
            assert page.strip()
        assert found == set(range(8))
        assert resting(pilot)
        transcript.scroll_end(animate=False)
        await wait_until(pilot, lambda: "The end." in seen(pilot))


async def test_a_jump_to_the_top_shows_what_is_there() -> None:
    async with chat(ScriptedSession(streamed(numbered(8)))) as pilot:
        transcript = await long_answer(pilot)
        transcript.scroll_home(animate=False)
        await wait_until(pilot, lambda: "Part 0 begins." in seen(pilot))


async def test_scrolled_up_what_is_read_stays_while_more_comes() -> None:
    gate = threading.Event()
    words = numbered(6)
    run: list[Step] = [planned(), text(words), gate, text("\n\n" + numbered(2)), answer(words)]
    async with chat(ScriptedSession(run)) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: "The end." in seen(pilot) and resting(pilot))
        transcript = pilot.app.query_one(Transcript)
        transcript.scroll_to(y=40, animate=False, immediate=True)
        transcript.release_anchor()
        await stand_still(pilot)
        before = seen(pilot).split("\n")[:12]
        gate.set()
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await stand_still(pilot)
        assert seen(pilot).split("\n")[:12] == before


@pytest.mark.parametrize("width", [50, 120])
async def test_heights_follow_the_width(width: int) -> None:
    runs = [streamed(numbered(6)), short_run("Short."), streamed(numbered(3))]
    async with chat(ScriptedSession(*runs)) as pilot:
        transcript = pilot.app.query_one(Transcript)
        for n in range(3):
            await ask(pilot, f"question {n}")
            await wait_until(
                pilot,
                lambda n=n: phase(pilot) == "ready" and len(transcript.turns) == 2 * n + 2,  # type: ignore[misc]
            )
        await wait_until(pilot, lambda: any(isinstance(each, Turn) for each in resting(pilot)))
        await pilot.resize_terminal(width, 24)
        await stand_still(pilot)
        assert resting(pilot)
        n_lines = transcript.virtual_size.height
        for each in pilot.app.query(Resting):
            each.is_settled = False
            each.wake()
        await stand_still(pilot)
        assert transcript.virtual_size.height == n_lines


async def test_a_selection_keeps_what_it_is_in_awake() -> None:
    async with chat(ScriptedSession(streamed(numbered(8)))) as pilot:
        transcript = await long_answer(pilot)
        last = pilot.app.query(Section).last()
        last.text.text_select_all()
        transcript.scroll_home(animate=False)
        await wait_until(pilot, lambda: "Part 0 begins." in seen(pilot))
        assert not last.is_resting
        chosen = pilot.app.screen.get_selected_text() or ""
        assert all(f"Part {i} begins." in chosen for i in range(8))
        for words in ("two with more words than fit into a line of that width", "nested", "a quote", "│ `x`"):
            assert chosen.count(words.replace("`", "")) == 8, words
