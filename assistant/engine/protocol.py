"""The seam between strategies and whatever runs the model.

A strategy asks a `Batch` for sequences and pulls events out of it with `step`; nothing is computed
between two calls of `step`. All values here are plain data and cross a process boundary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Literal, Protocol, Self

from assistant.query import Message

FinishReason = Literal["stop", "length", "context", "stopped"]
"""stop: the model ended its turn · length: max_tokens · context: it is full · stopped: by the user"""

LEAST_TO_SUM_UP: Final = 10**9
"""Parameters; what smaller models say of a conversation tells less than its first words."""

ThinkingEnd = Literal["itself", "budget", "answer_now", "loop", "found"]
"""itself: the model closed it · budget: the limit · answer_now: the user · loop: it repeated itself ·
found: it had come to its answer, and went on"""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn; the fields follow llama.cpp's sampler chain."""

    temperature: float = 0.7
    """0 is greedy."""
    top_k: int = 40
    """Candidates kept; 0 keeps all."""
    top_p: float = 0.95
    """Probability mass kept."""
    min_p: float = 0.0
    """Candidates below this share of the best one are dropped."""
    repeat_penalty: float = 1.0
    """Divides the logits of recent tokens; 1 is off."""
    presence_penalty: float = 0.0
    """Taken off the logits of tokens already seen; 0 is off."""
    frequency_penalty: float = 0.0
    """Taken off once for each time a token was seen; 0 is off."""
    penalty_last_n: int = 64
    """How many tokens back the penalties look."""
    seed: int = 0
    """The same seed and settings give the same text; sample i of a request draws with seed + i."""


@dataclass(frozen=True, slots=True)
class ThinkingBudget:
    """How long a sequence may think, in tokens of the thinking channel."""

    maximum: int
    """Never exceeded: the hand-over sentence is counted in. 0 renders the prompt without thinking."""
    minimum: int = 0
    """An earlier end is replaced by a continuation, at most `max_waits` times."""
    max_waits: int = 2
    """How often the end may be put off."""


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt and how to go on from it."""

    messages: tuple[Message, ...]
    """The conversation; the engine renders it with the model's own template."""
    sampling: Sampling
    """How tokens are drawn."""
    thinking: ThinkingBudget
    """How long the thinking may last."""
    max_tokens: int
    """Most tokens of the completion, thinking and forced text included."""
    begun: Message | None = None
    """A completion to go on with: it comes first, as forced text, and does not count against the limits."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one sequence cost."""

    prompt_tokens: int = 0
    """Tokens of the rendered prompt."""
    cached_tokens: int = 0
    """Those of them that were already in the KV cache."""
    completion_tokens: int = 0
    """Tokens after the prompt, forced ones included."""
    thinking_tokens: int = 0
    """Those of them in the thinking channel, markers excluded."""
    mean_logprob: float = 0.0
    """Mean log-probability of the drawn tokens, in nats, under the model itself (temperature 1)."""
    confidence: float = 0.0
    """Mean negative log-probability of the top 20 candidates, in nats; higher is surer (arXiv 2508.15260)."""


@dataclass(frozen=True, slots=True)
class Prefilled:
    """Part of a prompt has been computed."""

    seq_id: int
    n_done: int
    """Prompt tokens in the cache by now."""
    n_total: int
    """Prompt tokens in all."""
    n_cached: int
    """Prompt tokens that were in the cache before."""


@dataclass(frozen=True, slots=True)
class Delta:
    """New text of one sequence, split by channel."""

    seq_id: int
    thinking: str
    """New text of the thinking channel."""
    answer: str
    """New text of the answer."""
    completion_tokens: int
    """Tokens after the prompt so far."""
    thinking_tokens: int
    """Tokens of the thinking channel so far."""
    is_thinking: bool
    """Whether the sequence is thinking after this text."""
    logprob: float
    """Log-probability of the newest drawn token, in nats."""
    confidence: float
    """Mean negative log-probability of the top 20 candidates for that token, in nats."""


@dataclass(frozen=True, slots=True)
class ThinkingEnded:
    """The thinking of a sequence is closed; its answer follows."""

    seq_id: int
    reason: ThinkingEnd
    thinking_tokens: int


@dataclass(frozen=True, slots=True)
class Reopened:
    """More thinking was granted while the answer was running: its text so far is void."""

    seq_id: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A sequence is complete; it keeps its cells until it is removed."""

    seq_id: int
    reason: FinishReason
    usage: Usage


SequenceEvent = Prefilled | Delta | ThinkingEnded | Reopened | Finished


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a loaded model."""

    name: str
    """A name for the status line."""
    path: str
    """The GGUF file."""
    family: str
    """The family's name in models/*.toml."""
    architecture: str
    """`general.architecture` of the GGUF."""
    n_params: int
    size_bytes: int
    quantisation: str
    """llama.cpp's name of the file type, such as Q4_0."""
    n_ctx: int
    """Context of this run, in tokens."""
    n_ctx_train: int
    """Context that the model was trained for, in tokens."""
    n_seq_max: int
    """Sequences that can run side by side."""
    has_thinking: bool
    """Whether the model has a thinking channel."""
    can_answer_directly: bool
    """Whether its thinking can be switched off."""
    sampling: Sampling
    """The family's default sampling for answers without thinking."""
    thinking_sampling: Sampling
    """The family's default sampling with thinking."""
    vote_sampling: Sampling = Sampling()
    """The family's default sampling for several samples that are to differ."""
    device: str = "CPU"
    """Where the layers are: CPU, or the GPU's name."""
    build: str = ""
    """Version of llama-cpp-python and llama.cpp's system line."""
    note: str = ""
    """A sentence that the user should read, such as the starter model's."""
    options: dict[str, int | bool | str] = field(default_factory=dict)
    """The engine options in force."""
    plan: str = ""
    """How it is loaded, in a few words; empty where nothing was planned."""
    expected_speed: float = 0.0
    """Tokens per second that the planner expects of one sequence; 0 where it expects nothing."""

    @property
    def can_sum_up(self) -> bool:
        """Whether it is large enough to say well in a few words what a conversation is about."""
        return self.n_params >= LEAST_TO_SUM_UP


class Batch(Protocol):
    """Sequences that are decoded together; leaving the context gives them back."""

    def add(self, request: Request, n: int = 1) -> list[int]:
        """Queue a prompt, prefilled once for `n` sequences; returns their ids.

        Raises:
            ContextFull: the prompt leaves no room to answer.
            TemplateError: the model's template fails on these messages.
        """

    def step(self, patience_s: float = 0.0) -> list[SequenceEvent]:
        """Compute one batch (a token for each running sequence and a chunk of prompt) and tell what came.

        An empty list means that nothing is left to do. An engine to which a call is dear may compute
        further batches for `patience_s` seconds before it answers, though not past a `ThinkingEnded`
        or a `Finished`: a strategy that has no decision to take from token to token gains speed by it.

        Raises:
            EngineError: the engine failed; the batch is lost.
        """

    def append(self, seq_id: int, text: str) -> None:
        """Force `text` as the sequence's next tokens; a finished sequence goes on after it."""

    def fork(self, seq_id: int) -> int:
        """A copy of the sequence as it stands, sharing its cache; returns the copy's id."""

    def steer(self, seq_id: int, thinking: ThinkingBudget) -> None:
        """Replace the thinking budget of a running sequence.

        A maximum at or under what was already thought ends the thinking as the limit would; a larger
        one while the answer runs takes the answer back (`Reopened`) and thinks on.
        """

    def hold(self, seq_id: int, is_held: bool = True) -> None:
        """Let the sequence wait where it is while others go on, or let it go on again."""

    def remove(self, seq_id: int) -> None:
        """Stop the sequence and forget it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Engine(Protocol):
    """A loaded model."""

    @property
    def model(self) -> ModelInfo:
        """What was loaded."""

    def batch(self) -> Batch:
        """A new, empty batch; one at a time."""

    def interrupt(self) -> None:
        """End the running `step` as soon as can be; safe from any thread."""

    def close(self) -> None:
        """Give the model back; closing twice is harmless."""
