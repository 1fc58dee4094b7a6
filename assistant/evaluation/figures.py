"""The figures of a report, from its records: pure.

Shares and differences of shares are 0 to 1; intervals hold with 95 %.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from assistant.evaluation.records import Record

Z_95 = 1.959963984540054
"""Of a normal distribution's mass, 95 % lie within so many standard deviations."""

Interval = tuple[float, float]


def wilson(n_right: int, n: int) -> Interval:
    """Wilson's interval for a share; without any trial it is (0, 1)."""
    if n == 0:
        return (0.0, 1.0)
    share, z2 = n_right / n, Z_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    # the ends are exact in theory, and rounding must not make them miss the share
    return (max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share)))


def paired_interval(n_gained: int, n_lost: int, n: int) -> Interval:
    """Interval of the difference (gained - lost) / n between two policies on the same questions.

    Agresti and Min's (2005): Wald's with two questions added, so it is sound for few differing pairs.

    Args:
        n_gained: questions that only the policy got right.
        n_lost: questions that only the other got right.
        n: all questions that both were asked.
    """
    difference, total = n_gained - n_lost, n + 2
    middle = difference / total
    variance = (n_gained + n_lost + 1 - difference * difference / total) / (total * total)
    half = Z_95 * math.sqrt(max(variance, 0.0))
    return (max(-1.0, middle - half), min(1.0, middle + half))


def mean(values: Iterable[float]) -> float:
    """The arithmetic mean; 0 of nothing."""
    listed = list(values)
    return math.fsum(listed) / len(listed) if listed else 0.0


def quantile(values: Iterable[float], share: float) -> float:
    """The value below which `share` of all lie, between two neighbours linearly; 0 of nothing."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


@dataclass(frozen=True, slots=True)
class Difference:
    """One policy against another, on the questions that both were asked."""

    accuracy: float
    ci95: Interval
    token_ratio: float | None
    """Mean tokens over the other's; None where the other's are 0."""
    n: int
    """Questions compared."""


def difference(records: Sequence[Record], other: Sequence[Record]) -> Difference:
    """How `records` do against those of another policy."""
    by_id = {record.id: record for record in other}
    pairs = [(record, by_id[record.id]) for record in records if record.id in by_id]
    gained = sum(a.correct and not b.correct for a, b in pairs)
    lost = sum(b.correct and not a.correct for a, b in pairs)
    answered = [(a, b) for a, b in pairs if not a.error and not b.error]
    theirs = mean(b.tokens for _, b in answered)
    return Difference(
        accuracy=(gained - lost) / len(pairs) if pairs else 0.0,
        ci95=paired_interval(gained, lost, len(pairs)),
        token_ratio=mean(a.tokens for a, _ in answered) / theirs if theirs else None,
        n=len(pairs),
    )


def summary(records: Sequence[Record]) -> dict[str, object]:
    """The figures of one policy, ready for JSON.

    An error counts as a wrong answer; means and quantiles are over the answers that there are.
    """
    answered = [record for record in records if not record.error]
    n, n_right = len(records), sum(record.correct for record in records)
    return {
        "n": n,
        "accuracy": _rounded(n_right / n if n else 0.0),
        "ci95": [_rounded(end) for end in wilson(n_right, n)],
        "mean_tokens": _rounded(mean(record.tokens for record in answered), 2),
        "mean_thinking_tokens": _rounded(mean(record.thinking_tokens for record in answered), 2),
        "p50_s": _rounded(quantile((record.seconds for record in answered), 0.5), 3),
        "p90_s": _rounded(quantile((record.seconds for record in answered), 0.9), 3),
        "correct": n_right,
        "empty": sum(record.empty for record in answered),
        "leaked": sum(record.leaked for record in answered),
        "errors": n - len(answered),
        "strategies": dict(Counter("+".join(record.stages) for record in answered).most_common()),
    }


def versus(records: Sequence[Record], other: Sequence[Record], name: str) -> dict[str, object]:
    """The difference to another policy, ready for JSON; `name` is the other's."""
    found = difference(records, other)
    return {
        "policy": name,
        "n": found.n,
        "accuracy": _rounded(found.accuracy),
        "ci95": [_rounded(end) for end in found.ci95],
        "token_ratio": None if found.token_ratio is None else _rounded(found.token_ratio),
    }


def groups(records: Sequence[Record]) -> dict[str, dict[str, object]]:
    """Short figures by level and by file, under "by_level" and "by_file"; one group alone is left out."""
    by_level = _grouped({r.id: str(r.level) for r in records if r.level is not None}, records)
    by_file = _grouped({r.id: r.source for r in records if r.source}, records)
    return {
        **({"by_level": by_level} if len(by_level) > 1 else {}),
        **({"by_file": by_file} if len(by_file) > 1 else {}),
    }


def _grouped(keys: Mapping[str, str], records: Sequence[Record]) -> dict[str, object]:
    found: dict[str, list[Record]] = {}
    for record in records:
        if record.id in keys:
            found.setdefault(keys[record.id], []).append(record)
    names = ("n", "accuracy", "ci95", "mean_tokens", "mean_thinking_tokens")
    return {
        key: {name: value for name, value in summary(found[key]).items() if name in names}
        for key in sorted(found)
    }


def _rounded(value: float, digits: int = 4) -> float:
    return round(value, digits)
