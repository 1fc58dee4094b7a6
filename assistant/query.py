"""What is asked: pure values, no identity and no storage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]

MOST_SHORT = 4000
"""Characters of a short conversation."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    """Who speaks."""
    content: str
    """What is said; for the assistant, the answer without its thinking."""
    thinking: str = ""
    """The hidden channel of an assistant's turn, empty where there was none."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text file that goes with a question."""

    name: str
    """The file's name, as the model is told it."""
    text: str
    """Its whole content."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question with all that belongs to it."""

    text: str
    """The user's own words."""
    history: tuple[Message, ...] = ()
    """The turns before, oldest first, without a system message."""
    system: str | None = None
    """The system message, if there is one."""
    attachments: tuple[Attachment, ...] = ()
    """Text files, put before the question."""
    begun: Message | None = None
    """What there is of an answer that was interrupted, to go on from where it stopped."""

    def messages(self) -> tuple[Message, ...]:
        """The conversation as the chat template wants it."""
        files = "".join(f"File {a.name}:\n```\n{a.text}\n```\n\n" for a in self.attachments)
        system = (Message("system", self.system),) if self.system else ()
        return (*system, *self.history, Message("user", files + self.text))


def is_short(history: Iterable[Message]) -> bool:
    """Whether a conversation is so short that what runs on top of it runs about as fast as alone."""
    return sum(len(message.content) for message in history) <= MOST_SHORT
