"""What strategies of one sequence share: stepping it, steering it, and telling what comes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from assistant.control import Control
from assistant.engine.protocol import (
    Batch,
    Delta,
    Finished,
    FinishReason,
    ModelInfo,
    Prefilled,
    Reopened,
    Request,
    SequenceEvent,
    ThinkingBudget,
    ThinkingEnd,
    ThinkingEnded,
    Usage,
)
from assistant.errors import EngineDied
from assistant.events import (
    Answer,
    AnswerDelta,
    Event,
    Notice,
    Prefill,
    Retracted,
    ThinkingDelta,
    ThinkingDone,
)
from assistant.policy import Plan

_PATIENCE_S = 0.03
"""What nobody sees: text comes 30 times a second, and a key is heeded as fast."""


def single(request: Request, plan: Plan, batch: Batch, control: Control, model: ModelInfo) -> Iterator[Event]:
    """Run one sequence to its end, or to where the user stops it."""
    run = _Run(request, plan, model)
    (seq_id,) = batch.add(request)
    while run.finish_reason is None and not control.is_stopped:
        if control.take_answer_now() and run.is_thinking:
            batch.steer(seq_id, run.cut_budget())
        if more := control.take_more_tokens():
            batch.steer(seq_id, run.larger_budget(more))
            if notice := run.why_not_more():
                yield Notice(text=notice)
        try:
            events = batch.step(_PATIENCE_S)
        except EngineDied:
            if control.is_stopped:  # it did not heed the stop and was ended: what was said stands
                break
            raise
        if not events:
            break
        for event in events:
            yield from run.tell(event)
    yield run.answer(stopped=control.is_stopped)


class _Run:
    """What a sequence has said so far, and the clock."""

    def __init__(self, request: Request, plan: Plan, model: ModelInfo) -> None:
        self._plan = plan
        self._model = model
        self._budget = request.thinking
        self._max_tokens = request.max_tokens
        self._started = time.monotonic()
        self._decoding_since = self._started
        self._answer: list[str] = []
        self._thinking: list[str] = []
        self._end: ThinkingEnd | None = None
        self._usage = Usage()
        self.is_thinking = request.thinking.maximum > 0
        self.finish_reason: FinishReason | None = None

    def tell(self, event: SequenceEvent) -> Iterator[Event]:
        """The run's events for one of the sequence's."""
        match event:
            case Prefilled():
                yield from self._prefilled(event)
            case Delta():
                yield from self._delta(event)
            case ThinkingEnded():
                self.is_thinking, self._end = False, event.reason
                yield ThinkingDone(reason=event.reason, tokens=event.thinking_tokens, seconds=self._seconds())
            case Reopened():
                self.is_thinking, self._end = True, None
                self._answer.clear()
                yield Retracted()
            case Finished():
                self.finish_reason, self._usage = event.reason, event.usage

    def cut_budget(self) -> ThinkingBudget:
        """A budget that ends the thinking now."""
        self._budget = replace(self._budget, maximum=0, minimum=0)
        return self._budget

    def larger_budget(self, n_tokens: int) -> ThinkingBudget:
        """A budget with at least `n_tokens` more from here, of which the model should use some."""
        n_thought = self._usage.thinking_tokens
        self._budget = ThinkingBudget(
            maximum=max(self._budget.maximum, n_thought) + n_tokens, minimum=n_thought + n_tokens // 2
        )
        return self._budget

    def why_not_more(self) -> str:
        """What keeps a larger budget from having an effect; "" if nothing does."""
        if self._plan.thinking_budget == 0:
            return "Thinking is off for this answer: ask again with thinking on."
        if self._budget.maximum >= self._max_tokens:
            return "max_tokens leaves no room for more thinking than that: set a larger one."
        return ""

    def answer(self, stopped: bool) -> Answer:
        """The last event."""
        usage = self._usage
        decode_s = max(time.monotonic() - self._decoding_since, 1e-6)
        return Answer(
            text="".join(self._answer),
            thinking="".join(self._thinking),
            thinking_tokens=usage.thinking_tokens,
            completion_tokens=usage.completion_tokens,
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
            seconds=self._seconds(),
            tokens_per_second=usage.completion_tokens / decode_s,
            finish_reason=self.finish_reason or ("stopped" if stopped else "length"),
            strategy=self._plan.strategy,
            reason=self._plan.reason,
            thinking_end=self._end,
            mean_logprob=usage.mean_logprob,
            confidence=usage.confidence,
            model=self._model.name,
            context_tokens=usage.prompt_tokens + usage.completion_tokens,
            n_ctx=self._model.n_ctx,
        )

    def _prefilled(self, event: Prefilled) -> Iterator[Event]:
        is_first = self._usage.prompt_tokens == 0
        self._usage = replace(self._usage, prompt_tokens=event.n_total, cached_tokens=event.n_cached)
        self._decoding_since = time.monotonic()
        room = self._model.n_ctx - event.n_total
        if is_first and room < self._max_tokens:
            yield Notice(
                text=f"The conversation leaves {room:,} tokens of the context of {self._model.n_ctx:,}: "
                "the answer may be cut. Start a new conversation for more room."
            )
        yield Prefill(done=event.n_done, total=event.n_total, cached=event.n_cached)

    def _delta(self, event: Delta) -> Iterator[Event]:
        self._usage = replace(
            self._usage, completion_tokens=event.completion_tokens, thinking_tokens=event.thinking_tokens
        )
        if event.thinking or (event.is_thinking and not event.answer):
            self._thinking.append(event.thinking)
            yield ThinkingDelta(
                text=event.thinking,
                tokens=event.thinking_tokens,
                budget=self._budget.maximum,
                seconds=self._seconds(),
            )
        if event.answer:
            self._answer.append(event.answer)
            yield AnswerDelta(text=event.answer, tokens=event.completion_tokens)

    def _seconds(self) -> float:
        return time.monotonic() - self._started
