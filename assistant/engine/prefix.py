"""Which tokens are in the KV cache, slot by slot, and how much of a new prompt can be taken from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from assistant.engine.parking import Checkpoint, Parked, Parking, common_prefix
from assistant.engine.runner import Prompt, Runner
from assistant.errors import EngineError

_MIN_SHARED_TOKENS = 8
"""A shorter beginning, such as a template's first markers, is computed anew: it costs nothing, and a
question then goes through the same arithmetic whatever was asked before."""
_MAX_IDLE_TOKENS = 32
"""Tokens that an idle slot may keep besides what the newest prompt shares with it. Cells of others slow
every step down: 240 of them by a tenth and more with a small model."""
_MIN_PARKED_TOKENS = 64
"""A shorter conversation is as soon read again as brought back."""
_MAX_CHECKPOINTS = 4
"""Kept per slot; the oldest goes first."""


@dataclass(slots=True)
class Slot:
    """One sequence of the cache."""

    index: int
    tokens: list[int] = field(default_factory=list)
    """What the cache holds, in order."""
    is_busy: bool = False
    """Whether a running sequence owns it; else it is kept for its prefix."""
    last_used: int = 0
    checkpoints: list[Checkpoint] = field(default_factory=list)


class PrefixCache:
    """The slots of one runner.

    Idle ones keep their tokens until another conversation begins or room is needed; then what is
    worth it is parked.
    """

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self._slots = [Slot(i) for i in range(runner.n_slots)]
        self._clock = 0
        self._parking = Parking()

    @property
    def n_idle(self) -> int:
        """Slots that no running sequence owns."""
        return sum(not slot.is_busy for slot in self._slots)

    def acquire(self, tokens: Sequence[int]) -> Slot:
        """A slot that already holds as much of `tokens` as can be had, always less than all of it."""
        source, n_cached = self._best_source(tokens)
        if self._bring_back(tokens, n_cached):
            source, n_cached = self._best_source(tokens)
        if source is not None and not source.is_busy:
            target = source
            target.is_busy = True
        else:
            target = self._take_idle(besides=source)
        if source is not None and n_cached:
            n_cached = self._bring(source, target, n_cached)
        else:
            self._empty(target)
            n_cached = 0
        target.tokens = list(tokens[:n_cached])
        self._thin_out(tokens)
        return target

    def respell(self, prompt: Prompt) -> Prompt:
        """The same prompt in the tokens that the cache already has for its beginning.

        A model often writes a text in other tokens than the tokenizer would, so an answer that comes
        back as history would have to be computed again, from its first odd token on. What counts is
        the text: the longest cached beginning is kept as it is, and only the rest is tokenised.
        """
        best: list[int] = []
        everything: list[Slot | Parked] = [*self._slots, *self._parking.all]
        for held in everything:
            n = self.n_tokens_within(held.tokens, self._n_common_bytes(held.tokens, prompt.text))
            if n > len(best):
                best = held.tokens[:n]
        if len(best) <= common_prefix(best, prompt.tokens):
            return prompt
        n_bytes = sum(len(self.runner.text_of(token)) for token in best)
        try:
            rest = self.runner.tokenize(prompt.text[n_bytes:].decode())
        except UnicodeDecodeError:  # the cached part ends within a character
            return prompt
        if not rest or not self.runner.can_split_before(rest[0]):
            return prompt
        return replace(prompt, tokens=[*best, *rest])

    def n_tokens_within(self, tokens: Sequence[int], n_bytes: int) -> int:
        """How many leading tokens lie whole within the first `n_bytes` of their text."""
        for n, token in enumerate(tokens):
            n_bytes -= len(self.runner.text_of(token))
            if n_bytes < 0:
                return n
        return len(tokens)

    def copy(self, source: Slot) -> Slot:
        """Another slot with the whole content of `source`."""
        target = self._take_idle(besides=source)
        self._empty(target)
        if not self.runner.copy(source.index, target.index, len(source.tokens)):
            raise EngineError("The model cannot copy a sequence.", "Ask for a single sample.")
        target.tokens = list(source.tokens)
        target.checkpoints = list(source.checkpoints)
        return target

    def cut(self, slot: Slot, n_tokens: int) -> None:
        """Drop the end of a busy slot, down to `n_tokens` or, where the model can't, to an earlier place."""
        if n_tokens >= len(slot.tokens):
            return
        if self.runner.can_truncate and self.runner.truncate(slot.index, n_tokens):
            del slot.tokens[n_tokens:]
            return
        usable = [c for c in slot.checkpoints if c.n_tokens <= n_tokens]
        if usable and self.runner.restore(slot.index, slot.index, usable[-1].n_tokens, usable[-1].state):
            del slot.tokens[usable[-1].n_tokens :]
            slot.checkpoints = usable
            return
        self._empty(slot)

    def undo(self, slot: Slot) -> None:
        """Drop what a broken-off batch may have left beyond the known tokens."""
        if not self.runner.truncate(slot.index, len(slot.tokens)):
            self._empty(slot)

    def release(self, slot: Slot) -> None:
        """The sequence is over; its tokens stay for whoever begins alike."""
        self._clock += 1
        slot.is_busy, slot.last_used = False, self._clock

    def checkpoint(self, slot: Slot) -> None:
        """Make the slot's present place one that can be returned to."""
        if self.runner.can_truncate or any(c.n_tokens == len(slot.tokens) for c in slot.checkpoints):
            return
        slot.checkpoints.append(Checkpoint(len(slot.tokens), self.runner.save(slot.index)))
        del slot.checkpoints[:-_MAX_CHECKPOINTS]

    def evict(self) -> bool:
        """Free the idle slot that was used longest ago; False if no idle slot holds anything."""
        held = [slot for slot in self._slots if not slot.is_busy and slot.tokens]
        if not held:
            return False
        self._put_away(min(held, key=lambda slot: slot.last_used))
        return True

    def forget(self) -> None:
        """Empty every slot, and keep nothing parked."""
        for slot in self._slots:
            self._empty(slot)
        self._parking.clear()

    def _n_common_bytes(self, tokens: Sequence[int], text: bytes) -> int:
        held = b"".join(map(self.runner.text_of, tokens))
        low, high = 0, min(len(held), len(text))
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if held[low:middle] == text[low:middle] else (low, middle - 1)
        return low

    def _thin_out(self, tokens: Sequence[int]) -> None:
        """Free the idle slots that hold too much that is foreign to `tokens`."""
        for slot in self._slots:
            if slot.is_busy or not slot.tokens:
                continue
            n_shared = common_prefix(slot.tokens, tokens)
            if 2 * n_shared >= len(slot.tokens) > n_shared + _MAX_IDLE_TOKENS:
                self._empty(slot)  # another turn or sample of this very conversation
            elif len(slot.tokens) > n_shared + _MAX_IDLE_TOKENS:
                self._put_away(slot)

    def _put_away(self, slot: Slot) -> None:
        """Free an idle slot, parking what it holds if that is worth it."""
        if len(slot.tokens) >= _MIN_PARKED_TOKENS and not self._parking.holds(slot.tokens):
            self._parking.put(Parked(slot.tokens, self.runner.park(slot.index), slot.checkpoints))
        self._empty(slot)

    def _bring_back(self, tokens: Sequence[int], n_cached: int) -> bool:
        """Put into an idle slot the parked conversation that has more of `tokens` than is in the cache."""
        parked, n_best = None, n_cached + _MIN_PARKED_TOKENS - 1
        for each in self._parking.all:
            n = self._reusable(each, min(common_prefix(each.tokens, tokens), len(tokens) - 1))
            if n > n_best:
                parked, n_best = each, n
        if parked is None or not self.n_idle:
            return False
        self._parking.take(parked)
        slot = self._take_idle(besides=None)
        self._empty(slot)
        is_back = self.runner.unpark(slot.index, parked.state)
        while not is_back and self.evict():
            is_back = self.runner.unpark(slot.index, parked.state)
        if is_back:
            slot.tokens, slot.checkpoints = parked.tokens, parked.checkpoints
        self.release(slot)
        return is_back

    def _best_source(self, tokens: Sequence[int]) -> tuple[Slot | None, int]:
        best, best_n = None, 0
        for slot in self._slots:
            n = self._reusable(slot, min(common_prefix(slot.tokens, tokens), len(tokens) - 1))
            if n > best_n and n >= min(_MIN_SHARED_TOKENS, len(tokens) - 1):
                best, best_n = slot, n
        return best, best_n

    def _reusable(self, held: Slot | Parked, n_common: int) -> int:
        if self.runner.can_truncate or n_common == len(held.tokens):
            return n_common
        return max((c.n_tokens for c in held.checkpoints if c.n_tokens <= n_common), default=0)

    def _take_idle(self, besides: Slot | None) -> Slot:
        idle = [slot for slot in self._slots if not slot.is_busy and slot is not besides]
        if not idle and besides is not None and not besides.is_busy:
            idle = [besides]
        if not idle:
            raise EngineError(
                f"All {len(self._slots)} sequences of this model are in use.",
                "Ask for fewer samples, or raise n_seq_max.",
            )
        slot = min(idle, key=lambda slot: (bool(slot.tokens), slot.last_used))
        slot.is_busy = True
        return slot

    def _bring(self, source: Slot, target: Slot, n_tokens: int) -> int:
        """Make `target` hold the first `n_tokens` of `source`; how many it holds in the end."""
        runner = self.runner
        checkpoints = [c for c in source.checkpoints if c.n_tokens <= n_tokens]
        if target is not source:
            self._empty(target)
        if runner.can_truncate or n_tokens == len(source.tokens):
            if target is source:
                is_done = n_tokens == len(source.tokens) or runner.truncate(source.index, n_tokens)
            else:
                is_done = runner.copy(source.index, target.index, n_tokens)
        else:
            state = next(c.state for c in checkpoints if c.n_tokens == n_tokens)
            is_done = runner.restore(source.index, target.index, n_tokens, state)
        if not is_done:
            self._empty(target)
            return 0
        target.checkpoints = checkpoints
        return n_tokens

    def _empty(self, slot: Slot) -> None:
        self.runner.clear(slot.index)
        slot.tokens = []
        slot.checkpoints = []
