"""Containers that draw nothing of their own look as Textual would draw them, in every theme."""

from __future__ import annotations

from typing import Any

import pytest
from assistant.tui.widgets.transcript.resting import Bare, Plain
from textual.pilot import Pilot
from textual.theme import BUILTIN_THEMES

from tests.tui.driving import app_for, ask, phase, wait_until
from tests.tui.scripted import ScriptedSession, answer, planned, text

WORDS = "One.\n\n- two\n- three\n\n| four |\n|---|\n| five |\n"


def bare(pilot: Pilot[None]) -> list[Any]:
    return [each for each in pilot.app.screen.query("*") if isinstance(each, Bare)]


def cells(pilot: Pilot[None]) -> list[list[tuple[str, object]]]:
    """Each cell of the screen and the colour behind it, all drawn anew."""
    compositor = pilot.app.screen._compositor
    return [
        [(cell, style and style.bgcolor) for piece, style, _ in strip for cell in piece]
        for strip in compositor.render_strips()
    ]


@pytest.mark.parametrize("theme", [n for n in BUILTIN_THEMES if n.startswith("textual-") or "ansi" in n])
@pytest.mark.parametrize("without_colour", [False, True])
async def test_they_look_the_same(theme: str, without_colour: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if without_colour:
        monkeypatch.setenv("NO_COLOR", "1")
    app = app_for(ScriptedSession([planned(), text(WORDS), answer(WORDS)]))
    async with app.run_test(size=(80, 24)) as pilot:
        app.theme = theme
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: len(bare(pilot)) >= 6 and phase(pilot) == "ready")
        await pilot.press("ctrl+up")  # a turn that has the focus has another colour
        await pilot.pause()
        seen = cells(pilot)
        monkeypatch.delattr(Bare, "render_lines")
        monkeypatch.delattr(Plain, "render_lines")
        assert seen == cells(pilot)
