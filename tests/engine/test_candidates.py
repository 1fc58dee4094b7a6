"""The few candidates against the whole vocabulary, softmax in double precision."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.engine.candidates import Candidates, has_penalties, n_needed
from assistant.engine.protocol import Sampling

Row = npt.NDArray[np.float32]


def naive_logprobs(logits: Row) -> npt.NDArray[np.float64]:
    """Log-softmax of the whole row."""
    exact = logits.astype(np.float64)
    top = float(exact.max())
    exact -= top + math.log(float(np.exp(exact - top).sum()))
    return exact


def naive_confidence(logits: Row) -> float:
    """Mean negative log-probability of the 20 likeliest of the tokens that are possible at all."""
    logprobs = naive_logprobs(logits)
    best = np.sort(logprobs[np.isfinite(logprobs)])[::-1][:20]
    return -float(best.mean())


def assert_agrees(logits: Row, n_least: int) -> None:
    """Gather from a row and compare with the definition."""
    candidates = Candidates(len(logits))
    n = candidates.gather(logits, n_least)
    kept = candidates.array["id"][:n]
    assert n >= min(n_least, len(logits))
    assert len(set(kept.tolist())) == n, "a token is there twice"
    np.testing.assert_array_equal(candidates.array["logit"][:n], logits[kept])
    best_left_out = np.delete(logits, kept).max(initial=-np.inf)
    kth_best = np.sort(logits)[::-1][min(n_least, len(logits)) - 1]
    assert best_left_out <= kth_best, "one of the likeliest tokens was left out"
    if n < len(logits):
        assert best_left_out <= logits[kept].min()
    expected = naive_logprobs(logits)
    for token in {int(logits.argmax()), int(kept[0]), int(kept[-1])}:
        if np.isfinite(logits[token]):
            assert candidates.logprob(float(logits[token])) == pytest.approx(expected[token], abs=1e-3)
    assert candidates.confidence == pytest.approx(naive_confidence(logits), abs=1e-3)


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_vocab=st.integers(1, 3000),
    scale=st.floats(0.0, 30.0),
    shift=st.floats(-50.0, 50.0),
    n_least=st.integers(1, 200),
    banned=st.floats(0.0, 0.99),
)
def test_any_row(seed: int, n_vocab: int, scale: float, shift: float, n_least: int, banned: float) -> None:
    rng = np.random.default_rng(seed)
    logits = (rng.standard_normal(n_vocab) * scale + shift).astype(np.float32)
    logits[1:][rng.random(n_vocab - 1) < banned] = -np.inf
    assert_agrees(logits, n_least)


@settings(deadline=None)
@given(st.lists(st.floats(-60, 60, width=32), min_size=1, max_size=25), st.integers(1, 30))
def test_tiny_vocabularies(values: list[float], n_least: int) -> None:
    assert_agrees(np.array(values, dtype=np.float32), n_least)


def with_one_huge(n_vocab: int, logit: float) -> Row:
    logits = np.linspace(-8, 0, n_vocab, dtype=np.float32)
    logits[n_vocab // 2] = logit
    return logits


def all_banned_but(n_vocab: int, n_left: int) -> Row:
    logits = np.full(n_vocab, -np.inf, dtype=np.float32)
    logits[:n_left] = np.arange(n_left, dtype=np.float32)
    return logits


@pytest.mark.parametrize("n_least", [1, 40, 5000])
@pytest.mark.parametrize(
    "logits",
    [
        np.zeros(1000, dtype=np.float32),
        with_one_huge(1000, 30.0),
        with_one_huge(1000, 400.0),
        all_banned_but(1000, 1),
        all_banned_but(1000, 7),
        all_banned_but(1000, 25),
        np.zeros(1, dtype=np.float32),
    ],
    ids=["all equal", "one large", "one huge", "one left", "seven left", "twenty-five left", "one token"],
)
def test_odd_rows(logits: Row, n_least: int) -> None:
    assert_agrees(logits, n_least)


def test_a_surer_row_has_the_higher_confidence() -> None:
    candidates = Candidates(1000)
    confidences = []
    for logit in (0.0, 5.0, 10.0, 20.0, 30.0):
        candidates.gather(with_one_huge(1000, logit), 40)
        confidences.append(candidates.confidence)
    assert confidences == sorted(confidences)


def test_the_array_is_used_again() -> None:
    candidates = Candidates(50)
    candidates.gather(np.zeros(50, dtype=np.float32), 1)
    logits = with_one_huge(50, 60.0)
    n = candidates.gather(logits, 1)
    gathered = {int(row["id"]): float(row["logit"]) for row in candidates.array[:n]}
    assert gathered == dict(enumerate(logits.tolist()))


@pytest.mark.parametrize(
    ("sampling", "n"),
    [
        (Sampling(top_k=40), 40),
        (Sampling(top_k=0), 1000),
        (Sampling(top_k=5000), 1000),
        (Sampling(temperature=0), 1),
        (Sampling(top_k=40, repeat_penalty=1.1), 104),
        (Sampling(temperature=0, presence_penalty=0.5, penalty_last_n=10), 11),
        (Sampling(top_k=40, frequency_penalty=0.5, penalty_last_n=-1), 1000),
        (Sampling(top_k=40, repeat_penalty=1.1, penalty_last_n=0), 40),
        (Sampling(top_k=40, penalty_last_n=-1), 40),
    ],
)
def test_how_many_candidates_a_chain_needs(sampling: Sampling, n: int) -> None:
    assert n_needed(sampling, n_vocab=1000) == n


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_penalised=st.integers(1, 30),
    top_k=st.integers(1, 20),
    penalty=st.floats(0.0, 10.0),
)
def test_the_likeliest_after_penalties_are_among_those_needed_before(
    seed: int, n_penalised: int, top_k: int, penalty: float
) -> None:
    rng = np.random.default_rng(seed)
    logits = (rng.standard_normal(300) * 5).astype(np.float32)
    sampling = Sampling(top_k=top_k, presence_penalty=penalty, penalty_last_n=n_penalised)
    candidates = Candidates(300)
    n = candidates.gather(logits, n_needed(sampling, 300))
    penalised = logits.copy()
    if has_penalties(sampling):
        penalised[rng.choice(300, n_penalised, replace=False)] -= np.float32(penalty)
    wanted = set(np.argsort(penalised)[::-1][:top_k].tolist())
    assert wanted <= set(candidates.array["id"][:n].tolist())
