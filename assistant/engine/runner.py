"""The narrow seam under the batch logic: what any token-by-token model must offer.

`llama.LlamaRunner` runs a GGUF; `scripted.ScriptedRunner` replays texts. The sequences, prefixes,
budgets and events above it are the same code for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from assistant.engine.protocol import ModelInfo, Request, Sampling
from assistant.engine.splitter import Markers
from assistant.engine.thinking import Ban, ForcedLengths

DecodeStatus = Literal["done", "full", "aborted"]
"""done · full: the cache has no room, nothing was computed · aborted: part may have been computed"""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered and tokenised conversation."""

    text: bytes
    """What the tokens spell, the start token included."""
    tokens: list[int]
    is_thinking: bool
    """Whether the prompt ends inside an open thinking block."""
    n_stable_bytes: int
    """How much of the text the next turn of this conversation will surely repeat."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive tokens of one slot in a batch."""

    slot: int
    position: int
    """Position of the first token in the slot's sequence."""
    tokens: Sequence[int]
    wants_logits: bool
    """Whether the logits after the last token are needed."""


@dataclass(frozen=True, slots=True)
class Nudge:
    """A leaning of the next draw."""

    token: int
    """The token to favour."""
    strength: float
    """0 not at all, 1 as strongly as is allowed."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A drawn token."""

    token: int
    logprob: float
    """Its log-probability in nats at temperature 1."""
    confidence: float
    """Mean negative log-probability of the 20 likeliest tokens, in nats."""


class Sampler(Protocol):
    """One sequence's chain of samplers with its random state."""

    def accept(self, token: int) -> None:
        """Let penalties know of a token that was forced."""

    def close(self) -> None:
        """Give the chain back."""


class Runner(Protocol):
    """A model with `n_slots` sequences in one cache of `info.n_ctx` cells."""

    @property
    def info(self) -> ModelInfo: ...
    @property
    def markers(self) -> Markers: ...
    @property
    def lengths(self) -> ForcedLengths: ...
    @property
    def close_token(self) -> int | None:
        """The one token that begins the closing marker, None where that is ordinary text."""

    @property
    def n_batch(self) -> int: ...
    @property
    def n_slots(self) -> int: ...
    @property
    def can_truncate(self) -> bool:
        """Whether the end of a sequence can be dropped from the cache at any place."""

    def prompt(self, request: Request) -> Prompt:
        """Render and tokenise.

        Raises:
            TemplateError: the template fails on these messages.
        """

    def tokenize(self, text: str) -> list[int]:
        """Tokens of text that goes on in mid-sequence; markers become their special tokens."""

    def can_split_before(self, token: int) -> bool:
        """Whether a text may be tokenised in two parts, the second beginning with this token."""

    def text_of(self, token: int) -> bytes:
        """The bytes that a token stands for, markers spelled out; may be part of a character."""

    def is_end(self, token: int) -> bool:
        """Whether the token ends a turn."""

    def sampler(self, sampling: Sampling, seed: int) -> Sampler: ...

    def decode(self, pieces: Sequence[Piece]) -> DecodeStatus:
        """Compute one batch of at most `n_batch` tokens.

        Raises:
            EngineError: llama.cpp failed.
        """

    def draw(self, index: int, sampler: Sampler, ban: Ban, nudge: Nudge | None) -> Drawn:
        """Draw from the logits of the `index`-th piece of the last batch."""

    def copy(self, source: int, target: int, n_tokens: int) -> bool:
        """Make `target` (empty) hold the first `n_tokens` of `source`; False where that cannot be done."""

    def truncate(self, slot: int, n_tokens: int) -> bool:
        """Drop all but the first `n_tokens`; False where that cannot be done (the slot is as before)."""

    def clear(self, slot: int) -> None:
        """Empty the slot."""

    def save(self, slot: int) -> bytes:
        """What `restore` needs to bring the slot back to where it is now."""

    def restore(self, source: int, target: int, n_tokens: int, state: bytes) -> bool:
        """Make `target` (empty, or `source`) what `source` was when `state` was saved at `n_tokens`."""

    def park(self, slot: int) -> bytes:
        """Everything that `unpark` needs to make another slot what this one is."""

    def unpark(self, slot: int, state: bytes) -> bool:
        """Fill an empty slot from `park`; False where the cache has no room, and the slot stays empty."""

    def interrupt(self) -> None:
        """Abort the running `decode` and those to come; safe from any thread."""

    def resume(self) -> None:
        """Compute again after an `interrupt`."""

    def close(self) -> None: ...
