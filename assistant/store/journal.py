"""What front ends keep conversations with; it never stands in the way of a chat.

It opens the store in the thread that first needs it. Whatever goes wrong with saving is said once, as a
`Notice` among a run's events; the turns that are not saved wait in memory and are tried again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import StoreError, StoreGone, UsageError
from assistant.store.recording import Turn, recorded

if TYPE_CHECKING:
    from assistant.events import Event
    from assistant.store.store import Store
    from assistant.store.values import Conversation

FLUSH_S = 0.5
"""A running answer is written this often, in seconds."""
RETRY_S = 5.0
"""After a failure it is tried again this often, in seconds."""


class Journal:
    """Keeps turns in the store; any thread may call anything here.

    Args:
        is_kept: whether anything is kept; if not, turns pass through and `store` is None.
        path: another database than the user's.
        opened: makes a store from a path.
    """

    def __init__(
        self,
        *,
        is_kept: bool = True,
        path: Path | None = None,
        opened: Callable[[Path | None], Store] | None = None,
    ) -> None:
        self.is_kept = is_kept
        self._path = path
        self._opened = opened or _open
        self._store: Store | None = None
        self._opening = threading.Lock()
        self._writing = threading.Lock()
        self._turns: list[Turn] = []
        """What is not wholly written, oldest first."""
        self._news: list[str] = []
        self._is_failing = False
        self._failure: StoreError | None = None
        """The last one, whether mended since or not."""
        self._retry_at = 0.0
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_ending = False
        self._is_closed = False
        self.loss: StoreError | None = None
        """What could not be written at all, known once this is closed."""

    def store(self) -> Store | None:
        """The store, opened if need be; None if nothing is to be kept. Ask for it anew each time.

        Raises:
            StoreError: it cannot be opened.
        """
        if not self.is_kept:
            return None
        with self._opening:
            if self._store is None:
                if self._is_closed:
                    raise StoreError("The conversations are closed.", "Start Mull again.")
                self._store = self._opened(self._path)
                self._news += self._store.notes
            return self._store

    def conversation(self, prefix: str | None) -> Conversation:
        """The conversation to go on with: the one whose id begins so, or the last one.

        Raises:
            UsageError: there is none such, or nothing is kept.
            StoreError: it cannot be read.
        """
        store = self.store()
        if store is None:
            raise UsageError(
                "There is no conversation to go on with: none is kept, for history is off.",
                "Set history = on to keep them.",
            )
        summary = store.latest() if prefix is None else store.find(prefix)
        if summary is None:
            raise UsageError(
                "There is no conversation to go on with.", "Ask without --continue to begin one."
            )
        if summary.deleted_s is not None:
            raise UsageError(
                f'The conversation "{summary.title}" was deleted.',
                f'To undo that, write "mull history restore {summary.id}".',
            )
        return store.conversation(summary.id)

    def recorded(self, events: Iterator[Event], turn: Turn) -> Generator[Event, None, None]:
        """The events of a run as they come, kept in `turn` while they do; the `Answer` stays the last."""
        return recorded(events, turn, self.saving(turn))

    @contextmanager
    def saving(self, turn: Turn) -> Iterator[Callable[[], Iterator[Event]]]:
        """Write a turn now and then until the end, and then at once; gives what tells the news."""
        if not self.is_kept:
            yield lambda: iter(())
            return
        self._turns.append(turn)
        self._begin_thread()
        try:
            yield lambda: self._tell(turn)
        finally:
            # a run that was cut, by an error or by whoever iterates it, has ended by now
            self._flush_if_due()

    def flush(self) -> bool:
        """Write what is not written yet; returns whether everything is."""
        with self._writing:
            try:
                store = self.store()
                if store is None:
                    return True
                for turn in list(self._turns):
                    turn.write(store.write)
                    if turn.is_ended and turn.is_written:
                        self._turns.remove(turn)
            except StoreError as error:
                is_unwritable = self._store is not None and self._store.is_read_only
                if is_unwritable or isinstance(error, StoreGone):
                    self._begin_anew()
                self._fail(error)
                return False
            if self._is_failing:
                self._is_failing = False
                self._news.append("Conversations are saved again, and nothing is missing.")
            return True

    def take_news(self) -> list[str]:
        """The sentences that the user should read and has not been told yet; they are told once.

        While a run is recorded they come as its notices, so only who has no run needs this.
        """
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        """Write what can be written, and let go of the store; twice is harmless."""
        self._is_ending = True
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()
        if self._turns and not self._is_closed and not self.flush() and self._failure is not None:
            n = len(self._turns)
            what = "One question and its answer are" if n == 1 else f"{n} questions and their answers are"
            self.loss = StoreError(f"{what} not kept, or only in part.", str(self._failure))
        with self._opening:
            self._is_closed = True
            if self._store is not None:
                self._store.close()
                self._store = None

    def _begin_anew(self) -> None:
        """Open the store again next time; what was being written is written there from its beginning."""
        with self._opening:
            if self._store is not None:
                self._store.close()
                self._store = None
        for turn in self._turns:
            turn.forget_written()

    def _fail(self, error: StoreError) -> None:
        self._failure = error
        self._retry_at = time.monotonic() + RETRY_S
        if not self._is_failing:
            self._is_failing = True
            self._news.append(f"{error} The chat goes on, and saving is tried again.")

    def _tell(self, turn: Turn) -> Iterator[Event]:
        if turn.is_ended:
            self._flush_if_due()
        for sentence in self.take_news():
            from assistant.events import Notice

            yield Notice(text=sentence)

    def _flush_if_due(self) -> None:
        if not self._is_failing or time.monotonic() >= self._retry_at:
            self.flush()

    def _begin_thread(self) -> None:
        with self._opening:
            if self._thread is None and not self._is_ending:
                self._thread = threading.Thread(target=self._write_now_and_then, name="journal", daemon=True)
                self._thread.start()
        self._wake.set()

    def _write_now_and_then(self) -> None:
        while not self._is_ending:
            self._wake.wait()
            self._wake.clear()
            while self._turns and not self._is_ending:
                self._flush_if_due()
                if self._wake.wait(FLUSH_S):
                    self._wake.clear()


def _open(path: Path | None) -> Store:
    from assistant.store.store import Store

    return Store.open(path)
