"""What runs teach of a speed, and when a machine counts as slowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.hardware.speed import corrected, is_throttled, with_point
from assistant.limits import SpeedCurve, monotone

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


@given(curve=CURVES.filter(lambda curve: bool(curve.decode)), n=st.floats(1, 16))
def test_a_speed_as_expected_corrects_nothing(curve: SpeedCurve, n: float) -> None:
    new = corrected(curve, n, curve.tokens_per_second(n))

    for each in range(1, 17):
        assert new.tokens_per_second(each) == pytest.approx(curve.tokens_per_second(each))


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


@given(curve=CURVES, n=st.integers(1, 16), speed=st.floats(0.1, 1000))
def test_a_measured_point_stands_and_the_others_give_way(curve: SpeedCurve, n: int, speed: float) -> None:
    new = with_point(curve, n, speed)

    assert dict(new.decode)[n] == pytest.approx(speed)
    assert dict(monotone(new.decode)) == pytest.approx(dict(new.decode))


def test_what_was_never_seen_is_not_known() -> None:
    seen = SpeedCurve(0.0, ((1, 10.0), (4, 30.0)))
    assert [seen.is_known(n) for n in (1, 3, 4, 5)] == [True, True, True, False]
    assert not SpeedCurve(0.0, ()).is_known()
    assert not SpeedCurve(0.0, ((1, 10.0),), is_expected=True).is_known()
