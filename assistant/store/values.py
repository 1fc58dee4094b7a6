"""What the store hands out: plain values, no connection behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from assistant.query import Attachment, Message, Query, Role
from assistant.store.matching import Snippet

Status = Literal["done", "running", "stopped", "interrupted", "failed"]
"""done: whole · running: being written · stopped: by the user · interrupted: the process that wrote it is
gone · failed: the run ended with an error"""

TitleBy = Literal["rule", "model", "user"]
"""Who named a conversation; a title by rule may be replaced by the model's, the user's never."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation as a line of a list."""

    id: str
    """Eight letters and digits, for good; any beginning that no other has will do."""
    title: str
    title_by: TitleBy
    created_s: float
    """Seconds since the epoch."""
    updated_s: float
    """When it was last written to, in seconds since the epoch."""
    n_messages: int
    """In all branches."""
    is_pinned: bool = False
    is_archived: bool = False
    deleted_s: float | None = None
    """When it was deleted; None if it was not. What is deleted can be restored until it is purged."""


class StoredMessage(NamedTuple):
    """One message of a conversation's active branch.

    A named tuple, as a frozen dataclass takes four times as long to make, and there may be 10,000 of them.
    """

    id: int
    parent_id: int | None
    role: Role
    content: str
    thinking: str
    status: Status
    created_s: float
    siblings: tuple[int, ...]
    """The versions of this message, itself included, oldest first."""
    attachments: tuple[Attachment, ...] = ()
    model: str = ""
    """What answered; empty for a question."""
    n_thinking: int = 0
    """Thinking tokens."""
    n_completion: int = 0
    """Completion tokens."""
    seconds: float = 0.0
    """What the answer took."""
    error: str = ""
    """Why the run failed, if it did."""

    @property
    def is_unfinished(self) -> bool:
        """Whether this is an answer that did not come to its end, and nobody is writing it."""
        return self.role == "assistant" and self.status in ("interrupted", "stopped", "failed")

    @property
    def begun(self) -> Message | None:
        """What there is of an answer, for the model to go on from; None where there is nothing."""
        return Message("assistant", self.content, self.thinking) if self.content or self.thinking else None

    @property
    def version(self) -> int:
        """Which of its siblings this is, from 1."""
        return self.siblings.index(self.id) + 1


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as it is shown: the messages from its beginning to the active leaf."""

    summary: Summary
    messages: tuple[StoredMessage, ...]
    first_sent_id: int | None = None
    """The first message that the model is still told; None, or one of another branch: all of them."""

    @property
    def told(self) -> tuple[Message, ...]:
        """What the model is told of it before a new question."""
        return history(told(self.messages, self.first_sent_id))

    @property
    def leaf_id(self) -> int | None:
        """What a new question follows; None in an empty conversation."""
        return self.messages[-1].id if self.messages else None


@dataclass(frozen=True, slots=True)
class Run:
    """How an answer came about; every part is as it was told by the run's events."""

    message_id: int
    status: Status
    model: str
    kind: str
    """The kind of query."""
    score: float
    """The query's difficulty, 0 to 1."""
    signals: tuple[tuple[str, float], ...]
    """What the score was made of."""
    plans: list[dict[str, Any]] = field(default_factory=list)
    """The `Planned` event of each stage."""
    samples: list[dict[str, Any]] = field(default_factory=list)
    """The last `SampleNews` of each sample, with the stage it belongs to."""
    tally: dict[str, Any] | None = None
    """The last `Tally`."""
    answer: dict[str, Any] | None = None
    """The `Answer` event without its text and thinking; None if the run did not come so far."""
    system: str = ""
    """The system message."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Whole:
    """A conversation with all its branches and runs, as it is exported and imported."""

    summary: Summary
    messages: tuple[StoredMessage, ...]
    """All there are, each after the one that it follows."""
    runs: dict[int, Run]
    """The runs behind the answers, by the message's id."""
    leaf_id: int | None
    """The end of the active branch."""
    first_sent_id: int | None = None
    """The first message that the model is still told; None tells it all."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A message or a title that was found."""

    conversation: Summary
    message_id: int | None
    """None for the title."""
    role: Role | None
    snippet: Snippet


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An answer whose process ended in the middle of it."""

    conversation_id: str
    title: str
    message_id: int
    question_id: int
    n_chars: int
    """How much of thinking and answer there is."""


def asked_again(conversation: Conversation, answer_id: int, *, is_continued: bool = False) -> Query:
    """The question of an answer in the active branch, as it was asked: for another answer to it.

    Args:
        conversation: where it is.
        answer_id: the answer.
        is_continued: whether to go on from where the answer stopped, and not from its beginning.
    """
    places = {message.id: place for place, message in enumerate(conversation.messages)}
    place = places[answer_id]
    answer, question = conversation.messages[place], conversation.messages[place - 1]
    return Query(
        question.content,
        history=history(told(conversation.messages[:place], conversation.first_sent_id)[:-1]),
        attachments=question.attachments,
        begun=answer.begun if is_continued else None,
    )


def told(messages: tuple[StoredMessage, ...], first_sent_id: int | None) -> tuple[StoredMessage, ...]:
    """The messages of a branch from the first one on that the model is told; all where that is not in it."""
    places = (place for place, message in enumerate(messages) if message.id == first_sent_id)
    return messages[next(places, 0) :]


def history(messages: tuple[StoredMessage, ...]) -> tuple[Message, ...]:
    """The turns as a model is told them: questions with their files, each with its answer.

    A question that got no answer is left out, for most chat templates want the two in turn.
    """
    turns: list[Message] = []
    for question, answer in pairwise(messages):
        if question.role == "user" and answer.role == "assistant" and answer.content.strip():
            turns.append(Message("user", _asked(question)))
            turns.append(Message("assistant", answer.content, answer.thinking))
    return tuple(turns)


def _asked(question: StoredMessage) -> str:
    if not question.attachments:
        return question.content
    return Query(question.content, attachments=question.attachments).messages()[-1].content
