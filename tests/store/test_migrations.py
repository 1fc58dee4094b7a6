"""Every shape that the database ever had comes to the present one with all that is in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from assistant.store import opening
from assistant.store.database import APPLICATION_ID, VERSION, version
from assistant.store.migrations import MIGRATIONS
from assistant.store.store import Store
from tests.store.filling import following, said


def made(path: Path, n: int) -> None:
    """A database as the first `n` migrations leave it, with a conversation in it."""
    path.touch()
    opening.migrate(path, MIGRATIONS[:n])
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            """INSERT INTO conversation
                (id, title, title_by, created_s, updated_s, leaf_id, is_pinned, is_archived, deleted_s)
                VALUES ('abcd1234', 'Old', 'user', 1.0, 2.0, 2, 1, 0, NULL)"""
        )
        message = "INSERT INTO message VALUES (?, 'abcd1234', ?, ?, ?, 1.0, ?, ?)"
        db.execute(message, (1, None, "user", "done", "An old question", ""))
        db.execute(message, (2, 1, "assistant", "done", "An old answer", "an old needle"))
        db.execute("INSERT INTO attachment VALUES (1, 0, 'old.txt', 'text')")
        if n >= 2:
            db.execute("INSERT INTO run (message_id, model, n_thinking) VALUES (2, 'old model', 7)")


@pytest.mark.parametrize("n", range(1, VERSION + 1))
def test_every_old_database_is_brought_up_to_date(path: Path, n: int) -> None:
    made(path, n)
    with closing(Store.open(path)) as store:
        assert store.notes == ()
        question, answer = store.conversation("abcd1234").messages
        assert (question.content, question.attachments[0].name) == ("An old question", "old.txt")
        assert (answer.content, answer.status) == ("An old answer", "done")
        assert (answer.model, answer.n_thinking) == (("old model", 7) if n >= 2 else ("", 0))
        assert store.find("abcd").is_pinned
        assert store.whole("abcd1234").first_sent_id is None, "nothing was ever left out"
        assert [hit.message_id for hit in store.search("needle")] == [2]
        turn = said(store, "A new question", "A new needle", conversation_id="abcd1234", parent_id=2)
        assert {hit.message_id for hit in store.search("needle")} == {2, turn.answer_id}
    with closing(sqlite3.connect(path)) as db:
        assert version(db) == VERSION == len(MIGRATIONS)
        assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_all_ways_lead_to_the_same_shape(tmp_path: Path) -> None:
    shapes = []
    for n in range(VERSION + 1):
        path = tmp_path / f"{n}.db"
        path.touch()
        opening.migrate(path, MIGRATIONS[:n])
        opening.migrate(path)
        with closing(sqlite3.connect(path)) as db:
            shapes.append(db.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall())
    assert all(shape == shapes[0] for shape in shapes)


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    made(path, 1)

    def fails(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM message")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        opening.migrate(path, (*MIGRATIONS, fails))
    with closing(sqlite3.connect(path)) as db:
        assert version(db) == 1
        assert db.execute("SELECT count(*) FROM message").fetchone() == (2,)


def test_the_index_follows_what_changes(store: Store, path: Path) -> None:
    first = said(store, "alpha", "bravo")
    following(store, first, "charlie", "delta")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE message SET content = 'echo' WHERE content = 'bravo'")
        db.execute("DELETE FROM message WHERE content = 'delta'")
        db.execute("INSERT INTO message_index (message_index) VALUES ('integrity-check')")
    assert store.search("bravo") == store.search("delta") == []
    assert len(store.search("echo")) == 1
