"""What fills the model's context, in tokens. Pure.

Tokens are only known in sum, from the last answer; the parts are told apart by their characters. As long
as there is no answer, three characters count as a token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from assistant.query import Message
from assistant.store.values import StoredMessage

CHARS_PER_TOKEN = 3.0
NEAR = 0.8
"""From this share of the context on, something should be done."""
LEAST_FREE = 512
"""Tokens that an answer should find free."""


@dataclass(frozen=True, slots=True)
class Filling:
    """How many tokens there are of what."""

    system: int = 0
    history: int = 0
    thinking: int = 0
    """Of the last answer; the next question takes its place with most models."""
    files: int = 0
    n_ctx: int = 0
    """Tokens of the context in all; 0 until the model is loaded."""

    @property
    def total(self) -> int:
        """All that is in the context."""
        return self.system + self.history + self.thinking + self.files

    @property
    def free(self) -> int:
        """What is left."""
        return max(self.n_ctx - self.total, 0)

    @property
    def share(self) -> float:
        """How full the context is, 0 to 1, or more where it does not fit; 0 while its size is unknown."""
        return self.total / self.n_ctx if self.n_ctx else 0.0

    @property
    def is_near(self) -> bool:
        """Whether something should be done before the context is full."""
        return self.share >= NEAR


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many characters make a token in this conversation."""

    chars_per_token: float = CHARS_PER_TOKEN
    n_thinking: int = 0
    """Tokens of the last answer's thinking, which are still in the context."""


def learned(told: Sequence[StoredMessage], system: str, context_tokens: int, n_thinking: int) -> Ratio:
    """What an answer tells of tokens.

    Args:
        told: the messages that were in the context, the answer included.
        system: the system message.
        context_tokens: what the conversation filled after the answer.
        n_thinking: what of it was the answer's thinking.
    """
    n_thinking = min(n_thinking, context_tokens)
    n_chars = n_characters(told) + len(system)
    if context_tokens <= n_thinking or not n_chars:
        return Ratio()
    return Ratio(n_chars / (context_tokens - n_thinking), n_thinking)


def filling(told: Sequence[StoredMessage], system: str, ratio: Ratio, n_ctx: int) -> Filling:
    """What the context holds."""
    history, files = _sizes(told)
    parts = [round(n / ratio.chars_per_token) for n in (len(system), history, files)]
    return Filling(parts[0], parts[1], ratio.n_thinking if told else 0, parts[2], n_ctx)


def grown(counted: Filling, n_tokens: int, n_thinking: int) -> Filling:
    """What was counted before a run, now that the context holds so many tokens.

    Args:
        counted: the question taken in.
        n_tokens: in the context.
        n_thinking: those of them that were thought in this run.
    """
    left = max(n_tokens - n_thinking, 0)
    files = min(counted.files, left)
    system = min(counted.system, left - files)
    return replace(
        counted,
        system=system,
        history=left - files - system,
        thinking=min(n_thinking, n_tokens),
        files=files,
    )


def fitting(history: Sequence[Message], n_tokens: int, ratio: Ratio) -> tuple[Message, ...]:
    """The newest turns that take at most so many tokens, question and answer always together."""
    left = n_tokens * ratio.chars_per_token
    first = len(history)
    for at in range(len(history) - 2, -1, -2):
        left -= len(history[at].content) + len(history[at + 1].content)
        if left < 0:
            break
        first = at
    return tuple(history[first:])


def first_to_tell(messages: Sequence[StoredMessage], n_tokens: int, ratio: Ratio) -> StoredMessage | None:
    """The question to begin with so that what is told takes at most so many tokens; None if all fits.

    The oldest turn goes in any case, and the newest question stays.
    """
    questions = [at for at, message in enumerate(messages) if message.role == "user"]
    for at in questions[1:]:
        if n_characters(messages[at:]) <= n_tokens * ratio.chars_per_token or at == questions[-1]:
            return messages[at]
    return None


def n_turns(messages: Sequence[StoredMessage], first_id: int | None) -> int:
    """How many turns come before a message."""
    n = 0
    for question, answer in pairwise(messages):
        if question.id == first_id:
            break
        n += question.role == "user" and answer.role == "assistant"
    return n


def n_characters(messages: Sequence[StoredMessage]) -> int:
    """How many characters these messages and their files have."""
    return sum(_sizes(messages))


def _sizes(messages: Sequence[StoredMessage]) -> tuple[int, int]:
    """Characters of what was said, and of files."""
    said = sum(len(message.content) for message in messages)
    return said, sum(len(file.text) for message in messages for file in message.attachments)
