"""Timing on a clock that only computing moves, so that every speed is known beforehand."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.engine.gguf_runner import GGUFRunner
from assistant.engine.local import LocalEngine
from assistant.engine.options import LoadOptions
from assistant.engine.protocol import ModelInfo
from assistant.engine.runner import DecodeStatus, Piece
from assistant.engine.scripted import Script, ScriptedRunner, scripted_model
from assistant.errors import OutOfMemory
from assistant.hardware.stopwatch import PROMPT, measuring, missing
from assistant.limits import SpeedCurve, monotone
from assistant.query import Message
from tests.engine.running import ask, completion

PER_BATCH_S = 0.010
PER_TOKEN_S = 0.002


class Clock:
    """Seconds that pass only where the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class TimedRunner(ScriptedRunner):
    """A scripted model that takes its time: `PER_BATCH_S` and `PER_TOKEN_S`, times `slowness`."""

    def __init__(self, clock: Clock, script: Script, info: ModelInfo, slowness: float = 1.0) -> None:
        super().__init__(script, info, n_batch=512)
        self.clock = clock
        self.slowness = slowness
        self.hiccups: dict[int, float] = {}
        """Seconds more, by number of batch."""
        self.breaks_at = 0
        """Sequences side by side that are too many."""
        self.n_batches = 0

    def decode(self, pieces: Sequence[Piece]) -> DecodeStatus:
        """Let time pass, and do it."""
        if self.breaks_at and len(pieces) >= self.breaks_at:
            raise OutOfMemory("No memory.", "Ask again.")
        n_tokens = sum(len(piece.tokens) for piece in pieces)
        self.clock.now += (PER_BATCH_S + PER_TOKEN_S * n_tokens) * self.slowness
        self.clock.now += self.hiccups.get(self.n_batches, 0.0)
        self.n_batches += 1
        return super().decode(pieces)

    @property
    def n_cells(self) -> list[int]:
        """Cells in use, slot by slot."""
        return [len(cells) for cells in self._cells]


def timed(
    say: str = "words " * 100, n_seq_max: int = 8, slowness: float = 1.0
) -> tuple[Clock, TimedRunner, LocalEngine]:
    clock = Clock()
    model = scripted_model(n_seq_max=n_seq_max)
    runner = TimedRunner(clock, lambda _request, _i: say, model, slowness)
    return clock, runner, LocalEngine(runner)


def speed(n: int) -> float:
    """What a scripted model makes with `n` side by side."""
    return n / (PER_BATCH_S + PER_TOKEN_S * n)


NOTHING = SpeedCurve(0.0, ())
ALL = (PROMPT, 1, 2, 4, 8)


def measure(engine: LocalEngine, clock: Clock, known: SpeedCurve = NOTHING, n_steps: int = -1) -> SpeedCurve:
    """What is known after so many steps; -1 goes on to the end."""
    steps = measuring(engine, known, clock=clock)
    seen = list(itertools.islice(steps, n_steps if n_steps >= 0 else None))
    steps.close()
    return seen[-1] if seen else known


def test_the_speed_is_what_it_is() -> None:
    clock, _, engine = timed()

    curve = measure(engine, clock)

    assert [n for n, _ in curve.decode] == [1, 2, 4, 8]
    assert [s for _, s in curve.decode] == pytest.approx([speed(n) for n in (1, 2, 4, 8)])
    assert 450 < curve.prefill < 500
    assert curve.measured == ALL
    assert not missing(curve, engine.model)


@pytest.mark.parametrize(
    ("n_seq_max", "sizes"), [(1, [1]), (2, [1, 2]), (3, [1, 2]), (6, [1, 2, 4]), (16, [1, 2, 4, 8])]
)
def test_no_more_sequences_than_there_are(n_seq_max: int, sizes: list[int]) -> None:
    clock, _, engine = timed(n_seq_max=n_seq_max)

    assert [n for n, _ in measure(engine, clock).decode] == sizes


@given(stops=st.lists(st.integers(0, 40), max_size=8), slowness=st.sampled_from([0.1, 1.0, 20.0]))
def test_it_may_be_left_at_any_step_and_gone_on_with(stops: list[int], slowness: float) -> None:
    clock, runner, engine = timed(slowness=slowness)
    curve = NOTHING
    for n_steps in stops:
        before, n_batches = curve, runner.n_batches
        curve = measure(engine, clock, curve, n_steps)
        assert set(before.measured) <= set(curve.measured)
        assert runner.n_batches <= n_batches + n_steps + 1, "a step of it is a step of the engine"

    n_missing = len(missing(curve, engine.model))
    before_last = clock()
    whole = measure(engine, clock, curve)

    assert whole.measured == ALL
    assert [s for _, s in whole.decode] == pytest.approx([speed(n) / slowness for n in (1, 2, 4, 8)])
    if not n_missing:
        assert clock() == before_last, "nothing is measured twice"


def test_each_piece_is_short() -> None:
    """A few steps of each number of sequences, also on a machine that takes half a second for one."""
    clock, runner, engine = timed(slowness=50.0)
    measure(engine, clock)
    assert runner.n_batches <= 2 + 4 * (2 + 3)


def test_what_is_known_is_not_measured_again() -> None:
    clock, _, engine = timed()
    known = SpeedCurve(999.0, ((1, 7.0), (2, 8.0)), measured=(PROMPT, 1, 2))

    curve = measure(engine, clock, known)

    assert curve.prefill == 999.0
    assert dict(curve.decode)[4] == pytest.approx(speed(4))


def test_a_moment_of_other_work_does_not_count() -> None:
    clock, runner, engine = timed(n_seq_max=1)
    runner.hiccups = {6: 0.2}

    assert dict(measure(engine, clock).decode) == pytest.approx({1: speed(1)})


@pytest.mark.parametrize("say", ["ab", "word", "some words", "words " * 4])
def test_a_model_of_few_words_is_kept_talking(say: str) -> None:
    clock, _, engine = timed(say)

    curve = measure(engine, clock)

    assert curve.decode[0][0] == 1
    assert [s for _, s in curve.decode] == pytest.approx([speed(n) for n, _ in curve.decode])


def test_a_model_that_says_nothing_is_not_waited_for() -> None:
    clock, _, engine = timed("a")
    began = clock()

    assert measure(engine, clock).decode == ()
    assert clock() - began < 6.0


def test_a_second_measurement_reads_its_prompt_too() -> None:
    clock, _, engine = timed()
    measure(engine, clock)

    assert 400 < measure(engine, clock).prefill < 500


def test_the_conversation_in_the_cache_stays_there() -> None:
    clock, runner, engine = timed()
    question = "Tell me something that is long enough to be kept in memory." * 3
    first = completion(engine, ask(question, max_tokens=8))
    history = (Message("user", question), Message("assistant", first.answer))
    n_cells = max(runner.n_cells)

    for curve in measuring(engine, NOTHING, history, clock):
        assert max(runner.n_cells) >= n_cells - 8, curve

    n_decoded = runner.n_decoded
    more = completion(engine, ask(question, first.answer, "More.", max_tokens=8))
    assert more.n_cached > len(question)
    assert runner.n_decoded - n_decoded < 60


def test_the_next_conversation_finds_no_cells_of_it() -> None:
    clock, runner, engine = timed()
    measure(engine, clock)

    run = completion(engine, ask("Tell me something.", max_tokens=4))

    assert run.n_cached <= len("user:")
    assert sum(n > 0 for n in runner.n_cells) == 1


def test_a_conversation_goes_on_after_it() -> None:
    clock, _, engine = timed()
    question = "Tell me something that is long enough to be kept in memory." * 3
    first = completion(engine, ask(question, max_tokens=8))
    measure(engine, clock)

    assert completion(engine, ask(question, first.answer, "More.", max_tokens=8)).n_cached > len(question)


def test_an_engine_that_fails_leaves_what_is_known() -> None:
    clock, runner, engine = timed()
    runner.breaks_at = 4

    assert [n for n, _ in measure(engine, clock).decode] == [1, 2]


def test_an_engine_that_is_stopped_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, runner, engine = timed()
    runner.is_interrupted = True
    monkeypatch.setattr(runner, "resume", lambda: None)

    assert measure(engine, clock) == NOTHING


def test_the_model_that_ships_is_measured(starter_model: Path) -> None:
    runner = GGUFRunner(LoadOptions(str(starter_model), n_ctx=2048, n_seq_max=4, n_threads=1))
    engine = LocalEngine(runner)
    try:
        curve = list(measuring(engine, NOTHING))[-1]
    finally:
        engine.close()

    sizes = [n for n, _ in curve.decode]
    assert sizes[0] == 1
    assert sizes == [1, 2, 4][: len(sizes)]
    assert curve.prefill > 0
    assert all(s > 0 for _, s in curve.decode)
    assert curve.decode == monotone(curve.decode)
