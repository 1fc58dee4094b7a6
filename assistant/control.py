"""The user's hand in a run: set from any thread, looked at between steps."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Control:
    """Stops a run, asks for the answer now, or grants more thinking."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stopped = False
        self._answer_now = False
        self._more_tokens = 0
        self._on_stop: list[Callable[[], None]] = []

    def stop(self) -> None:
        """End the run; what was written so far stays."""
        with self._lock:
            self._stopped = True
            callbacks = list(self._on_stop)
        for callback in callbacks:
            callback()

    def answer_now(self) -> None:
        """End the thinking and answer with what is known."""
        with self._lock:
            self._answer_now = True

    def think_more(self, n_tokens: int = 256) -> None:
        """Grant `n_tokens` more thinking tokens, from where the thinking stands now."""
        with self._lock:
            self._more_tokens += n_tokens

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    def on_stop(self, callback: Callable[[], None]) -> None:
        """Call `callback` once `stop` is called, at once if it already was."""
        with self._lock:
            self._on_stop.append(callback)
            stopped = self._stopped
        if stopped:
            callback()

    def take_answer_now(self) -> bool:
        """Whether the answer was asked for since the last look."""
        with self._lock:
            asked, self._answer_now = self._answer_now, False
            return asked

    def take_more_tokens(self) -> int:
        """Thinking tokens granted since the last look."""
        with self._lock:
            granted, self._more_tokens = self._more_tokens, 0
            return granted
