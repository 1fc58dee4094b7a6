"""Seeing and steering the thinking, as the user does it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from assistant.tui.app import MullApp
from assistant.tui.screens.chat import ChatScreen
from assistant.tui.screens.effort import EffortScreen
from assistant.tui.stage_words import plan_line
from assistant.tui.widgets.status.status import StatusLine
from assistant.tui.widgets.transcript.samples import SamplesPanel, SamplesTitle
from textual.pilot import Pilot
from textual.widgets import Static
from textual.widgets._footer import FooterKey

from assistant.control import Control
from assistant.events import Planned
from assistant.query import Message
from tests.tui import runs
from tests.tui.driving import ask, chat, footer, phase, prompt, shown, status, wait_until
from tests.tui.scripted import (
    ScriptedSession,
    Step,
    answer,
    planned,
    prefill,
    retracted,
    short_run,
    text,
    thinking,
)
from tests.tui.test_commands import notices, say


def gated(steps: Sequence[Step], *after: Step) -> tuple[list[Step], threading.Event]:
    """A run that waits after `steps`, and the gate it waits at."""
    gate = threading.Event()
    return [*steps, gate, *after], gate


async def test_the_plan_stands_before_the_answer_with_its_reason_and_its_limits() -> None:
    run, _ = gated([runs.plan("best_of_n", "As you asked.", n_samples=4, thinking_budget=256)])
    async with chat(ScriptedSession(run)) as pilot:
        await ask(pilot, "hi")
        await wait_until(
            pilot,
            lambda: (
                "best of several · thinking ≤ 256 tokens · ≤ 4 samples · ≤ 14 s  As you asked."
                in shown(pilot)
            ),
        )


async def test_the_footer_offers_no_stop_once_the_run_is_over() -> None:
    run, gate = gated(short_run())
    async with chat(ScriptedSession(run)) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "ready" and "Stop" in drawn_keys(pilot))
        gate.set()
        await wait_until(pilot, lambda: "Stop" not in drawn_keys(pilot))


def drawn_keys(pilot: Pilot[None]) -> set[str]:
    """What the footer shows, which is brought up to date only when something asks for it."""
    return {key.description for key in pilot.app.query(FooterKey)}


async def test_what_the_reason_says_is_not_said_again() -> None:
    run, _ = gated([runs.VOTE_PLAN])
    async with chat(ScriptedSession(run)) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: "vote · thinking ≤ 256 tokens" in shown(pilot))
        assert shown(pilot).count("8 samples") == 1


def test_the_line_of_an_answer_that_is_gone_on_with_speaks_of_no_thinking_to_come() -> None:
    plan = planned("Going on where the answer was interrupted.", budget=1)
    assert plan_line(plan).plain == "at once  Going on where the answer was interrupted."


async def test_deeper_asks_the_same_question_again_with_more_effort() -> None:
    first, _ = gated([runs.plan("direct", "A greeting."), text("Shallow")])
    session = ScriptedSession(short_run("Before"), first, short_run("Deep"))
    async with chat(session) as pilot:
        await ask(pilot, "zero")
        await wait_until(pilot, lambda: phase(pilot) == "ready" and "Before" in shown(pilot))
        await ask(pilot, "one")
        await wait_until(pilot, lambda: "Shallow" in shown(pilot))
        assert {"Deeper"} <= footer(pilot)
        assert "Quicker" not in footer(pilot), "there is nothing quicker than at once"
        await pilot.press("f9")
        await wait_until(pilot, lambda: phase(pilot) == "ready" and "Deep" in shown(pilot))
        assert "Shallow" not in shown(pilot)
    assert [query.text for query in session.queries] == ["zero", "one", "one"]
    assert session.efforts == [None, None, "high"]
    assert session.queries[2].history == (Message("user", "zero"), Message("assistant", "Before"))


async def test_quicker_takes_the_thinking_and_the_samples_away() -> None:
    first, _ = gated([*runs.THINKING, runs.VOTE_PLAN.model_copy(update={"stage": 3}), *runs.VOTING[2:]])
    second, _ = gated([runs.plan("extended_thinking", "High effort."), thinking("Anew.")])
    session = ScriptedSession(first, second, short_run("At once"))
    async with chat(session) as pilot:
        await ask(pilot, "one")
        await wait_until(pilot, lambda: "4 of up to 8 ended" in shown(pilot))
        await pilot.press("f10")
        await wait_until(pilot, lambda: "Anew." in shown(pilot))
        assert "Six pens" not in shown(pilot)
        assert not pilot.app.query(SamplesPanel)
        await pilot.press("f10")
        await wait_until(pilot, lambda: phase(pilot) == "ready" and "At once" in shown(pilot))
        assert "Anew." not in shown(pilot)
    assert session.efforts == [None, "high", "direct"]


async def test_stop_wins_over_asking_again() -> None:
    holding = threading.Event()

    def hold(_: Control) -> None:
        holding.wait()

    session = ScriptedSession([runs.plan("direct", "A greeting."), text("Shallow"), hold])
    async with chat(session) as pilot:
        await ask(pilot, "one")
        await wait_until(pilot, lambda: "Shallow" in shown(pilot))
        await pilot.press("f9", "escape")
        holding.set()
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        assert "stopped" in shown(pilot)
    assert len(session.queries) == 1


async def test_the_effort_of_the_conversation_is_chosen_from_a_list_and_shown() -> None:
    session = ScriptedSession(short_run("One"), short_run("Two"))
    async with chat(session) as pilot:
        assert "effort auto" in status(pilot)
        await pilot.press("ctrl+o")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, EffortScreen))
        await pilot.press("down", "down", "down", "down", "right", "enter")
        await wait_until(pilot, lambda: "effort low..high" in status(pilot))
        await ask(pilot, "one")
        await wait_until(pilot, lambda: phase(pilot) == "ready" and "One" in shown(pilot))
        await pilot.click(StatusLine)
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, EffortScreen))
        await pilot.press("escape")
        await ask(pilot, "two")
        await wait_until(pilot, lambda: phase(pilot) == "ready" and "Two" in shown(pilot))
    assert session.efforts == ["low..high", "low..high"]


@pytest.mark.parametrize(
    ("keys", "effort"),
    [(("enter",), "auto"), (("down", "enter"), "direct"), (("end", "right", "enter"), "low..max")],
)
async def test_every_effort_can_be_chosen(keys: tuple[str, ...], effort: str) -> None:
    async with chat(ScriptedSession()) as pilot:
        await pilot.press("ctrl+o")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, EffortScreen))
        await pilot.press(*keys)
        await wait_until(pilot, lambda: f"effort {effort}" in status(pilot))


async def test_settings_that_fix_the_thinking_are_what_the_status_names() -> None:
    session = ScriptedSession()
    session.settings = session.settings.model_copy(update={"samples": 5})
    async with chat(session) as pilot:
        assert "effort 5 samples" in status(pilot)


async def test_a_vote_shows_its_samples_and_folds_to_one_line() -> None:
    voting, at_vote = gated([*runs.VOTING], *runs.DECIDED[len(runs.VOTING) :])
    decided, at_decision = gated(voting, runs.voted())
    session = ScriptedSession(decided)
    async with chat(session) as pilot:
        await ask(pilot, "one")
        await wait_until(pilot, lambda: "6 answering" in shown(pilot))
        for said in ("1 done", "4 dropped", "5 thinking", "conf 12.8", "2 · 74 %", "87 % certain"):
            assert said in shown(pilot)
        await pilot.press("ctrl+r")
        assert session.controls[0].take_more_tokens() == 256
        assert "Samples that still think may think 256 tokens more." in notices(pilot)
        at_vote.set()
        await wait_until(pilot, lambda: "vote · decided after 4 of 8" in shown(pilot))
        at_decision.set()
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        assert "vote: 3 of 4 samples say 51 · decided after 4 of 8" in shown(pilot)
        assert "75 % of 6 samples agree" in shown(pilot)
        assert "1 done" not in shown(pilot)
        await pilot.click(SamplesTitle)
        await wait_until(pilot, lambda: "1 done" in shown(pilot))
        await pilot.press("ctrl+t")
        await wait_until(pilot, lambda: "1 done" not in shown(pilot))
        await pilot.press("ctrl+t")
        await wait_until(pilot, lambda: "1 done" in shown(pilot) and "three books 27" in shown(pilot))


@pytest.mark.parametrize(
    "plan",
    [
        runs.VOTE_PLAN.model_copy(update={"thinking_budget": 0}),
        runs.VOTE_PLAN.model_copy(update={"strategy": "best_of_n"}),
    ],
)
async def test_what_heeds_no_wish_for_more_thinking_is_not_offered_it(plan: Planned) -> None:
    voting, _ = gated([plan, *runs.VOTING[1:]])
    async with chat(ScriptedSession(voting)) as pilot:
        await ask(pilot, "one")
        await wait_until(pilot, lambda: phase(pilot) == "thinking")
        assert "Think more" not in footer(pilot)
        await say(pilot, "/more")
        assert "while one answer is thought about or written, or a vote thinks" in notices(pilot)


async def test_an_answer_under_which_a_vote_begins_is_provisional_until_the_vote_is_over() -> None:
    stage = runs.VOTE_PLAN.model_copy(update={"stage": 2})
    first, gate = gated(
        [*runs.THINKING, text("It is 24."), stage, *runs.VOTING[1:]],
        retracted(),
        text("It is 51."),
        runs.voted(),
    )
    async with chat(ScriptedSession(first)) as pilot:
        await ask(pilot, "one")
        await wait_until(pilot, lambda: "6 answering" in shown(pilot))
        assert pilot.app.query("AnswerText.-provisional")
        assert "thought for 412 tokens" in shown(pilot)
        gate.set()
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        assert "It is 24." not in shown(pilot)
        assert not pilot.app.query("AnswerText.-provisional")
        assert "Six pens at 4" not in shown(pilot), "the thinking stays folded"


async def test_a_search_shows_its_paths() -> None:
    run, _ = gated([*runs.SEARCHING])
    async with chat(ScriptedSession(run)) as pilot:
        await ask(pilot, "one")
        await wait_until(pilot, lambda: "beam search · 2 of 4 ended · 309 tokens" in shown(pilot))
        assert "2 dropped" in shown(pilot)


async def test_drafts_are_told_where_they_were_not_the_answer() -> None:
    kept = [*runs.DRAFT[:3], answer("51")]
    disagreed, _ = gated([*runs.THINKING])
    async with chat(ScriptedSession(kept, disagreed)) as pilot:
        await ask(pilot, "one")
        await wait_until(pilot, lambda: phase(pilot) == "ready" and "tokens/s" in shown(pilot))
        assert "draft:" not in shown(pilot)
        await ask(pilot, "two")
        await wait_until(pilot, lambda: "drafts: 51, 15" in shown(pilot))


async def test_the_meter_says_how_long_the_thinking_may_still_take() -> None:
    run, _ = gated([*runs.THINKING])
    async with chat(ScriptedSession(run)) as pilot:
        await ask(pilot, "one")
        # 372 tokens in 8 s, and 612 are left
        await wait_until(pilot, lambda: "  412 / 1,024 tokens · 9 s · ≤ 13 s left" in shown(pilot))


async def test_a_long_prompt_has_a_meter_that_goes_when_it_is_read() -> None:
    run, gate = gated([planned(), prefill(300, 1200)], prefill(1200, 1200), text("Hello"), threading.Event())
    async with chat(ScriptedSession(run)) as pilot:
        await ask(pilot, "one")
        await wait_until(pilot, lambda: "reading the prompt ━" in shown(pilot))
        assert "300 / 1,200 tokens" in shown(pilot)
        gate.set()
        await wait_until(pilot, lambda: "Hello" in shown(pilot))
        assert "reading" not in shown(pilot)


async def test_a_model_that_is_silent_for_long_has_its_seconds_counted() -> None:
    now = [0.0]
    session = ScriptedSession([threading.Event()])
    async with MullApp(lambda: session, clock=lambda: now[0]).run_test() as pilot:
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await ask(pilot, "one")
        await wait_until(pilot, lambda: "planning" in status(pilot))
        now[0] = 75.0
        await wait_until(pilot, lambda: "planning, 1 min 15 s" in status(pilot))


def page(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one(Static).visual)


async def test_why_tells_how_the_answer_came_about_and_what_it_cost() -> None:
    async with chat(ScriptedSession([*runs.FOUND, runs.found()]), size=(120, 40)) as pilot:
        assert "Why" not in footer(pilot)
        await ask(pilot, "one")
        await wait_until(pilot, lambda: phase(pilot) == "ready" and "97 % sure" in shown(pilot))
        await pilot.press("f2")
        await wait_until(pilot, lambda: "What it cost" in page(pilot))
        for said in (
            "a calculation",
            "0.43 of 1",
            "+0.31  several steps",
            "1 draft",
            "2  15 · 74 tokens · confidence 9.8",
            "2 thinking",
            "Two drafts disagreed: thinking up to 1,024 tokens, at most about 14 s.",
            "at 412 tokens: 51, 97 % sure: left with it",
            "13 s, 0.6 ms of it to decide",
        ):
            assert said in page(pilot)
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, ChatScreen)
        assert pilot.app.focused is prompt(pilot)


async def test_why_follows_the_run() -> None:
    run, gate = gated([*runs.VOTING], *runs.DECIDED[len(runs.VOTING) :], threading.Event())
    async with chat(ScriptedSession(run), size=(120, 40)) as pilot:
        await ask(pilot, "one")
        await wait_until(pilot, lambda: "6 answering" in shown(pilot))
        await pilot.press("f2")
        await wait_until(pilot, lambda: "not decided" in page(pilot))
        gate.set()
        await wait_until(pilot, lambda: "decided after 4 of 8, 96 % certain" in page(pilot))
