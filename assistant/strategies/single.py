"""What strategies of one sequence share: stepping it, steering it, and telling what comes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from assistant.engine.protocol import (
    Delta,
    Prefilled,
    Reopened,
    SequenceEvent,
    ThinkingBudget,
    ThinkingEnded,
)
from assistant.events import (
    AnswerDelta,
    Event,
    Notice,
    Prefill,
    Retracted,
    ThinkingDelta,
    ThinkingDone,
)
from assistant.strategies.stage import PATIENCE_S, Stage
from assistant.strategies.task import Task
from assistant.strategies.track import Track


def single(task: Task) -> Iterator[Event]:
    """Run one sequence to its end, or to where the user stops it."""
    stage = Stage(task)
    (track,) = stage.add(task.request)
    yield from Speaker(stage, track).run()
    yield stage.answer(track, certainty=stage.certainty(track))


class Speaker:
    """Tells what one sequence says, and lets the user steer it.

    `track` may be exchanged for a fork that goes on in its place.
    """

    def __init__(self, stage: Stage, track: Track) -> None:
        self.track = track
        self._stage = stage
        self._task = stage.task
        self._budget = stage.task.request.thinking
        self._max_tokens = stage.task.request.max_tokens
        self._has_found = False

    def run(self, patience_s: float = PATIENCE_S) -> Iterator[Event]:
        """Step to the end; `patience_s` holds while the sequence thinks."""
        while self.track.finish_reason is None:
            yield from self._heed()
            came = self._stage.step(patience_s if self.track.is_thinking else PATIENCE_S)
            if not came:
                return
            for track, event in came:
                if track is self.track:
                    yield from self.tell(event)

    def tell(self, event: SequenceEvent) -> Iterator[Event]:
        """The run's events for one of the sequence's."""
        match event:
            case Prefilled():
                yield from self._prefilled(event)
            case Delta():
                yield from self._delta(event)
            case ThinkingEnded():
                reason = "found" if self._has_found else event.reason
                yield ThinkingDone(reason=reason, tokens=event.thinking_tokens, seconds=self._stage.seconds)
            case Reopened():
                yield Retracted()

    def cut(self, has_found: bool = False) -> None:
        """End the thinking now, by the wish of the user or because the answer was found."""
        self._has_found = has_found
        self._budget = replace(self._budget, maximum=0, minimum=0)
        self._task.batch.steer(self.track.seq_id, self._budget)

    def _heed(self) -> Iterator[Event]:
        control = self._task.control
        if control.take_answer_now() and self.track.is_thinking:
            self.cut()
        if more := control.take_more_tokens():
            self._task.batch.steer(self.track.seq_id, self._larger_budget(more))
            if notice := self._why_not_more():
                yield Notice(text=notice)

    def _larger_budget(self, n_tokens: int) -> ThinkingBudget:
        """A budget with at least `n_tokens` more from here, of which the model should use some."""
        n_thought = self.track.n_thinking
        self._budget = ThinkingBudget(
            maximum=max(self._budget.maximum, n_thought) + n_tokens, minimum=n_thought + n_tokens // 2
        )
        return self._budget

    def _why_not_more(self) -> str:
        """What keeps a larger budget from having an effect; "" if nothing does."""
        if self._task.plan.thinking_budget == 0:
            return "Thinking is off for this answer: ask again with thinking on."
        if self._budget.maximum >= self._max_tokens:
            return "max_tokens leaves no room for more thinking than that: set a larger one."
        return ""

    def _prefilled(self, event: Prefilled) -> Iterator[Event]:
        n_ctx = self._task.model.n_ctx
        room = n_ctx - event.n_total
        if event.n_done == event.n_cached and room < self._max_tokens:
            yield Notice(
                text=f"The conversation leaves {room:,} tokens of the context of {n_ctx:,}: "
                "the answer may be cut. Start a new conversation for more room."
            )
        yield Prefill(done=event.n_done, total=event.n_total, cached=event.n_cached)

    def _delta(self, event: Delta) -> Iterator[Event]:
        if event.thinking or (event.is_thinking and not event.answer):
            yield ThinkingDelta(
                text=event.thinking,
                tokens=event.thinking_tokens,
                budget=self._budget.maximum,
                seconds=self._stage.seconds,
            )
        if event.answer:
            yield AnswerDelta(text=event.answer, tokens=event.completion_tokens)
