"""The policy: what is planned for each wish, kind and machine, and that escalation ends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.difficulty import KINDS, Difficulty
from assistant.effort import EFFORTS, parse, range_of
from assistant.engine.protocol import ModelInfo
from assistant.engine.scripted import scripted_model
from assistant.limits import Limits, SpeedCurve
from assistant.plans import TYPICAL_ANSWER, Outcome, Plan, Situation, Wishes
from assistant.policy import doubt, draft_seen, next_plan, plan
from assistant.profile import BudgetPoint, Profile
from assistant.strategies import STRATEGIES

SWITCHED = scripted_model()
"""Thinks, and can be told not to."""
ALWAYS = replace(SWITCHED, can_answer_directly=False)
NEVER = replace(SWITCHED, has_thinking=False)
FAST = Limits(room=8000, n_samples=8, patience_s=30.0, speed=SpeedCurve(500.0, ((1, 100.0), (8, 250.0))))
SLOW = replace(FAST, speed=SpeedCurve(20.0, ((1, 3.0), (8, 6.0))))


def situation(
    kind: str = "maths",
    score: float = 0.5,
    limits: Limits = FAST,
    model: ModelInfo = SWITCHED,
    profile: Profile | None = None,
    can_vote: bool = True,
    **wishes: object,
) -> Situation:
    return Situation(
        Difficulty(score, kind, ()),  # type: ignore[arg-type]
        limits,
        Wishes(**wishes),  # type: ignore[arg-type]
        model,
        profile or Profile(),
        can_vote=can_vote,
    )


speeds = st.one_of(
    st.just(()),
    st.builds(lambda one, gain: ((1, one), (8, one * gain)), st.floats(0.5, 500), st.floats(1, 8)),
)
machines = st.builds(
    Limits,
    room=st.integers(0, 40_000),
    n_samples=st.integers(1, 16),
    patience_s=st.floats(0.5, 600),
    speed=st.builds(SpeedCurve, st.floats(0, 5000), speeds),
)
curves = st.lists(
    st.builds(
        BudgetPoint,
        budget=st.sampled_from([0, 16, 64, 256, 1024]),
        accuracy=st.floats(0, 1),
        mean_tokens=st.floats(1, 900),
        n=st.just(50),
    ),
    max_size=5,
).map(tuple)
wishes = st.builds(
    Wishes,
    effort=st.sampled_from([*EFFORTS, "low..low", "low..high", "medium..max", "direct..max"]),
    think=st.one_of(st.just("auto"), st.just("auto"), st.just("off"), st.integers(0, 20_000)),
    strategy=st.one_of(st.just("auto"), st.just("auto"), st.sampled_from(list(STRATEGIES))),
    samples=st.sampled_from([0, 0, 1, 4, 20]),
    max_tokens=st.integers(1, 4000),
)
situations = st.builds(
    Situation,
    difficulty=st.builds(Difficulty, st.floats(0, 1), st.sampled_from(KINDS), st.just(())),
    limits=machines,
    wishes=wishes,
    model=st.sampled_from([SWITCHED, ALWAYS, NEVER]),
    profile=st.builds(Profile, curve=curves),
    can_vote=st.booleans(),
)
outcomes = st.builds(
    Outcome,
    strategy=st.just(""),
    key=st.sampled_from([None, "1", "2"]),
    certainty=st.one_of(st.none(), st.floats(0, 1)),
    agreement=st.one_of(st.none(), st.floats(0, 1)),
    check=st.one_of(st.none(), st.sampled_from([0.0, 0.5, 1.0])),
    thinking_end=st.sampled_from([None, "itself", "budget", "loop", "answer_now", "found"]),
    seconds=st.floats(0, 60),
    is_stopped=st.booleans(),
)


def assert_fits(at: Situation, made: Plan) -> None:
    limits = at.limits
    answer = min(made.max_tokens - made.thinking_budget, TYPICAL_ANSWER)
    assert made.n_samples <= max(1, limits.n_samples)
    if made.thinking_budget or made.n_samples > 1:
        assert made.n_samples * (made.thinking_budget + answer) <= limits.room
    if made.n_samples > 1:
        assert made.n_samples * made.max_tokens <= limits.room
    is_asked = at.wishes.budget is not None or at.wishes.strategy != "auto" or at.wishes.samples > 1
    if made.thinking_budget and not is_asked and at.wishes.effort != "max":
        needed = limits.seconds(made.thinking_budget + answer, made.n_samples)
        assert needed <= at.left_s + 1e-6
    assert 0 <= made.thinking_budget <= made.max_tokens
    assert made.width * made.branching <= made.n_samples
    assert made.strategy in STRATEGIES
    assert made.reason.endswith(".")
    assert not (made.thinking_budget and not at.model.has_thinking)


@settings(deadline=None, max_examples=300)
@given(situations, st.lists(outcomes, min_size=8, max_size=8))
def test_no_plan_exceeds_its_limits_and_escalation_ends(at: Situation, came: list[Outcome]) -> None:
    made: Plan | None = plan(at)
    stages: list[Outcome] = []
    for outcome in came:
        if made is None:
            break
        assert_fits(at, made)
        stages.append(replace(outcome, strategy=made.strategy))
        at = replace(at, spent_s=at.spent_s + outcome.seconds)
        doubt(at, stages[-1], made)
        made = next_plan(at, made, stages)
    assert made is None, "escalation went on"
    assert len(stages) <= 4


@settings(deadline=None)
@given(situations, st.floats(0, 1), st.sampled_from(["auto", "low", "medium", "high"]))
def test_harder_never_thinks_less(at: Situation, other: float, effort: str) -> None:
    """Among queries of one kind; a draft may come first, so all stages count."""
    at = replace(at, wishes=Wishes(effort=effort, max_tokens=at.wishes.max_tokens))
    scores = sorted((at.difficulty.score, other))

    def most_thinking(score: float) -> int:
        here = replace(at, difficulty=replace(at.difficulty, score=score))
        first = plan(here)
        if first.strategy != "draft_agreement":
            return first.thinking_budget
        unsure = Outcome("draft_agreement", key="1", certainty=0.0)
        second = next_plan(here, first, [unsure])
        return second.thinking_budget if second else 0

    assert most_thinking(scores[0]) <= most_thinking(scores[1])


@pytest.mark.parametrize("kind", ["chat", "fact", "rewrite", "creative"])
@pytest.mark.parametrize("effort", ["auto", "low", "medium", "direct"])
def test_what_needs_no_thinking_gets_none(kind: str, effort: str) -> None:
    made = plan(situation(kind, 0.9, effort=effort))
    assert (made.strategy, made.thinking_budget) == ("direct", 0)


def test_a_calculation_is_drafted_and_then_thought_about() -> None:
    at = situation()
    first = plan(at)
    assert (first.strategy, first.thinking_budget) == ("draft_agreement", 0)
    sure = Outcome("draft_agreement", key="1", final="1", certainty=0.99)
    assert next_plan(at, first, [sure]) is None
    unsure = replace(sure, certainty=0.6, lead="The answer is ")
    second = next_plan(at, first, [unsure])
    assert second is not None
    assert (second.strategy, second.early_exit, second.lead) == ("extended_thinking", True, "The answer is ")
    assert (
        second.reason == "The draft, 1, is only 60 % sure: thinking up to 1,024 tokens, at most about 12 s."
    )


def test_a_thinking_that_found_nothing_is_put_to_a_vote() -> None:
    at = situation()
    unsure = Outcome("draft_agreement", key="1", certainty=0.2)
    first = plan(at)
    second = next_plan(at, first, [unsure])
    assert second is not None
    lost = Outcome("extended_thinking", key="2", certainty=0.4, thinking_end="budget")
    third = next_plan(at, second, [unsure, lost])
    assert third is not None
    assert (third.strategy, third.n_samples >= 3) == ("self_consistency", True)
    backed = replace(lost, key="1")
    assert next_plan(at, second, [unsure, backed]) is None, "the draft and the thinking agree"


def test_no_time_no_thinking() -> None:
    at = situation(limits=replace(SLOW, patience_s=5.0, note="on battery: half the time"))
    first = plan(at)
    unsure = Outcome("draft_agreement", key="1", certainty=0.2)
    assert next_plan(at, first, [unsure]) is None
    assert doubt(at, unsure, first)
    hard = plan(replace(at, wishes=Wishes(effort="high")))
    assert hard.strategy == "direct"
    assert "5 s (on battery: half the time) is too short" in hard.reason


def test_no_room_no_thinking_and_the_reason_is_the_room() -> None:
    at = situation(limits=replace(FAST, room=TYPICAL_ANSWER + 20), effort="high")
    made = plan(at)
    assert made.strategy == "direct"
    assert "room" in made.reason
    assert "time" not in made.reason


@pytest.mark.parametrize(
    ("curve", "least"),
    [
        ((), 128),
        (((0, 0.5), (16, 0.4), (64, 0.7), (256, 0.9)), 64),
        (((0, 0.5), (16, 0.6), (64, 0.4), (256, 0.9)), 256),
        (((0, 0.5), (64, 0.4), (256, 0.52)), 1 << 30),
    ],
)
def test_only_budgets_that_pay(curve: tuple[tuple[int, float], ...], least: int) -> None:
    points = tuple(BudgetPoint(budget=b, accuracy=a, mean_tokens=b, n=9) for b, a in curve)
    profile = Profile(curve=points)
    assert profile.least_budget == least
    at = situation(profile=profile, effort="high")
    assert plan(at).thinking_budget >= least or plan(at).thinking_budget == 0


@pytest.mark.parametrize(
    ("model", "think", "strategy", "budget", "reason"),
    [
        (SWITCHED, "off", "direct", 0, "Thinking is off: answering at once."),
        (ALWAYS, "off", "direct", 0, "Thinking is off, and cut short where the model starts it."),
        (NEVER, 500, "direct", 0, "This model has no thinking mode: answering at once."),
        (
            SWITCHED,
            500,
            "extended_thinking",
            500,
            "Thinking as you asked, up to 500 tokens, at most about 6 s.",
        ),
        (SWITCHED, 1, "extended_thinking", 1, "Thinking as you asked, up to 1 token, at most about 1 s."),
    ],
)
def test_a_budget_that_was_asked_for_is_kept(
    model: ModelInfo, think: object, strategy: str, budget: int, reason: str
) -> None:
    made = plan(situation(model=model, think=think))
    assert (made.strategy, made.thinking_budget, made.reason) == (strategy, budget, reason)
    assert made.max_tokens == 1024 + budget


def test_a_model_without_thinking_works_step_by_step() -> None:
    at = situation(model=NEVER)
    first = plan(at)
    unsure = Outcome("draft_agreement", key="1", certainty=0.2)
    second = next_plan(at, first, [unsure])
    assert second is not None
    assert (second.strategy, second.thinking_budget) == ("chain_of_thought", 0)


def test_a_program_that_fails_its_examples_is_repaired_and_the_rest_stands() -> None:
    at = situation("code", 0.3)
    first = plan(at)
    assert first.strategy == "direct"
    half = Outcome("direct", key="a", check=0.5)
    second = next_plan(at, first, [half])
    assert second is not None
    assert second.strategy == "self_refine"
    assert "meets 50 % of the examples" in second.reason
    assert next_plan(at, first, [replace(half, check=1.0)]) is None
    assert next_plan(at, first, [replace(half, check=None)]) is None


def test_doubt_is_said() -> None:
    at = situation()
    vote = Outcome("self_consistency", key="1", certainty=0.6, agreement=0.4)
    assert "disagree" in doubt(at, vote, Plan("self_consistency", "", 100))
    assert "50 %" in doubt(at, replace(vote, agreement=0.5), Plan("self_consistency", "", 100))
    assert doubt(at, replace(vote, agreement=0.9), Plan("self_consistency", "", 100)) == ""
    assert doubt(at, replace(vote, is_stopped=True), Plan("self_consistency", "", 100)) == ""


@settings(deadline=None)
@given(situations, st.sampled_from(["low", "medium", "high"]))
def test_a_floor_makes_it_think_where_thinking_can_be_had(at: Situation, floor: str) -> None:
    at = replace(
        at,
        limits=replace(FAST, patience_s=600.0, room=20_000),
        wishes=Wishes(effort=parse(f"{floor}..high")),
        profile=Profile(),
        model=SWITCHED,
    )
    made = plan(at)
    assert made.strategy == "extended_thinking"
    assert range_of(at.wishes.effort).floor <= made.thinking_budget <= range_of(at.wishes.effort).budget


def test_a_floor_under_high_is_named_in_the_reason() -> None:
    assert plan(situation("chat", 0.0, effort="low..medium")).reason.startswith(
        "At least low effort: thinking"
    )


def test_a_draft_is_measured_by_the_thinking_that_follows() -> None:
    draft = Outcome("draft_agreement", key="12", certainty=0.8)
    thought = Outcome("extended_thinking", key="12", certainty=0.99, thinking_end="found")
    assert draft_seen([draft, thought]) == (0.8, True)
    assert draft_seen([draft, replace(thought, key="13")]) == (0.8, False)


@pytest.mark.parametrize(
    ("drafted", "thought"),
    [
        ({}, {"certainty": 0.7}),
        ({}, {"thinking_end": "budget"}),
        ({}, {"key": None}),
        ({}, {"is_stopped": True}),
        ({"agreement": 0.5}, {}),
        ({"key": None}, {}),
    ],
)
def test_what_is_not_sure_teaches_nothing(drafted: dict[str, object], thought: dict[str, object]) -> None:
    draft = Outcome("draft_agreement", key="12", certainty=0.8)
    after = Outcome("extended_thinking", key="12", certainty=0.99, thinking_end="itself")
    assert draft_seen([replace(draft, **drafted), replace(after, **thought)]) is None  # type: ignore[arg-type]
    assert draft_seen([draft]) is None
