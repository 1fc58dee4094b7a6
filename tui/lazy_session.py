"""A session that is opened in the thread that first uses it, so that first paint waits for nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from assistant.control import Control
from assistant.errors import MullError
from assistant.query import Message, Query

from .protocol import SessionLike

if TYPE_CHECKING:
    from assistant.engine.protocol import ModelInfo
    from assistant.events import Event
    from assistant.hardware.widening import Widening

T = TypeVar("T")

CLOSE_WAIT_S = 2.0
"""How long `close` waits for a step that is still being computed before it closes all the same."""


class LazySession:
    """Opens the session on first use; the next use tries again if that failed."""

    def __init__(self, factory: Callable[[], SessionLike]) -> None:
        self._factory = factory
        self._session: SessionLike | None = None
        self._in_use = threading.Lock()
        self._is_closed = False

    def load(self) -> Generator[Event, None, None]:
        """Open the session and load the model; raises MullError."""
        return self._iterate(lambda session: session.load())

    def run(
        self, query: Query, control: Control | None = None, effort: str | None = None
    ) -> Generator[Event, None, None]:
        """Open the session if need be and answer, at the effort if one was chosen; raises MullError."""

        def start(session: SessionLike) -> Iterator[Event]:
            settings = session.settings.at_effort(effort) if effort else None
            asked = query if query.system else replace(query, system=session.settings.system)
            return session.run(asked, control, settings=settings)

        return self._iterate(start)

    def title(self, control: Control, history: tuple[Message, ...]) -> str:
        """What the model would call a conversation; "" if it is not asked, or is at work."""
        return self._while_free(lambda session: session.title(control, history)) or ""

    def measure(self, control: Control, history: tuple[Message, ...]) -> None:
        """Measure the speed until it is known or the control is stopped; nothing if the model is at work."""
        self._while_free(lambda session: session.measure(control, history))

    def _while_free(self, act: Callable[[SessionLike], T]) -> T | None:
        """What comes of it, if a model is loaded and nobody uses it."""
        if not self._in_use.acquire(blocking=False):
            return None
        try:
            if self._is_closed or self._session is None or self._session.model is None:
                return None
            return act(self._session)
        finally:
            self._in_use.release()

    def switch(self, factory: Callable[[], SessionLike]) -> Generator[Event, None, None]:
        """Answer with another session from now on, and load its model.

        One that cannot be opened changes nothing. One whose model cannot be loaded gives way to the session
        before, whose model `load` loads again.

        Raises:
            MullError: why it did not work.
        """
        with self._in_use:
            if self._is_closed:
                return
            other, before = factory(), self._session
            if before is not None:
                before.close()  # two models may not have room beside each other
            self._session, was = other, self._factory
            self._factory = factory
            try:
                yield from other.load()
            except MullError:
                other.close()
                self._session, self._factory = None, was
                raise

    def reload(self, n_ctx: int) -> Generator[Event, None, None]:
        """Load the model anew with a context of so many tokens, as `switch` does.

        Raises:
            MullError: it cannot be loaded so.
        """
        session = self._session
        if session is not None:
            yield from self.switch(lambda: session.with_context(n_ctx))

    def _iterate(self, start: Callable[[SessionLike], Iterator[Event]]) -> Generator[Event, None, None]:
        with self._in_use:
            if self._session is None:
                self._session = self._factory()
            if self._is_closed:
                self._session.close()
                return
            # `yield from` hands a close on to what it iterates.
            yield from start(self._session)

    def wider(self) -> Widening | None:
        """Whether the loaded model can have a larger context; None while none is loaded. It takes time.

        Raises:
            MullError: its file cannot be read any more.
        """
        session = self._session
        return session.wider() if session is not None and session.model is not None else None

    @property
    def model(self) -> ModelInfo | None:
        """What is loaded; None until then."""
        return self._session.model if self._session else None

    @property
    def model_name(self) -> str:
        """The model's name; empty until the session is open."""
        return self._session.model_name if self._session else ""

    @property
    def model_note(self) -> str:
        """The model's note; empty until the session is open."""
        return self._session.model_note if self._session else ""

    @property
    def system(self) -> str:
        """The system message of the settings; empty until the session is open."""
        return (self._session.settings.system or "") if self._session else ""

    @property
    def wish(self) -> str:
        """What the settings fix of the thinking, else their effort; auto until the session is open."""
        if self._session is None:
            return "auto"
        settings = self._session.settings
        if settings.strategy != "auto":
            return settings.strategy.replace("_", " ")
        if settings.samples > 1:
            return f"{settings.samples} samples"
        return settings.effort if settings.think == "auto" else f"think {settings.think}"

    def close(self) -> None:
        """Close the session if it was opened, and never open it again; safe from any thread."""
        self._is_closed = True
        was_free = self._in_use.acquire(timeout=CLOSE_WAIT_S)
        try:
            if self._session is not None:
                self._session.close()
        finally:
            if was_free:
                self._in_use.release()
