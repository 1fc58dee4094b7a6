"""How far the model is, read from the events of a run; the status line and the keys follow it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from assistant.terminal import visible

from . import figures
from .speed import Speed

if TYPE_CHECKING:
    from assistant.events import AnyEvent

Phase = Literal[
    "starting", "loading", "ready", "planning", "reading", "thinking", "answering", "stopping", "no model"
]


class Progress:
    """What the model does now, how fast, and how full its context is."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives seconds."""
        self._speed = Speed(clock)
        self._n_prompt = 0
        self.phase: Phase = "starting"
        self.state = ""
        """What it does, in words; empty where the phase says it."""
        self.tokens_per_second = 0.0
        self.context_tokens = 0

    def begin(self) -> None:
        """A run begins: the speed of the one before says nothing of it."""
        self._speed.reset()
        self.tokens_per_second = 0.0

    def clear(self) -> None:
        """The conversation is empty again."""
        self.tokens_per_second = 0.0
        self.context_tokens = 0

    def take(self, event: AnyEvent) -> None:
        """Follow one event."""
        if event.event == "loading":
            self._enter("loading", f"loading {event.progress:.0%}".replace("%", " %"))
        elif event.event == "prefill":
            self._n_prompt = event.total
            done, total = figures.count(event.done), figures.count(event.total)
            self._enter("reading", f"reading the prompt {done}/{total}")
        elif event.event == "thinking":
            self._measure(event.tokens)
            self._enter("thinking")
        elif event.event == "thinking_done":
            self._enter("answering")
        elif event.event == "text":
            self._measure(event.tokens)
            self._enter("answering")
        elif event.event == "sample":
            self._enter("thinking", f"sample {event.sample + 1}: {figures.tokens(event.tokens)}")
        elif event.event == "tally":
            self._enter("thinking", visible(figures.vote(event)))
        elif event.event == "retracted":
            self._enter("thinking")
        elif event.event == "answer":
            self.tokens_per_second = event.tokens_per_second
            self.context_tokens = event.context_tokens
            self._enter("ready")

    def _measure(self, n_tokens: int) -> None:
        self.tokens_per_second = self._speed.update(n_tokens)
        self.context_tokens = self._n_prompt + n_tokens

    def _enter(self, phase: Phase, state: str = "") -> None:
        self.phase, self.state = phase, state
