"""The events that a run yields, in order; the last one is an `Answer`.

`mull ask --json` prints one of them a line, and the server sends them: hence pydantic.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from assistant.engine.protocol import FinishReason, ThinkingEnd


class Event(BaseModel):
    """A fact of a run."""

    model_config = ConfigDict(frozen=True)


class Loading(Event):
    """The model is being loaded."""

    event: Literal["loading"] = "loading"
    model: str
    progress: float
    """0 to 1."""


class Notice(Event):
    """One sentence that the user should read."""

    event: Literal["notice"] = "notice"
    text: str


class Planned(Event):
    """What will be done, and why."""

    event: Literal["plan"] = "plan"
    strategy: str
    reason: str
    thinking_budget: int
    n_samples: int
    max_tokens: int


class Prefill(Event):
    """The prompt is being read."""

    event: Literal["prefill"] = "prefill"
    done: int
    """Prompt tokens in the cache by now."""
    total: int
    cached: int
    """Prompt tokens that were in the cache before."""


class ThinkingDelta(Event):
    """New text of the thinking channel."""

    event: Literal["thinking"] = "thinking"
    text: str
    sample: int = 0
    tokens: int
    """Thinking tokens so far."""
    budget: int
    seconds: float
    """Since the run began."""


class ThinkingDone(Event):
    """The thinking is closed; the answer follows."""

    event: Literal["thinking_done"] = "thinking_done"
    sample: int = 0
    reason: ThinkingEnd
    tokens: int
    seconds: float
    """Since the run began."""


class AnswerDelta(Event):
    """New text of the answer."""

    event: Literal["text"] = "text"
    text: str
    sample: int = 0
    tokens: int
    """Completion tokens so far."""


class Retracted(Event):
    """More thinking was asked for: the answer's text so far is void, and thinking goes on."""

    event: Literal["retracted"] = "retracted"
    sample: int = 0


class Answer(Event):
    """The end of a run."""

    event: Literal["answer"] = "answer"
    text: str
    thinking: str
    thinking_tokens: int
    completion_tokens: int
    prompt_tokens: int
    cached_tokens: int
    seconds: float
    """From the question to the last token, loading excluded."""
    tokens_per_second: float
    """Completion tokens over the time they took, prefill excluded."""
    finish_reason: FinishReason
    strategy: str
    reason: str
    """The plan's reason."""
    thinking_end: ThinkingEnd | None = None
    """How the thinking ended; None without thinking."""
    mean_logprob: float = 0.0
    """Nats per token."""
    confidence: float = 0.0
    """Nats; higher is surer."""
    model: str = ""
    context_tokens: int = 0
    """Tokens of the context that this conversation fills now."""
    n_ctx: int = 0


AnyEvent = (
    Loading | Notice | Planned | Prefill | ThinkingDelta | ThinkingDone | AnswerDelta | Retracted | Answer
)
