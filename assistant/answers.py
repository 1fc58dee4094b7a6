"""Votes over the answers of several samples: counting them, and when asking further is a waste. Pure.

Answers are compared by a key, a normal form; `extraction` finds an answer in a text and makes its key.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.extraction import (
    AnswerKind,
    confidence_span,
    extract,
    key,
    kind_of,
    normalise,
    options_of,
    same,
)

__all__ = [
    "AnswerKind",
    "Share",
    "agreement",
    "confidence_span",
    "extract",
    "is_decided",
    "is_safe",
    "key",
    "kind_of",
    "leader_certainty",
    "normalise",
    "options_of",
    "same",
    "tally",
]


@dataclass(frozen=True, slots=True)
class Share:
    """One answer and what speaks for it."""

    key: str
    """The answer's normal form."""
    samples: tuple[int, ...]
    """Indices of the samples that gave it."""
    weight: float
    """Sum of their weights."""


def tally(keys: Sequence[str | None], weights: Sequence[float] | None = None) -> list[Share]:
    """Votes by answer, heaviest first; a tie goes to the earlier sample.

    Args:
        keys: each sample's answer; None does not vote.
        weights: each sample's weight, 0 or more; 1 each if left out.

    Raises:
        ValueError: there are not as many weights as answers, or one is negative or no number.
    """
    weights = [1.0] * len(keys) if weights is None else weights
    if len(weights) != len(keys) or not all(weight >= 0 for weight in weights):
        raise ValueError("a vote needs one weight of 0 or more for each answer")
    votes: dict[str, list[int]] = {}
    for i, answer in enumerate(keys):
        if answer is not None:
            votes.setdefault(answer, []).append(i)
    shares = [Share(answer, tuple(who), math.fsum(weights[i] for i in who)) for answer, who in votes.items()]
    return sorted(shares, key=lambda share: (-share.weight, share.samples[0]))


def agreement(shares: Sequence[Share]) -> float:
    """The leader's share of all weight, 0 to 1; 0 without votes."""
    total = math.fsum(share.weight for share in shares)
    return shares[0].weight / total if total > 0 else 0.0


def leader_certainty(shares: Sequence[Share]) -> float:
    """Probability that the leader truly beats the runner-up, 0 to 1; 0 without votes.

    That is P(p > 1/2) for p from Beta(leader + 1, runner-up + 1), on their weights
    (Adaptive-Consistency, arXiv 2305.11860).
    """
    if not shares:
        return 0.0
    runner_up = shares[1].weight if len(shares) > 1 else 0.0
    return _beta_above_half(shares[0].weight + 1, runner_up + 1)


def is_safe(shares: Sequence[Share], n_left: int, max_weight: float = 1.0) -> bool:
    """Whether the samples still to come cannot overturn the leader, even if all agree on another answer.

    Args:
        shares: the vote so far, heaviest first.
        n_left: samples still to come.
        max_weight: the most that one of them can weigh.
    """
    if not shares:
        return False
    runner_up = shares[1].weight if len(shares) > 1 else 0.0
    return shares[0].weight > runner_up + n_left * max_weight


def is_decided(
    shares: Sequence[Share], n_left: int, certainty: float = 0.95, max_weight: float = 1.0
) -> bool:
    """Whether further samples are a waste: the vote is safe, or its leader certain enough (the Beta rule)."""
    return is_safe(shares, n_left, max_weight) or leader_certainty(shares) >= certainty


def _beta_above_half(a: float, b: float) -> float:
    """P(p > 1/2) for p from Beta(a, b), both at least 1.

    The series of the incomplete Beta function at 1/2; each term is less than the one before by a
    factor that falls to 1/2, so it ends soon.
    """
    if a < b:
        return 1.0 - _beta_above_half(b, a)
    term = math.exp(math.lgamma(a + b) - math.lgamma(a + 1) - math.lgamma(b) - (a + b) * math.log(2))
    below, n = 0.0, 0
    while term > 1e-17:
        below += term
        n += 1
        term *= (a + b + n - 1) / (a + n) / 2
    return max(0.0, 1.0 - below)
