"""Reading conversations out of the database; every function is given a connection in a transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from assistant.query import Attachment
from assistant.store import matching
from assistant.store.tree import Tree
from assistant.store.values import Conversation, Hit, Run, StoredMessage, Summary, Unfinished, Whole

_SUMMARY = """
    SELECT id, title, title_by, created_s, updated_s,
        (SELECT count(*) FROM message WHERE conversation_id = conversation.id),
        is_pinned, is_archived, deleted_s, leaf_id, first_sent_id
    FROM conversation"""
_MESSAGE = """
    SELECT message.id, role, content, thinking, status, created_s, model, n_thinking, n_completion, seconds,
        error
    FROM message LEFT JOIN run ON message_id = message.id"""

UNFINISHED = "(SELECT * FROM message WHERE status IN ('running', 'interrupted'))"
"""The few messages that an index of their own finds, so that a start does not look at all of them."""


def summaries(db: sqlite3.Connection, where: str, values: Sequence[object] = ()) -> list[Summary]:
    """The conversations that fit a condition (SQL that may go on with an order and a limit)."""
    return [_summary(row) for row in db.execute(f"{_SUMMARY} {where}", values)]


def conversation(db: sqlite3.Connection, conversation_id: str) -> Conversation | None:
    """A conversation with the messages of its active branch; None if there is none of that id."""
    row = db.execute(f"{_SUMMARY} WHERE id = ?", (conversation_id,)).fetchone()
    if row is None:
        return None
    tree = tree_of(db, conversation_id)
    *_, leaf_id, first_sent_id = row
    path = tree.path(leaf_id if leaf_id in tree else tree.newest_leaf())
    return Conversation(_summary(row), tuple(messages(db, conversation_id, tree, path)), first_sent_id)


def whole(db: sqlite3.Connection, conversation_id: str, *, has_runs: bool = True) -> Whole | None:
    """A conversation with all its branches, and the runs unless they are left out; None if there is none."""
    row = db.execute(f"{_SUMMARY} WHERE id = ?", (conversation_id,)).fetchone()
    if row is None:
        return None
    tree = tree_of(db, conversation_id)
    found = messages(db, conversation_id, tree, tree)
    known = runs(db, (each.id for each in found)) if has_runs else {}
    *_, leaf_id, first_sent_id = row
    leaf_id = leaf_id if leaf_id in tree else tree.newest_leaf()
    first_sent_id = first_sent_id if first_sent_id in tree else None
    return Whole(_summary(row), tuple(found), known, leaf_id, first_sent_id)


def tree_of(db: sqlite3.Connection, conversation_id: str) -> Tree:
    """The shape of a conversation, all branches; from the index alone."""
    rows = db.execute(
        "SELECT id, parent_id FROM message WHERE conversation_id = ? ORDER BY id", (conversation_id,)
    )
    return Tree(rows)


def messages(
    db: sqlite3.Connection, conversation_id: str, tree: Tree, wanted: Iterable[int]
) -> list[StoredMessage]:
    """These messages of a conversation, in the order given."""
    rows = db.execute(f"{_MESSAGE} WHERE conversation_id = ?", (conversation_id,))
    by_id = {row[0]: row for row in rows}
    files: dict[int, list[Attachment]] = {}
    for message_id, name, text in db.execute(
        """SELECT message_id, name, text FROM attachment JOIN message ON message.id = message_id
            WHERE conversation_id = ? ORDER BY message_id, position""",
        (conversation_id,),
    ):
        files.setdefault(message_id, []).append(Attachment(name, text))
    return [_message(by_id[i], tree, tuple(files.get(i, ()))) for i in wanted]


def runs(db: sqlite3.Connection, message_ids: Iterable[int]) -> dict[int, Run]:
    """How these answers came about, as far as it is known."""
    return {each: known for each in message_ids if (known := run(db, each)) is not None}


def run(db: sqlite3.Connection, message_id: int) -> Run | None:
    """How an answer came about; None for a question, or where nothing is known."""
    row = db.execute(
        """SELECT message_id, status, model, kind, score, signals, plans, samples, tally, answer, system,
            error FROM run JOIN message ON message.id = message_id WHERE message_id = ?""",
        (message_id,),
    ).fetchone()
    if row is None:
        return None
    signals, plans, samples, tally, answer = map(_parsed, row[5:10])
    return Run(
        message_id=row[0],
        status=row[1],
        model=row[2],
        kind=row[3],
        score=row[4],
        signals=tuple((str(name), float(value)) for name, value in signals or ()),
        plans=plans or [],
        samples=samples or [],
        tally=tally,
        answer=answer,
        system=row[10],
        error=row[11],
    )


def _parsed(text: str | None) -> Any:
    """JSON as it was written; None where it is missing, or spoilt by the disk."""
    try:
        return json.loads(text or "null")
    except ValueError:
        return None


def search(db: sqlite3.Connection, typed: str, limit: int) -> list[Hit]:
    """Titles and messages in which all terms occur: titles first, then messages, newest first.

    Titles and names of files are looked through one by one, and so is everything where a term is too
    short for the index.
    """
    wanted = matching.terms(typed)
    if not wanted:
        return []
    known = {summary.id: summary for summary in summaries(db, "WHERE deleted_s IS NULL")}
    by_time = sorted(known.values(), key=lambda summary: -summary.updated_s)
    hits = [
        Hit(summary, None, None, matching.snippet(wanted, summary.title))
        for summary in by_time
        if matching.occurs(wanted, summary.title)
    ][:limit]
    for message_id, conversation_id, role, content, thinking, names in _found(db, wanted, limit):
        texts = [text for text in (content, thinking, names or "") if matching.occurs(wanted, text)]
        shown = texts[0] if texts else "\n".join(filter(None, (content, thinking, names)))
        hits.append(Hit(known[conversation_id], message_id, role, matching.snippet(wanted, shown)))
    return hits[:limit]


def _found(db: sqlite3.Connection, wanted: tuple[str, ...], limit: int) -> list[tuple[Any, ...]]:
    # SQLite's own LIKE folds the case of ASCII alone
    db.create_function("folded", 1, lambda text: (text or b"").decode("utf-8", "replace").casefold())
    names = "(SELECT group_concat(name, ' ') FROM attachment WHERE message_id = message.id)"
    by_text, values = ["deleted_s IS NULL", "status != 'running'"], []
    if indexed := matching.expression(wanted):
        by_text.append("message.id IN (SELECT rowid FROM message_index WHERE message_index MATCH ?)")
        values.append(indexed)
    for term in matching.short(wanted):
        by_text.append(
            "(instr(folded(CAST(content AS BLOB)), ?) OR instr(folded(CAST(thinking AS BLOB)), ?))"
        )
        values += [term.casefold()] * 2
    by_name = ["deleted_s IS NULL", *[f"instr(folded(CAST({names} AS BLOB)), ?)"] * len(wanted)]
    values += [term.casefold() for term in wanted]
    # only the few messages that have files are looked through for their names
    found = f"""
        SELECT message.id FROM message JOIN conversation ON conversation.id = conversation_id
            WHERE {" AND ".join(by_text)}
        UNION SELECT message.id FROM (SELECT DISTINCT message_id FROM attachment)
            JOIN message ON message.id = message_id JOIN conversation ON conversation.id = conversation_id
            WHERE {" AND ".join(by_name)}
        ORDER BY 1 DESC LIMIT ?"""
    return db.execute(
        f"""SELECT message.id, conversation_id, role, content, thinking, {names} FROM message
            WHERE message.id IN ({found}) ORDER BY message.id DESC""",
        (*values, limit),
    ).fetchall()


def asked(db: sqlite3.Connection, limit: int, before: int | None) -> list[tuple[int, str]]:
    """Ids and words of questions, newest first, of what is not deleted; a text up to a million characters."""
    return db.execute(
        """SELECT message.id, content FROM message JOIN conversation ON conversation.id = conversation_id
            WHERE role = 'user' AND deleted_s IS NULL AND message.id < ? AND length(content) < 1000000
            ORDER BY message.id DESC LIMIT ?""",
        ((1 << 63) - 1 if before is None else before, limit),
    ).fetchall()


def unfinished(db: sqlite3.Connection) -> list[Unfinished]:
    """The interrupted answers of conversations that are not deleted, newest first, that nothing follows."""
    rows = db.execute(
        f"""SELECT conversation_id, title, message.id, parent_id, length(content) + length(thinking)
            FROM {UNFINISHED} AS message JOIN conversation ON conversation.id = conversation_id
            WHERE status = 'interrupted' AND deleted_s IS NULL
                AND NOT EXISTS (
                    SELECT 1 FROM message AS later
                    WHERE later.conversation_id = message.conversation_id
                        AND (later.parent_id = message.id
                            OR later.parent_id = message.parent_id AND later.id > message.id))
            ORDER BY message.id DESC"""
    )
    return [Unfinished(*row) for row in rows]


def _summary(row: Sequence[Any]) -> Summary:
    name, title, title_by, created_s, updated_s, n_messages, is_pinned, is_archived, deleted_s = row[:9]
    flags = {"is_pinned": bool(is_pinned), "is_archived": bool(is_archived)}
    return Summary(name, title, title_by, created_s, updated_s, n_messages, deleted_s=deleted_s, **flags)


def _message(row: Sequence[Any], tree: Tree, attachments: tuple[Attachment, ...]) -> StoredMessage:
    return StoredMessage(
        id=row[0],
        parent_id=tree.parent(row[0]),
        role=row[1],
        content=row[2],
        thinking=row[3],
        status=row[4],
        created_s=row[5],
        siblings=tree.siblings(row[0]),
        attachments=attachments,
        model=row[6] or "",
        n_thinking=row[7] or 0,
        n_completion=row[8] or 0,
        seconds=row[9] or 0.0,
        error=row[10] or "",
    )
