"""Tokens per second while they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

WINDOW_S = 3.0
"""How far back the speed looks, in seconds."""


class Speed:
    """Tokens per second over the last few seconds, from a counter that is told now and then."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def reset(self) -> None:
        """Forget what was seen."""
        self._seen.clear()

    def update(self, n_tokens: int, now: float | None = None) -> float:
        """The speed, now that the counter stands at `n_tokens`; 0 until it is known.

        `now` is in seconds, where another clock than this object's own says when that was.
        """
        now = self._clock() if now is None else now
        if self._seen and n_tokens < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((now, n_tokens))
        while len(self._seen) > 2 and now - self._seen[0][0] > WINDOW_S:
            self._seen.popleft()
        since, before = self._seen[0]
        return (n_tokens - before) / (now - since) if now > since else 0.0
