"""One running sequence: what it has written, what waits to be computed, and what comes next."""

from __future__ import annotations

import codecs
import copy
from dataclasses import dataclass, replace

from assistant.engine.prefix import PrefixCache, Slot
from assistant.engine.protocol import (
    Delta,
    Finished,
    FinishReason,
    Reopened,
    Request,
    SequenceEvent,
    ThinkingBudget,
    ThinkingEnd,
    ThinkingEnded,
    Usage,
)
from assistant.engine.runner import Drawn, Nudge, Prompt, Sampler
from assistant.engine.thinking import Thinking
from assistant.query import Message

_FORK_STRIDE = 1009
"""Keeps the seeds of forks apart from those of samples, and those of one sample's forks from another's."""
_MOST_SEEDS = 1 << 32


@dataclass(slots=True)
class _Tally:
    """Sums over the drawn tokens."""

    n_drawn: int = 0
    logprob: float = 0.0
    confidence: float = 0.0

    def add(self, drawn: Drawn) -> None:
        self.n_drawn += 1
        self.logprob += drawn.logprob
        self.confidence += drawn.confidence


class RunningSequence:
    """A prompt and its completion in one slot of the cache.

    `tokens` is everything, prompt first; those past `len(slot.tokens)` wait to be computed.
    """

    def __init__(self, seq_id: int, request: Request, prompt: Prompt, cache: PrefixCache, index: int) -> None:
        runner = cache.runner
        room = runner.info.n_ctx - len(prompt.tokens)
        self.seq_id = seq_id
        self.request = request
        self.prompt = prompt
        self.tokens = list(prompt.tokens)
        self.n_stable = 0
        """Prompt tokens that the next turn will surely repeat."""
        self.slot: Slot | None = None
        self.n_cached = 0
        self.is_finished = False
        self.is_held = False
        """Whether it waits where it is, by the wish of whoever runs the batch."""
        self._runner = runner
        self._cache = cache
        self._index = index
        self._n_forks = 0
        self._room = room
        self._is_clipped = room < request.max_tokens
        self._max_tokens = min(room, request.max_tokens)
        self.thinking = Thinking(
            runner.markers, prompt.is_thinking, request.thinking, self._max_tokens, runner.lengths
        )
        self._sampler = self._new_sampler()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._tally = _Tally()
        self._last = Drawn(-1, 0.0, 0.0)
        self._end_of_thinking: tuple[int, int] | None = None
        """Tokens in all and tokens of thinking where the thinking ended."""

    @property
    def waiting(self) -> int:
        """Tokens that have to be computed before the next draw."""
        if self.is_finished or self.slot is None:
            return 0
        return len(self.tokens) - len(self.slot.tokens)

    @property
    def is_prefilling(self) -> bool:
        """Whether part of the prompt is still to be computed."""
        return self.slot is None or len(self.slot.tokens) < len(self.prompt.tokens)

    def fork(self, seq_id: int, slot: Slot) -> RunningSequence:
        """The same sequence under another id, with its own random numbers from here on."""
        twin = copy.copy(self)
        self._n_forks += 1
        # its own random numbers, the same whatever else is in the batch
        twin.seq_id, twin.slot, twin._n_forks = seq_id, slot, 0
        twin._index = _FORK_STRIDE * (self._index + 1) + self._n_forks
        twin.is_held = False
        twin.tokens = list(self.tokens)
        twin.thinking = copy.deepcopy(self.thinking)
        twin._tally = copy.copy(self._tally)
        twin._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        twin._decoder.setstate(self._decoder.getstate())
        twin._sampler = twin._new_sampler()
        for token in self.tokens[len(self.prompt.tokens) :]:
            twin._sampler.accept(token)
        return twin

    def advance(self, row: int) -> list[SequenceEvent]:
        """Draw the next token from the `row`-th logits of the last batch and act on it."""
        if reason := self.thinking.due():
            return self._close_thinking(reason)
        close = self._runner.close_token
        eagerness = self.thinking.eagerness() if close is not None else 0.0
        nudge = Nudge(close, eagerness) if close is not None and eagerness > 0 else None
        drawn = self._runner.draw(row, self._sampler, self.thinking.ban(), nudge)
        self._last = drawn
        self._tally.add(drawn)
        is_end = self._runner.is_end(drawn.token)
        text = "" if is_end else self._decoder.decode(self._runner.text_of(drawn.token))
        verdict = self.thinking.judge(text, is_end)
        if verdict == "finish":
            return self.finish("stop")
        if verdict == "close":
            return self._close_thinking("itself")
        if verdict == "wait":
            continuation, n_back = self.thinking.continuation()
            self._rewind(len(self.tokens) - n_back)
            return self._resume(self.force(continuation))
        events = self._take([drawn.token], [text])
        if self.thinking.is_stopped:
            return events + self._stop()
        if reason := self.thinking.due():
            events += self._close_thinking(reason)
        return events + self._end_if_due()

    def force(self, text: str, is_marker: bool = False) -> list[SequenceEvent]:
        """Write `text` as the next tokens; a finished sequence goes on after it."""
        self.is_finished = False
        self.thinking.resume()
        self._decoder.reset()
        tokens = self._runner.tokenize(text) if text else []
        for token in tokens:
            self._sampler.accept(token)
        texts = [self._decoder.decode(self._runner.text_of(token)) for token in tokens]
        return self._take(tokens, texts, is_marker)

    def go_on(self, begun: Message) -> list[SequenceEvent]:
        """Write what an interrupted completion had come to; the request's limits hold for what follows."""
        request, thinking = self.request, self.thinking
        thinking.allow(self._room, ThinkingBudget(self._room))
        events: list[SequenceEvent] = []
        opening = self._runner.markers.open
        if begun.thinking and (thinking.is_thinking or opening):
            if not thinking.is_thinking:
                events += self.force(f"{opening[0]}\n")
            events += self.force(begun.thinking)
        if begun.content:
            if thinking.is_thinking:
                events += self._close_thinking("itself")
            events += self.force(begun.content)
        budget = replace(request.thinking, maximum=request.thinking.maximum + thinking.n_thinking)
        wanted = request.max_tokens + thinking.n_completion
        self._is_clipped = self._room < wanted
        self._max_tokens = min(self._room, wanted)
        thinking.allow(self._max_tokens, budget)
        return events

    def steer(self, budget: ThinkingBudget) -> list[SequenceEvent]:
        """Replace the thinking budget; more of it takes a running answer back."""
        is_larger = budget.maximum > self.thinking.budget.maximum
        self.thinking.steer(budget)
        if not is_larger or self._end_of_thinking is None or self.thinking.is_thinking:
            return []
        n_tokens, n_thinking = self._end_of_thinking
        n_completion = n_tokens - len(self.prompt.tokens)
        if not self.thinking.may_reopen(n_completion, n_thinking):
            return []
        self._end_of_thinking = None
        self.is_finished = False
        self._rewind(n_tokens)
        continuation = self.thinking.reopen(n_completion, n_thinking)
        return self._resume([Reopened(self.seq_id), *self.force(continuation)])

    def finish(self, reason: FinishReason) -> list[SequenceEvent]:
        """End the turn, giving out text that was kept back."""
        self.is_finished = True
        events: list[SequenceEvent] = []
        split = self.thinking.flush()
        if split.thinking or split.answer:
            events.append(self._delta(split.thinking, split.answer))
        return [*events, Finished(self.seq_id, reason, self.usage())]

    def usage(self) -> Usage:
        """What the sequence cost so far."""
        n = max(1, self._tally.n_drawn)
        return Usage(
            prompt_tokens=len(self.prompt.tokens),
            cached_tokens=self.n_cached,
            completion_tokens=self.thinking.n_completion,
            thinking_tokens=self.thinking.n_thinking,
            mean_logprob=self._tally.logprob / n,
            confidence=self._tally.confidence / n,
        )

    def close(self) -> None:
        """Give the sampler back."""
        self._sampler.close()

    def _new_sampler(self) -> Sampler:
        sampling = self.request.sampling
        return self._runner.sampler(sampling, (sampling.seed + self._index) % _MOST_SEEDS)

    def _take(self, tokens: list[int], texts: list[str], is_marker: bool = False) -> list[SequenceEvent]:
        thinking, answer = "", ""
        events: list[SequenceEvent] = []
        for token, text in zip(tokens, texts, strict=True):
            before = (len(self.tokens), self.thinking.n_thinking)
            was_thinking = self.thinking.is_thinking
            split = self.thinking.accept(token, text, is_marker)
            thinking += split.thinking
            answer += split.answer
            self.tokens.append(token)
            if was_thinking and not self.thinking.is_thinking:
                self._note_end(before)
                events.append(self._ended())
        if thinking or answer or tokens:
            events.insert(0, self._delta(thinking, answer))
        return events

    def _close_thinking(self, reason: ThinkingEnd) -> list[SequenceEvent]:
        before = (len(self.tokens), self.thinking.n_thinking)
        hand_over, marker = self.thinking.closing_text(reason)
        if not marker and not self.thinking.is_answer_blank:
            return self._end()
        events = self.force(hand_over) if hand_over else []
        events += self.force(marker, is_marker=True) if marker else []
        if self.thinking.is_thinking:
            self.thinking.ensure_closed()
            events.append(self._ended())
        self._end_of_thinking = before
        return self._resume(events)

    def _note_end(self, before: tuple[int, int]) -> None:
        n_marker = before[1] - self.thinking.n_thinking
        self._end_of_thinking = (before[0] - n_marker, self.thinking.n_thinking)

    def _rewind(self, n_tokens: int) -> None:
        """Go back to the first `n_tokens`."""
        del self.tokens[n_tokens:]
        self._decoder.reset()
        if self.slot is not None:
            self._cache.cut(self.slot, n_tokens)

    def _resume(self, events: list[SequenceEvent]) -> list[SequenceEvent]:
        """Make sure that a token is left to compute, or there would be no logits to go on from."""
        if self.slot is not None and self.waiting == 0:
            self._cache.cut(self.slot, len(self.tokens) - 1)
        return events

    def _end_if_due(self) -> list[SequenceEvent]:
        if self.is_finished or self.thinking.n_completion < self._max_tokens:
            return []
        return self._end()

    def _end(self) -> list[SequenceEvent]:
        return self.finish("context" if self._is_clipped else "length")

    def _stop(self) -> list[SequenceEvent]:
        """A text has ended the turn; it counts only once there is an answer, as the end token does."""
        if self.thinking.is_thinking:
            return self._close_thinking("itself")
        if not self.thinking.is_answer_blank:
            return self.finish("stop")
        self.thinking.resume()
        return self._end_if_due()

    def _ended(self) -> ThinkingEnded:
        return ThinkingEnded(self.seq_id, self.thinking.end_reason or "itself", self.thinking.n_thinking)

    def _delta(self, thinking: str, answer: str) -> Delta:
        return Delta(
            seq_id=self.seq_id,
            thinking=thinking,
            answer=answer,
            completion_tokens=self.thinking.n_completion,
            thinking_tokens=self.thinking.n_thinking,
            is_thinking=self.thinking.is_thinking,
            logprob=self._last.logprob,
            confidence=self._last.confidence,
        )
