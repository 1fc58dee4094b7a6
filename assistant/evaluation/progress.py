"""How far an evaluation is, on standard error: a bar for a person, a line now and then for a file."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from assistant.evaluation.runner import Progress as News

_EVERY_S = 10.0


class Lines:
    """A line every ten seconds at most.

    Args:
        err: where it goes.
        clock: seconds that only grow.
    """

    def __init__(self, err: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._err = err
        self._clock = clock
        self._said_s = float("-inf")
        self._began_s = 0.0

    def __call__(self, news: News) -> None:
        """Say it, if it is time or the policy is done."""
        now = self._clock()
        is_first = news.n_done == news.n_kept
        if is_first:
            self._began_s = now
        is_last = news.n_done == news.n_items
        if now - self._said_s < _EVERY_S and not (is_last and not is_first):
            return
        self._said_s = now
        done = f"{_name(news)}: {news.n_done} of {news.n_items}"
        left = _left(news, now - self._began_s)
        self._err.write(f"{done}{_right(news)}{left}\n")
        self._err.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""


class Bar:
    """A bar with the time left for each policy."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[right]}"),
            TimeRemainingColumn(),
            console=console,
        )
        self._tasks: dict[tuple[int, str], TaskID] = {}

    def __call__(self, news: News) -> None:
        """Move the policy's bar."""
        key = (news.step, news.policy)
        if key not in self._tasks:
            self._tasks[key] = self._progress.add_task(_name(news), total=news.n_items, right="")
        self._progress.update(self._tasks[key], completed=news.n_done, right=_right(news).strip(", "))

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


def _name(news: News) -> str:
    return f"{news.policy} ({news.step}/{news.n_steps})"


def _right(news: News) -> str:
    return f", {news.n_right / news.n_done:.0%} right" if news.n_done else ""


def _left(news: News, seconds: float) -> str:
    """The time left, from the questions finished in this run."""
    n_new = news.n_done - news.n_kept
    if n_new <= 0 or news.n_done == news.n_items:
        return ""
    left_s = round(seconds / n_new * (news.n_items - news.n_done))
    hours, minutes = left_s // 3600, left_s // 60 % 60
    clock = f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{left_s} s"
    return f", about {clock} left"
