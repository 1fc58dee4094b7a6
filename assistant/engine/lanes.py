"""Runs side by side in one batch, in step with each other.

A run is ordinary code that calls `step` and waits for its events. To let several wait for the same step,
each has a thread, of which only one moves at a time: whoever has all it waits for. The batch computes
when all stand still, so every run sees each step's events before the next, as it would alone. Nothing
is ever done at the same time, and nothing needs a lock but the hand-over itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from threading import Semaphore, Thread
from typing import Generic, TypeVar

from assistant.engine.protocol import Batch
from assistant.engine.shared import SharedBatch
from assistant.errors import EngineError, MullError

T = TypeVar("T")
Job = Callable[[Batch], T]


class _Cancelled(BaseException):
    """Ends a run that stands still; nothing but the lane catches it."""


class _Lane(Generic[T]):
    """A thread that runs one job while everybody else waits."""

    def __init__(self, shared: SharedBatch, index: int, job: Job[T]) -> None:
        self.index = index
        self.view = shared.view(self._stand_still)
        self.is_over = False
        self.outcome: T | MullError | None = None
        self._job = job
        self._go, self._back = Semaphore(0), Semaphore(0)
        self._is_out = False
        """Whether the lane moves, or has come back and the other side does not know yet."""
        self._order: BaseException | None = None
        self._surprise: BaseException | None = None
        self._thread = Thread(target=self._main, name=f"lane {index}", daemon=True)
        self._thread.start()

    def move(self, order: BaseException | None = None) -> None:
        """Let it run until it stands still or is over; `order` is raised where it stands.

        Raises:
            BaseException: a mistake in the job that is no error of Mull's.
        """
        self._order = order
        self._is_out = True
        self._go.release()
        self._await()
        if self._surprise is not None:
            raise self._surprise

    def cancel(self) -> None:
        """End it where it stands."""
        if self._is_out:  # an interrupt came while the lane moved
            self._await()
        if not self.is_over:
            self._order = _Cancelled()
            self._is_out = True
            self._go.release()
            self._await()
        self._thread.join()

    def _await(self) -> None:
        self._back.acquire()
        self._is_out = False

    def _stand_still(self) -> None:
        self._back.release()
        self._go.acquire()
        order, self._order = self._order, None
        if order is not None:
            raise order

    def _main(self) -> None:
        self._go.acquire()
        try:
            if self._order is None:
                self.outcome = self._job(self.view)
        except MullError as error:
            self.outcome = error
        except _Cancelled:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised on the other side
            self._surprise = error
        finally:
            try:
                self.view.close()
            except MullError as error:
                self.outcome = self.outcome or error
            self.is_over = True
            self._back.release()


def side_by_side(shared: SharedBatch, jobs: Iterable[Job[T]], n: int) -> Iterator[tuple[int, T | MullError]]:
    """Run jobs, at most `n` at a time, and yield what each returns, or its error, with the job's index.

    Closing the iterator ends the jobs that still run.

    Raises:
        EngineError: the batch is lost, and with it the jobs that were running.
    """
    waiting = enumerate(jobs)
    lanes: list[_Lane[T]] = []
    try:
        while True:
            while len(lanes) < n and (more := next(waiting, None)) is not None:
                lanes.append(_Lane(shared, *more))
            if not lanes:
                return
            ready = [lane for lane in lanes if lane.view.is_ready]
            if not ready and not shared.pump() and not any(lane.view.is_ready for lane in lanes):
                # those that wait for slots would wait forever: the newest must do without
                lanes[-1].move(EngineError("No sequence is free.", "Ask for fewer samples at a time."))
                ready = []
            for lane in ready:
                # an earlier one may have taken what this one waited for
                if lane.view.is_ready:
                    lane.move()
            for lane in [lane for lane in lanes if lane.is_over]:
                lanes.remove(lane)
                assert lane.outcome is not None
                yield lane.index, lane.outcome
    finally:
        for lane in lanes:
            lane.cancel()
