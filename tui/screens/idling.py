"""What is done while nobody asks: memory is freed, the model titles the conversation, speed is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on, work
from textual.timer import Timer
from textual.widgets import TextArea

from assistant.control import Control
from assistant.errors import StoreError, UsageError
from assistant.query import is_short

from .. import garbage
from .room import RoomScreen

if TYPE_CHECKING:
    from assistant.query import Message

IDLE_S = 2.0
"""Nobody asks once nothing has run and no key has been pressed in the prompt for so long, in seconds."""


class IdlingScreen(RoomScreen):
    """Begins when the model has been left alone for a moment, and ends at once when it is wanted."""

    _idle_timer: Timer | None = None
    _idle: Control | None = None
    """Ends what is being done."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self._titled: set[str] = set()
        """Conversations that the model has been asked about."""
        self._cleaned: str | None = None
        """The conversation whose widgets are known to be in use."""

    def await_idleness(self) -> None:
        """The model is free: begin if it is left alone for a moment."""
        self.end_idleness()
        self._idle_timer = self.set_timer(IDLE_S, self._be_idle)

    def end_idleness(self) -> None:
        """The model is wanted, or soon will be: stop what is being done, and do not begin."""
        if self._idle_timer is not None:
            self._idle_timer.stop()
            self._idle_timer = None
        if self._idle is not None:
            self._idle.stop()
            self._idle = None

    @on(TextArea.Changed)
    def _notice_typing(self) -> None:
        if self._idle_timer is not None or self._idle is not None:
            self.await_idleness()

    def _be_idle(self) -> None:
        self._idle_timer = None
        if self._job is not None:
            return
        talk = self._talk
        garbage.collect(is_whole=talk.id != self._cleaned)
        self._cleaned = talk.id
        if self.is_waiting or self._session.model is None:
            return
        self._idle = Control()
        wanted = talk.id if talk.id is not None and talk.id not in self._titled else None
        self._work_idly(self._idle, talk.dialogue.told(None), wanted if self._journal.is_kept else None)

    @work(thread=True, exit_on_error=False, group="idle")
    def _work_idly(self, control: Control, history: tuple[Message, ...], untitled: str | None) -> None:
        """Do what there is to do; touches no widget."""
        if untitled is not None and len(history) > 1:
            self._title(control, history, untitled)
        if not control.is_stopped and is_short(history):
            self._session.measure(control, history)
        if not control.is_stopped and self._session.model is None:
            self.call_later(self.load_again)

    def _title(self, control: Control, history: tuple[Message, ...], conversation_id: str) -> None:
        """Have the model title a conversation whose title is still the rule's."""
        from assistant.store.titling import proper

        try:
            store = self._journal.store()
            if store is None or store.find(conversation_id).title_by != "rule":
                self._titled.add(conversation_id)
                return
            title = proper(self._session.title(control, history), history[0].content)
            if title and store.rename(conversation_id, title, by="model"):
                self.call_later(self._take_title, conversation_id, title)
        except (StoreError, UsageError):  # it is removed, or cannot be written: the rule's title stays
            return
        if not control.is_stopped:
            self._titled.add(conversation_id)

    def _take_title(self, conversation_id: str, title: str) -> None:
        if self._talk.id == conversation_id:
            self._talk.title = title
        self._refresh_list()

    def load_again(self) -> None:
        """Load a model that did not survive being idle, before somebody waits for it."""
        raise NotImplementedError
