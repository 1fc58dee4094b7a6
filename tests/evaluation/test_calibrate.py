"""Fitting a profile: accuracy first, tokens second."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assistant.evaluation.calibrate import GATES, draft_gate, explained, fitted
from assistant.evaluation.practice import practice
from assistant.evaluation.records import Record
from assistant.profile import NEVER, DraftSeen, Profile


def record(policy: str, i: int, correct: bool, tokens: int = 10, **fields: object) -> Record:
    return Record.model_validate(
        {"id": str(i), "policy": policy, "correct": correct, "tokens": tokens, **fields}
    )


pairs = st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), max_size=60)


@given(pairs)
def test_no_gate_loses_to_thinking(found: list[tuple[float, bool, bool]]) -> None:
    drafts = [record("draft", i, d, certainty=c) for i, (c, d, _) in enumerate(found)]
    thinking = [record("think:512", i, t, tokens=90) for i, (_, _, t) in enumerate(found)]
    gate = draft_gate(drafts, thinking, otherwise=2.0)
    kept = [(d, t) for c, d, t in found if c >= gate]
    assert sum(d for d, _ in kept) >= sum(t for _, t in kept)
    assert gate in (*GATES, 2.0)


def test_sure_and_right_drafts_lower_the_gate() -> None:
    drafts = [record("draft", i, True, certainty=0.82 + 0.001 * i) for i in range(20)]
    thinking = [record("think:512", i, True) for i in range(20)]
    assert draft_gate(drafts, thinking, 0.97) == 0.8
    wrong = [each.model_copy(update={"correct": False}) for each in drafts]
    assert draft_gate(wrong, thinking, 0.97) == 0.97


def test_the_curve_and_what_it_means() -> None:
    records = {
        "direct": [record("direct", i, i < 5) for i in range(10)],
        "draft": [record("draft", i, i < 5, certainty=0.99 if i < 5 else 0.1) for i in range(10)],
        "think:32": [record("think:32", i, i < 4, tokens=40) for i in range(10)],
        "think:128": [record("think:128", i, i < 9, tokens=90) for i in range(10)],
    }
    profile = fitted(records, Profile())
    assert [(point.budget, point.accuracy) for point in profile.curve] == [(0, 0.5), (32, 0.4), (128, 0.9)]
    assert profile.least_budget == 128
    assert profile.source == "calibrated"
    text = "\n".join(explained(profile))
    assert "up to 128 thinking tokens: 90.0 % right of 10, 90 tokens" in text
    assert "Budgets pay from 128 tokens on." in text


def test_a_model_that_gains_nothing_does_not_think() -> None:
    records = {
        "direct": [record("direct", i, True) for i in range(10)],
        "think:128": [record("think:128", i, i < 9) for i in range(10)],
    }
    profile = fitted(records, Profile())
    assert profile.least_budget == NEVER
    assert "gains nothing" in explained(profile)[-1]


@given(st.integers(0, 2**31), st.integers(1, 60))
def test_practice_is_made_from_its_seed(seed: int, n: int) -> None:
    problems = practice(n, seed)
    assert problems == practice(n, seed)
    assert len(problems) == n
    assert all(problem.question and problem.answer and 1 <= problem.level <= 5 for problem in problems)


def test_practice_has_every_level_of_every_subject() -> None:
    problems = practice(7 * 14)
    assert len({(problem.subject, problem.level) for problem in problems}) == 5 * 14


def test_the_users_own_drafts_count() -> None:
    drafts = [record("draft", i, True, certainty=0.82 + 0.005 * i) for i in range(20)]
    thinking = [record("think:512", i, True) for i in range(20)]
    wrong = [DraftSeen(certainty=0.825, was_right=False)]
    right = [DraftSeen(certainty=0.825, was_right=True)]
    assert draft_gate(drafts, thinking, 2.0, wrong) == 0.85
    assert draft_gate(drafts, thinking, 2.0, right) == 0.8
    assert "Of the last 1 drafts" not in "\n".join(explained(Profile()))
    assert "1 were what the thinking came to" in "\n".join(explained(Profile(drafts=tuple(right))))
