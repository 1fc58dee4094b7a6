"""How the database came to its present shape: an append-only list.

A function here is never changed once it was released: a database somewhere has been through it. What is
to be different is done by a new function at the end. `PRAGMA user_version` counts those that were applied.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable


def conversations(db: sqlite3.Connection) -> None:
    """Conversations as trees of messages, with the files that went with a question.

    Ids of messages are made by who writes them and grow with time, so that what could not be written at
    once can be written later, in any order, under the same ids.
    """
    db.execute("""
        CREATE TABLE conversation (
            id TEXT PRIMARY KEY,
            title TEXT NOT NULL,
            title_by TEXT NOT NULL DEFAULT 'rule',
            created_s REAL NOT NULL,
            updated_s REAL NOT NULL,
            leaf_id INTEGER,
            is_pinned INTEGER NOT NULL DEFAULT 0,
            is_archived INTEGER NOT NULL DEFAULT 0,
            deleted_s REAL
        )""")
    db.execute("CREATE INDEX conversation_by_time ON conversation (updated_s)")
    db.execute("""
        CREATE TABLE message (
            id INTEGER PRIMARY KEY,
            conversation_id TEXT NOT NULL REFERENCES conversation ON DELETE CASCADE,
            parent_id INTEGER,
            role TEXT NOT NULL,
            status TEXT NOT NULL,
            created_s REAL NOT NULL,
            content TEXT NOT NULL,
            thinking TEXT NOT NULL DEFAULT ''
        )""")
    db.execute("CREATE INDEX message_by_conversation ON message (conversation_id, id, parent_id)")
    db.execute("""
        CREATE TABLE attachment (
            message_id INTEGER NOT NULL REFERENCES message ON DELETE CASCADE,
            position INTEGER NOT NULL,
            name TEXT NOT NULL,
            text TEXT NOT NULL,
            PRIMARY KEY (message_id, position)
        )""")


def runs(db: sqlite3.Connection) -> None:
    """The run behind an answer. Figures that lists show are columns; what a panel shows is JSON."""
    db.execute("""
        CREATE TABLE run (
            message_id INTEGER PRIMARY KEY REFERENCES message ON DELETE CASCADE,
            owner TEXT,
            model TEXT NOT NULL DEFAULT '',
            kind TEXT NOT NULL DEFAULT '',
            score REAL NOT NULL DEFAULT 0,
            n_thinking INTEGER NOT NULL DEFAULT 0,
            n_completion INTEGER NOT NULL DEFAULT 0,
            seconds REAL NOT NULL DEFAULT 0,
            error TEXT NOT NULL DEFAULT '',
            system TEXT NOT NULL DEFAULT '',
            signals TEXT NOT NULL DEFAULT '[]',
            plans TEXT NOT NULL DEFAULT '[]',
            samples TEXT NOT NULL DEFAULT '[]',
            tally TEXT,
            answer TEXT
        )""")
    db.execute(
        "CREATE INDEX message_unfinished ON message (status) WHERE status IN ('running', 'interrupted')"
    )


def search(db: sqlite3.Connection) -> None:
    """A full-text index of trigrams: finds parts of words, and scripts that put no space between words.

    A message is indexed when it is whole: a running one is rewritten every half second.
    """
    db.execute("""
        CREATE VIRTUAL TABLE message_index USING fts5 (
            content, thinking, content='message', content_rowid='id', tokenize='trigram'
        )""")
    db.execute("""
        INSERT INTO message_index (rowid, content, thinking)
            SELECT id, content, thinking FROM message WHERE status != 'running'""")
    added = "INSERT INTO message_index (rowid, content, thinking) VALUES (new.id, new.content, new.thinking)"
    removed = """
        INSERT INTO message_index (message_index, rowid, content, thinking)
            VALUES ('delete', old.id, old.content, old.thinking)"""
    was_whole, is_whole = "old.status != 'running'", "new.status != 'running'"
    events = "UPDATE OF content, thinking, status"
    for name, event, condition, action in (
        ("message_added", "AFTER INSERT", is_whole, added),
        ("message_removed", "BEFORE DELETE", was_whole, removed),
        ("message_changing", f"BEFORE {events}", was_whole, removed),
        ("message_changed", f"AFTER {events}", is_whole, added),
    ):
        db.execute(f"CREATE TRIGGER {name} {event} ON message WHEN {condition} BEGIN {action}; END")


def left_out(db: sqlite3.Connection) -> None:
    """The first message that the model is still told, where the user has left older ones out."""
    db.execute("ALTER TABLE conversation ADD COLUMN first_sent_id INTEGER")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (conversations, runs, search, left_out)


def reindex(db: sqlite3.Connection) -> None:
    """Make the index of the present version anew from the messages; the triggers stay as they are."""
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute("DROP TABLE message_index")
        db.execute("""
            CREATE VIRTUAL TABLE message_index USING fts5 (
                content, thinking, content='message', content_rowid='id', tokenize='trigram'
            )""")
        db.execute("""
            INSERT INTO message_index (rowid, content, thinking)
                SELECT id, content, thinking FROM message WHERE status != 'running'""")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
