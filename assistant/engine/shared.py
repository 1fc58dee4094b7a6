"""One batch that several runs share: each has a view that looks like a batch of its own.

Views wait for two things, events and free slots. Slots are given as a banker lends: only if everyone
could still get what it may claim and finish, so runs that each hold some and want more never block
each other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from assistant.engine.protocol import Batch, Finished, Request, SequenceEvent, ThinkingBudget
from assistant.errors import EngineError


class SharedBatch:
    """Views onto one batch.

    Args:
        batch: what computes; it stays the caller's to close.
        n_slots: sequences that it can hold.
        claim: sequences that one view may need at a time; one that asks for more may have to wait until
            the others are gone.
    """

    def __init__(self, batch: Batch, n_slots: int, claim: int) -> None:
        self.batch = batch
        self.n_slots = n_slots
        self.claim = min(claim, n_slots)
        self.n_stalls = 0
        """How often the batch had nothing to do, or was interrupted."""
        self._views: list[View] = []
        self._owners: dict[int, View] = {}

    def view(self, pause: Callable[[], None] | None = None) -> View:
        """A batch for one run.

        Args:
            pause: what it does while it waits, such as to let other runs go on; left out, it pumps.
        """
        view = View(self, pause)
        self._views.append(view)
        return view

    def pump(self) -> bool:
        """Compute one step and give every view its events; False if there were none.

        Raises:
            EngineError: the engine failed; the batch is lost for all.
        """
        # nobody waits longer for an event than it agreed to
        patience_s = [view.patience_s for view in self._views if view.is_waiting and not view.wants_slots]
        events = self.batch.step(min(patience_s, default=0.0))
        if not events:
            self.n_stalls += 1
            return False
        by_view: dict[View, list[SequenceEvent]] = {}
        for event in events:
            if (owner := self._owners.get(event.seq_id)) is not None:
                by_view.setdefault(owner, []).append(event)
        for view, its in by_view.items():
            view.receive(its)
        return True

    def may_grant(self, view: View, n: int) -> bool:
        """Whether a view may have `n` more sequences now, without a risk that someone waits forever."""
        is_first_come = view.n_held > 0 or not any(
            other.wants_slots for other in self._views[: self._views.index(view)]
        )
        held = [(each.n_held + (n if each is view else 0)) for each in self._views]
        free = self.n_slots - sum(held)
        claims = [max(self.claim, n_held) for n_held in held]
        return is_first_come and can_all_finish(held, claims, free)

    def own(self, seq_id: int, view: View) -> None:
        """Remember whose sequence this is."""
        self._owners[seq_id] = view

    def disown(self, seq_id: int) -> None:
        """Forget a sequence."""
        self._owners.pop(seq_id, None)

    def leave(self, view: View) -> None:
        """Forget a view."""
        if view in self._views:
            self._views.remove(view)


def can_all_finish(held: Sequence[int], claims: Sequence[int], free: int) -> bool:
    """Whether there is an order in which everyone gets what it may claim, ends, and gives all back.

    Args:
        held: slots that each has.
        claims: slots that each may want in all, not less than it has.
        free: slots that nobody has; a negative number can't be given out.
    """
    if free < 0:
        return False
    # with one kind of thing to lend, whoever lacks least can always go first
    for n_held, claim in sorted(zip(held, claims, strict=True), key=lambda pair: pair[1] - pair[0]):
        if n_held and claim - n_held > free:
            return False
        free += n_held
    return True


class View:
    """A run's part of a shared batch; a `Batch` itself."""

    def __init__(self, shared: SharedBatch, pause: Callable[[], None] | None) -> None:
        self._shared = shared
        self._pause = pause
        self._queue: deque[list[SequenceEvent]] = deque()
        self._sequences: dict[int, bool] = {}
        """Those of this run: whether each is still being computed."""
        self._held: set[int] = set()
        self._is_met: Callable[[], bool] | None = None
        """What it waits for."""
        self.wants_slots = False
        """Whether it waits for free slots."""
        self.patience_s = 0.0
        """What its last step was given."""

    @property
    def n_held(self) -> int:
        """Sequences that this run has."""
        return len(self._sequences)

    @property
    def is_waiting(self) -> bool:
        """Whether the run stands still until something comes."""
        return self._is_met is not None

    @property
    def is_ready(self) -> bool:
        """Whether what it waited for has come, or it waits for nothing."""
        return self._is_met is None or self._is_met()

    def receive(self, events: list[SequenceEvent]) -> None:
        """Take the events of one step, all of this run's own sequences."""
        self._queue.append(events)
        for event in events:
            if isinstance(event, Finished):
                self._sequences[event.seq_id] = False

    def add(self, request: Request, n: int = 1) -> list[int]:
        """Queue a prompt for `n` sequences once there are slots for them; returns their ids."""
        self._await_slots(n)
        return [self._own(seq_id) for seq_id in self._shared.batch.add(request, n)]

    def step(self, patience_s: float = 0.0) -> list[SequenceEvent]:
        """The events of this run's next step; an empty list if it has nothing left to do."""
        self.patience_s = patience_s
        n_stalls = self._shared.n_stalls
        if not self._queue and any(
            is_running and seq_id not in self._held for seq_id, is_running in self._sequences.items()
        ):
            self._until(lambda: bool(self._queue) or self._shared.n_stalls > n_stalls)
        return self._queue.popleft() if self._queue else []

    def append(self, seq_id: int, text: str) -> None:
        """Force `text` as the sequence's next tokens; a finished sequence goes on after it."""
        self._check(seq_id)
        self._shared.batch.append(seq_id, text)
        self._sequences[seq_id] = True

    def fork(self, seq_id: int) -> int:
        """A copy of the sequence as it stands, once there is a slot for it; returns the copy's id."""
        self._check(seq_id)
        self._await_slots(1)
        copy = self._own(self._shared.batch.fork(seq_id))
        self._sequences[copy] = self._sequences[seq_id]
        return copy

    def steer(self, seq_id: int, thinking: ThinkingBudget) -> None:
        """Replace the thinking budget of a running sequence."""
        self._check(seq_id)
        self._shared.batch.steer(seq_id, thinking)

    def hold(self, seq_id: int, is_held: bool = True) -> None:
        """Let the sequence wait where it is, or go on again."""
        self._check(seq_id)
        self._shared.batch.hold(seq_id, is_held)
        (self._held.add if is_held else self._held.discard)(seq_id)

    def remove(self, seq_id: int) -> None:
        """Stop the sequence and forget it."""
        if self._sequences.pop(seq_id, None) is None:
            return
        self._held.discard(seq_id)
        self._shared.disown(seq_id)
        left = ([event for event in events if event.seq_id != seq_id] for events in self._queue)
        self._queue = deque(filter(None, left))
        self._shared.batch.remove(seq_id)

    def close(self) -> None:
        """Give all sequences back; the other views go on."""
        try:
            for seq_id in list(self._sequences):
                self.remove(seq_id)
        finally:
            for seq_id in self._sequences:
                self._shared.disown(seq_id)
            self._sequences.clear()
            self._queue.clear()
            self._shared.leave(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _own(self, seq_id: int) -> int:
        self._shared.own(seq_id, self)
        self._sequences[seq_id] = True
        return seq_id

    def _check(self, seq_id: int) -> None:
        if seq_id not in self._sequences:
            raise EngineError(f"There is no sequence {seq_id} in this batch.", "It was removed before.")

    def _await_slots(self, n: int) -> None:
        if n + self.n_held > self._shared.n_slots:
            raise self._refusal(n)
        if self._shared.may_grant(self, n):
            return
        # what this run has must not go on meanwhile: it counts on finding it as it is
        held = [seq_id for seq_id, runs in self._sequences.items() if runs and seq_id not in self._held]
        for seq_id in held:
            self._shared.batch.hold(seq_id)
        self.wants_slots = True
        try:
            self._until(lambda: self._shared.may_grant(self, n), n)
        finally:
            self.wants_slots = False
            for seq_id in held:
                self._shared.batch.hold(seq_id, False)

    def _until(self, is_met: Callable[[], bool], n_slots: int = 0) -> None:
        self._is_met = is_met
        try:
            while not is_met():
                if self._pause is not None:
                    self._pause()
                elif not self._shared.pump() and not is_met():
                    raise self._refusal(n_slots)
        finally:
            self._is_met = None

    def _refusal(self, n: int) -> EngineError:
        return EngineError(
            f"{n} more sequences were asked for and {self._shared.n_slots - self.n_held} can be had.",
            "Ask for fewer samples, or raise n_seq_max.",
        )
