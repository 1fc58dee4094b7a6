"""What is kept, to be read and changed; any thread may call anything here.

Reading a conversation of thousands of messages takes tens of milliseconds and a change a few, but a
change may wait seconds for another process: an event loop calls changes in a thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from assistant import paths
from assistant.errors import StoreDamaged, StoreError, UsageError
from assistant.store import ids, locks, reading, titles, writing
from assistant.store.database import Database
from assistant.store.opening import open_database
from assistant.store.values import Conversation, Hit, Run, Summary, TitleBy, Unfinished, Whole

KEPT_DELETED_S = 30 * 86400.0
"""How long what was deleted can be restored, in seconds."""


class Store:
    """The conversations in one database.

    Args:
        database: the opened file.
        notes: sentences that the user should read, such as that a damaged file was set aside.
    """

    def __init__(self, database: Database, notes: tuple[str, ...] = ()) -> None:
        self.notes = notes
        self._db = database
        self._owner: locks.Owner | None = None
        self._guard = threading.Lock()

    @classmethod
    def open(cls, path: Path | None = None) -> Self:
        """The store of this user, or the one in `path`; marks the answers that a dead process left.

        Raises:
            StoreError: there is none, and none can be made.
        """
        place = (path or paths.conversations()).resolve()
        try:
            return cls._opened(place)
        except StoreDamaged:  # met after the first look; the second one is thorough
            return cls._opened(place)

    @classmethod
    def _opened(cls, place: Path) -> Self:
        store = cls(*open_database(place))
        try:
            if not store.is_read_only:
                store.recover()
                store.purge(KEPT_DELETED_S)
        except StoreError:
            store.close()
            raise
        return store

    @property
    def path(self) -> Path:
        """The database file."""
        return self._db.path

    @property
    def is_read_only(self) -> bool:
        """Whether nothing can be changed."""
        return self._db.is_read_only

    def close(self) -> None:
        """Let go of the file; twice is harmless. What is still written as running counts as interrupted."""
        with self._guard:
            if self._owner is not None:
                self._owner.release()
            self._owner = None
        self._db.close()

    # -- reading -------------------------------------------------------------------------------------

    def conversations(
        self, *, is_archived: bool = False, is_deleted: bool = False, limit: int = -1, offset: int = 0
    ) -> list[Summary]:
        """A page of the list: pinned ones first, then the newest first; `limit` -1 is all.

        Raises:
            StoreError: they cannot be read.
        """
        deleted = (
            "deleted_s IS NOT NULL" if is_deleted else f"deleted_s IS NULL AND is_archived = {is_archived:d}"
        )
        order = "deleted_s DESC" if is_deleted else "is_pinned DESC, updated_s DESC"
        where = f"WHERE {deleted} ORDER BY {order} LIMIT ? OFFSET ?"
        return self._db.read(lambda db: reading.summaries(db, where, (limit, offset)))

    def latest(self) -> Summary | None:
        """The conversation that was written to last; None if there is none."""
        newest = "WHERE deleted_s IS NULL ORDER BY updated_s DESC LIMIT 1"
        found = self._db.read(lambda db: reading.summaries(db, newest))
        return found[0] if found else None

    def find(self, prefix: str) -> Summary:
        """The one conversation whose id begins so, deleted ones included.

        Raises:
            UsageError: none does, or more than one.
            StoreError: they cannot be read.
        """
        wanted = prefix.strip().lower()
        where = "WHERE substr(id, 1, ?) = ? ORDER BY updated_s DESC LIMIT 9"
        found = self._db.read(lambda db: reading.summaries(db, where, (len(wanted), wanted)))
        if len(found) == 1 and wanted:
            return found[0]
        if found and wanted:
            ids = ", ".join(summary.id for summary in found[:8])
            raise UsageError(
                f'More than one conversation begins with "{prefix}": {ids}.', "Write more of it."
            )
        raise UsageError(
            f'There is no conversation "{prefix}".', 'See "mull history list" for those that there are.'
        )

    def conversation(self, conversation_id: str) -> Conversation:
        """A conversation with its active branch.

        Raises:
            UsageError: there is none of that id.
            StoreError: it cannot be read.
        """
        found = self._db.read(lambda db: reading.conversation(db, conversation_id))
        if found is None:
            raise UsageError(f'There is no conversation "{conversation_id}".', "It may have been deleted.")
        return found

    def whole(self, conversation_id: str, *, has_runs: bool = True) -> Whole:
        """A conversation with all its branches, and the runs behind its answers unless they are left out.

        Raises:
            UsageError: there is none of that id.
            StoreError: it cannot be read.
        """
        found = self._db.read(lambda db: reading.whole(db, conversation_id, has_runs=has_runs))
        if found is None:
            raise UsageError(f'There is no conversation "{conversation_id}".', "It may have been deleted.")
        return found

    def run(self, message_id: int) -> Run | None:
        """How an answer came about; None for a question, or where nothing is known."""
        return self._db.read(lambda db: reading.run(db, message_id))

    def runs(self, message_ids: Iterable[int]) -> dict[int, Run]:
        """How some answers came about, by the message's id, as far as it is known."""
        wanted = tuple(message_ids)
        return self._db.read(lambda db: reading.runs(db, wanted))

    def search(self, typed: str, limit: int = 50) -> list[Hit]:
        """Titles and messages in which all words occur; whatever is typed is looked for as text."""
        return self._db.read(lambda db: reading.search(db, writing.storable(typed), limit))

    def asked(self, limit: int = 100, before: int | None = None) -> list[tuple[int, str]]:
        """Ids and words of the questions asked last, newest first; `before` an id gives those before it."""
        return self._db.read(lambda db: reading.asked(db, limit, before))

    def unfinished(self) -> list[Unfinished]:
        """The answers that were interrupted and not asked for again, newest first."""
        return self._db.read(reading.unfinished)

    # -- changing ------------------------------------------------------------------------------------

    def switch(self, conversation_id: str, message_id: int) -> Conversation:
        """Make the branch of this message the active one, down to where it was written last.

        Raises:
            UsageError: there is no such conversation, or no such message in it.
            StoreError: it cannot be written.
        """
        with self._db.writing() as db:
            tree = reading.tree_of(db, conversation_id)
            if message_id not in tree:
                raise UsageError("There is no such message in the conversation.", "Open it again.")
            leaf = tree.newest_leaf(message_id)
            db.execute("UPDATE conversation SET leaf_id = ? WHERE id = ?", (leaf, conversation_id))
        return self.conversation(conversation_id)

    def tell_from(self, conversation_id: str, message_id: int | None) -> bool:
        """Tell the model of a conversation from this message on, or all of it again; nothing is removed."""
        return self._set(conversation_id, "first_sent_id = ?", message_id)

    def rename(self, conversation_id: str, title: str, by: TitleBy = "user") -> bool:
        """Give a title. The model's is taken only where nobody but the rule has given one.

        Returns:
            Whether it was taken; False too where nothing is left of the title when it is cleaned.
        """
        words = writing.storable(titles.clean(title))
        condition = "" if by == "user" else " AND title_by != 'user'"
        return bool(words) and self._set(
            conversation_id, "title = ?, title_by = ?", words, by, also=condition
        )

    def pin(self, conversation_id: str, is_pinned: bool = True) -> bool:
        """Keep a conversation on top of the list, or no longer."""
        return self._set(conversation_id, "is_pinned = ?", is_pinned)

    def archive(self, conversation_id: str, is_archived: bool = True) -> bool:
        """Take a conversation out of the list and leave it in the search, or bring it back."""
        return self._set(conversation_id, "is_archived = ?", is_archived)

    def delete(self, conversation_id: str) -> bool:
        """Take a conversation out of everything; `restore` undoes it for thirty days."""
        return self._set(conversation_id, "deleted_s = ?", time.time(), also=" AND deleted_s IS NULL")

    def restore(self, conversation_id: str) -> bool:
        """Undo `delete`."""
        return self._set(conversation_id, "deleted_s = NULL", also=" AND deleted_s IS NOT NULL")

    def purge(self, older_than_s: float = 0.0, conversation_id: str | None = None) -> int:
        """Remove for good what was deleted so long ago, or one conversation of that; returns how many."""
        condition = "deleted_s <= ?" + ("" if conversation_id is None else " AND id = ?")
        values = [time.time() - older_than_s] + ([] if conversation_id is None else [conversation_id])
        wanted = f"SELECT 1 FROM conversation WHERE {condition}"
        if self._db.read(lambda db: db.execute(wanted, values).fetchone()) is None:
            return 0
        with self._db.writing() as db:
            n = db.execute(f"DELETE FROM conversation WHERE {condition}", values).rowcount
            # the index only marks what was removed; rewriting it leaves no trace of the text
            db.execute("INSERT INTO message_index (message_index) VALUES ('optimize')")
        return int(n)

    def _set(self, conversation_id: str, change: str, *values: object, also: str = "") -> bool:
        with self._db.writing() as db:
            changed = db.execute(
                f"UPDATE conversation SET {change} WHERE id = ?{also}", (*values, conversation_id)
            )
            return changed.rowcount > 0

    # -- recording -----------------------------------------------------------------------------------

    def write(self, record: writing.Record) -> None:
        """Write a turn as it stands; see `assistant.store.recording`.

        Raises:
            StoreError: it cannot be written; the record may be written again later.
        """
        owner = self._owner_name() if record.status == "running" else None
        with self._db.writing() as db:
            writing.write(db, record, owner)
        record.is_begun = True

    def insert(self, whole: Whole) -> str:
        """Put in a conversation from elsewhere, under its id if that is free; returns the id it has now.

        Raises:
            StoreError: it cannot be written; nothing of it is there then.
        """
        with self._db.writing() as db:
            name = whole.summary.id
            while not name or db.execute("SELECT 1 FROM conversation WHERE id = ?", (name,)).fetchone():
                name = ids.conversation_id()
            writing.insert(db, whole, name)
        return name

    def recover(self) -> int:
        """Mark the running answers whose process is gone as interrupted; returns how many.

        What a living process writes, this one or another Mull, is left alone.
        """
        running = f"{reading.UNFINISHED} JOIN run ON message_id = id WHERE status = 'running'"
        owners_of = f"SELECT DISTINCT owner FROM {running}"
        owners = [owner for (owner,) in self._db.read(lambda db: db.execute(owners_of).fetchall())]
        dead = [owner for owner in owners if owner is None or not locks.is_alive(self.path, owner)]
        for name in set(locks.leftovers(self.path)) - set(owners):
            locks.is_alive(self.path, name)  # removes what a dead process left
        n = 0
        for owner in dead:
            with self._db.writing() as db:
                n += db.execute(
                    f"""UPDATE message SET status = 'interrupted'
                        WHERE id IN (SELECT id FROM {running} AND owner IS ?)""",
                    (owner,),
                ).rowcount
        return n

    def _owner_name(self) -> str:
        with self._guard:
            if self._owner is None:
                try:
                    self._owner = locks.Owner(self.path)
                except OSError as error:
                    raise StoreError(
                        f"Conversations cannot be saved: {error.strerror or error}.",
                        f"Look at the folder {self.path.parent}.",
                    ) from error
            return self._owner.name
