"""Formulas in an answer: readable, as written on demand, and whole however the stream is cut."""

from __future__ import annotations

import threading

import pytest
from assistant.tui.widgets.transcript.answer import AnswerText

from tests.tui.driving import ask, chat, phase, shown, wait_until
from tests.tui.scripted import ScriptedSession, answer, planned, short_run, text

WHOLE = r"""The roots of $x^2 - 5x + 6 = 0$ cost $5 and $10:

$$
x
- \frac{5 \pm 1}{2}
= 0
$$

- in a list \(a_1\)
  \[ b^2 \]

| $n$ | $n^2$ |
|---|---|
| 1 | \(1_0\) |

`$c^2$` and

```
$d^2$
```

**\boxed{42}**
"""


async def answered(words: str, *pieces: str) -> str:
    session = ScriptedSession([planned(), *(text(piece) for piece in pieces or (words,)), answer(words)])
    async with chat(session, size=(100, 60)) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "ready" and "450 tokens" in shown(pilot))
        return shown(pilot)


async def test_formulas_are_readable_and_code_is_left_alone() -> None:
    page = await answered(WHOLE)
    for part in (
        "The roots of x² - 5x + 6 = 0 cost $5 and $10:",
        "x - (5 ± 1)/2 = 0",
        "in a list a₁",
        "b²",
        "n²",
        "1₀",
        "$c^2$ and",
        "$d^2$",
        "42",
    ):
        assert part in page, part
    assert "boxed" not in page


@pytest.mark.parametrize("size", [1, 4, 9])
async def test_a_stream_cut_anywhere_ends_up_the_same(size: int) -> None:
    pieces = [WHOLE[at : at + size] for at in range(0, len(WHOLE), size)]
    assert await answered(WHOLE, *pieces) == await answered(WHOLE)


async def test_the_source_is_a_key_away() -> None:
    async with chat(ScriptedSession([planned(), text(WHOLE), answer(WHOLE)]), size=(100, 60)) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "ready" and "42" in shown(pilot))
        await pilot.press("f4")
        await wait_until(pilot, lambda: r"\boxed{42}" in shown(pilot))
        assert "$x^2 - 5x + 6 = 0$" in shown(pilot)
        assert r"- \frac{5 \pm 1}{2}" in shown(pilot)
        await pilot.press("f4")
        await wait_until(pilot, lambda: r"\boxed{42}" not in shown(pilot))


async def test_the_source_can_be_had_while_the_answer_streams_and_stays() -> None:
    gate = threading.Event()
    words = "So $x^2$ it is.\n\nAnd $y^2$."
    session = ScriptedSession(
        [planned(), text(words[:16]), gate, text(words[16:]), answer(words)], short_run("$z^2$")
    )
    async with chat(session) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: "So x² it" in shown(pilot))
        await pilot.press("f4")
        gate.set()
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await wait_until(pilot, lambda: "So $x^2$ it is." in shown(pilot) and "And $y^2$." in shown(pilot))
        await ask(pilot, "again")
        await wait_until(pilot, lambda: "$z^2$" in shown(pilot) and phase(pilot) == "ready")
        await pilot.press("f4")
        await wait_until(pilot, lambda: "z²" in shown(pilot) and "So x² it is." in shown(pilot))


async def test_an_answer_without_formulas_offers_no_source() -> None:
    async with chat(ScriptedSession([planned(), text("It costs $5."), answer("It costs $5.")])) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        assert not pilot.app.query_one(AnswerText).has_formulas
        assert not pilot.app.screen.check_action("formulas", ())
