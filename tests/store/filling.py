"""Conversations to test with."""

from __future__ import annotations

from assistant.query import Attachment, Query
from assistant.store.recording import Turn
from assistant.store.store import Store
from tests.tui.scripted import answer


def said(
    store: Store,
    question: str,
    reply: str = "Yes.",
    *,
    thinking: str = "",
    conversation_id: str | None = None,
    parent_id: int | None = None,
    question_id: int | None = None,
    files: tuple[Attachment, ...] = (),
) -> Turn:
    """A turn that came to its end, kept in the store."""
    turn = Turn(Query(question, attachments=files), conversation_id, parent_id, question_id)
    turn.note(answer(reply, thinking))
    turn.write(store.write)
    return turn


def following(store: Store, before: Turn, question: str, reply: str = "Yes.") -> Turn:
    """A turn after another one."""
    return said(store, question, reply, conversation_id=before.conversation_id, parent_id=before.answer_id)
