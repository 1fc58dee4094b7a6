"""The figures of a report: against known values, and as laws."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.evaluation.figures import (
    difference,
    groups,
    mean,
    paired_interval,
    quantile,
    summary,
    versus,
    wilson,
)
from assistant.evaluation.records import Record


def record(i: int, correct: bool = True, **fields: Any) -> Record:
    return Record.model_validate(
        {"id": f"q{i}", "policy": "p", "correct": correct, "stages": ("direct",), **fields}
    )


@pytest.mark.parametrize(
    ("n_right", "n", "low", "high"),
    [
        (0, 0, 0.0, 1.0),
        (0, 10, 0.0, 0.27753),
        (10, 10, 0.72247, 1.0),
        (81, 263, 0.25530, 0.36621),  # Newcombe (1998), table I
        (15, 148, 0.06238, 0.16057),
        (0, 20, 0.0, 0.16113),
        (1, 29, 0.00611, 0.17177),
        (5, 10, 0.23659, 0.76341),
    ],
)
def test_wilson_against_published_values(n_right: int, n: int, low: float, high: float) -> None:
    assert wilson(n_right, n) == pytest.approx((low, high), abs=2e-4)


@given(st.integers(0, 400), st.integers(1, 400))
def test_wilson_holds_the_share_and_is_symmetric(n_right: int, n: int) -> None:
    n_right = min(n_right, n)
    low, high = wilson(n_right, n)
    assert 0 <= low <= n_right / n <= high <= 1
    assert wilson(n - n_right, n) == pytest.approx((1 - high, 1 - low))


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 100))
def test_the_paired_interval_is_antisymmetric_and_never_a_point(gained: int, lost: int, others: int) -> None:
    n = gained + lost + others
    low, high = paired_interval(gained, lost, n)
    assert -1 <= low < high <= 1
    other_low, other_high = paired_interval(lost, gained, n)
    assert (other_low, other_high) == pytest.approx((-high, -low))
    if gained == lost:
        assert low < 0 < high


def test_the_paired_interval_against_a_known_value() -> None:
    # gained 54, lost 14 of 74: ((54 - 14) / 76) +- 1.96 * sqrt(69 - 40**2 / 76) / 76
    assert paired_interval(54, 14, 74) == pytest.approx((0.3480, 0.7046), abs=1e-3)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0, 1))
def test_quantiles_lie_between_the_ends(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert min(values) <= found <= max(values)
    assert quantile(values, 0) == min(values)
    assert quantile(values, 1) == max(values)


def test_quantiles_and_means() -> None:
    assert quantile([4, 1, 3, 2], 0.5) == 2.5
    assert quantile([1, 2], 0.9) == pytest.approx(1.9)
    assert quantile([], 0.5) == mean([]) == 0.0


def test_a_summary() -> None:
    records = [
        record(0, tokens=100, thinking_tokens=80, seconds=1.0, stages=("draft", "self_consistency")),
        record(1, tokens=50, seconds=3.0, leaked=True),
        record(2, correct=False, tokens=30, seconds=2.0, empty=True),
        record(3, correct=False, error="It died.", stages=()),
    ]
    assert summary(records) == {
        "n": 4,
        "accuracy": 0.5,
        "ci95": [0.15, 0.85],
        "mean_tokens": 60.0,
        "mean_thinking_tokens": 26.67,
        "p50_s": 2.0,
        "p90_s": 2.8,
        "correct": 2,
        "empty": 1,
        "leaked": 1,
        "errors": 1,
        "strategies": {"direct": 2, "draft+self_consistency": 1},
    }
    assert summary([])["accuracy"] == 0.0


def test_two_policies_are_compared_on_the_questions_of_both() -> None:
    ours = [record(i, i < 3, tokens=10) for i in range(4)]
    theirs = [record(i, i < 1, tokens=20) for i in range(1, 6)]
    found = difference(ours, theirs)
    assert (found.n, found.token_ratio) == (3, 0.5)
    assert found.accuracy == pytest.approx(2 / 3)
    assert versus(ours, theirs, "other")["policy"] == "other"
    assert difference(ours, []).token_ratio is None
    assert difference(ours, ours).accuracy == 0.0


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_the_difference_is_that_of_the_accuracies(pairs: list[tuple[bool, bool]]) -> None:
    ours = [record(i, a) for i, (a, _) in enumerate(pairs)]
    theirs = [record(i, b) for i, (_, b) in enumerate(pairs)]
    expected = mean(a for a, _ in pairs) - mean(b for _, b in pairs)
    assert difference(ours, theirs).accuracy == pytest.approx(expected)
    assert difference(theirs, ours).accuracy == pytest.approx(-expected)


def test_groups_by_level_and_by_file() -> None:
    records = [record(i, i % 2 == 0, level=i % 2 + 1, source=f"{i % 3}.jsonl") for i in range(6)]
    found = groups(records)
    assert {k: v["accuracy"] for k, v in found["by_level"].items()} == {"1": 1.0, "2": 0.0}  # type: ignore[index]
    assert list(found["by_file"]) == ["0.jsonl", "1.jsonl", "2.jsonl"]
    assert groups([record(0, level=1, source="a"), record(1, level=1, source="a")]) == {}
