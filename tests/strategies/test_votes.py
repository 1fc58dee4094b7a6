"""Votes, best of n, beams and revisions."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.control import Control
from assistant.engine.protocol import Request
from assistant.events import Event, Notice, SampleNews, Tally
from assistant.judge import AnswerJudge
from assistant.strategies.stage import PATIENCE_S, Came, Stage
from tests.engine.replay import Replay
from tests.strategies.running import answer_of, run


def voters(answers: Sequence[object]) -> Replay:
    """Sample i gives the i-th answer."""

    def script(request: Request, i: int) -> str:
        answer = answers[(request.sampling.seed + i) % len(answers)]
        return f"Hm.\n</think>\n\nIt is \\boxed{{{answer}}}."

    return Replay(script, n_seq_max=16)


def tallies(events: list[Event]) -> list[Tally]:
    return [event for event in events if isinstance(event, Tally)]


def test_three_that_agree_and_are_sure_decide() -> None:
    events = run(voters([12] * 8), "self_consistency", think=100, n_samples=8)
    answer = answer_of(events)
    assert answer.text == "It is \\boxed{12}."
    assert (answer.agreement, answer.n_samples) == (1.0, 3)
    assert answer.certainty is not None
    assert answer.certainty >= 0.95
    assert tallies(events)[-1].is_decided
    assert not any(tally.is_decided for tally in tallies(events)[:-1])


def test_samples_of_the_same_length_run_side_by_side_all_the_time() -> None:
    assert answer_of(run(voters([12]), "direct")).n_side_by_side == 1.0
    assert answer_of(run(voters([12, 12]), "self_consistency", think=100, n_samples=2)).n_side_by_side == 2.0
    uneven = answer_of(run(voters([1, 1234567890]), "self_consistency", think=100, n_samples=2))
    assert 1.0 < uneven.n_side_by_side < 2.0


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from([12, 13, 14]), min_size=8, max_size=8))
def test_a_decided_vote_is_that_of_all_samples(answers: list[int]) -> None:
    """Or was all but certain: what the samples left could still overturn is bounded by the Beta rule."""
    events = run(voters(answers), "self_consistency", think=100, n_samples=8, certainty=1.0)
    answer = answer_of(events)
    counts = {value: answers.count(value) for value in set(answers)}
    most = max(counts.values())
    winners = {str(value) for value, count in counts.items() if count == most}
    assert AnswerJudge("number").key(answer.text) in winners
    last = tallies(events)[-1]
    assert last.n_done == answer.n_samples or last.is_decided
    assert all(len(tally.shares) <= 3 for tally in tallies(events))


def test_a_tie_takes_all_samples_and_says_how_little_they_agree() -> None:
    answer = answer_of(run(voters([1, 2, 1, 2, 2, 1, 1, 2]), "self_consistency", think=100, n_samples=8))
    assert answer.n_samples == 8
    assert answer.agreement == pytest.approx(0.5)
    assert answer.certainty == pytest.approx(0.5, abs=0.05)


def test_samples_without_an_answer_do_not_vote() -> None:
    answers: list[object] = ["", "", 5, 5, 5, 5, 5, 5]
    answer = answer_of(run(voters(answers), "self_consistency", think=100, n_samples=8))
    assert answer.text == "It is \\boxed{5}."
    assert answer.agreement == 1.0


def endless(request: Request, i: int) -> str:
    """Thinking that only a limit ends."""
    return "".join(f"{n} and {n * n}, " for n in range(400))


@pytest.mark.parametrize(("n_grants", "most"), [(0, 50), (1, 110), (2, 170)])
def test_more_thinking_is_for_all_that_still_think(n_grants: int, most: int) -> None:
    control, left = Control(), [60] * n_grants

    def act(event: Event) -> None:
        if isinstance(event, SampleNews) and left:
            control.think_more(left.pop())

    engine = Replay(endless, n_seq_max=16)
    events = run(engine, "self_consistency", think=50, n_samples=5, control=control, act=act)
    answer = answer_of(events)
    assert answer.total_thinking_tokens == most * answer.n_samples, "those of later rounds as well"
    assert not [event for event in events if isinstance(event, Notice)]


def test_more_thinking_where_no_sample_thinks_any_more_is_said_and_changes_nothing() -> None:
    control = Control()
    granted: list[Event] = []

    def script(request: Request, i: int) -> str:
        return "Hm.\n</think>\n\n" + "It is a long way to it. " * 20 + "\\boxed{5}"

    def act(event: Event) -> None:
        if isinstance(event, SampleNews) and event.tokens > 40 and not granted:
            granted.append(event)
            control.think_more(60)

    plain = answer_of(run(Replay(script, n_seq_max=16), "self_consistency", think=100, n_samples=3))
    events = run(
        Replay(script, n_seq_max=16), "self_consistency", think=100, n_samples=3, control=control, act=act
    )
    assert [event.text for event in events if isinstance(event, Notice)] == [
        "No sample of the vote thinks any more: ask again with a larger budget."
    ]
    assert granted
    assert answer_of(events).text == plain.text


def test_answer_now_takes_the_leader() -> None:
    control = Control()

    def act(event: Event) -> None:
        if isinstance(event, Tally) and event.n_done == 3:
            control.answer_now()

    events = run(
        voters([1, 2, 2, 3, 3, 3, 3, 3]), "self_consistency", think=100, n_samples=8, control=control, act=act
    )
    assert answer_of(events).n_samples == 3


@pytest.mark.parametrize("strategy", ["self_consistency", "best_of_n", "beam_search"])
def test_everything_is_given_back_and_counted(strategy: str) -> None:
    engine = voters([4] * 20)
    events = run(engine, strategy, think=100, n_samples=4, width=2, branching=2)
    assert answer_of(events).text == "It is \\boxed{4}."
    assert answer_of(events).total_tokens >= answer_of(events).completion_tokens
    assert engine._cache.n_idle == engine.runner.n_slots


def test_beams_are_pruned_and_end() -> None:
    script = (
        " ".join(f"Step {i} follows from the one before it." for i in range(8)) + "\n</think>\n\n\\boxed{4}."
    )
    engine = Replay(script, n_seq_max=8, n_ctx=8192)
    events = run(engine, "beam_search", think=600, n_samples=4, width=2, branching=2)
    assert answer_of(events).text == "\\boxed{4}."
    dropped = {event.sample for event in events if isinstance(event, SampleNews) and event.state == "dropped"}
    assert dropped


class Checked(AnswerJudge):
    """Finds an answer better the larger it is."""

    def check(self, text: str) -> float | None:
        return float(self.key(text) or 0) / 10


@pytest.mark.parametrize(("revised", "kept"), [(8, 8), (2, 5)])
def test_a_revision_is_kept_only_if_the_check_likes_it(revised: int, kept: int) -> None:
    def script(request: Request, _i: int) -> str:
        match len(request.messages):
            case 1:
                return "\\boxed{5}"
            case 3:
                return "A step is wrong."
            case _:
                return f"\\boxed{{{revised}}}"

    events = run(Replay(script), "self_refine", judge=Checked("number"), n_samples=2)
    assert answer_of(events).text == f"\\boxed{{{kept}}}"
    assert answer_of(events).certainty == kept / 10


@pytest.mark.parametrize(("revised", "kept"), [(8, 8), (2, 5)])
def test_an_earlier_answer_is_the_first_version_and_costs_nothing_more(revised: int, kept: int) -> None:
    def script(request: Request, _i: int) -> str:
        assert len(request.messages) > 1, "the first version is not written again"
        return "A step is wrong." if len(request.messages) == 3 else f"\\boxed{{{revised}}}"

    earlier = answer_of(run(Replay("\\boxed{5}"), "direct"))
    events = run(
        Replay(script), "self_refine", judge=Checked("number"), n_samples=2, think=0, earlier=[earlier]
    )
    answer = answer_of(events)
    assert answer.text == f"\\boxed{{{kept}}}"
    assert answer.total_tokens == sum(
        event.tokens for event in events if isinstance(event, SampleNews) and event.state == "done"
    )
    if kept == 5:
        assert answer.completion_tokens == earlier.completion_tokens
        assert answer.mean_logprob == pytest.approx(earlier.mean_logprob)


def test_the_speed_counts_all_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds are counted from the first prompt on, not from that of the last round."""
    now = [0.0]
    take_step = Stage.step

    def slow_step(stage: Stage, patience_s: float = PATIENCE_S) -> Came:
        now[0] += 1.0
        return take_step(stage, patience_s)

    monkeypatch.setattr(Stage, "step", slow_step)
    monkeypatch.setattr("assistant.strategies.stage.time.monotonic", lambda: now[0])
    answer = answer_of(run(voters([1, 2, 1, 2, 2, 1, 1, 2]), "self_consistency", think=100, n_samples=8))
    assert answer.tokens_per_second * answer.seconds == pytest.approx(answer.total_tokens, rel=0.5)
