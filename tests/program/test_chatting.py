"""A user at the real program with the real starter model."""

from __future__ import annotations

import re

from tests.program.driving import Start
from tests.program.terminal import Program

PATIENT = ("--time", "600")
"""However slow the machine is: what the plan allows shall not depend on it."""

LONG = "3947 * 2876 + 1913 * 487"
"""The starter model thinks about it for hundreds of tokens."""

STORY = "Write a long story about a dragon and a knight."
"""Answered at once, in some 190 tokens."""

SPEED = r"[\d.]+ t(okens)?/s"
"""What the status line ends a run with, shorter where there is less room."""


def n_thought(screen: str) -> int:
    """The tokens of the last thinking, as its fold says."""
    return int(re.findall(r"thought for ([\d,]+) tokens", screen)[-1].replace(",", ""))


def test_it_starts_without_a_question_and_answers_small_talk_at_once(program: Start) -> None:
    with program(*PATIENT, size=(80, 24)) as mull:
        screen = mull.wait("Mull Starter 135M · ready", "Ask anything", "Conversations")
        assert not re.search("Traceback|Error", screen)
        mull.ask("hi")
        screen = mull.wait("at once Small talk: answering at once", "Hello!", SPEED, "· ready")
        assert "thinking" not in screen


def test_lines_that_are_pasted_wait_in_the_prompt_to_be_sent_as_one(program: Start) -> None:
    with program(*PATIENT, size=(80, 24)) as mull:
        mull.wait("· ready")
        mull.paste("first line\nsecond line")
        mull.wait_for_line(r"│ first line +│$")
        mull.wait_for_line(r"│ second line +│$")
        mull.press("alt+enter")
        mull.type("third line")
        mull.wait_for_line(r"│ third line +│$")
        mull.press("f1")
        mull.wait("Esc closes")
        # Escape, and y at once
        mull.press("alt+y")
        mull.wait("first line second line third line", gone="Esc closes")
        mull.press("ctrl+q")
        assert mull.end() == 0


def test_a_calculation_shows_its_plan_its_thinking_and_its_answer() -> None:
    with Program(*PATIENT) as mull:
        mull.wait("· ready")
        mull.ask("347 * 28 + 19")
        mull.wait(r"thinking The draft, \d+, is only \d+ % sure: thinking up to [\d,]+ tokens")
        mull.wait(r"▾ thinking ━+ +\d+ / [\d,]+ tokens", "28 = 20")
        screen = mull.wait(r"The answer is 9735\.", r"▸ draft: \d+", "answer found", "· ready", gone="Stop")
        assert n_thought(screen) > 100
        mull.press("ctrl+t")
        mull.wait("28 = 20")


def test_a_thinking_is_lengthened_and_then_cut_by_answer_now(program: Start) -> None:
    with program(*PATIENT) as mull:
        mull.wait("· ready")
        mull.ask(LONG)
        budget = int(
            re.findall(r"/ ([\d,]+) tokens", mull.wait(r"▾ thinking ━+ +\d+ / "))[-1].replace(",", "")
        )
        mull.press("ctrl+r")
        mull.wait(f"/ {budget + 256:,} tokens")
        mull.press("ctrl+g")
        screen = mull.wait("answered now", r"The answer is \d+", r"tokens/s · [\d.]+ s", "· ready")
        assert n_thought(screen) < 400


def test_what_was_written_stays_when_escape_stops_it(program: Start) -> None:
    with program(*PATIENT) as mull:
        mull.wait("· ready")
        mull.ask(STORY)
        mull.wait("Once upon a time, in a land far")
        mull.press("escape")
        screen = mull.wait("Once upon a time, in a land far", "· stopped ·", "· ready")
        assert int(re.findall(r"(\d+) tokens? ·", screen)[-1]) < 180
        mull.ask("hi")
        mull.wait("Small talk", "Hello!", "· ready")


def test_the_terminal_changes_its_size_in_the_middle_of_an_answer(program: Start) -> None:
    with program(*PATIENT, size=(120, 40)) as mull:
        mull.wait("· ready")
        mull.ask(STORY)
        mull.wait("Once upon a time")
        mull.resize(80, 24)
        mull.wait_for_line(r"^ ╭─{76}╮$")
        mull.wait(r"\d+ tokens ·", "· ready")
        mull.resize(40, 12)
        mull.wait_for_line(r"^ ╭─{36}╮$")
        mull.resize(200, 50)
        # there is room for the list of conversations beside the chat
        mull.wait_for_line(r"^.{60,}╭─{98}╮$")
        mull.wait("Search conversations", "Once upon a time", r"\d+ tokens ·", "Ask anything", "· ready")
