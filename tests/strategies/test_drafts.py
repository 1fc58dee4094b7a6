"""Drafts: kept if sure, compared where they are long."""

from __future__ import annotations

import pytest

from assistant.engine.protocol import Request
from assistant.events import AnswerDelta, SampleNews
from assistant.strategies.draft_agreement import SHORT_DRAFT
from tests.engine.replay import Replay
from tests.strategies.running import answer_of, run

LONG = "Each cat has four legs, and there are three cats, so there must be {} of them: \\boxed{{{}}}"


def drafts(*answers: object) -> Replay:
    texts = [LONG.format(answer, answer) for answer in answers]
    assert all(len(text) > SHORT_DRAFT for text in texts)

    def script(request: Request, i: int) -> str:
        return texts[min(request.sampling.seed + i, len(texts) - 1)]

    return Replay(script)


def test_a_short_draft_is_as_sure_as_its_least_sure_token() -> None:
    events = run(Replay("It is \\boxed{12}."), "draft_agreement", n_samples=2)
    answer = answer_of(events)
    assert answer.certainty == pytest.approx(0.905, abs=0.001)
    assert (answer.n_samples, answer.agreement) == (1, None)
    assert not [event for event in events if isinstance(event, AnswerDelta)], (
        "a draft is not shown as the answer"
    )


@pytest.mark.parametrize(("second", "certainty", "agreement"), [(12, 1.0, 1.0), (13, 0.0, 0.5)])
def test_a_long_draft_gets_a_second_one(second: int, certainty: float, agreement: float) -> None:
    events = run(drafts(12, second), "draft_agreement", n_samples=2)
    answer = answer_of(events)
    assert (answer.certainty, answer.agreement, answer.n_samples) == (certainty, agreement, 2)
    assert "\\boxed{12}" in answer.text
    news = [event for event in events if isinstance(event, SampleNews)]
    assert [event.answer for event in news if event.state == "done"] == ["12", str(second)]
    assert {event.sample for event in news if event.state == "answering"} == {0, 1}, "both are heard of"


def test_one_is_enough_where_only_one_is_allowed() -> None:
    assert answer_of(run(drafts(12, 13), "draft_agreement", n_samples=1)).n_samples == 1


def test_a_draft_without_an_answer_is_not_sure() -> None:
    assert answer_of(run(Replay("I do not know."), "draft_agreement", n_samples=2)).certainty == 0.0


def test_all_drafts_are_counted_and_given_back() -> None:
    engine = drafts(12, 12)
    answer = answer_of(run(engine, "draft_agreement", n_samples=2))
    assert answer.total_tokens == pytest.approx(2 * len(answer.text), abs=2)
    assert engine._cache.n_idle == engine.runner.n_slots
