"""A batch that several runs share: each sees its own, and nobody waits for ever."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.engine.lanes import Job, side_by_side
from assistant.engine.protocol import Batch, Request, ThinkingBudget
from assistant.engine.shared import SharedBatch, View, can_all_finish
from assistant.errors import EngineDied, EngineError
from tests.engine.replay import Replay
from tests.engine.running import Run, Runs, ask, drain


def script(request: Request, i: int) -> str:
    """Says the question, as many times as it is long, and the sample's number."""
    text = request.messages[-1].content
    return f"{text * len(text)}{i}"


def shared(engine: Replay, claim: int = 4) -> tuple[SharedBatch, Batch]:
    batch = engine.batch()
    return SharedBatch(batch, engine.model.n_seq_max, claim), batch


def told(view: Batch) -> Runs:
    """What comes of a view until it has nothing left."""
    runs: Runs = {}
    drain(view, runs)
    return runs


def test_views_see_their_own_events_and_no_others() -> None:
    both, _ = shared(Replay(script))
    a, b = both.view(), both.view()
    a_ids, b_ids = a.add(ask("aa", max_tokens=50), 2), b.add(ask("bbb", max_tokens=50))
    a_runs = told(a)
    b_runs = told(b)
    assert set(a_runs) == set(a_ids)
    assert set(b_runs) == set(b_ids)
    assert [a_runs[i].answer for i in a_ids] == ["aaaa0", "aaaa1"]
    assert b_runs[b_ids[0]].answer == "bbbbbbbbb0"


def test_a_view_that_steps_computes_for_all() -> None:
    engine = Replay(script)
    both, _ = shared(engine)
    a, b = both.view(), both.view()
    a.add(ask("a" * 6, max_tokens=90))
    b.add(ask("b" * 5, max_tokens=90))
    told(a)
    n_decoded = engine.runner.n_decoded
    assert next(iter(told(b).values())).answer == "b" * 25 + "0"
    assert engine.runner.n_decoded == n_decoded


def test_closing_a_view_removes_its_sequences_and_leaves_the_others() -> None:
    engine = Replay(script)
    both, batch = shared(engine)
    with both.view() as a, both.view() as b:
        a.add(ask("aaaa", max_tokens=90), 3)
        (b_id,) = b.add(ask("bbbb", max_tokens=90))
        b.step()
        a.close()
        assert engine._cache.n_idle == 7
        assert a.step() == []
        assert told(b)[b_id].answer == "b" * 16 + "0"
    assert engine._cache.n_idle == 8
    assert batch.step() == []


def test_forks_belong_to_the_view() -> None:
    engine = Replay(script)
    both, _ = shared(engine)
    with both.view() as a:
        (first,) = a.add(ask("aaaa", max_tokens=90))
        runs: Runs = {}
        drain(a, runs, until=lambda: len(runs[first].answer) >= 3)
        fork = a.fork(first)
        runs[fork] = runs[first].copy()
        a.append(fork, "!")
        drain(a, runs)
        assert "!" in runs[fork].answer
        assert runs[first].answer == "a" * 16 + "0"
        assert a.n_held == 2
    assert engine._cache.n_idle == 8


def test_what_is_removed_is_heard_of_no_more() -> None:
    both, _ = shared(Replay(script))
    with both.view() as a, both.view() as b:
        first, second = a.add(ask("aaaa", max_tokens=90), 2)
        b.add(ask("b", max_tokens=90))
        told(b)
        a.remove(first)
        a.remove(first)
        assert set(told(a)) == {second}


def test_a_finished_sequence_goes_on_after_appended_text() -> None:
    both, _ = shared(Replay(script))
    with both.view() as a:
        (first,) = a.add(ask("a", max_tokens=90))
        told(a)
        assert a.step() == []
        a.append(first, " So")
        assert " So" in told(a)[first].answer


def test_a_view_can_steer_and_hold_its_sequences() -> None:
    both, _ = shared(Replay("thinking on and on"))
    with both.view() as a:
        (first,) = a.add(ask("a", think=30, max_tokens=90))
        a.step()
        a.hold(first)
        assert [event for event in told(a).values() if event.finished] == []
        a.hold(first, False)
        a.steer(first, ThinkingBudget(0))
        assert told(a)[first].finished is not None


@pytest.mark.parametrize("verb", ["append", "fork", "steer", "hold"])
def test_a_view_cannot_touch_what_is_anothers(verb: str) -> None:
    both, _ = shared(Replay(script))
    a, b = both.view(), both.view()
    (a_id,) = a.add(ask("a"))
    arguments = {"append": ("x",), "steer": (ThinkingBudget(1),)}.get(verb, ())
    with pytest.raises(EngineError, match="no sequence"):
        getattr(b, verb)(a_id, *arguments)
    b.remove(a_id)
    assert a.n_held == 1


def test_a_view_waits_for_a_slot() -> None:
    both, _ = shared(Replay(script, n_seq_max=2), claim=2)
    a, b = both.view(), both.view()
    a.add(ask("aa", max_tokens=50), 2)
    told(a)
    with pytest.raises(EngineError, match="asked for"):
        b.add(ask("b"))
    a.close()
    (b_id,) = b.add(ask("b"))
    assert told(b)[b_id].answer == "b0"


def test_more_than_there_are_is_refused_at_once() -> None:
    both, _ = shared(Replay(script, n_seq_max=3))
    with both.view() as a:
        a.add(ask("a"))
        with pytest.raises(EngineError, match="3 more sequences were asked for and 2 can be had"):
            a.add(ask("a"), 3)


def test_an_interrupt_ends_every_run() -> None:
    engine = Replay(script)
    both, _ = shared(engine)
    a, b = both.view(), both.view()
    for view in (a, b):
        view.add(ask("aaaaaa", max_tokens=90))
        view.step()
    engine.interrupt()
    told(a)
    assert both.n_stalls > 0
    assert told(b) == {} or all(run.finished is None for run in told(b).values())


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=5), st.integers(0, 6))
def test_all_can_finish_if_some_order_lets_them(pairs: list[tuple[int, int]], free: int) -> None:
    held = [n for n, _ in pairs]
    claims = [n + more for n, more in pairs]

    def works(order: tuple[int, ...]) -> bool:
        left = free
        for i in order:
            if held[i] and claims[i] - held[i] > left:
                return False
            left += held[i]
        return True

    assert can_all_finish(held, claims, free) == any(map(works, itertools.permutations(range(len(held)))))


def test_nobody_lends_what_is_not_there() -> None:
    assert not can_all_finish([1], [1], -1)


# side by side


def job(request: Request, n: int, seen: list[Run], n_forks: int = 0) -> Job[str]:
    """Draws samples, forks the first while it speaks, and tells what all said."""

    def run(batch: Batch) -> str:
        runs: Runs = {}
        ids = batch.add(request, n)
        drain(batch, runs, until=lambda: len(runs.get(ids[0], Run()).answer) >= 1)
        for _ in range(n_forks):
            fork = batch.fork(ids[0])
            runs[fork] = runs[ids[0]].copy()
        drain(batch, runs)
        seen.extend(runs.values())
        return runs[ids[0]].answer

    return run


@given(
    jobs=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 4), st.integers(0, 2)), min_size=1, max_size=8),
    n=st.integers(1, 8),
    n_slots=st.integers(6, 9),
    claim=st.integers(1, 6),
)
@settings(max_examples=60, deadline=None)
def test_every_job_gets_what_it_would_get_alone(
    jobs: list[tuple[int, int, int]], n: int, n_slots: int, claim: int
) -> None:
    engine = Replay(script, n_seq_max=n_slots, n_ctx=20000)
    claim = max(claim, *(n_samples + n_forks for _, n_samples, n_forks in jobs))
    both, _ = shared(engine, claim)
    seen: list[Run] = []
    requests = [
        job(ask("abcdefgh"[i] * length, max_tokens=200), n_samples, seen, n_forks)
        for i, (length, n_samples, n_forks) in enumerate(jobs)
    ]
    outcomes = dict(side_by_side(both, requests, n))
    assert outcomes == {i: "abcdefgh"[i] * length * length + "0" for i, (length, _, _) in enumerate(jobs)}
    assert all(run.finished is not None for run in seen)
    assert engine._cache.n_idle == n_slots


def test_those_that_each_hold_some_and_want_more_do_not_block_each_other() -> None:
    engine = Replay(script, n_seq_max=4)
    both, _ = shared(engine, claim=3)
    most: list[int] = []

    def greedy(batch: Batch) -> str:
        batch.add(ask("aaaa", max_tokens=50))
        batch.step()
        batch.add(ask("aaaa", max_tokens=50), 2)
        most.append(sum(view.n_held for view in both._views))
        told(batch)
        return "done"

    assert [outcome for _, outcome in side_by_side(both, [greedy] * 6, 4)] == ["done"] * 6
    assert max(most) <= 4


def test_who_asks_for_more_than_it_claimed_may_be_refused_but_all_come_to_an_end() -> None:
    both, _ = shared(Replay(script, n_seq_max=4), claim=1)

    def greedy(batch: Batch) -> str:
        batch.add(ask("aaaa", max_tokens=50), 2)
        batch.step()
        batch.add(ask("aaaa", max_tokens=50), 2)
        told(batch)
        return "done"

    outcomes = [outcome for _, outcome in side_by_side(both, [greedy] * 4, 2)]
    assert len(outcomes) == 4
    assert "done" in outcomes
    assert all(outcome == "done" or isinstance(outcome, EngineError) for outcome in outcomes)


def test_an_error_of_one_job_is_its_own() -> None:
    both, _ = shared(Replay(script))

    def fails(batch: Batch) -> str:
        batch.add(ask("a"))
        batch.step()
        raise EngineError("No.", "")

    seen: list[Run] = []
    outcomes = dict(side_by_side(both, [job(ask("bb"), 1, seen), fails, job(ask("cc"), 1, seen)], 3))
    assert isinstance(outcomes.pop(1), EngineError)
    assert outcomes == {0: "bbbb0", 2: "cccc0"}


def test_a_lost_batch_ends_all_jobs() -> None:
    engine = Replay(script)
    both, batch = shared(engine)
    steps = iter([True] * 3)
    step = batch.step

    def failing(patience_s: float = 0.0) -> object:
        if next(steps, False):
            return step(patience_s)
        raise EngineDied("It is gone.", "")

    batch.step = failing  # type: ignore[method-assign, assignment]
    ended: list[str] = []

    def watched(name: str) -> Job[str]:
        def run(view: Batch) -> str:
            try:
                view.add(ask("aaaa"))
                told(view)
                return name
            finally:
                ended.append(name)

        return run

    with pytest.raises(EngineDied):
        list(side_by_side(both, [watched("a"), watched("b")], 2))
    assert sorted(ended) == ["a", "b"]
    assert engine._cache.n_idle == 8


def test_closing_the_iterator_ends_the_jobs() -> None:
    engine = Replay(script)
    both, _ = shared(engine)
    seen: list[Run] = []
    lengths = [1, 6, 6]
    running: Iterator[object] = side_by_side(
        both, [job(ask("a" * length, max_tokens=90), 2, seen) for length in lengths], 3
    )
    assert next(running) == (0, "a0")
    running.close()  # type: ignore[attr-defined]
    assert engine._cache.n_idle == 8
    assert len(seen) == 2
    assert both._views == []


def test_only_so_many_run_at_a_time() -> None:
    both, _ = shared(Replay(script))
    n_open: list[int] = []

    def counted(batch: Batch) -> str:
        assert isinstance(batch, View)
        batch.add(ask("aaa"))
        batch.step()
        n_open.append(len(both._views))
        told(batch)
        return ""

    assert len(list(side_by_side(both, [counted] * 7, 3))) == 7
    assert max(n_open) == 3
