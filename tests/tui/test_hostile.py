"""Text that would drive the terminal or the app's own markup is shown, never obeyed."""

from __future__ import annotations

import io

import pytest
from assistant.tui.widgets.transcript.sections import SectionText
from rich.console import Console

from assistant.errors import MullError
from assistant.events import Notice
from tests.tui.driving import ask, chat, phase, shown, status, wait_until
from tests.tui.scripted import ScriptedSession, answer, planned, text, thinking, thinking_done

HOSTILE = "\x1b]0;x\x07 [red]r[/red] [@click=app.quit]q[/] \x9b31m \u202e"
SHOWN = "␛]0;x␇ [red]r[/red] [@click=app.quit]q[/] ⟨U+009B⟩31m ⟨U+202E⟩"


def painted(app: object) -> str:
    """What the screen sends to the terminal, styles left out."""
    out = io.StringIO()
    console = Console(file=out, width=200, color_system=None)
    for strip in app.screen._compositor.render_strips():  # type: ignore[attr-defined]
        console.file.write(strip.text + "\n")
    return out.getvalue()


async def test_every_text_from_outside_is_disarmed() -> None:
    session = ScriptedSession(
        [
            planned(f"reason {HOSTILE}"),
            Notice(text=f"notice {HOSTILE}"),
            thinking(f"thought {HOSTILE}"),
            thinking_done(),
            text(f"answer {HOSTILE}"),
            MullError(f"error {HOSTILE}", f"step {HOSTILE}"),
        ],
        name=f"name {HOSTILE}",
        note=f"note {HOSTILE}",
    )
    async with chat(session, size=(160, 50)) as pilot:
        assert f"name {SHOWN}" in shown(pilot)
        assert f"note {SHOWN}" in shown(pilot)
        assert f"name {SHOWN}" in status(pilot)
        await ask(pilot, f"question {HOSTILE}")
        await wait_until(pilot, lambda: phase(pilot) == "ready" and "step" in shown(pilot))
        await pilot.press("ctrl+t")
        await wait_until(pilot, lambda: "thought ␛" in shown(pilot))
        for part in ("question", "reason", "notice", "thought", "answer", "error", "step"):
            assert f"{part} {SHOWN}" in shown(pilot), part
        screen = painted(pilot.app)
        assert not [
            c for c in screen if c != "\n" and (ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c == "\u202e")
        ]


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("a <b>bold</b> <script>x</script>", "a <b>bold</b> <script>x</script>"),
        ("<div>\nblock\n</div>", "<div>\nblock\n</div>"),
        ("an entity &#8238;x", "an entity ⟨U+202E⟩x"),
        ("one\ntwo", "one\ntwo"),
        ("[here](https://evil.example/%1b)", "here (https://evil.example/␛)"),
        ("```\x1b[31m\ncode \x1b[0m\n```", "code ␛[0m"),
    ],
)
async def test_markdown_hides_nothing(markdown: str, expected: str) -> None:
    async with chat(ScriptedSession([planned(), text(markdown), answer(markdown)])) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await wait_until(pilot, lambda: expected in shown(pilot))


async def test_a_link_is_shown_and_not_opened() -> None:
    async with chat(
        ScriptedSession([planned(), text("[x](https://evil.example)"), answer("[x](https://evil.example)")])
    ) as pilot:
        opened: list[str] = []
        pilot.app.open_url = opened.append  # type: ignore[assignment,method-assign]
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "ready" and "evil" in shown(pilot))
        widget = pilot.app.query_one(SectionText)
        widget.post_message(SectionText.LinkClicked(widget, "https://evil.example"))
        await wait_until(pilot, lambda: pilot.app.clipboard == "https://evil.example")
        assert opened == []


@pytest.mark.parametrize("size", [1, 3, 7])
async def test_markdown_cut_anywhere_ends_up_the_same(size: int) -> None:
    whole = (
        "# One\n\nText *with* `code`\n\n- a\n- b\n  - c\n\n```py\nx = 1\n\ny = 2\n```\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\nEnd."
    )
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    async with chat(ScriptedSession([planned(), text(whole), answer(whole)])) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "ready" and "End." in shown(pilot))
        expected = shown(pilot)
    async with chat(ScriptedSession([planned(), *(text(p) for p in pieces), answer(whole)])) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "ready" and "End." in shown(pilot))
        assert shown(pilot) == expected
