"""What can be done to a conversation as a whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.terminal import visible

from .. import exporting
from ..widgets.sidebar.sidebar import Sidebar
from .keeping import KeepingScreen

if TYPE_CHECKING:
    from assistant.store.store import Store
    from assistant.store.values import Summary


class ArrangingScreen(KeepingScreen):
    """Acts on the conversation that is marked while the list has the keys, or else on the open one."""

    _deleted: Summary | None = None
    """What was deleted last."""

    @property
    def _meant(self) -> Summary | None:
        """The marked conversation, if the list has the keys."""
        sidebar = self.query_one(Sidebar)
        row = sidebar.marked if sidebar.has_keys else None
        return row.summary if row is not None else None

    @property
    def _meant_id(self) -> str | None:
        meant = self._meant
        return meant.id if meant is not None else self._talk.id

    def can_keep(self, action: str) -> bool | None:
        """Whether an action makes sense at the moment; None if it is none of these."""
        if action in ("sidebar", "find", "open", "archived"):
            return self._journal.is_kept
        if action in ("rename", "pin", "archive", "delete", "export"):
            return self._journal.is_kept and self._meant_id is not None
        if action == "undelete":
            return self._deleted is not None
        return None

    def action_rename(self, title: str = "") -> None:
        """Give a conversation another title; without one, ask for it."""
        from .renaming import RenameScreen

        meant = self._meant
        name, now = (meant.id, meant.title) if meant is not None else (self._talk.id, self._talk.title)
        if name is None:
            return
        if title:
            self._rename(name, title)
        else:
            self.app.push_screen(RenameScreen(now), lambda given: self._rename(name, given))

    def _rename(self, conversation_id: str, title: str | None) -> None:
        if title and title.strip():
            self._at_store(lambda store: store.rename(conversation_id, title), self._has_changed)

    def action_pin(self) -> None:
        """Pin a conversation, or no longer."""
        self._change(lambda store, now: store.pin(now.id, not now.is_pinned))

    def action_archive(self) -> None:
        """Archive a conversation, or bring it back."""

        def change(store: Store, now: Summary) -> None:
            store.archive(now.id, not now.is_archived)
            told = "Back in the list" if now.is_archived else "Archived; a search still finds it"
            self.app.call_later(self.app.notify, f"{told}: {visible(now.title)}", markup=False)

        self._change(change)

    def action_delete(self) -> None:
        """Delete a conversation, which can be undone."""

        def change(store: Store, now: Summary) -> None:
            store.delete(now.id)
            self.call_later(self._has_deleted, now)

        self._change(change)

    def _change(self, change: Callable[[Store, Summary], object]) -> None:
        name = self._meant_id
        if name is not None:
            self._at_store(lambda store: change(store, store.find(name)), self._has_changed)

    def _has_changed(self, _: object) -> None:
        self._refresh_list()

    async def _has_deleted(self, summary: Summary) -> None:
        self._deleted = summary
        undo = "u" if self.query_one(Sidebar).has_keys else "/undelete"
        told = f'"{visible(summary.title)}" is deleted; {undo} brings it back.'
        self.app.notify(told, timeout=10, markup=False)
        if summary.id == self._talk.id:
            await self.clear()
        self.refresh_bindings()

    def action_undelete(self) -> None:
        """Bring back the conversation that was deleted last."""
        if (summary := self._deleted) is not None:
            self._deleted = None
            self._at_store(lambda store: store.restore(summary.id), self._has_changed)
            self.app.notify(f"Back again: {visible(summary.title)}", markup=False)

    def action_export(self, name: str = "") -> None:
        """Write the conversation to a file."""
        conversation_id = self._talk.id
        if conversation_id is None:
            return

        def write(store: Store) -> Path:
            return exporting.export(store, self._journal, conversation_id, name)

        self._at_store(write, lambda path: self.app.notify(f"Written to {visible(str(path))}.", markup=False))
