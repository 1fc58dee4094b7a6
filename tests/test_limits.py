"""The laws of the limits: more never takes less, and what fits by one measure fits by the other."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.engine.scripted import scripted_model
from assistant.limits import UNKNOWN_TOKENS, Limits, Power, SpeedCurve, limits, monotone
from tests.test_layers import IO_MODULES, loaded_by

SPEEDS = st.floats(0.01, 1e5)
CURVES = st.builds(
    SpeedCurve,
    prefill=st.floats(0, 1e5),
    decode=st.dictionaries(st.integers(1, 64), SPEEDS, max_size=6).map(lambda d: tuple(sorted(d.items()))),
)
MEASURED = CURVES.filter(lambda curve: bool(curve.decode))
N = st.integers(1, 100)
TOKENS = st.integers(0, 1 << 20)
SECONDS = st.floats(0, 1e6)
POWERS = st.builds(
    Power,
    on_battery=st.booleans(),
    percent=st.none() | st.floats(0, 100),
    is_saving=st.booleans(),
)
MAINS = Power(on_battery=False, percent=None, is_saving=False)
ENOUGH = 1 + 1e-9
"""What rounding may add."""


def limited(speed: SpeedCurve, room: int = 1 << 20, n_samples: int = 8) -> Limits:
    return Limits(room, n_samples, 10.0, speed)


@given(curve=CURVES, a=N, b=N)
def test_more_sequences_are_never_slower_together_and_never_faster_each(
    curve: SpeedCurve, a: int, b: int
) -> None:
    few, many = sorted((a, b))
    slow, fast = curve.tokens_per_second(few), curve.tokens_per_second(many)

    assert slow <= fast * ENOUGH
    assert fast / many <= slow / few * ENOUGH


@given(curve=CURVES, n=st.tuples(N, N), n_tokens=st.tuples(TOKENS, TOKENS))
def test_more_takes_longer(curve: SpeedCurve, n: tuple[int, int], n_tokens: tuple[int, int]) -> None:
    its = limited(curve)
    few, many = sorted(n)
    short, long = sorted(n_tokens)

    assert its.seconds(short, few) <= its.seconds(long, few) * ENOUGH
    assert its.seconds(short, few) <= its.seconds(short, many) * ENOUGH


@given(curve=CURVES, n=st.tuples(N, N), seconds=st.tuples(SECONDS, SECONDS))
def test_more_time_is_never_fewer_tokens_and_more_samples_never_more(
    curve: SpeedCurve, n: tuple[int, int], seconds: tuple[float, float]
) -> None:
    its = limited(curve)
    few, many = sorted(n)
    short, long = sorted(seconds)

    assert its.n_tokens(short, few) <= its.n_tokens(long, few)
    assert its.n_tokens(long, many) <= its.n_tokens(long, few) * ENOUGH


@given(curve=MEASURED, n=N, n_tokens=TOKENS)
def test_the_time_of_some_tokens_is_time_for_them(curve: SpeedCurve, n: int, n_tokens: int) -> None:
    its = limited(curve)

    assert its.n_tokens(its.seconds(n_tokens, n), n) == n_tokens


@given(curve=MEASURED, n=N, seconds=SECONDS)
def test_the_tokens_of_some_time_take_no_longer(curve: SpeedCurve, n: int, seconds: float) -> None:
    its = limited(curve)
    n_tokens = its.n_tokens(seconds, n)

    assert its.seconds(n_tokens, n) <= seconds * (1 + 1e-6)


def test_a_measured_point_is_met_and_a_line_drawn_between_two() -> None:
    curve = SpeedCurve(100.0, ((1, 10.0), (2, 18.0), (4, 30.0)))

    assert [curve.tokens_per_second(n) for n in (1, 2, 3, 4, 8)] == [10.0, 18.0, 24.0, 30.0, 30.0]
    assert limited(curve).seconds(100, 4) == pytest.approx(400 / 30)
    assert limited(curve).n_tokens(10.0, 2) == 90


def test_below_the_first_measured_number_each_is_as_fast() -> None:
    assert SpeedCurve(0.0, ((4, 40.0),)).tokens_per_second(1) == 10.0


def test_unknown_speed_limits_nothing() -> None:
    its = limited(SpeedCurve(0.0, ()))

    assert (its.tokens_per_second(4), its.seconds(1000, 4)) == (0.0, 0.0)
    assert its.n_tokens(0.001, 8) == UNKNOWN_TOKENS


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan, math.inf])
def test_a_speed_that_cannot_be_is_unknown(speed: float) -> None:
    assert SpeedCurve(0.0, ((1, speed),)).tokens_per_second() == 0.0
    assert monotone(((0, 5.0), (1, 10.0), (2, speed), (4, 20.0), (3, 1.0))) == ((1, 10.0), (4, 20.0))


@given(curve=CURVES)
def test_smoothing_twice_changes_nothing(curve: SpeedCurve) -> None:
    once = monotone(curve.decode)

    assert dict(monotone(once)) == pytest.approx(dict(once))


@pytest.mark.parametrize(
    ("n_tokens", "n", "does_fit"),
    [(100, 1, True), (101, 1, False), (25, 4, True), (26, 4, False), (1, 5, False), (0, 4, True)],
)
def test_what_fits_has_room_for_all_samples(n_tokens: int, n: int, does_fit: bool) -> None:
    assert limited(SpeedCurve(0.0, ((1, 0.1),)), room=100, n_samples=4).fits(n_tokens, n) == does_fit


@given(
    power=POWERS,
    speed=CURVES,
    n_ctx=st.integers(0, 1 << 20),
    n_ctx_train=st.integers(0, 1 << 20),
    n_prompt=st.integers(0, 1 << 21),
)
def test_room_is_what_the_prompt_leaves(
    power: Power, speed: SpeedCurve, n_ctx: int, n_ctx_train: int, n_prompt: int
) -> None:
    model = replace(scripted_model(n_ctx), n_ctx_train=n_ctx_train)
    its = limits(power, model, speed, 10.0, n_prompt)

    assert 0 <= its.room <= n_ctx
    assert its.room == 0 or its.room + n_prompt < min(n_ctx, n_ctx_train or n_ctx)
    assert its.n_samples == model.n_seq_max


def test_a_model_without_a_known_training_context_has_the_whole_one() -> None:
    model = replace(scripted_model(4096), n_ctx_train=0)

    assert limits(MAINS, model, SpeedCurve(0.0, ()), 10.0, 96).room == 4096 - 96 - 32


@given(power=POWERS, speed=CURVES, times=st.tuples(SECONDS, SECONDS), n=N)
def test_who_waits_longer_never_has_fewer_tokens(
    power: Power, speed: SpeedCurve, times: tuple[float, float], n: int
) -> None:
    short, long = (limits(power, scripted_model(), speed, time_s, 0) for time_s in sorted(times))

    assert short.patience_s <= long.patience_s
    assert short.n_tokens(short.patience_s, n) <= long.n_tokens(long.patience_s, n)


@given(power=POWERS, time_s=SECONDS)
def test_power_never_adds_time_and_tells_what_it_takes(power: Power, time_s: float) -> None:
    its = limits(power, scripted_model(), SpeedCurve(0.0, ()), time_s, 0)

    assert min(time_s, 2.0) <= its.patience_s <= time_s
    assert bool(its.note) == (its.patience_s < time_s)


@pytest.mark.parametrize(
    ("power", "time_s", "patience_s", "note"),
    [
        (MAINS, 30.0, 30.0, ""),
        (Power(False, 10.0, False), 30.0, 30.0, ""),
        (Power(True, 80.0, False), 30.0, 15.0, "on battery: half the time"),
        (Power(True, None, False), 30.0, 15.0, "on battery: half the time"),
        (Power(True, 20.0, False), 30.0, 15.0, "on battery: half the time"),
        (Power(True, 19.9, False), 30.0, 7.5, "battery at 19 %: a quarter of the time"),
        (Power(True, 80.0, True), 30.0, 7.5, "saving power: a quarter of the time"),
        (Power(False, None, True), 30.0, 7.5, "saving power: a quarter of the time"),
        (Power(True, 5.0, False), 6.0, 2.0, "battery at 5 %: 2 s"),
        (Power(True, 5.0, False), 1.5, 1.5, ""),
        (Power(True, 5.0, False), -1.0, 0.0, ""),
    ],
)
def test_patience(power: Power, time_s: float, patience_s: float, note: str) -> None:
    its = limits(power, scripted_model(), SpeedCurve(0.0, ()), time_s, 0)

    assert (its.patience_s, its.note) == (patience_s, note)


def test_a_machine_that_is_slower_than_it_was_gets_half_the_time() -> None:
    its = limits(MAINS, scripted_model(), SpeedCurve(0.0, ()), 30.0, 0, is_slowed=True)

    assert (its.patience_s, its.note) == (15.0, "slower than usual: half the time")
    saving = limits(Power(True, 5.0, False), scripted_model(), SpeedCurve(0.0, ()), 30.0, 0, is_slowed=True)
    assert saving.note == "battery at 5 %: a quarter of the time"


def test_limits_load_nothing_that_does_io() -> None:
    assert not (loaded_by("assistant.limits") - loaded_by("assistant.events")) & {*IO_MODULES, "psutil"}
