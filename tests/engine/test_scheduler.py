"""The laws of the scheduler, for any number of sequences, any batch and any wishes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.engine.scheduler import Share, schedule

waits = st.lists(st.integers(0, 600), max_size=40)
batches = st.integers(1, 64)
turns = st.integers(0, 1000)


def shares(waiting: list[int]) -> list[Share]:
    return [Share(seq_id, n) for seq_id, n in enumerate(waiting)]


@settings(deadline=None)
@given(waits, batches, turns)
def test_a_batch_is_never_too_large_and_never_smaller_than_it_could_be(
    waiting: list[int], n_batch: int, turn: int
) -> None:
    granted = schedule(shares(waiting), n_batch, turn)
    assert sum(share.n_tokens for share in granted) == min(n_batch, sum(waiting))


@settings(deadline=None)
@given(waits, batches, turns)
def test_nobody_gets_nothing_or_more_than_is_waiting_or_two_shares(
    waiting: list[int], n_batch: int, turn: int
) -> None:
    granted = schedule(shares(waiting), n_batch, turn)
    assert all(1 <= share.n_tokens <= waiting[share.seq_id] for share in granted)
    assert len({share.seq_id for share in granted}) == len(granted)


@settings(deadline=None)
@given(st.data())
def test_everyone_is_served_in_time_whatever_the_others_want(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 30), "sequences")
    n_batch = data.draw(st.integers(1, 12), "n_batch")
    first = data.draw(turns, "first turn")
    served: set[int] = set()
    for turn in range(first, first + -(-n // n_batch)):
        waiting = data.draw(st.lists(st.integers(1, 600), min_size=n, max_size=n), f"turn {turn}")
        served |= {share.seq_id for share in schedule(shares(waiting), n_batch, turn)}
    assert served == set(range(n))


@settings(deadline=None)
@given(waits, batches, turns)
def test_the_same_wishes_get_the_same_shares(waiting: list[int], n_batch: int, turn: int) -> None:
    assert schedule(shares(waiting), n_batch, turn) == schedule(shares(waiting), n_batch, turn)


@pytest.mark.parametrize(
    ("waiting", "n_batch", "granted"),
    [
        ([], 4, []),
        ([0, 0], 4, []),
        ([1, 1, 1], 8, [1, 1, 1]),
        ([1, 500, 1], 32, [1, 30, 1]),
        ([500, 500], 32, [31, 1]),
    ],
    ids=[
        "nobody",
        "nobody waits",
        "all decode",
        "a prompt among answers",
        "two prompts, one after the other",
    ],
)
def test_answers_go_on_while_a_prompt_is_read(waiting: list[int], n_batch: int, granted: list[int]) -> None:
    assert [share.n_tokens for share in schedule(shares(waiting), n_batch, turn=0)] == granted
