"""Writing a turn, question and answer, into the database: as often as wished, the last time wins."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assistant.query import Attachment
from assistant.store import ids, titles
from assistant.store.values import Run, Status, StoredMessage, Whole

if TYPE_CHECKING:
    # A journal is made before first paint, and the database opened after it.
    import sqlite3


@dataclass(slots=True)
class Record:
    """A turn as it stands: what is to be in the database. Ids are made before anything is written."""

    conversation_id: str
    parent_id: int | None
    question_id: int
    answer_id: int
    question: str
    attachments: tuple[Attachment, ...] = ()
    system: str = ""
    created_s: float = field(default_factory=time.time)
    content: str = ""
    thinking: str = ""
    status: Status = "running"
    model: str = ""
    kind: str = ""
    score: float = 0.0
    n_thinking: int = 0
    n_completion: int = 0
    seconds: float = 0.0
    error: str = ""
    signals: tuple[tuple[str, float], ...] = ()
    plans: list[dict[str, Any]] = field(default_factory=list)
    samples: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    tally: dict[str, Any] | None = None
    answer: dict[str, Any] | None = None
    is_begun: bool = False
    """Whether it has been written before."""


def write(db: sqlite3.Connection, record: Record, owner: str | None) -> None:
    """Put the turn's present state into the database, within a transaction.

    The first time makes what is missing: the conversation, the question. Later ones leave alone what
    somebody has removed for good in the meantime.
    """
    now = time.time()
    if not record.is_begun:
        _begin(db, record, now)
    elif db.execute("SELECT 1 FROM message WHERE id = ?", (record.answer_id,)).fetchone() is None:
        return
    db.execute(
        "UPDATE message SET content = ?, thinking = ?, status = ? WHERE id = ?",
        (storable(record.content), storable(record.thinking), record.status, record.answer_id),
    )
    _write_run(db, record, owner)
    if record.status != "running":
        db.execute("UPDATE conversation SET updated_s = ? WHERE id = ?", (now, record.conversation_id))


def _begin(db: sqlite3.Connection, record: Record, now: float) -> None:
    question = storable(record.question)
    names = " ".join(attachment.name for attachment in record.attachments)
    db.execute(
        "INSERT OR IGNORE INTO conversation (id, title, created_s, updated_s) VALUES (?, ?, ?, ?)",
        (record.conversation_id, storable(titles.title(record.question or names)), record.created_s, now),
    )
    insert = """
        INSERT OR IGNORE INTO message (id, conversation_id, parent_id, role, status, created_s, content)
            VALUES (?, ?, ?, ?, ?, ?, ?)"""
    at = (record.conversation_id, record.parent_id)
    db.execute(insert, (record.question_id, *at, "user", "done", record.created_s, question))
    at = (record.conversation_id, record.question_id)
    db.execute(insert, (record.answer_id, *at, "assistant", "running", record.created_s, ""))
    _attach(db, record.question_id, record.attachments)
    db.execute(
        "UPDATE conversation SET leaf_id = ?, updated_s = ? WHERE id = ?",
        (record.answer_id, now, record.conversation_id),
    )


def insert(db: sqlite3.Connection, whole: Whole, conversation_id: str) -> None:
    """Put in a conversation from elsewhere under this id; its messages get new ids, of their own time."""
    summary = whole.summary
    new_ids: dict[int, int] = {}
    last = 0
    for message in whole.messages:
        new_ids[message.id] = last = ids.after(last, message.created_s)
    questions = (message.content for message in whole.messages if message.role == "user")
    name = titles.line(summary.title) or titles.title(next(questions, ""))
    db.execute(
        """INSERT INTO conversation
            (id, title, title_by, created_s, updated_s, leaf_id, is_pinned, is_archived, first_sent_id)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            *(conversation_id, storable(name), summary.title_by, summary.created_s),
            *(summary.updated_s, new_ids.get(whole.leaf_id or 0), summary.is_pinned, summary.is_archived),
            new_ids.get(whole.first_sent_id or 0),
        ),
    )
    for message in whole.messages:
        parent = None if message.parent_id is None else new_ids.get(message.parent_id)
        db.execute(
            """INSERT INTO message
                (id, conversation_id, parent_id, role, status, created_s, content, thinking)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                *(new_ids[message.id], conversation_id, parent, message.role),
                *("interrupted" if message.status == "running" else message.status, message.created_s),
                *(storable(message.content), storable(message.thinking)),
            ),
        )
        _attach(db, new_ids[message.id], message.attachments)
        if (run := whole.runs.get(message.id)) is not None:
            _insert_run(db, new_ids[message.id], message, run)


def _insert_run(db: sqlite3.Connection, message_id: int, message: StoredMessage, run: Run) -> None:
    _put_run(
        db,
        {
            "message_id": message_id,
            "owner": None,
            "model": storable(run.model),
            "kind": storable(run.kind),
            "score": run.score,
            "n_thinking": message.n_thinking,
            "n_completion": message.n_completion,
            "seconds": message.seconds,
            "error": storable(run.error),
            "system": storable(run.system),
            "signals": _json(run.signals),
            "plans": _json(run.plans),
            "samples": _json(run.samples),
            "tally": _json(run.tally) if run.tally else None,
            "answer": _json(run.answer) if run.answer else None,
        },
    )


def _attach(db: sqlite3.Connection, message_id: int, attachments: tuple[Attachment, ...]) -> None:
    db.executemany(
        "INSERT OR IGNORE INTO attachment (message_id, position, name, text) VALUES (?, ?, ?, ?)",
        [(message_id, i, storable(a.name), storable(a.text)) for i, a in enumerate(attachments)],
    )


def _write_run(db: sqlite3.Connection, record: Record, owner: str | None) -> None:
    fields: dict[str, Any] = {
        "message_id": record.answer_id,
        "owner": owner if record.status == "running" else None,
        "model": storable(record.model),
        "kind": record.kind,
        "score": record.score,
        "n_thinking": record.n_thinking,
        "n_completion": record.n_completion,
        "seconds": record.seconds,
        "error": storable(record.error),
        "system": storable(record.system),
        "signals": _json(record.signals),
        "plans": _json(record.plans),
        "samples": _json(list(record.samples.values())),
        "tally": _json(record.tally) if record.tally else None,
        "answer": _json(record.answer) if record.answer else None,
    }
    _put_run(db, fields)


def _put_run(db: sqlite3.Connection, fields: dict[str, Any]) -> None:
    places = ", ".join("?" * len(fields))
    db.execute(f"INSERT OR REPLACE INTO run ({', '.join(fields)}) VALUES ({places})", tuple(fields.values()))


def storable(text: str) -> str:
    """The text as it can be kept: lone surrogates, which no encoding takes, become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
