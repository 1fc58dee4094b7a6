"""Frames come as often as they are cheap."""

from __future__ import annotations

from assistant.tui.pace import FRAME_S, LONGEST_S, SHARE, Pace
from hypothesis import given
from hypothesis import strategies as st


@given(st.floats(0, 10), st.floats(0, 1e6), st.floats(0, 10))
def test_showing_takes_no_more_than_its_share(work_s: float, start_s: float, others_s: float) -> None:
    busy = iter((start_s, start_s + work_s))
    clock = iter((start_s, start_s + work_s + others_s))
    pace = Pace(lambda: next(busy), lambda: next(clock))
    pace.frame()
    wait_s = pace.wait_s()
    assert 0 <= wait_s <= LONGEST_S
    assert work_s + others_s + wait_s >= FRAME_S * 0.999
    assert wait_s == LONGEST_S or work_s + others_s + wait_s >= SHARE * work_s * 0.999


def test_the_first_frame_comes_at_once() -> None:
    assert Pace(lambda: 100.0, lambda: 100.0).wait_s() == 0


def test_work_of_long_ago_delays_nothing() -> None:
    clock = iter((0.0, 60.0))
    busy = iter((0.0, 1.0))
    pace = Pace(lambda: next(busy), lambda: next(clock))
    pace.frame()
    assert pace.wait_s() == 0
