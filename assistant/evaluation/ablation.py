"""The honest comparison: which fixed thinking budget costs as much as `auto` on the same questions. Pure.

A question that was thought about for n tokens under a large budget is thought about for min(n, K) under a
smaller one, so the runs with one budget tell what every smaller one would cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assistant.evaluation.figures import mean
from assistant.evaluation.records import Record

NEAR = 0.05
"""Mean tokens that differ by no more than this share are the same cost."""
_CUT = 0.9
"""A thinking of this share of its budget was cut by it: the budget ends it softly, a little early."""
_MOST = 1 << 16


def pilot(max_tokens: int) -> int:
    """The budget to look at the lengths with, where no fixed budget was run."""
    return max(2048, max_tokens)


def is_near(tokens: float, goal: float) -> bool:
    """Whether two means of tokens are the same cost."""
    return abs(tokens - goal) <= NEAR * goal


def first_budget(runs: Mapping[int, Sequence[Record]], goal: float) -> int:
    """The budget whose mean tokens should be nearest to `goal`.

    Args:
        runs: records by the fixed budget that they were made with, at least one.
        goal: mean tokens a question.
    """
    # the largest budget has cut fewest thoughts, so it tells most
    budget = max(runs)
    return next_budget(budget, runs[budget], goal)


def next_budget(budget: int, records: Sequence[Record], goal: float) -> int:
    """A budget nearer to `goal` mean tokens, from a run with `budget`; the same where there is none.

    A smaller one follows from the run. For a larger one, those that were cut are taken to think on
    to the new limit.
    """
    answered = [record for record in records if not record.error]
    if not answered:
        return budget
    tokens = mean(record.tokens for record in answered)
    if is_near(tokens, goal):
        return budget
    if tokens < goal:
        n_cut = sum(record.thinking_tokens >= _CUT * budget for record in answered)
        if not n_cut or not budget:
            return budget
        return min(_MOST, budget + max(1, round((goal - tokens) * len(answered) / n_cut)))
    low, high = 0, budget
    while low < high:  # the cost grows with the limit: find the first that is not below the goal
        middle = (low + high) // 2
        if _cost(answered, middle) < goal:
            low = middle + 1
        else:
            high = middle
    return min((max(low - 1, 0), low), key=lambda k: abs(_cost(answered, k) - goal))


def _cost(records: Sequence[Record], limit: int) -> float:
    """Mean tokens if nobody had thought longer than `limit`."""
    return mean(r.tokens - r.thinking_tokens + min(r.thinking_tokens, limit) for r in records)
