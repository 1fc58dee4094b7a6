"""The open conversation between the screen and the store.

What is asked gets its place in the `Dialogue` and in the store's tree under the same ids. Nothing here
waits for the disk but what says so.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.query import Attachment, Query
from assistant.store.recording import Turn

from .dialogue import Dialogue

if TYPE_CHECKING:
    from assistant.store.journal import Journal
    from assistant.store.values import Run, Status


@dataclass(frozen=True, slots=True)
class Asked:
    """A question on its way to the model."""

    query: Query
    turn: Turn


class OpenConversation:
    """One conversation, new or read back.

    Args:
        conversation_id: its name in the store; None until there is something to keep.
        title: what it is called there.
        dialogue: what was said.
    """

    def __init__(
        self, conversation_id: str | None = None, title: str = "", dialogue: Dialogue | None = None
    ) -> None:
        self.id = conversation_id
        self.title = title
        self.dialogue = dialogue or Dialogue()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said yet."""
        return not len(self.dialogue)

    def ask(self, text: str, attachments: tuple[Attachment, ...] = ()) -> Asked:
        """A question at the end of what is shown."""
        return self._asked(Query(text, self.dialogue.told(None), attachments=attachments), self._parent())

    def edit(self, question_id: int, text: str, attachments: tuple[Attachment, ...] = ()) -> Asked:
        """Another version of a question: a branch beside it."""
        query = Query(text, self.dialogue.told(question_id), attachments=attachments)
        return self._asked(query, self.dialogue[question_id].parent_id)

    def begin_anew(self, query: Query) -> Asked:
        """A question at the very beginning, beside the one that the conversation began with."""
        return self._asked(query, None)

    def again(self, question_id: int, *, begun_by: int | None = None) -> Asked:
        """Another answer to a question that was asked before.

        Args:
            question_id: the question.
            begun_by: an unfinished answer to it, to be gone on with from its last word.
        """
        question = self.dialogue[question_id]
        query = Query(
            question.content,
            self.dialogue.told(question_id),
            attachments=question.attachments,
            begun=None if begun_by is None else self.dialogue[begun_by].begun,
        )
        turn = Turn(query, self.id, question.parent_id, question_id)
        self._take_in(turn)
        return Asked(query, turn)

    def settle(self, turn: Turn, answer: str, thinking: str, status: Status, error: str = "") -> None:
        """The run of a question is over."""
        self.dialogue.settle(turn.answer_id, answer, thinking, status, error)

    def _parent(self) -> int | None:
        return self.dialogue.leaf_id

    def _asked(self, query: Query, parent_id: int | None) -> Asked:
        turn = Turn(query, self.id, parent_id)
        self.dialogue.add(turn.question_id, parent_id, query.text, query.attachments, created_s=time.time())
        self._take_in(turn)
        return Asked(query, turn)

    def _take_in(self, turn: Turn) -> None:
        self.id = turn.conversation_id
        self.dialogue.add(turn.answer_id, turn.question_id, "", is_answer=True, created_s=time.time())


@dataclass(frozen=True, slots=True)
class Read:
    """A conversation as it was read from the store."""

    conversation: OpenConversation
    runs: dict[int, Run]
    """Of the answers that are to be shown first."""
    at: int | None = None
    """The message to show first; None is the end."""


def read(journal: Journal, conversation_id: str, n_runs: int, at: int | None = None) -> Read:
    """Read a conversation with the runs of its last answers, or of those around a message.

    It waits for the disk.

    Raises:
        UsageError: there is none of that id, or nothing is kept.
        StoreError: it cannot be read.
    """
    from assistant.errors import UsageError

    store = journal.store()
    if store is None:
        raise UsageError("No conversations are kept, for history is off.", "Set history = on to keep them.")
    whole = store.whole(conversation_id, has_runs=False)
    dialogue = Dialogue(whole.messages, whole.leaf_id, whole.first_sent_id)
    if at is not None and at in dialogue and at not in dialogue.path:
        dialogue.switch(at)
    path = dialogue.path
    middle = path.index(at) if at in path else len(path)
    near = path[max(0, middle - n_runs) : middle + n_runs]
    opened = OpenConversation(whole.summary.id, whole.summary.title, dialogue)
    return Read(opened, store.runs(near), at if at in path else None)
