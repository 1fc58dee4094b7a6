"""While an answer is written, what is painted is what has changed, and nothing is laid out twice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from assistant.tui.compositor import NearCompositor
from textual._compositor import Compositor
from textual.geometry import Region, Spacing
from textual.pilot import Pilot
from textual.widgets.markdown import MarkdownBlock

from tests.tui.driving import ask, chat, phase, stand_still, wait_until
from tests.tui.scripted import ScriptedSession, Step, answer, planned, text, thinking
from tests.tui.test_hostile import painted

WORDS = "One.\n\n- two\n- three\n\nFour\n\n| five |\n|---|\n| six |\n\n"


def fed(pieces: list[str], gates: list[threading.Event]) -> list[Step]:
    """A run that writes a piece at each gate."""
    steps: list[Step] = [planned(), text(WORDS)]
    for piece, gate in zip(pieces, gates, strict=True):
        steps += [gate, text(piece)]
    return [*steps, threading.Event(), answer(WORDS)]


def counted(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> Counter[str]:
    """How often each class had a method called."""
    n: Counter[str] = Counter()
    original: Callable[..., Any] = getattr(owner, name)

    def count(self: object, *arguments: Any, **named: Any) -> Any:
        n[type(self).__name__] += 1
        return original(self, *arguments, **named)

    monkeypatch.setattr(owner, name, count)
    return n


async def begin(pilot: Pilot[None]) -> None:
    await ask(pilot, "hi")
    await wait_until(pilot, lambda: phase(pilot) == "answering" and "six" in painted(pilot.app))
    await stand_still(pilot)


async def test_a_word_more_draws_one_block_and_lays_out_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    gates = [threading.Event(), threading.Event()]
    async with chat(ScriptedSession(fed(["Seven", " eight"], gates))) as pilot:
        await begin(pilot)
        gates[0].set()
        await wait_until(pilot, lambda: "Seven" in painted(pilot.app))
        await stand_still(pilot)
        drawn = counted(monkeypatch, MarkdownBlock, "render_lines")
        layouts = counted(monkeypatch, Compositor, "reflow")
        gates[1].set()
        await wait_until(pilot, lambda: drawn)
        await pilot.pause()
        assert set(drawn) == {"GrowingParagraph"}
        assert not layouts


@pytest.mark.parametrize(
    ("first", "more"),
    [
        ("Seven", " word" * 30),
        ("Seven", "\n\nEight"),
        ("- Seven", "\n- eight"),
        ("Seven\n```py\nx = 1", "\ny = 2"),
        ("| Seven |\n|---|\n| a |", "\n| b |"),
    ],
)
async def test_a_line_more_is_laid_out_once(monkeypatch: pytest.MonkeyPatch, first: str, more: str) -> None:
    gates = [threading.Event(), threading.Event()]
    async with chat(ScriptedSession(fed([first, more], gates))) as pilot:
        await begin(pilot)
        gates[0].set()
        await wait_until(pilot, lambda: "Seven" in painted(pilot.app))
        await stand_still(pilot)
        layouts = counted(monkeypatch, Compositor, "reflow")
        gates[1].set()
        await wait_until(pilot, lambda: layouts)
        await stand_still(pilot)
        assert layouts.total() == 1


async def test_a_line_more_of_thinking_is_laid_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    seven, eight = thinking("Seven", 1), thinking("\neight", 2)
    run: list[Step] = [planned(), seven, gate, eight, threading.Event(), answer("9")]
    async with chat(ScriptedSession(run)) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: "Seven" in painted(pilot.app))
        await stand_still(pilot)
        layouts = counted(monkeypatch, Compositor, "reflow")
        gate.set()
        await wait_until(pilot, lambda: layouts)
        await stand_still(pilot)
        assert layouts.total() == 1


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_any_part_is_painted_as_in_the_whole(size: tuple[int, int]) -> None:
    async with chat(ScriptedSession([planned(), text(WORDS), answer(WORDS)]), size=size) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "ready" and "six" in painted(pilot.app))
        await stand_still(pilot)
        compositor = pilot.app.screen._compositor
        assert isinstance(compositor, NearCompositor)
        whole = Compositor._render_chops(compositor, compositor.size.region, lambda _: True)
        for region, clip in list(compositor.visible_widgets.values()):
            seen = region.intersection(clip)
            for part in (seen, seen.shrink(Spacing(0, 1, 0, 1)), seen.shrink(Spacing(1, 0, 0, 0))):
                rows = set(part.line_range) if part else set()
                chops = compositor._render_chops(part, rows.__contains__)
                for y in rows:
                    ends = [*list(whole[y])[1:], compositor.size.width]
                    for (cut, strip), end in zip(whole[y].items(), ends, strict=True):
                        is_in = cut < part.right and end > part.x
                        assert chops[y][cut] == strip or not is_in, (part, y)
        assert compositor.visible_widgets  # the next layout finds all of them again


async def test_a_screen_without_room_is_painted() -> None:
    compositor = NearCompositor()
    async with chat(ScriptedSession([planned(), text("hi"), answer("hi")])) as pilot:
        compositor.reflow(pilot.app.screen, Region(0, 0, 1, 0).size)
        assert compositor._render_chops(Region(0, 0, 1, 0), lambda _: True) == []
