"""The whole pipeline on the model that ships: what a person sees who asks it something."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assistant.config import Settings
from assistant.events import Answer, Planned, Tally
from assistant.query import Query
from assistant.session import Session


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    # One thread: two that share their CPUs with other programs wait for each other.
    with Session.open(Settings(n_ctx=4096, n_seq_max=4, n_threads=1, seed=1, time=600)) as opened:
        yield opened


def ask(session: Session, question: str, **wishes: object) -> tuple[Answer, list[Planned], list[Tally]]:
    settings = Settings.model_validate({"seed": 1, "time": 600, **wishes})
    events = list(session.run(Query(question), settings=settings))
    answer = events[-1]
    assert isinstance(answer, Answer)
    plans = [event for event in events if isinstance(event, Planned)]
    assert tuple(plan.strategy for plan in plans) == answer.stages
    assert "<" not in answer.text
    return answer, plans, [event for event in events if isinstance(event, Tally)]


@pytest.mark.parametrize("question", ["hi", "thanks!", "What is the capital of France?", "Good night"])
def test_what_is_trivial_is_answered_at_once(session: Session, question: str) -> None:
    answer, (plan,), _ = ask(session, question)
    assert answer.text.strip()
    assert (plan.strategy, answer.total_thinking_tokens) == ("direct", 0)
    assert plan.reason.endswith("answering at once.")


def test_a_calculation_is_drafted_thought_about_and_right(session: Session) -> None:
    answer, plans, _ = ask(session, "347 * 28 + 19")
    assert answer.stages == ("draft_agreement", "extended_thinking")
    assert "9735" in answer.text
    assert "sure" in plans[1].reason
    assert 0 < answer.total_thinking_tokens < answer.total_tokens
    assert not answer.doubt


def test_an_easy_one_stays_a_draft(session: Session) -> None:
    answer, _, _ = ask(session, "What is 18-5?")
    assert answer.stages == ("draft_agreement",)
    assert "13" in answer.text
    assert answer.total_thinking_tokens == 0


def test_effort_and_budget_are_the_users(session: Session) -> None:
    assert ask(session, "347 * 28 + 19", effort="direct")[0].stages == ("direct",)
    answer, _, _ = ask(session, "347 * 28 + 19", think=32)
    assert answer.stages == ("extended_thinking",)
    assert answer.thinking_tokens <= 32
    assert ask(session, "hi", effort="high")[0].stages == ("extended_thinking",)


@pytest.mark.parametrize("strategy", ["best_of_n", "beam_search", "self_refine", "chain_of_thought"])
def test_every_strategy_can_be_asked_for(session: Session, strategy: str) -> None:
    answer, _, _ = ask(session, "What is 7 + 8?", strategy=strategy, samples=2)
    assert answer.stages == (strategy,)
    assert answer.text.strip()


def test_a_vote_ends_when_it_is_decided(session: Session) -> None:
    answer, _, tallies = ask(session, "A pen costs $4. How much do 6 pens cost?", samples=4, n_seq_max=4)
    assert answer.stages == ("self_consistency",)
    assert "24" in answer.text
    assert answer.agreement == 1.0
    assert tallies[-1].is_decided
    assert answer.n_samples == 3


def test_two_runs_with_one_seed_say_the_same(session: Session) -> None:
    first, second = (ask(session, "What is 34 - 18 + 5?")[0] for _ in range(2))
    assert (first.text, first.thinking, first.stages) == (second.text, second.thinking, second.stages)
