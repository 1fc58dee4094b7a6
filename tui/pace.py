"""How long to wait before what has come is shown."""

from __future__ import annotations

import time
from collections.abc import Callable

FRAME_S = 1 / 30
"""Events are not shown more often than this, in seconds, however fast they come."""
LONGEST_S = 0.25
"""Nor less often than this, however much work it is."""
SHARE = 4
"""Showing takes at most one of so many parts of the time; the others are the keys'."""


class Pace:
    """Follows how much work showing is, so that it slows down before it slows the app."""

    def __init__(
        self, busy: Callable[[], float] = time.thread_time, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`busy` gives the seconds of work of the thread that paints, `clock` those on the wall."""
        self._busy, self._clock = busy, clock
        self._begun: tuple[float, float] | None = None

    def frame(self) -> None:
        """A frame begins: the work until the next is asked for is its."""
        self._begun = self._busy(), self._clock()

    def wait_s(self) -> float:
        """Seconds to wait before the next frame; what comes seldom is shown at once."""
        if self._begun is None:
            return 0.0
        work_s, since_s = self._busy() - self._begun[0], self._clock() - self._begun[1]
        return min(LONGEST_S, max(0.0, FRAME_S - since_s, SHARE * work_s - since_s))
