"""Measuring on a clock that only computing moves, so that every speed is known beforehand."""

from __future__ import annotations

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
from assistant.hardware.speed import corrected, is_throttled, measure
from assistant.limits import SpeedCurve, monotone
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


def test_the_speed_is_what_it_is() -> None:
    clock, _, engine = timed()

    curve = measure(engine, clock=clock)

    assert [n for n, _ in curve.decode] == [1, 2, 4, 8]
    assert [s for _, s in curve.decode] == pytest.approx([speed(n) for n in (1, 2, 4, 8)])
    assert 450 < curve.prefill < 500


@pytest.mark.parametrize(
    ("n_seq_max", "sizes"), [(1, [1]), (2, [1, 2]), (3, [1, 2]), (6, [1, 2, 4]), (16, [1, 2, 4, 8])]
)
def test_no_more_sequences_than_there_are(n_seq_max: int, sizes: list[int]) -> None:
    clock, _, engine = timed(n_seq_max=n_seq_max)

    assert [n for n, _ in measure(engine, clock=clock).decode] == sizes


@pytest.mark.parametrize("most_s", [0.0, 0.4, 0.7, 1.0, 1.5, 3.0])
@pytest.mark.parametrize("slowness", [0.1, 1.0, 3.0])
def test_it_ends_in_time(most_s: float, slowness: float) -> None:
    clock, _, engine = timed(slowness=slowness)
    began = clock()
    least_s = (PER_BATCH_S + PER_TOKEN_S * 300 + 3 * (PER_BATCH_S + PER_TOKEN_S)) * slowness

    curve = measure(engine, most_s=most_s, clock=clock)

    assert dict(curve.decode)[1] == pytest.approx(speed(1) / slowness)
    assert curve.prefill > 0
    assert clock() - began <= max(most_s, least_s) + (PER_BATCH_S + PER_TOKEN_S * 8) * slowness


def test_a_slow_machine_is_measured_with_one_sequence_at_least() -> None:
    clock, _, engine = timed(slowness=100.0)

    curve = measure(engine, clock=clock)

    assert dict(curve.decode) == pytest.approx({1: speed(1) / 100})
    assert curve.prefill > 0


def test_a_moment_of_other_work_does_not_count() -> None:
    clock, runner, engine = timed(n_seq_max=1)
    runner.hiccups = {6: 0.2}

    assert dict(measure(engine, clock=clock).decode) == pytest.approx({1: speed(1)})


@pytest.mark.parametrize("say", ["ab", "word", "some words", "words " * 4])
def test_a_model_of_few_words_is_kept_talking(say: str) -> None:
    clock, _, engine = timed(say)

    curve = measure(engine, most_s=10.0, clock=clock)

    assert curve.decode[0][0] == 1
    assert [s for _, s in curve.decode] == pytest.approx([speed(n) for n, _ in curve.decode])


def test_a_model_that_says_nothing_is_not_waited_for() -> None:
    clock, _, engine = timed("a")
    began = clock()

    assert measure(engine, clock=clock).decode == ()
    assert clock() - began < 3.0


def test_a_second_measurement_reads_its_prompt_too() -> None:
    clock, _, engine = timed()
    measure(engine, clock=clock)

    assert 400 < measure(engine, clock=clock).prefill < 500


def test_the_next_conversation_finds_no_cells_of_it() -> None:
    clock, runner, engine = timed()
    measure(engine, clock=clock)

    run = completion(engine, ask("Tell me something.", max_tokens=4))

    assert run.n_cached <= len("user:")
    assert sum(n > 0 for n in runner.n_cells) == 1


def test_a_conversation_goes_on_after_it() -> None:
    clock, _, engine = timed()
    question = "Tell me something that is long enough to be kept in memory." * 3
    first = completion(engine, ask(question, max_tokens=8))
    measure(engine, clock=clock)

    assert completion(engine, ask(question, first.answer, "More.", max_tokens=8)).n_cached > len(question)


def test_an_engine_that_fails_leaves_what_is_known() -> None:
    clock, runner, engine = timed()
    runner.breaks_at = 4

    assert [n for n, _ in measure(engine, clock=clock).decode] == [1, 2]


def test_an_engine_that_is_stopped_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, runner, engine = timed()
    runner.is_interrupted = True
    monkeypatch.setattr(runner, "resume", lambda: None)

    assert measure(engine, clock=clock) == SpeedCurve(0.0, ())


def test_the_model_that_ships_is_measured(starter_model: Path) -> None:
    runner = GGUFRunner(LoadOptions(str(starter_model), n_ctx=2048, n_seq_max=4, n_threads=1))
    engine = LocalEngine(runner)
    try:
        curve = measure(engine)
    finally:
        engine.close()

    sizes = [n for n, _ in curve.decode]
    assert sizes[0] == 1
    assert sizes == [1, 2, 4][: len(sizes)]
    assert curve.prefill > 0
    assert all(s > 0 for _, s in curve.decode)
    assert curve.decode == monotone(curve.decode)


CURVES = st.dictionaries(st.integers(1, 16), st.floats(0.1, 1000), max_size=5).map(
    lambda points: SpeedCurve(100.0, monotone(tuple(sorted(points.items()))))
)


@given(curve=CURVES, n=st.integers(1, 16), seen=st.floats(0.1, 1000))
def test_a_correction_lies_between_the_old_and_the_seen(curve: SpeedCurve, n: int, seen: float) -> None:
    old = curve.tokens_per_second(n) or seen
    new = corrected(curve, n, seen)

    assert new.tokens_per_second(n) == pytest.approx(0.7 * old + 0.3 * seen)
    assert [point for point, _ in new.decode] == sorted({n, *(point for point, _ in curve.decode)})
    assert dict(monotone(new.decode)) == pytest.approx(dict(new.decode))
    assert new.prefill == curve.prefill


def test_a_speed_seen_often_enough_is_the_curve() -> None:
    curve = SpeedCurve(100.0, ((1, 10.0), (2, 18.0), (4, 30.0)))
    for _ in range(30):
        curve = corrected(curve, 2, 9.0)

    assert dict(curve.decode) == pytest.approx({1: 9.0, 2: 9.0, 4: 18.0}, rel=1e-3)


@pytest.mark.parametrize(("n", "seen"), [(0, 5.0), (1, 0.0), (1, -1.0), (1, float("nan")), (1, float("inf"))])
def test_a_speed_that_cannot_be_corrects_nothing(n: int, seen: float) -> None:
    curve = SpeedCurve(100.0, ((1, 10.0),))

    assert corrected(curve, n, seen) is curve


@pytest.mark.parametrize(
    ("recent", "expected"),
    [
        ([6.4, 5.0, 6.0], True),
        ([6.4, 5.0, 6.6], False),
        ([1.0, 1.0], False),
        ([], False),
        ([10.0, 10.0, 1.0], False),
    ],
)
def test_it_is_throttled_when_all_runs_were_slow(recent: list[float], expected: bool) -> None:
    assert is_throttled(SpeedCurve(0.0, ((1, 10.0),)), recent) == expected


def test_an_unknown_machine_is_not_throttled() -> None:
    assert not is_throttled(SpeedCurve(0.0, ()), [0.1] * 5)
