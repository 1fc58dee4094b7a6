"""How hard to try: levels, and a least and a most of them. Pure.

An effort is `auto`, a level, or two levels as in `low..high`: the least and the most of what Mull then
chooses for each query.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

LEVELS = ("direct", "low", "medium", "high", "max")
"""From the least to the most."""

SEPARATOR = ".."


@dataclass(frozen=True, slots=True)
class Range:
    """What an effort allows."""

    budget: int
    """Most thinking tokens of one sample."""
    n_samples: int
    """Most samples of a vote; 1 never votes."""
    floor: int = 0
    """Thinking tokens that are allowed at least, even where thinking does not seem to be needed; 0 leaves
    it to the query."""


EFFORTS: dict[str, Range] = {
    "direct": Range(0, 1),
    "low": Range(256, 1),
    "auto": Range(4096, 8),
    "medium": Range(1024, 4),
    "high": Range(4096, 8, floor=1024),
    "max": Range(16384, 16, floor=1024),
}

_FLOORS = {"direct": 0, "low": 256, "medium": 512, "high": 1024}
_SAME = {
    **{f"direct..{level}": level for level in ("direct", "low", "medium")},
    **{f"{level}..{level}": level for level in ("high", "max")},
    "direct..high": "auto",
}
"""Pairs that a single word says."""


def parse(text: str) -> str:
    """The effort that `text` names, in its shortest form.

    Raises:
        ValueError: it names none; the message says what is wanted, as in "must be ...".
    """
    words = text.strip().lower()
    if words in EFFORTS:
        return words
    floor, separator, ceiling = (part.strip() for part in words.partition(SEPARATOR))
    if not separator or floor not in LEVELS or ceiling not in LEVELS:
        raise ValueError(f"must be auto, {', '.join(LEVELS)}, or two of these as in low..high")
    if LEVELS.index(floor) > LEVELS.index(ceiling):
        raise ValueError(f"must go from the least to the most, as in {ceiling}..{floor}")
    pair = f"{floor}{SEPARATOR}{ceiling}"
    return _SAME.get(pair, pair)


def bounds(effort: str) -> tuple[str, str]:
    """The least and the most level of an effort that `parse` gave."""
    if SEPARATOR in effort:
        floor, _, ceiling = effort.partition(SEPARATOR)
        return floor, ceiling
    if effort == "auto":
        return "direct", "high"
    return (effort if effort in ("high", "max") else "direct"), effort


def range_of(effort: str) -> Range:
    """What an effort that `parse` gave allows."""
    if SEPARATOR not in effort:
        return EFFORTS[effort]
    floor, ceiling = bounds(effort)
    return replace(EFFORTS[ceiling], floor=_FLOORS[floor])


_LADDER = (
    ("direct", ("direct", "draft_agreement")),
    ("high", ("extended_thinking", "chain_of_thought", "self_refine")),
    ("max", ("self_consistency", "best_of_n", "beam_search")),
)


def harder(strategy: str) -> str | None:
    """The effort that does more than this strategy; None where nothing does."""
    return next((more for (_, now), (more, _) in pairwise(_LADDER) if strategy in now), None)


def easier(strategy: str) -> str | None:
    """The effort that does less than this strategy; None where nothing does."""
    if strategy == "draft_agreement":
        return "direct"
    return next((less for (less, _), (_, now) in pairwise(_LADDER) if strategy in now), None)
