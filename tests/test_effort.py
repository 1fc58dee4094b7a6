"""Efforts: what can be said, that it means what it says, and the way up and down."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.effort import EFFORTS, LEVELS, bounds, easier, harder, parse, range_of
from assistant.strategies import STRATEGIES

levels = st.sampled_from(LEVELS)


@pytest.mark.parametrize("effort", EFFORTS)
def test_a_word_stands_for_itself(effort: str) -> None:
    assert parse(f" {effort.upper()} ") == effort


@given(levels, levels)
def test_a_pair_is_its_own_bounds_or_the_word_that_says_the_same(floor: str, ceiling: str) -> None:
    if LEVELS.index(floor) > LEVELS.index(ceiling):
        with pytest.raises(ValueError, match="from the least to the most"):
            parse(f"{floor}..{ceiling}")
        return
    effort = parse(f"{floor} .. {ceiling}")
    assert parse(effort) == effort
    assert bounds(effort) == (floor, ceiling)
    allowed = range_of(effort)
    assert allowed.budget == EFFORTS[ceiling].budget
    assert allowed.floor <= max(allowed.budget, 0)
    assert bool(allowed.floor) == (floor != "direct")


@given(levels, levels, levels)
def test_a_higher_floor_never_allows_less(low: str, high: str, ceiling: str) -> None:
    low, high, ceiling = sorted((low, high, ceiling), key=LEVELS.index)
    assert range_of(parse(f"{low}..{ceiling}")).floor <= range_of(parse(f"{high}..{ceiling}")).floor


@pytest.mark.parametrize("text", ["", "lots", "low..", "..high", "low..auto", "low...high", "1..2"])
def test_anything_else_is_told_what_is_wanted(text: str) -> None:
    with pytest.raises(ValueError, match="must be auto, direct, low, medium, high, max, or two of these"):
        parse(text)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_there_is_a_way_up_or_down_from_every_strategy(strategy: str) -> None:
    ways = {harder(strategy), easier(strategy)} - {None}
    assert ways
    assert all(parse(str(effort)) == effort for effort in ways)


def test_the_way_up_and_down() -> None:
    ladder = ("direct", "draft_agreement", "extended_thinking", "self_consistency")
    assert [harder(strategy) for strategy in ladder] == ["high", "high", "max", None]
    assert [easier(strategy) for strategy in ladder] == [None, "direct", "direct", "high"]
