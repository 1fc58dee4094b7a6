"""Reading conversations out of a file from elsewhere: an export, or a database that Mull does not use.

A database is read from a copy, so whatever it is, it stays as it is. A damaged one gives what can still be
read: a message whose page is gone leaves a line that says so, and what follows it keeps its place.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from assistant.errors import UsageError
from assistant.query import Attachment
from assistant.store import exchange, reading
from assistant.store.database import APPLICATION_ID, VERSION, connect, tolerant, version
from assistant.store.opening import migrate
from assistant.store.tree import Tree
from assistant.store.values import StoredMessage, Summary, Whole

LOST = "[This message could not be read back.]"
_SQLITE = b"SQLite format 3\0"


def read(path: Path) -> tuple[list[Whole], int]:
    """The conversations in a file, and how many messages of theirs could not be read back.

    Raises:
        UsageError: the file cannot be read, or holds no conversations of Mull.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(_SQLITE)) != _SQLITE:
                file.seek(0)
                return exchange.parsed(file.read(), str(path)), 0
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.", "Check its name.") from None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror or error}.", "Name a file that you may read."
        ) from None
    with _copied(path) as copy:
        try:
            return _salvaged(copy, path)
        except sqlite3.Error as error:
            raise UsageError(
                f"Nothing can be read back from {path}: {error}.", "The file is left as it is."
            ) from None


@contextmanager
def _copied(path: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mull-") as folder:
        copy = Path(folder) / "conversations.db"
        try:
            shutil.copyfile(path, copy)
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{path}-wal", f"{copy}-wal")
        except OSError as error:
            raise UsageError(
                f"{path} cannot be copied: {error.strerror or error}.", "Make room for a copy of it."
            ) from None
        yield copy


def _salvaged(copy: Path, path: Path) -> tuple[list[Whole], int]:
    with closing(connect(copy)) as db:
        if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise UsageError(f"{path} holds no conversations of Mull.", "Name another file.")
        if version(db) > VERSION:
            raise UsageError(f"{path} was written by a newer Mull.", "Update Mull to read it.")
    with suppress(sqlite3.DatabaseError):
        migrate(copy)
    found: list[Whole] = []
    n_lost = 0
    with closing(connect(copy)) as db, tolerant(db):
        for conversation_id, pairs in _shapes(db).items():
            try:
                whole = reading.whole(db, conversation_id)
            except sqlite3.DatabaseError:
                whole = None
            if whole is None or len(whole.messages) < len(pairs):
                whole = _pieced_together(db, conversation_id, Tree(sorted(pairs, key=lambda pair: pair[0])))
            if whole.messages and whole.summary.deleted_s is None:
                found.append(whole)
                n_lost += sum(message.content == LOST for message in whole.messages)
    return found, n_lost


def _shapes(db: sqlite3.Connection) -> dict[str, set[tuple[int, int | None]]]:
    """The (message, parent) pairs of each conversation, from the table and from its index alike."""
    found: dict[str, set[tuple[int, int | None]]] = {}
    columns = "SELECT conversation_id, id, parent_id FROM message"
    for source, order in (("NOT INDEXED", "id"), ("INDEXED BY message_by_conversation", "conversation_id")):
        for conversation_id, message_id, parent_id in _rows(db, f"{columns} {source} ORDER BY {order}"):
            if isinstance(conversation_id, str) and isinstance(message_id, int):
                pair = (message_id, parent_id if isinstance(parent_id, int) else None)
                found.setdefault(conversation_id, set()).add(pair)
    return found


def _pieced_together(db: sqlite3.Connection, conversation_id: str, tree: Tree) -> Whole:
    """A conversation of which some pages are gone."""
    messages, runs = [], {}
    for message_id in tree:
        messages.append(_message(db, conversation_id, tree, message_id))
        with suppress(sqlite3.DatabaseError):
            run = reading.run(db, message_id)
            if run is not None:
                runs[message_id] = run
    return Whole(_summary(db, conversation_id, messages), tuple(messages), runs, tree.newest_leaf())


def _message(db: sqlite3.Connection, conversation_id: str, tree: Tree, message_id: int) -> StoredMessage:
    rows = _rows(
        db, "SELECT role, content, thinking, status, created_s FROM message WHERE id = ?", message_id
    )
    files = _rows(db, "SELECT name, text FROM attachment WHERE message_id = ? ORDER BY position", message_id)
    # questions and answers take turns from the beginning
    is_question = len(tree.path(message_id)) % 2 == 1
    lost = ("user" if is_question else "assistant", LOST, "", "done", (message_id >> 20) / 1000)
    role, content, thinking, status, created_s = rows[0] if rows else lost
    return StoredMessage(
        id=message_id,
        parent_id=tree.parent(message_id),
        role=role,
        content=content,
        thinking=thinking,
        status=status,
        created_s=created_s,
        siblings=tree.siblings(message_id),
        attachments=tuple(Attachment(name, text) for name, text in files),
    )


def _summary(db: sqlite3.Connection, conversation_id: str, messages: list[StoredMessage]) -> Summary:
    columns = "title, title_by, created_s, updated_s, is_pinned, is_archived, deleted_s"
    rows = _rows(db, f"SELECT {columns} FROM conversation NOT INDEXED WHERE id = ?", conversation_id)
    times = [message.created_s for message in messages] or [0.0]
    title, title_by, created_s, updated_s, is_pinned, is_archived, deleted_s = (
        rows[0] if rows else ("", "rule", min(times), max(times), 0, 0, None)
    )
    return Summary(
        id=conversation_id,
        title=title,
        title_by=title_by,
        created_s=created_s,
        updated_s=updated_s,
        n_messages=len(messages),
        is_pinned=bool(is_pinned),
        is_archived=bool(is_archived),
        deleted_s=deleted_s,
    )


def _rows(db: sqlite3.Connection, query: str, *values: object) -> list[tuple[Any, ...]]:
    """What a query gives until it meets a damaged page, and from the other end where it is sorted."""
    found: dict[tuple[Any, ...], None] = {}
    for ordered in (query, f"{query} DESC") if "ORDER BY" in query else (query,):
        try:
            for row in db.execute(ordered, values):
                found[row] = None
            break
        except sqlite3.DatabaseError:
            continue
    return list(found)
