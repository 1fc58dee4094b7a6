"""What one sequence of a stage has said so far, how sure it was, and what it cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from assistant.engine.protocol import (
    Delta,
    Finished,
    FinishReason,
    Prefilled,
    Reopened,
    SequenceEvent,
    ThinkingEnd,
    ThinkingEnded,
    Usage,
)
from assistant.events import Answer

Span = tuple[int, int]
"""A part of a text, in characters."""


@dataclass(slots=True)
class Track:
    """One sequence: its two channels, the probabilities of its answer's tokens, its end."""

    seq_id: int
    sample: int = 0
    """Its number among the samples of the stage."""
    thinking: str = ""
    answer: str = ""
    is_thinking: bool = False
    n_tokens: int = 0
    """Tokens after the prompt, forced ones included."""
    n_thinking: int = 0
    """Those of them in the thinking channel."""
    cost: int = 0
    """Tokens that were decoded for this sequence alone, those that were taken back too."""
    thinking_cost: int = 0
    """Those of them in the thinking channel."""
    end: ThinkingEnd | None = None
    finish_reason: FinishReason | None = None
    usage: Usage = field(default_factory=Usage)
    logprobs: list[tuple[int, float]] = field(default_factory=list)
    """For each token of the answer, where its text begins in it, and its log-probability in nats."""
    sum_logprob: float = 0.0
    """Nats, over all drawn tokens."""
    n_drawn: int = 0
    confidence: float = 0.0
    """Mean over its tokens of the negative log-probability of the top 20 candidates, in nats."""

    def take(self, event: SequenceEvent) -> None:
        """Take in one of the sequence's events."""
        match event:
            case Prefilled():
                self.usage = Usage(prompt_tokens=event.n_total, cached_tokens=event.n_cached)
            case Delta():
                self._delta(event)
            case ThinkingEnded():
                self.is_thinking, self.end = False, event.reason
            case Reopened():
                self.is_thinking, self.end, self.answer = True, None, ""
                self.logprobs.clear()
            case Finished():
                self.finish_reason, self.usage = event.reason, event.usage
                self._count(event.usage.completion_tokens, event.usage.thinking_tokens)

    @property
    def mean_logprob(self) -> float:
        """Nats per drawn token."""
        return self.sum_logprob / max(1, self.n_drawn)

    def least_probability(self, span: Span | None) -> float:
        """The least probability of a token in this part of the answer, 0 to 1."""
        return math.exp(min(self._within(span), default=-math.inf))

    def mean_probability(self, span: Span | None) -> float:
        """The geometric mean of those probabilities, 0 to 1."""
        within = self._within(span)
        return math.exp(sum(within) / len(within)) if within else 0.0

    def _within(self, span: Span | None) -> list[float]:
        """Log-probabilities of the tokens that reach into a part of the answer."""
        if span is None:
            return []
        ends = [start for start, _ in self.logprobs[1:]] + [len(self.answer)]
        return [
            logprob
            for (start, logprob), end in zip(self.logprobs, ends, strict=True)
            if start < span[1] and end > span[0]
        ]

    @classmethod
    def told(cls, answer: Answer) -> Track:
        """An answer that an earlier stage gave, as a sequence that has ended and costs nothing more."""
        return cls(
            seq_id=-1,
            thinking=answer.thinking,
            answer=answer.text,
            n_tokens=answer.completion_tokens,
            n_thinking=answer.thinking_tokens,
            end=answer.thinking_end,
            finish_reason=answer.finish_reason,
            usage=Usage(prompt_tokens=answer.prompt_tokens, cached_tokens=answer.cached_tokens),
            sum_logprob=answer.mean_logprob,
            n_drawn=1,
            confidence=answer.confidence,
        )

    def fork(self, seq_id: int) -> Track:
        """The same words in another sequence, which has cost nothing so far."""
        return replace(self, seq_id=seq_id, logprobs=list(self.logprobs), cost=0, thinking_cost=0)

    def _count(self, n_tokens: int, n_thinking: int) -> int:
        """Note how long the completion is now; returns by how much it has grown."""
        grown = n_tokens - self.n_tokens
        self.cost += max(0, grown)
        self.thinking_cost += max(0, n_thinking - self.n_thinking)
        self.n_tokens, self.n_thinking = n_tokens, n_thinking
        return grown

    def _delta(self, event: Delta) -> None:
        grown = self._count(event.completion_tokens, event.thinking_tokens)
        self.thinking += event.thinking
        self.is_thinking = event.is_thinking
        if event.answer:
            self.logprobs.append((len(self.answer), event.logprob))
            self.answer += event.answer
        if grown > 1:  # forced text, which says nothing of how sure the model is
            return
        self.n_drawn += 1
        self.sum_logprob += event.logprob
        self.confidence += (event.confidence - self.confidence) / self.n_drawn
