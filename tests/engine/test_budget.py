"""The laws of the thinking budget, on scripts drawn at random and under a hand that keeps changing it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from assistant.catalog.families import load_families
from assistant.engine.local import LocalBatch
from assistant.engine.markers import markers
from assistant.engine.protocol import (
    Delta,
    Finished,
    Reopened,
    Request,
    Sampling,
    ThinkingBudget,
    ThinkingEnded,
)
from assistant.engine.scripted import THINK
from assistant.engine.splitter import Markers
from assistant.query import Message
from tests.engine.replay import Replay
from tests.engine.running import ask, completion

CURT = replace(THINK, hand_over="")
LENGTHY = replace(
    THINK, hand_over="\n\nI have thought long enough. I will answer now, from what I have so far."
)
ALL_MARKERS = [THINK, CURT, LENGTHY, markers(load_families()["gpt-oss"])]

Hand = list[tuple[int, ThinkingBudget]]
"""After so many steps, this budget."""


@dataclass
class Story:
    """What happened to one sequence."""

    thinking: str = ""
    answer: str = ""
    budgets: list[ThinkingBudget] = field(default_factory=list)
    n_reopened: int = 0
    finished: Finished | None = None
    ends: list[ThinkingEnded] = field(default_factory=list)
    n_thinking: int = 0
    n_completion: int = 0
    cuts: set[int] = field(default_factory=set)
    """Places in the thinking where a block of it ended."""

    @property
    def n_written(self) -> int:
        """Characters of the thinking that cost tokens; the break before a later block costs none."""
        n_breaks = sum(self.thinking.startswith("\n\n", at) for at in self.cuts if at > 0)
        return len(self.thinking) - len("\n\n") * n_breaks

    def take(self, batch: LocalBatch) -> bool:
        """Take a step; False when there was nothing left to do."""
        events = batch.step()
        most = max(budget.maximum for budget in self.budgets)
        for one in events:
            match one:
                case Delta():
                    self.thinking += one.thinking
                    self.answer += one.answer
                    self.n_thinking, self.n_completion = one.thinking_tokens, one.completion_tokens
                    assert one.thinking_tokens <= most, f"over the budget at {self.thinking!r}"
                case Reopened():
                    self.answer, self.finished = "", None
                    self.n_reopened += 1
                case ThinkingEnded():
                    self.ends.append(one)
                    self.cuts.add(len(self.thinking))
                    assert one.thinking_tokens <= most
                case Finished():
                    assert self.finished is None, "finished twice"
                    self.finished = one
        return bool(events)


def tell(script: str, of: Markers, budget: ThinkingBudget, max_tokens: int, hand: Hand) -> Story:
    """Run a script under a budget and a hand that changes it, to its end and beyond."""
    engine = Replay(script, of)
    story = Story(budgets=[budget])
    with engine.batch() as batch:
        (seq_id,) = batch.add(Request((Message("user", "Go"),), Sampling(), budget, max_tokens))
        later = sorted(hand, key=lambda pair: pair[0])
        for step in range(6000):
            while later and (later[0][0] <= step or story.finished):
                story.budgets.append(later.pop(0)[1])
                batch.steer(seq_id, story.budgets[-1])
                if story.finished:
                    break
            if not story.take(batch) and not later:
                break
        else:
            pytest.fail(f"the turn never ends: {story}")
        engine.check(batch)
    return story


def most_completion(of: Markers, budget: ThinkingBudget, max_tokens: int) -> int:
    """The law: `max_tokens`; but an open thinking block is closed, and the answer begun, at any price."""
    return max(max_tokens, len(of.forced_close) + 1) if budget.maximum > 0 and of.open else max_tokens


def scripts(of: Markers) -> st.SearchStrategy[str]:
    whole = st.sampled_from([*of.open, *of.close, *of.noise])
    broken = st.builds(lambda marker, n: marker[:n], whole, st.integers(1, 10))
    plain = st.sampled_from(
        ["So it is. ", "x", "2 < 3.", "\n", "\n\n", " ", "Is it? Yes!\n", "思考。", "again, " * 20]
    )
    parts = st.one_of(
        whole, plain, plain, broken, st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=6)
    )
    mixed = st.lists(parts, max_size=14).map("".join)
    blank = st.text(" \n\t", max_size=60)
    marked = st.lists(st.sampled_from([*of.open, *of.close, " "]), max_size=20).map("".join)
    return st.one_of(mixed, blank, marked).map(lambda text: text[:260])


budgets = st.builds(
    ThinkingBudget, maximum=st.integers(0, 120), minimum=st.integers(0, 80), max_waits=st.integers(0, 4)
)
hands = st.lists(st.tuples(st.integers(0, 90), budgets), max_size=5)


@st.composite
def situations(draw: st.DrawFn) -> tuple[str, Markers, ThinkingBudget, int, Hand]:
    of = draw(st.sampled_from(ALL_MARKERS))
    return draw(scripts(of)), of, draw(budgets), draw(st.integers(1, 160)), draw(hands)


@settings(deadline=None, max_examples=300)
@given(situations())
@example(("<think></think>" * 12, THINK, ThinkingBudget(40), 60, []))
@example(("<think></think>" * 12, THINK, ThinkingBudget(0), 16, []))
@example(("<think></think>" * 2, THINK, ThinkingBudget(35, 23, 4), 61, []))
@example(("Yes.\n<think>" * 9, THINK, ThinkingBudget(0), 30, []))
@example(("x</think>Yes. " + "y" * 99, THINK, ThinkingBudget(100), 60, [(0, ThinkingBudget(1000))] * 5))
@example(("x</think>" * 9, THINK, ThinkingBudget(8, minimum=8), 160, []))
@example((" " * 99, LENGTHY, ThinkingBudget(20), 16, []))
@example(
    (
        "</think><think><think>",
        THINK,
        ThinkingBudget(1, max_waits=0),
        42,
        [(0, ThinkingBudget(8, 1, 1)), (10, ThinkingBudget(13, max_waits=0))],
    )
)
def test_the_laws(situation: tuple[str, Markers, ThinkingBudget, int, Hand]) -> None:
    _, of, budget, max_tokens, _ = situation
    story = tell(*situation)
    assert story.finished is not None
    usage = story.finished.usage
    event(f"reason {story.finished.reason}")
    event(f"ended {[end.reason for end in story.ends][:2]}")
    assert usage.thinking_tokens == story.n_thinking
    assert usage.completion_tokens == story.n_completion
    assert usage.completion_tokens <= most_completion(of, budget, max_tokens)
    if max_tokens >= 16:
        assert story.answer.strip(), f"a blank answer after {story.thinking!r}"
    most_waits = max(budget.max_waits for budget in story.budgets)
    assert story.thinking.count("\nWait") <= most_waits + story.n_reopened
    if not story.n_reopened:
        assert story.n_written <= usage.thinking_tokens, "thinking that was not counted"


@settings(deadline=None)
@given(
    of=st.sampled_from(ALL_MARKERS),
    parts=st.lists(st.integers(0, 20), max_size=12),
    budget=budgets,
    max_tokens=st.integers(1, 160),
    hand=hands,
)
def test_no_marker_is_left_in_the_answer(
    of: Markers, parts: list[int], budget: ThinkingBudget, max_tokens: int, hand: Hand
) -> None:
    pieces = [*of.open, *of.close, *of.noise, "\n", "So it is.\n", "No.\n"]
    script = "".join(pieces[part % len(pieces)] + "\n" * (part % 2) for part in parts)
    answer = tell(script, of, budget, max_tokens, hand).answer
    left = [marker for marker in (*of.close, *of.noise) if marker in answer]
    left += [marker for marker in of.open if re.search("^" + re.escape(marker), answer, re.MULTILINE)]
    assert not left, f"{left} in {answer!r}"


@settings(deadline=None)
@given(st.text("ab. \n", max_size=80), st.text("xy \n", max_size=60), budgets, st.integers(0, 60))
def test_an_answer_of_a_model_that_keeps_to_its_budget_is_untouched(
    thinking: str, answer: str, budget: ThinkingBudget, room: int
) -> None:
    roomy = replace(budget, maximum=200, minimum=0)
    script = f"{thinking}</think>{answer}z"
    story = tell(script, CURT, roomy, len(script) + 80 + room, [])
    if story.ends[0].reason == "itself":
        assert story.thinking == re.sub(r"\A\s*\n", "", thinking).rstrip()
        assert story.n_thinking == len(thinking)
    assert story.answer.endswith("z")


LONG = "".join(f"{i} and {i * i}, " for i in range(200))


def test_the_model_ends_its_thinking_itself() -> None:
    run = completion(Replay("Three by four.\n</think>\n\nTwelve."), ask("Go", think=50, max_tokens=100))
    assert (run.thinking, run.answer, run.reason) == ("Three by four.", "Twelve.", "stop")
    (end,) = run.ended
    assert (end.reason, end.thinking_tokens) == ("itself", len("Three by four.\n"))


def test_the_limit_ends_it_with_a_sentence() -> None:
    run = completion(Replay(LONG), ask("Go", think=60, max_tokens=120))
    assert run.thinking == LONG[: 60 - len(THINK.hand_over)] + THINK.hand_over
    assert [(end.reason, end.thinking_tokens) for end in run.ended] == [("budget", 60)]
    assert run.reason == "length"
    assert run.answer


def test_a_budget_too_short_for_the_sentence_ends_without_it() -> None:
    run = completion(Replay(LONG), ask("Go", think=20, max_tokens=120))
    assert run.thinking == LONG[:20].rstrip()


def test_the_end_of_the_turn_within_the_thinking_ends_only_the_thinking() -> None:
    run = completion(Replay("Hm."), ask("Go", think=50, max_tokens=100))
    assert run.thinking == "Hm."
    assert [end.reason for end in run.ended] == ["itself"]
    assert run.answer


def test_a_text_that_ends_the_turn_within_the_thinking_ends_only_the_thinking() -> None:
    engine = Replay("Hm.<end>Twelve.<end>", replace(THINK, stop=("<end>",)))
    run = completion(engine, ask("Go", think=50, max_tokens=100))
    assert (run.thinking, run.answer, run.reason) == ("Hm.", "Twelve.", "stop")


def test_a_blank_turn_is_not_ended_by_a_text() -> None:
    engine = Replay("\n<end>Twelve.<end>", replace(THINK, stop=("<end>",)))
    run = completion(engine, ask("Go", max_tokens=100))
    assert (run.answer, run.reason) == ("Twelve.", "stop")


def test_a_loop_ends_the_thinking() -> None:
    run = completion(Replay("Let me think. " + "on and on " * 40), ask("Go", think=300, max_tokens=600))
    assert [end.reason for end in run.ended] == ["loop"]
    assert run.thinking.endswith(THINK.hand_over)


def test_a_minimum_puts_the_end_off_twice() -> None:
    engine = Replay("Hm.</think>Twelve.")
    run = completion(engine, ask("Go", think=100, minimum=60, max_tokens=200))
    assert (run.thinking, run.answer) == ("Hm.\nWait\nWait", "Twelve.")
    assert [end.reason for end in run.ended] == ["itself"]


def steered(script: str, after: int, budget: ThinkingBudget, think: int = 100) -> Story:
    return tell(script, THINK, ThinkingBudget(think), 300, [(after, budget)])


def test_a_minimum_once_reached_lets_the_end_pass() -> None:
    engine = Replay("Hm, let me see.</think>Twelve.")
    run = completion(engine, ask("Go", think=100, minimum=17, max_tokens=200))
    assert (run.thinking, run.answer) == ("Hm, let me see.\nWait", "Twelve.")


def test_answer_now_ends_the_thinking() -> None:
    story = steered(LONG, 20, ThinkingBudget(0))
    assert [end.reason for end in story.ends] == ["answer_now"]
    assert 0 < story.n_thinking < 30
    assert story.answer


def test_answer_now_before_the_first_token() -> None:
    story = steered(LONG, 0, ThinkingBudget(0))
    assert [end.reason for end in story.ends] == ["answer_now"]
    assert (story.thinking, story.n_thinking) == ("", 0)
    assert story.answer


def test_more_thinking_while_it_thinks_takes_nothing_back() -> None:
    story = steered(LONG, 20, ThinkingBudget(150), think=60)
    assert story.n_reopened == 0
    assert story.n_thinking == 150


@pytest.mark.parametrize("after", [110, 5000], ids=["while the answer runs", "after it finished"])
def test_more_thinking_takes_the_answer_back(after: int) -> None:
    story = steered(LONG, after, ThinkingBudget(200), think=60)
    assert story.n_reopened == 1
    assert [end.reason for end in story.ends] == ["budget", "budget"]
    assert "\nWait" in story.thinking
    assert story.n_thinking == 200
    assert story.answer


def test_more_thinking_than_max_tokens_leave_room_for_takes_nothing_back() -> None:
    story = tell(LONG, THINK, ThinkingBudget(100), 80, [(5000, ThinkingBudget(1000))] * 6)
    assert story.n_reopened < 6
    assert story.n_thinking <= 80 - len(THINK.forced_close) - 20, "a quarter of all is kept for the answer"
    assert story.answer


def test_signs_that_begin_like_a_marker_count_as_thinking() -> None:
    run = completion(Replay("1 << 2 <</think>4"), ask("Go", think=50, max_tokens=100))
    assert run.thinking == "1 << 2 <"
    assert run.ended[0].thinking_tokens == len(run.thinking)


def test_the_break_before_more_thinking_costs_no_tokens() -> None:
    run = completion(Replay("x</think><think>y</think>z"), ask("Go", think=100, max_tokens=160))
    assert (run.thinking, run.answer) == ("x\n\ny", "z")
    assert [end.thinking_tokens for end in run.ended] == [len("x"), len("xy")]


def test_thinking_that_nobody_asked_for_is_cut_short() -> None:
    run = completion(Replay("<think>" + LONG), ask("Go", max_tokens=60))
    assert run.thinking == ""
    assert run.answer
    assert run.finished is not None
    assert run.finished.usage.completion_tokens == 60
