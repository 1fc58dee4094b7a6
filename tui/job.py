"""The one thing that the worker thread and the screen share while the model works."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, cast

from assistant.control import Control
from assistant.query import Query

if TYPE_CHECKING:
    from assistant.events import AnyEvent, Event
    from assistant.store.recording import Turn


class Job:
    """A query to answer, or the model to load where there is none, and the events not yet shown."""

    def __init__(self, query: Query | None = None, effort: str = "", turn: Turn | None = None) -> None:
        self.query = query
        self.turn = turn
        """What the run is noted in; None where there is no query."""
        self.effort = effort
        """As `assistant.effort.parse` gives it; empty: as the settings say."""
        self.next_effort = ""
        """The effort at which the query is to be asked again, in place of this run; empty: it is not."""
        self.load: Callable[[], Generator[Event, None, None]] | None = None
        """What to load, where that is not the session's own model."""
        self.done: Callable[[], None] = lambda: None
        """Called by the screen when the job is over."""
        self.control = Control()
        self._events: list[AnyEvent] = []
        self._lock = threading.Lock()

    def again(self) -> Job:
        """The same question at the next effort, in place of what was answered."""
        if self.turn is not None:
            self.turn.begin_again()
        return Job(self.query, self.next_effort, self.turn)

    def put(self, event: Event) -> bool:
        """Add an event; True if none was waiting, so that the screen has to be told."""
        with self._lock:
            self._events.append(cast("AnyEvent", event))
            return len(self._events) == 1

    def take(self) -> list[AnyEvent]:
        """All events since the last call, in order, with the text of neighbouring deltas joined."""
        with self._lock:
            events, self._events = self._events, []
        return _joined(events)


def _joined(events: list[AnyEvent]) -> list[AnyEvent]:
    joined: list[AnyEvent] = []
    texts: list[str] = []
    for event in events:
        last = joined[-1] if joined else None
        if event.event == "thinking" or event.event == "text":
            if last is not None and last.event == event.event and last.sample == event.sample:
                texts.append(event.text)
                joined[-1] = event
                continue
            _settle(joined, texts)
            texts = [event.text]
        else:
            _settle(joined, texts)
            texts = []
        joined.append(event)
    _settle(joined, texts)
    return joined


def _settle(joined: list[AnyEvent], texts: list[str]) -> None:
    """Give the last event, if several deltas fell together in it, the text of all."""
    if len(texts) > 1:
        joined[-1] = joined[-1].model_copy(update={"text": "".join(texts)})
