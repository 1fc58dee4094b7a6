"""How far the model is, read from the events of a run; the status line, the meters and the keys follow it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from assistant.reasons import share

from . import figures, stage_words
from .run_record import SEARCHES, SIDE_BY_SIDE, VOTE
from .speed import Speed

if TYPE_CHECKING:
    from assistant.events import AnyEvent, Planned, Prefill, SampleNews, ThinkingDelta

Phase = Literal[
    "starting", "loading", "ready", "planning", "reading", "thinking", "answering", "stopping", "no model"
]

WAITING_S = 2.0
"""After so many seconds without a word of the model, the seconds are counted for the user."""


class Progress:
    """What the model does now, how fast, how long it will take, and how full its context is."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._speed = Speed(clock)
        self._thinking_speed = Speed(clock)
        self._reading_speed = Speed(clock)
        self._n_prompt = 0
        self._has_budget = False
        self._began_s = 0.0
        self._has_spoken = False
        self.strategy = ""
        """What the stage that is on does; empty before the first plan."""
        self.phase: Phase = "starting"
        self.state = ""
        """What it does, in words; empty where the phase says it."""
        self.tokens_per_second = 0.0
        self.context_tokens = 0
        self.n_thinking = 0
        """Tokens that the sequence that is shown has thought."""
        self.left_s: float | None = None
        """Seconds that the reading or the thinking will take at most from now; None where it is not known."""

    @property
    def can_think_more(self) -> bool:
        """Whether what runs heeds a wish for more thinking."""
        if self.strategy == VOTE:
            return self._has_budget
        return self.strategy not in (*SEARCHES, "draft_agreement", "self_refine")

    def begin(self) -> None:
        """A run begins: the speed of the one before says nothing of it."""
        for speed in (self._speed, self._thinking_speed, self._reading_speed):
            speed.reset()
        self.tokens_per_second = 0.0
        self.left_s = None
        self.n_thinking = 0
        self.strategy = ""
        self._enter("planning")
        self._began_s = self._clock()
        self._has_spoken = False

    def end(self) -> None:
        """Nothing runs any more, however it ended."""
        self._enter("ready")

    def clear(self) -> None:
        """The conversation is empty again."""
        self.tokens_per_second = 0.0
        self.context_tokens = 0

    def waiting(self) -> str:
        """How long the model has been silent, to be put after the state; empty while that is short."""
        waited_s = self._clock() - self._began_s
        if self._has_spoken or waited_s < WAITING_S:
            return ""
        return f", {figures.seconds(waited_s)}"

    def take(self, event: AnyEvent) -> None:
        """Follow one event."""
        if event.event == "loading":
            self._enter("loading", f"loading {share(event.progress)}")
        elif event.event == "plan":
            self._plan(event)
        elif event.event == "prefill":
            self._read(event)
        elif event.event == "thinking":
            self._think(event)
        elif event.event == "thinking_done":
            self._enter("answering")
        elif event.event == "text":
            self._has_spoken = True
            self._measure(event.tokens)
            self._enter("answering")
        elif event.event == "sample":
            self._sample(event)
        elif event.event == "tally":
            self._enter("thinking", f"vote {event.n_done}/{event.n_samples}")
        elif event.event == "retracted":
            self._enter("thinking")
        elif event.event == "answer":
            self.tokens_per_second = event.tokens_per_second
            self.context_tokens = event.context_tokens
            self._enter("ready")

    def _plan(self, event: Planned) -> None:
        self.strategy = event.strategy
        self._has_budget = event.thinking_budget > 0
        self._thinking_speed.reset()
        if event.stage > 1:
            self._enter("planning")

    def _read(self, event: Prefill) -> None:
        self._n_prompt = event.total
        speed = self._reading_speed.update(event.done)
        done, total = figures.count(event.done), figures.count(event.total)
        self._enter("reading", f"reading the prompt {done}/{total}")
        self.left_s = (event.total - event.done) / speed if speed else None

    def _think(self, event: ThinkingDelta) -> None:
        self._has_spoken = True
        self._measure(event.tokens)
        self.n_thinking = event.tokens
        speed = self._thinking_speed.update(event.tokens, event.seconds)
        if not speed and event.seconds:
            speed = event.tokens / event.seconds
        self._enter("thinking")
        if speed and event.budget:
            self.left_s = max(0, event.budget - event.tokens) / speed

    def _sample(self, event: SampleNews) -> None:
        self._has_spoken = True
        if self.strategy not in SIDE_BY_SIDE:  # a draft, or a revision
            self._enter("answering", f"draft {event.sample + 1}: {figures.tokens(event.tokens)}")
        elif self.state.startswith("vote"):
            self._enter("thinking", self.state)
        else:
            self._enter(
                "thinking", f"{stage_words.NAMES[self.strategy]}: {figures.tokens(event.tokens)} each"
            )

    def _measure(self, n_tokens: int) -> None:
        self.tokens_per_second = self._speed.update(n_tokens)
        self.context_tokens = self._n_prompt + n_tokens

    def _enter(self, phase: Phase, state: str = "") -> None:
        self.phase, self.state = phase, state
        self.left_s = None
