"""The batch and its cache on a scripted engine: what is computed, what is used again, what gives way."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.engine.local import LocalBatch
from assistant.engine.parking import Parked, Parking
from assistant.engine.protocol import Prefilled, Request, ThinkingBudget
from assistant.engine.scripted import THINK, scripted_engine
from assistant.engine.splitter import Markers
from assistant.errors import ContextFull, EngineError, MullError
from tests.engine.replay import Replay
from tests.engine.running import Runs, ask, complete, completion, drain

QUESTION = "How many legs have three cats?"
LONG_QUESTION = "Tell me about legs. " * 10


def by_sample(_request: Request, i: int) -> str:
    """Every sample says something else."""
    return f"Sample {i} says {'abcdefgh'[i % 8] * 5}."


def n_prompt(engine: Replay, request: Request) -> int:
    return len(engine.runner.prompt(request).tokens)


truncating = pytest.mark.parametrize("can_truncate", [True, False], ids=["cut anywhere", "checkpoints"])


@pytest.mark.parametrize("n", [1, 2, 8])
def test_all_samples_share_one_prefill(n: int) -> None:
    engine = Replay(by_sample)
    request = ask(QUESTION, max_tokens=100)
    runs = complete(engine, request, n)
    assert [run.answer for run in runs] == [by_sample(request, i) for i in range(n)]
    n_answers = sum(len(run.answer) for run in runs)
    assert engine.runner.n_decoded == n_prompt(engine, request) + n_answers


def test_a_long_prompt_comes_in_chunks_while_others_answer() -> None:
    engine = Replay("a" * 60, n_batch=16)
    with engine.batch() as batch:
        (first,) = batch.add(ask("Hi", max_tokens=60))
        runs: Runs = {}
        drain(batch, runs, until=lambda: len(runs[first].answer) >= 5)
        (second,) = batch.add(ask(LONG_QUESTION, max_tokens=10))
        drain(batch, runs, until=lambda: second in runs and bool(runs[second].deltas))
        n_chunks = len(runs[second].prefilled) - 1
        assert n_chunks >= len(LONG_QUESTION) // 16
        assert len(runs[first].answer) >= 5 + n_chunks, "the answer stood still while the prompt was read"
        dones = [event.n_done for event in runs[second].prefilled]
        assert all(0 < b - a <= 15 for a, b in pairwise(dones))
        assert dones[-1] == runs[second].prefilled[-1].n_total


@truncating
def test_a_second_turn_computes_only_what_is_new(can_truncate: bool) -> None:
    engine = Replay("Twelve.", can_truncate=can_truncate)
    first = completion(engine, ask(QUESTION))
    before = engine.runner.n_decoded
    request = ask(QUESTION, first.answer, "Sure?")
    second = completion(engine, request)
    n_history = len(f"user:{QUESTION}\n") + (len("assistant:") if can_truncate else 0)
    assert second.n_cached == n_history
    n_computed = n_prompt(engine, request) - n_history
    assert engine.runner.n_decoded - before == n_computed + len(second.answer)
    assert second.prefilled[0].n_cached == n_history


@truncating
def test_a_retry_computes_next_to_nothing(can_truncate: bool) -> None:
    engine = Replay("Twelve.", can_truncate=can_truncate)
    request = ask(QUESTION)
    first, second = completion(engine, request), completion(engine, request)
    n = n_prompt(engine, request)
    assert second.n_cached == (n - 1 if can_truncate else len(f"user:{QUESTION}\n"))
    assert second.text == first.text


@truncating
def test_a_third_turn_after_an_edited_second(can_truncate: bool) -> None:
    engine = Replay("Twelve.", can_truncate=can_truncate)
    for turns in ([QUESTION], [QUESTION, "Twelve.", "Sure?"], [QUESTION, "Twelve.", "Why?"], [QUESTION]):
        run = completion(engine, ask(*turns))
        assert run.answer == "Twelve."
    assert run.n_cached > 0


@truncating
def test_a_fork_goes_its_own_way(can_truncate: bool) -> None:
    engine = Replay(lambda _request, i: "Same. " + "Other end" * (i > 0), can_truncate=can_truncate)
    runs: Runs = {}
    with engine.batch() as batch:
        (first,) = batch.add(ask(QUESTION, max_tokens=40))
        drain(batch, runs, until=lambda: first in runs and runs[first].answer == "Same.")
        twin = batch.fork(first)
        runs[twin] = runs[first].copy()
        before = engine.runner.n_decoded
        drain(batch, runs)
        assert runs[first].answer == "Same."
        assert runs[twin].answer == "Same. Other end"
        assert engine.runner.n_decoded - before < 20, "the fork has read its prompt again"
        engine.check(batch)


def test_a_fork_before_the_prompt_is_read_is_refused() -> None:
    with scripted_engine("Yes").batch() as batch:
        (seq_id,) = batch.add(ask(QUESTION))
        with pytest.raises(EngineError, match="before its prompt is read"):
            batch.fork(seq_id)


@pytest.mark.parametrize("method", ["append", "fork", "steer", "hold"])
def test_a_removed_sequence_is_unknown(method: str) -> None:
    with scripted_engine("Yes").batch() as batch:
        (seq_id,) = batch.add(ask(QUESTION))
        batch.remove(seq_id)
        batch.remove(seq_id)
        arguments = {"append": ("x",), "steer": (ThinkingBudget(0),)}.get(method, ())
        with pytest.raises(EngineError, match="no sequence 0"):
            getattr(batch, method)(seq_id, *arguments)


def test_a_finished_sequence_goes_on_after_appended_text() -> None:
    engine = Replay("Twelve.")
    runs: Runs = {}
    with engine.batch() as batch:
        (seq_id,) = batch.add(ask(QUESTION, max_tokens=60))
        drain(batch, runs)
        assert runs[seq_id].reason == "stop"
        batch.append(seq_id, "\nSo: 12")
        runs[seq_id].finished = None
        drain(batch, runs)
        assert (runs[seq_id].answer, runs[seq_id].reason) == ("Twelve.\nSo: 12", "stop")
        engine.check(batch)


def test_a_sequence_that_ended_by_a_text_goes_on_after_appended_text() -> None:
    engine = Replay("Twelve.<end>", Markers(stop=("<end>",)))
    runs: Runs = {}
    with engine.batch() as batch:
        (seq_id,) = batch.add(ask(QUESTION, max_tokens=60))
        drain(batch, runs)
        assert (runs[seq_id].answer, runs[seq_id].reason) == ("Twelve.", "stop")
        batch.append(seq_id, " So: 12")
        drain(batch, runs)
        assert runs[seq_id].answer == "Twelve. So: 12"


@pytest.mark.parametrize("which", ["the first", "another"])
def test_text_appended_before_the_prompt_is_read_belongs_to_one_sample(which: str) -> None:
    engine = Replay("Twelve.", n_batch=8)
    runs: Runs = {}
    with engine.batch() as batch:
        first, second = batch.add(ask(QUESTION, max_tokens=40), n=2)
        batch.step()
        batch.step()
        chosen, other = (first, second) if which == "the first" else (second, first)
        batch.append(chosen, "So: Twe")
        drain(batch, runs)
        engine.check(batch)
    assert runs[chosen].answer == "So: Twelve."
    assert runs[other].answer == "Twelve."


@pytest.mark.parametrize("n_steps", range(6))
def test_the_rest_go_on_when_the_first_is_removed(n_steps: int) -> None:
    engine = Replay(by_sample, n_batch=8)
    request = ask(QUESTION, max_tokens=60)
    runs: Runs = {}
    with engine.batch() as batch:
        first, *rest = batch.add(request, n=3)
        for _ in range(n_steps):
            batch.step()
        batch.remove(first)
        drain(batch, runs)
        engine.check(batch)
    for i, seq_id in enumerate(rest, 1):
        assert runs[seq_id].answer == by_sample(request, i)
    assert engine.runner.n_decoded <= n_prompt(engine, request) + 3 * len(by_sample(request, 0))


def test_a_removed_sample_leaves_the_others_alone() -> None:
    engine = Replay(by_sample)
    request = ask(QUESTION, max_tokens=60)
    runs: Runs = {}
    with engine.batch() as batch:
        first, second, third = batch.add(request, n=3)
        batch.remove(second)
        drain(batch, runs)
        engine.check(batch)
    assert second not in runs
    assert [runs[i].answer for i in (first, third)] == [by_sample(request, i) for i in (0, 2)]


def test_more_samples_than_slots_are_refused_and_nothing_is_lost() -> None:
    engine = Replay(by_sample, n_seq_max=4)
    runs: Runs = {}
    with engine.batch() as batch:
        batch.add(ask(QUESTION, max_tokens=60), n=3)
        with pytest.raises(EngineError, match="2 more sequences were asked for and 1 are free"):
            batch.add(ask(QUESTION), n=2)
        batch.add(ask("Hi", max_tokens=60))
        drain(batch, runs)
    assert len(runs) == 4


def test_a_fork_takes_no_slot_that_a_sample_waits_for() -> None:
    engine = Replay(by_sample, n_seq_max=3)
    runs: Runs = {}
    with engine.batch() as batch:
        (first,) = batch.add(ask("Hi", max_tokens=60))
        drain(batch, runs, until=lambda: first in runs and bool(runs[first].deltas))
        batch.add(ask(LONG_QUESTION, max_tokens=60), n=2)
        with pytest.raises(EngineError):
            batch.fork(first)
        drain(batch, runs)
    assert [runs[i].reason for i in sorted(runs)] == ["stop"] * 3


def test_a_prompt_that_leaves_no_room_is_refused_with_figures() -> None:
    engine = Replay("Yes", n_ctx=100)
    request = ask("x" * 80)
    with engine.batch() as batch, pytest.raises(ContextFull) as refused:
        batch.add(request)
    assert refused.value.n_tokens == n_prompt(engine, request) + 16
    assert refused.value.n_ctx == 100
    assert refused.value.message.startswith("The question takes"), "there is no conversation yet"
    with engine.batch() as batch:
        batch.add(ask("x" * 60))


def test_earlier_conversations_give_way_before_anything_running() -> None:
    engine = Replay("Twelve, I would say.", n_ctx=200)
    for letter in "abcdef":
        run = completion(engine, ask(letter * 80, max_tokens=60))
        assert (run.answer, run.reason) == ("Twelve, I would say.", "stop")
    assert run.n_cached == 0, "five shared characters are not worth another arithmetic"


def test_a_long_conversation_is_parked_for_another_one_and_comes_back() -> None:
    engine = Replay("Twelve, I would say.")
    long, short = ask("x" * 700, max_tokens=60), ask("y" * 100, max_tokens=60)
    completion(engine, long)
    assert completion(engine, long).n_cached == n_prompt(engine, long) - 1
    completion(engine, short)
    assert completion(engine, short).n_cached == n_prompt(engine, short) - 1
    assert sum(map(len, engine.cells)) == n_prompt(engine, short) + len("Twelve, I would say.")
    back = completion(engine, long)
    assert back.n_cached == n_prompt(engine, long) - 1
    assert back.answer == "Twelve, I would say."


def test_parking_lets_the_oldest_go_and_refuses_what_is_too_large() -> None:
    parking = Parking(max_bytes=10)
    first, second, third = (Parked([i] * 8, b"12345") for i in range(3))
    for parked in (first, second, third):
        parking.put(parked)
    assert list(parking.all) == [second, third]
    parking.put(Parked([9], b"12345678901"))
    assert list(parking.all) == [second, third]
    assert parking.holds([1] * 12)
    assert not parking.holds([1, 0, 0, 0])


def test_every_conversation_can_be_taken_up_again() -> None:
    engine = Replay("Yes", n_ctx=400)
    requests = [ask(letter * 80, max_tokens=60) for letter in "abcdef"]
    for request in requests:
        completion(engine, request)
    for request in (requests[0], requests[4]):
        assert completion(engine, request).n_cached == n_prompt(engine, request) - 1


def test_a_full_cache_ends_what_runs() -> None:
    engine = Replay(lambda _request, i: "ab"[i] * 500, n_ctx=100)
    (first, second) = complete(engine, ask("Hi", max_tokens=70), n=2)
    assert {first.reason, second.reason} == {"context"}
    assert first.answer
    assert second.answer


def test_an_answer_clipped_by_the_context_says_so() -> None:
    run = completion(Replay("a" * 500, n_ctx=100), ask("Hi", max_tokens=500))
    assert run.reason == "context"
    assert run.finished is not None
    assert run.finished.usage.prompt_tokens + run.finished.usage.completion_tokens == 100


def test_samples_whose_prompt_found_no_room_are_told_so() -> None:
    engine = Replay("a" * 500, n_ctx=100)
    runs: Runs = {}
    with engine.batch() as batch:
        (first,) = batch.add(ask("Hi", max_tokens=70))
        drain(batch, runs, until=lambda: first in runs and len(runs[first].answer) > 30)
        others = batch.add(ask("x" * 50, max_tokens=20), n=2)
        drain(batch, runs)
    assert [runs[i].reason for i in others] == ["context", "context"]


def test_max_tokens_end_an_answer() -> None:
    run = completion(Replay("a" * 50), ask("Hi", max_tokens=7))
    assert (run.answer, run.reason) == ("a" * 7, "length")


@truncating
def test_an_interrupted_step_says_nothing_and_a_new_batch_works(can_truncate: bool) -> None:
    engine = Replay("Twelve.", n_batch=8, can_truncate=can_truncate)
    with engine.batch() as batch:
        batch.add(ask(QUESTION))
        batch.step()
        assert batch.step()
        engine.interrupt()
        assert batch.step() == []
        engine.check(batch)
    assert completion(engine, ask(QUESTION)).answer == "Twelve."


def test_a_new_batch_takes_over_from_one_left_open() -> None:
    engine = Replay("Twelve.", n_seq_max=2)
    old = engine.batch()
    old.add(ask(QUESTION), n=2)
    old.step()
    (first, second) = complete(engine, ask(QUESTION), n=2)
    assert first.answer == second.answer == "Twelve."
    assert old.step() == []


def test_a_model_that_cannot_cut_is_put_back_to_a_checkpoint() -> None:
    engine = Replay("Twelve, I would say.", can_truncate=False)
    long_ago = LONG_QUESTION * 3
    completion(engine, ask(long_ago))
    run = completion(engine, ask(long_ago, "Yes, they have twelve.", "Sure?"))
    assert run.n_cached == len(f"user:{long_ago}\n")


@truncating
def test_the_heir_of_a_removed_first_sample_keeps_a_checkpoint(can_truncate: bool) -> None:
    engine = Replay("Twelve.", n_batch=8, can_truncate=can_truncate)
    with engine.batch() as batch:
        first, _ = batch.add(ask(QUESTION), n=2)
        batch.step()
        batch.step()
        batch.remove(first)
        drain(batch, {})
    assert completion(engine, ask(QUESTION, "Yes.", "Sure?")).n_cached >= len(f"user:{QUESTION}\n")


def test_forced_text_longer_than_a_batch_does_not_look_like_the_end() -> None:
    engine = Replay("Yes", n_batch=4)
    runs: Runs = {}
    with engine.batch() as batch:
        (seq_id,) = batch.add(ask(QUESTION, max_tokens=60))
        drain(batch, runs)
        batch.append(seq_id, ", twelve of them")
        runs[seq_id].finished = None
        drain(batch, runs)
    assert (runs[seq_id].answer, runs[seq_id].reason) == ("Yes, twelve of them", "stop")


def test_a_held_sequence_waits_where_it_is_while_others_go_on() -> None:
    engine = Replay("One, two, three.")
    runs: Runs = {}
    with engine.batch() as batch:
        first, second = batch.add(ask(QUESTION, max_tokens=60), n=2)
        drain(batch, runs, until=lambda: first in runs and len(runs[first].answer) == 4)
        batch.hold(first)
        drain(batch, runs)
        assert (runs[first].answer, runs[second].answer) == ("One,", "One, two, three.")
        batch.hold(first, is_held=False)
        drain(batch, runs)
    assert runs[first].answer == "One, two, three."


Action = tuple[str, int, int]

actions = st.lists(
    st.tuples(
        st.sampled_from(
            ["add", "step", "step", "step", "fork", "append", "steer", "hold", "remove", "interrupt", "new"]
        ),
        st.integers(0, 7),
        st.integers(0, 40),
    ),
    max_size=40,
)
SCRIPTS = ["Hm.</think>Yes.", "Twelve " * 5, "  ", "Let me see.\n</think>\n\n<think>more</think>No."]


def act(engine: Replay, batch: LocalBatch, known: list[int], action: Action) -> LocalBatch:
    """One action on the batch, or a new batch."""
    verb, a, b = action
    seq_id = known[a % len(known)] if known else 0
    match verb:
        case "add":
            request = ask("abcdefgh"[:a] + "?" * b, think=b if a % 2 else 0, max_tokens=b + 1)
            known += batch.add(request, n=1 + a % 3)
        case "step":
            batch.step()
        case "fork":
            known.append(batch.fork(seq_id))
        case "append":
            batch.append(seq_id, "x" * (b % 12))
        case "steer":
            batch.steer(seq_id, ThinkingBudget(b, b // 2))
        case "hold":
            batch.hold(seq_id, is_held=b % 2 == 0)
        case "remove":
            batch.remove(seq_id)
        case "interrupt":
            engine.interrupt()
            assert batch._queued or batch.step() == []
        case "new":
            known.clear()
            return engine.batch()
    return batch


@settings(deadline=None)
@given(
    steps=actions,
    n_ctx=st.integers(60, 300),
    n_batch=st.integers(4, 20),
    n_seq_max=st.integers(1, 5),
    can_truncate=st.booleans(),
    has_markers=st.booleans(),
)
def test_whatever_is_done_the_cache_stays_right(
    steps: list[Action], n_ctx: int, n_batch: int, n_seq_max: int, can_truncate: bool, has_markers: bool
) -> None:
    engine = Replay(
        lambda _request, i: SCRIPTS[i % len(SCRIPTS)],
        THINK if has_markers else Markers(),
        n_ctx,
        n_seq_max,
        n_batch,
        can_truncate,
    )
    batch = engine.batch()
    known: list[int] = []
    for action in steps:
        try:
            batch = act(engine, batch, known, action)
        except MullError:
            assert action[0] != "step", "a step has failed"
        engine.check(batch)
    engine.runner.resume()
    for seq_id in batch._sequences:
        batch.hold(seq_id, is_held=False)
    for _ in range(2000):
        if not batch.step():
            break
        engine.check(batch)
    else:
        pytest.fail("the batch never came to an end")
    unfinished = [s.seq_id for s in batch._sequences.values() if not s.is_finished]
    assert not unfinished, f"never finished: {unfinished}"
    batch.close()
    assert engine._cache.n_idle == n_seq_max


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text("ab", max_size=6), min_size=1, max_size=4), st.integers(4, 40))
def test_a_model_that_cannot_cut_says_the_same(questions: list[str], n_batch: int) -> None:
    """Each question is asked after those before it, and asked again."""
    engines = [Replay(by_sample, n_batch=n_batch, can_truncate=can) for can in (True, False)]
    turns: list[str] = []
    for question in questions:
        turns.append(question)
        request = ask(*turns, think=10, max_tokens=40)
        for _ in range(2):
            able, unable = (complete(engine, request, n=2) for engine in engines)
            assert [run.text for run in able] == [run.text for run in unable]
            assert able[0].n_cached >= unable[0].n_cached
        turns.append(able[0].answer)


def test_prefill_is_told_from_start_to_end() -> None:
    run = completion(Replay("Yes", n_batch=8), ask(QUESTION))
    total = run.prefilled[0].n_total
    assert run.prefilled[0] == Prefilled(run.prefilled[0].seq_id, 0, total, n_cached=0)
    dones = [event.n_done for event in run.prefilled]
    assert dones == sorted(set(dones))
    assert dones[-1] == total
