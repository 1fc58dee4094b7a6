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
    stage: int = 1
    """1 for the first plan of a query, higher after an escalation."""
    kind: str = ""
    """The kind of query, as `assistant.difficulty.Kind`."""
    score: float = 0.0
    """The query's difficulty, 0 to 1."""
    signals: tuple[tuple[str, float], ...] = ()
    """What the score was made of, by name."""
    expected_s: float = 0.0
    """Seconds that the plan is expected to take at most; 0 where the machine's speed is not known."""
    is_guess: bool = False
    """Whether these seconds are a guess, for such a run was never seen on this machine."""


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


SampleState = Literal["thinking", "answering", "done", "dropped"]


class SampleNews(Event):
    """How one of several samples (or beams, or drafts) stands."""

    event: Literal["sample"] = "sample"
    sample: int
    state: SampleState
    tokens: int
    """Tokens after the prompt so far."""
    answer: str = ""
    """Its final answer as far as it can be told."""
    confidence: float = 0.0
    """Mean negative log-probability of the top 20 candidates, in nats; higher is surer."""


class VoteShare(BaseModel):
    """One answer and what speaks for it."""

    model_config = ConfigDict(frozen=True)

    answer: str
    samples: tuple[int, ...]
    weight: float


class Tally(Event):
    """The vote as it stands."""

    event: Literal["tally"] = "tally"
    shares: tuple[VoteShare, ...]
    """Heaviest first."""
    n_done: int
    """Samples that have ended."""
    n_samples: int
    """Samples that the plan allows."""
    certainty: float
    """Probability that the leader truly leads, 0 to 1."""
    is_decided: bool


class Probed(Event):
    """In mid-thinking, a copy of the sequence was asked for its answer, and forgotten."""

    event: Literal["probe"] = "probe"
    answer: str
    confidence: float
    """Geometric mean of the answer's token probabilities, 0 to 1."""
    tokens: int
    """Thinking tokens at which it was asked."""
    is_exit: bool
    """Whether the thinking is left here."""


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
    total_tokens: int = 0
    """Everything that was decoded after the prompt, in all stages: drafts, probes, lost samples, forced
    text and this answer."""
    total_thinking_tokens: int = 0
    """Those of them in a thinking channel."""
    n_samples: int = 1
    """Samples of the last stage that were started."""
    n_side_by_side: float = 1.0
    """Sequences of the last stage that were decoded together, on average."""
    agreement: float | None = None
    """The leading answer's share of the vote, 0 to 1; None without a vote."""
    certainty: float | None = None
    """How sure the answer is by the measure of its strategy, 0 to 1; None where there is none."""
    doubt: str = ""
    """One sentence where nothing was certain at the end; empty otherwise."""
    stages: tuple[str, ...] = ()
    """The strategies that ran for this query, in order."""
    kind: str = ""
    """The kind of query."""
    score: float = 0.0
    """The query's difficulty, 0 to 1."""
    plan_s: float = 0.0
    """Seconds that assessing and planning took."""


AnyEvent = (
    Loading
    | Notice
    | Planned
    | Prefill
    | ThinkingDelta
    | ThinkingDone
    | AnswerDelta
    | Retracted
    | SampleNews
    | Tally
    | Probed
    | Answer
)
