"""Laws of voting."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.answers import Share, agreement, is_decided, is_safe, leader_certainty, tally

KEYS = st.lists(st.sampled_from(["9", "12", "x", None]), max_size=12)


def counts(leader: int, runner_up: int) -> list[Share]:
    """A vote with these counts."""
    return tally(["a"] * leader + ["b"] * runner_up)


@given(KEYS, st.data())
def test_the_weights_of_a_vote_are_those_of_its_voters(keys: list[str | None], data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.floats(0, 5), min_size=len(keys), max_size=len(keys)))
    shares = tally(keys, weights)
    voters = [weight for key, weight in zip(keys, weights, strict=True) if key is not None]
    assert math.fsum(share.weight for share in shares) == pytest.approx(math.fsum(voters))
    assert sorted(i for share in shares for i in share.samples) == [
        i for i, key in enumerate(keys) if key is not None
    ]
    assert [share.weight for share in shares] == sorted((s.weight for s in shares), reverse=True)
    assert 0 <= agreement(shares) <= 1 + 1e-12


def test_a_tie_goes_to_the_earlier_sample() -> None:
    assert [share.key for share in tally(["b", "a", "a", "b"])] == ["b", "a"]


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [1.0, math.nan]])
def test_wrong_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="one weight"):
        tally(["a", "b"], weights)


@given(KEYS, KEYS)
def test_a_safe_vote_cannot_be_overturned(keys: list[str | None], later: list[str | None]) -> None:
    shares = tally(keys)
    if is_safe(shares, len(later)):
        assert tally([*keys, *later])[0].key == shares[0].key


@given(st.integers(0, 40), st.integers(0, 40))
def test_certainty_is_the_exact_binomial_tail(leader: int, runner_up: int) -> None:
    if leader < runner_up or leader == 0:
        return
    n = leader + runner_up + 1
    exact = sum(math.comb(n, k) for k in range(leader + 1)) / 2**n
    assert leader_certainty(counts(leader, runner_up)) == pytest.approx(exact, abs=1e-12)


@given(st.floats(0, 200), st.floats(0, 200), st.floats(0, 5))
def test_more_for_the_leader_is_never_less_certain(leader: float, runner_up: float, more: float) -> None:
    leader = max(leader, runner_up)
    before = leader_certainty([Share("a", (0,), leader), Share("b", (1,), runner_up)])
    after = leader_certainty([Share("a", (0,), leader + more), Share("b", (1,), runner_up)])
    assert 0 <= before <= after + 1e-12 <= 1 + 1e-11


@pytest.mark.parametrize(
    ("leader", "runner_up", "decided"),
    [(3, 0, False), (4, 0, True), (6, 1, True), (7, 2, False), (9, 3, True), (0, 0, False)],
)
def test_the_beta_rule(leader: int, runner_up: int, decided: bool) -> None:
    assert is_decided(counts(leader, runner_up), n_left=40) is decided
