"""The engine in this process: a runner, its cache, and one batch of sequences at a time.

Decide (`schedule`), compute (`Runner.decode`), account (`RunningSequence.advance`).
"""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from assistant.engine.prefix import PrefixCache
from assistant.engine.protocol import ModelInfo, Prefilled, Request, SequenceEvent, ThinkingBudget
from assistant.engine.runner import Piece, Prompt, Runner
from assistant.engine.scheduler import Share, schedule
from assistant.engine.sequence import RunningSequence
from assistant.errors import ContextFull, EngineError

_MIN_ROOM = 16
"""Fewest tokens of context that must be left for an answer."""


class LocalEngine:
    """An `Engine` over a runner in the same process."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._cache = PrefixCache(runner)
        self._batch: LocalBatch | None = None

    @property
    def model(self) -> ModelInfo:
        """What was loaded."""
        return self._runner.info

    def batch(self) -> LocalBatch:
        """A new, empty batch; an older one that is still open is closed."""
        if self._batch is not None:
            self._batch.close()
        self._runner.resume()
        self._batch = LocalBatch(self._runner, self._cache)
        return self._batch

    def interrupt(self) -> None:
        """Abort the running step; safe from any thread."""
        self._runner.interrupt()

    def close(self) -> None:
        """Give the model back; closing twice is harmless."""
        if self._batch is not None:
            self._batch.close()
        self._runner.close()


class LocalBatch:
    """Sequences that are decoded together."""

    def __init__(self, runner: Runner, cache: PrefixCache) -> None:
        self._runner = runner
        self._cache = cache
        self._sequences: dict[int, RunningSequence] = {}
        self._twins: dict[int, list[int]] = {}
        """Sequences that wait for the prefill of the first of their request."""
        self._queued: list[SequenceEvent] = []
        self._next_id = 0
        self._turn = 0

    def add(self, request: Request, n: int = 1) -> list[int]:
        """Queue a prompt, prefilled once for `n` sequences; returns their ids."""
        prompt = self._cache.respell(self._runner.prompt(request))
        self._check_room(prompt, request, n)
        seq_ids = list(range(self._next_id, self._next_id + n))
        self._next_id += n
        for i, seq_id in enumerate(seq_ids):
            self._sequences[seq_id] = RunningSequence(seq_id, request, prompt, self._cache, i)
        first = self._sequences[seq_ids[0]]
        first.slot = self._cache.acquire(prompt.tokens)
        first.n_cached = len(first.slot.tokens)
        first.n_stable = self._cache.n_tokens_within(prompt.tokens, prompt.n_stable_bytes)
        self._twins[seq_ids[0]] = seq_ids[1:]
        self._queued.append(
            Prefilled(first.seq_id, first.n_cached, len(prompt.tokens), n_cached=first.n_cached)
        )
        if request.begun is not None:
            for seq_id in seq_ids:
                self._queued += self._sequences[seq_id].go_on(request.begun)
        return seq_ids

    def step(self, patience_s: float = 0.0) -> list[SequenceEvent]:
        """Compute until there is something to tell: one batch, or several while a long forced text is read.

        An empty list means that nothing is left to do, or that it was interrupted.
        """
        queued, self._queued = self._queued, []
        if queued:
            return queued
        while (events := self._compute()) is not None:
            if events:
                return events
        return []

    def append(self, seq_id: int, text: str) -> None:
        """Force `text` as the sequence's next tokens; a finished sequence goes on after it."""
        self._queued += self._running(seq_id).force(text)

    def fork(self, seq_id: int) -> int:
        """A copy of the sequence as it stands, sharing its cache; returns the copy's id."""
        original = self._running(seq_id)
        if original.slot is None or original.is_prefilling:
            raise EngineError("A sequence cannot be forked before its prompt is read.", "Step it first.")
        self._check_free(1)
        new_id = self._next_id
        self._next_id += 1
        self._sequences[new_id] = original.fork(new_id, self._cache.copy(original.slot))
        return new_id

    def steer(self, seq_id: int, thinking: ThinkingBudget) -> None:
        """Replace the thinking budget of a sequence."""
        self._queued += self._running(seq_id).steer(thinking)

    def hold(self, seq_id: int, is_held: bool = True) -> None:
        """Let the sequence wait where it is, or go on again."""
        self._running(seq_id).is_held = is_held

    def remove(self, seq_id: int) -> None:
        """Stop the sequence; its prefix stays in the cache until room is needed."""
        sequence = self._sequences.pop(seq_id, None)
        if sequence is None:
            return
        twins = self._twins.pop(seq_id, [])
        self._queued = [event for event in self._queued if event.seq_id != seq_id]
        sequence.close()
        if sequence.slot is None:
            for others in self._twins.values():
                others[:] = [other for other in others if other != seq_id]
        elif twins:
            self._hand_prefill_over(sequence, twins)
        else:
            self._cache.release(sequence.slot)

    def close(self) -> None:
        """Give all sequences back."""
        self._twins.clear()
        for seq_id in list(self._sequences):
            self.remove(seq_id)
        self._queued = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _compute(self) -> list[SequenceEvent] | None:
        """Compute one batch; what came may be nothing yet. None if nothing is left or it was interrupted."""
        going = [s for s in self._sequences.values() if not s.is_held]
        waiting = [Share(s.seq_id, self._until_stop(s)) for s in going]
        shares = sorted(schedule(waiting, self._runner.n_batch, self._turn), key=self._slot_index)
        self._turn += 1
        if not shares:
            return None
        pieces = [self._piece(share) for share in shares]
        status = self._runner.decode(pieces)
        while status == "full" and self._cache.evict():
            status = self._runner.decode(pieces)
        sequences = [self._sequences[share.seq_id] for share in shares]
        if status == "full":
            return [event for each in self._with_twins(sequences) for event in each.finish("context")]
        if status == "aborted":
            self._undo(sequences)
            return None
        return self._account(sequences, pieces)

    def _running(self, seq_id: int) -> RunningSequence:
        if seq_id not in self._sequences:
            raise EngineError(f"There is no sequence {seq_id} in this batch.", "It was removed before.")
        return self._sequences[seq_id]

    def _check_room(self, prompt: Prompt, request: Request, n: int) -> None:
        n_ctx = self._runner.info.n_ctx
        begun = request.begun
        n_begun = len(self._runner.tokenize(begun.thinking + begun.content)) if begun is not None else 0
        n_prompt = len(prompt.tokens) + n_begun
        room = min(request.max_tokens, _MIN_ROOM)
        if n_prompt + room > n_ctx:
            has_history = any(message.role == "assistant" for message in request.messages)
            raise ContextFull(
                f"The {'conversation' if has_history else 'question'} takes {n_prompt:,} tokens, and the "
                f"context holds {n_ctx:,}.",
                f"{'Start a new conversation, leave' if has_history else 'Leave'} something out, or set a "
                "larger n_ctx.",
                n_tokens=n_prompt + room,
                n_ctx=n_ctx,
            )
        self._check_free(n)

    def _check_free(self, n: int) -> None:
        """Whether `n` more sequences find a slot, beyond those that wait for theirs."""
        n_awaited = sum(len(twins) for twins in self._twins.values())
        if n + n_awaited > self._cache.n_idle:
            raise EngineError(
                f"{n} more sequences were asked for and {self._cache.n_idle - n_awaited} are free.",
                "Ask for fewer samples, or raise n_seq_max.",
            )

    def _until_stop(self, sequence: RunningSequence) -> int:
        """Tokens until the sequence's next place to stop in its prompt.

        The prompt's end is a stop, as text appended to one of its samples is none of the others' business.
        The last prompt token is computed by itself, so that a prompt found in the cache and one read
        anew go through the same arithmetic and the same seed gives the same text. Models that need
        checkpoints stop where the next turn will branch off.
        """
        waiting = sequence.waiting
        if waiting and sequence.is_prefilling and sequence.slot is not None:
            done = len(sequence.slot.tokens)
            n_prompt = len(sequence.prompt.tokens)
            stops = [n_prompt - 1, n_prompt]
            if not self._runner.can_truncate:
                stops.append(sequence.n_stable)
            waiting = min((stop - done for stop in stops if stop > done), default=waiting)
        return waiting

    def _slot_index(self, share: Share) -> int:
        """Recurrent models compute neighbouring slots at once only if they come in order."""
        slot = self._sequences[share.seq_id].slot
        return slot.index if slot is not None else 0

    def _piece(self, share: Share) -> Piece:
        sequence = self._sequences[share.seq_id]
        assert sequence.slot is not None
        start = len(sequence.slot.tokens)
        tokens = sequence.tokens[start : start + share.n_tokens]
        ends = (len(sequence.prompt.tokens), len(sequence.tokens))
        return Piece(sequence.slot.index, start, tokens, wants_logits=start + share.n_tokens in ends)

    def _account(self, sequences: Iterable[RunningSequence], pieces: list[Piece]) -> list[SequenceEvent]:
        events: list[SequenceEvent] = []
        for row, (sequence, piece) in enumerate(zip(sequences, pieces, strict=True)):
            was_prefilling = sequence.is_prefilling
            assert sequence.slot is not None
            sequence.slot.tokens.extend(piece.tokens)
            if was_prefilling:
                events.append(self._prefilled(sequence))
            if piece.wants_logits:
                for each in (sequence, *self._start_twins(sequence)):
                    if not each.waiting:
                        events += each.advance(row)
        return events

    def _undo(self, sequences: list[RunningSequence]) -> None:
        """After an abort: drop what the batch may have left in the cache beyond the known tokens."""
        for sequence in sequences:
            slot = sequence.slot
            if slot is not None:
                self._cache.undo(slot)

    def _prefilled(self, sequence: RunningSequence) -> Prefilled:
        assert sequence.slot is not None
        n_total = len(sequence.prompt.tokens)
        n_done = min(len(sequence.slot.tokens), n_total)
        if n_done == sequence.n_stable:
            self._cache.checkpoint(sequence.slot)
        return Prefilled(sequence.seq_id, n_done, n_total, n_cached=sequence.n_cached)

    def _with_twins(self, sequences: list[RunningSequence]) -> list[RunningSequence]:
        """These, and those that wait for a prompt of theirs."""
        twins = [self._sequences[i] for each in sequences for i in self._twins.get(each.seq_id, [])]
        return [*sequences, *twins]

    def _start_twins(self, first: RunningSequence) -> list[RunningSequence]:
        assert first.slot is not None
        twins = [self._sequences[seq_id] for seq_id in self._twins.pop(first.seq_id, [])]
        for twin in twins:
            twin.slot = self._cache.copy(first.slot)
            twin.n_cached = first.n_cached
        return twins

    def _hand_prefill_over(self, removed: RunningSequence, twins: list[int]) -> None:
        heir = self._sequences[twins[0]]
        heir.slot, heir.n_cached, heir.n_stable = removed.slot, removed.n_cached, removed.n_stable
        if len(twins) > 1 or heir.is_prefilling:
            self._twins[heir.seq_id] = twins[1:]
