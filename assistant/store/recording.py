"""Writing a running answer as it streams.

`recorded` lets a run's events pass and notes them in a `Turn`, in memory; the journal's thread writes what
is new every half second, so neither the model nor the screen waits for the disk, and whoever kills Mull
loses half a second of text. What cannot be written stays in memory and is written once it can be.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, cast

from assistant.errors import MullError
from assistant.query import Query
from assistant.store import ids
from assistant.store.writing import Record

if TYPE_CHECKING:
    from assistant.events import AnyEvent, Event
    from assistant.store.values import Conversation, Status


class Turn:
    """A question, and its answer as it comes; ids are fixed before the first word.

    Args:
        query: what is asked.
        conversation_id: where it belongs; None begins a conversation.
        parent_id: the message that the question follows; None is the conversation's beginning.
        question_id: a question that is kept already and asked again; its text stays as it is.
    """

    def __init__(
        self,
        query: Query,
        conversation_id: str | None = None,
        parent_id: int | None = None,
        question_id: int | None = None,
    ) -> None:
        self.conversation_id = conversation_id or ids.conversation_id()
        self.question_id = ids.message_id(parent_id or 0) if question_id is None else question_id
        self.answer_id = ids.message_id(self.question_id)
        self._record = Record(
            conversation_id=self.conversation_id,
            parent_id=parent_id,
            question_id=self.question_id,
            answer_id=self.answer_id,
            question=query.text,
            attachments=query.attachments,
            system=query.system or "",
        )
        self._guard = threading.Lock()
        self._content: list[str] = []
        self._thinking: list[str] = []
        self._n_changes = 1
        self._n_written = 0
        self._stage = 1

    @classmethod
    def after(cls, conversation: Conversation | None, query: Query) -> Self:
        """The next turn of a conversation; without one, the first turn of a new one."""
        if conversation is None:
            return cls(query)
        return cls(query, conversation.summary.id, conversation.leaf_id)

    @classmethod
    def again(cls, conversation: Conversation, answer_id: int, query: Query) -> Self:
        """Another answer to the question of one in the active branch; the first one stays beside it."""
        question_id = next(m.parent_id for m in conversation.messages if m.id == answer_id)
        return cls(query, conversation.summary.id, question_id=question_id)

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will come."""
        return self._record.status != "running"

    @property
    def is_written(self) -> bool:
        """Whether the database has all there is."""
        return self._n_written == self._n_changes

    def write(self, put: Callable[[Record], None]) -> None:
        """Hand what there is to `put`, unless it has it already; raises what `put` raises."""
        with self._guard:
            if self.is_written:
                return
            n_changes = self._n_changes
            self._content = ["".join(self._content)]
            self._thinking = ["".join(self._thinking)]
            self._record.content, self._record.thinking = self._content[0], self._thinking[0]
            # events change the record while it is being written
            copy = replace(self._record, plans=list(self._record.plans), samples=dict(self._record.samples))
        put(copy)
        self._record.is_begun = True
        self._n_written = n_changes

    def forget_written(self) -> None:
        """Begin anew with writing: what was written is out of reach."""
        with self._guard:
            self._record.is_begun = False
            self._n_written = -1

    def begin_again(self) -> None:
        """The question is answered anew, in place of what was noted so far."""
        with self._guard:
            old, self._content, self._thinking, self._stage = self._record, [], [], 1
            self._record = Record(
                conversation_id=old.conversation_id,
                parent_id=old.parent_id,
                question_id=old.question_id,
                answer_id=old.answer_id,
                question=old.question,
                attachments=old.attachments,
                system=old.system,
                created_s=old.created_s,
                is_begun=old.is_begun,
            )
            self._n_changes += 1

    def note(self, event: Event) -> None:
        """Take in an event of the run."""
        with self._guard:
            self._note(cast("AnyEvent", event))

    def end(self, status: Status, error: str = "") -> None:
        """Nothing more will come; a turn that has ended stays as it ended."""
        with self._guard:
            if not self.is_ended:
                self._record.status, self._record.error = status, error
                self._n_changes += 1

    def _note(self, event: AnyEvent) -> None:
        record = self._record
        match event.event:
            case "loading":
                record.model = event.model
                return  # a fact for the next time that there is something to write
            case "thinking":
                if event.sample == 0:
                    self._thinking.append(event.text)
                    record.n_thinking, record.seconds = event.tokens, event.seconds
            case "text":
                if event.sample == 0:
                    self._content.append(event.text)
                    record.n_completion = event.tokens
            case "retracted":
                self._content.clear()
            case "plan":
                record.plans.append(_fields(event))
                self._stage = event.stage
                record.kind, record.score, record.signals = event.kind, event.score, event.signals
            case "sample":
                record.samples[self._stage, event.sample] = {"stage": self._stage, **_fields(event)}
            case "tally":
                record.tally = _fields(event)
            case "answer":
                self._content, self._thinking = [event.text], [event.thinking]
                record.model = event.model
                record.n_thinking, record.n_completion = event.thinking_tokens, event.completion_tokens
                record.seconds = event.seconds
                record.answer = _fields(event, {"text", "thinking"})
                record.status = "stopped" if event.finish_reason == "stopped" else "done"
            case _:
                return
        self._n_changes += 1


def _fields(event: AnyEvent, but: set[str] | None = None) -> dict[str, Any]:
    return event.model_dump(mode="json", exclude={"event", *(but or ())})


def recorded(
    events: Iterator[Event],
    turn: Turn,
    saving: AbstractContextManager[Callable[[], Iterator[Event]]],
) -> Generator[Event, None, None]:
    """The events as they come, noted in `turn`; what saving has to say comes among them, before the answer.

    Args:
        events: a run; it is closed when this is.
        turn: what they are noted in.
        saving: a journal's `saving(turn)`: while it is open the turn is written now and then, and what it
            gives tells what the user should know.
    """
    with saving as news, _closing(events):
        try:
            for event in events:
                turn.note(event)
                yield from news()
                yield event
        except GeneratorExit:
            turn.end("stopped")
            raise
        except MullError as error:
            turn.end("failed", str(error))
            yield from news()
            raise
        except KeyboardInterrupt:
            turn.end("stopped")
            raise
        except BaseException as error:
            turn.end("failed", f"{type(error).__name__}: {error}")
            raise
        turn.end("stopped")


@contextmanager
def _closing(events: Iterator[Event]) -> Iterator[None]:
    try:
        yield
    finally:
        if isinstance(events, Generator):
            events.close()
