"""A session that plays written scripts, and events with sensible values."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

from assistant.config import Settings
from assistant.control import Control
from assistant.engine.protocol import FinishReason, ModelInfo, Sampling, ThinkingEnd
from assistant.events import (
    Answer,
    AnswerDelta,
    Event,
    Loading,
    Planned,
    Prefill,
    Retracted,
    ThinkingDelta,
    ThinkingDone,
)
from assistant.hardware.widening import Widening
from assistant.query import Message, Query

NAME = "Scripted 135M Q4_0"
NOTE = "starter model, 135M: for a try-out"

Step = Event | Exception | threading.Event | Callable[[Control], Event | None]
"""An event is yielded, an exception raised, a gate waited for, a function called (its event is yielded)."""


class ScriptedSession:
    """Plays one script a run; a gate gives way when the run is stopped, which ends it as a model would."""

    def __init__(
        self,
        *runs: Sequence[Step],
        load: Sequence[Step] = (),
        note: str = NOTE,
        name: str = NAME,
        has_thinking: bool = True,
        n_ctx_train: int = 4096,
        has_room: bool = True,
    ) -> None:
        self.has_room = has_room
        self.model_name = name
        self.model_note = note
        self.model: ModelInfo | None = None
        self.settings = Settings()
        self.queries: list[Query] = []
        self.efforts: list[str | None] = []
        """The effort that each query was to be answered at; None where it had no settings of its own."""
        self.controls: list[Control] = []
        self.is_closed = False
        self.own_title = ""
        """What it titles every conversation."""
        self.idle: list[tuple[str, Control, tuple[Message, ...]]] = []
        """What it was asked to do while nobody asked."""
        self.idle_gates: dict[str, threading.Event] = {}
        """What measuring and titling wait for, unless they are stopped."""
        self._gates: list[threading.Event] = []
        self._runs = list(runs)
        self._load = load
        self._info = replace(model_info(name, note, has_thinking=has_thinking), n_ctx_train=n_ctx_train)

    def load(self) -> Iterator[Event]:
        yield Loading(model=self.model_name, progress=0.0)
        yield from self._play(self._load, Control())
        self.model = self._info

    def run(
        self, query: Query, control: Control | None = None, *, settings: Settings | None = None
    ) -> Iterator[Event]:
        control = control or Control()
        self.queries.append(query)
        self.efforts.append(settings.effort if settings else None)
        self.controls.append(control)
        self.model = self._info
        yield from self._play(self._runs.pop(0), control)

    def measure(self, control: Control, history: tuple[Message, ...] = ()) -> None:
        """Nothing is to be learned of a script, but what was asked."""
        self.idle.append(("measure", control, history))
        self._while_idle("measure", control)

    def title(self, control: Control, history: tuple[Message, ...]) -> str:
        self.idle.append(("title", control, history))
        self._while_idle("title", control)
        return "" if control.is_stopped else self.own_title

    def _while_idle(self, what: str, control: Control) -> None:
        if (gate := self.idle_gates.get(what)) is not None:
            self._gates.append(gate)
            control.on_stop(gate.set)
            gate.wait()

    def with_context(self, n_ctx: int) -> ScriptedSession:
        """Itself, and the model is to be loaded anew."""
        self.is_closed, self.model = False, None
        self.settings = self.settings.model_copy(update={"n_ctx": n_ctx})
        self._info = replace(self._info, n_ctx=n_ctx or 4096)
        return self

    def wider(self) -> Widening:
        """Twice the context, as far as the model was trained for it and memory is said to allow."""
        assert self.model is not None
        n_ctx = min(self.model.n_ctx * 2, self.model.n_ctx_train)
        if n_ctx == self.model.n_ctx:
            return Widening(0, f"This model was trained for {n_ctx:,} tokens of context, and has them.")
        if not self.has_room:
            return Widening(0, f"A context of {n_ctx:,} tokens would take more memory than there is.")
        cost = "96 MiB of memory and the cache in 8 bits"
        return Widening(n_ctx, f"It costs {cost}, and the conversation is read once more.", cost)

    def close(self) -> None:
        """A closed session ends whatever still waits in it, as a closed engine does."""
        self.is_closed = True
        for gate in self._gates:
            gate.set()

    def _play(self, steps: Sequence[Step], control: Control) -> Iterator[Event]:
        for step in steps:
            if isinstance(step, Event):
                yield step
            elif isinstance(step, Exception):
                raise step
            elif isinstance(step, threading.Event):
                self._gates.append(step)
                control.on_stop(step.set)
                step.wait()
            elif (event := step(control)) is not None:
                yield event
            if control.is_stopped:
                yield answer("", finish_reason="stopped")
                return


def model_info(name: str = NAME, note: str = NOTE, *, has_thinking: bool = True) -> ModelInfo:
    """A small model."""
    return ModelInfo(
        name=name,
        path="scripted.gguf",
        family="scripted",
        architecture="llama",
        n_params=135_000_000,
        size_bytes=90_000_000,
        quantisation="Q4_0",
        n_ctx=4096,
        n_ctx_train=4096,
        n_seq_max=8,
        has_thinking=has_thinking,
        can_answer_directly=True,
        sampling=Sampling(),
        thinking_sampling=Sampling(),
        note=note,
    )


def planned(reason: str = "A greeting: answered at once.", budget: int = 0) -> Planned:
    return Planned(strategy="direct", reason=reason, thinking_budget=budget, n_samples=1, max_tokens=1024)


def prefill(done: int = 300, total: int = 1200) -> Prefill:
    return Prefill(done=done, total=total, cached=0)


def thinking(text: str, tokens: int = 412, budget: int = 1024, seconds: float = 9.0) -> ThinkingDelta:
    return ThinkingDelta(text=text, tokens=tokens, budget=budget, seconds=seconds)


def thinking_done(tokens: int = 412, seconds: float = 9.0, reason: ThinkingEnd = "itself") -> ThinkingDone:
    return ThinkingDone(reason=reason, tokens=tokens, seconds=seconds)


def text(words: str, tokens: int = 420) -> AnswerDelta:
    return AnswerDelta(text=words, tokens=tokens)


def retracted() -> Retracted:
    return Retracted()


def answer(
    words: str,
    thoughts: str = "",
    finish_reason: FinishReason = "stop",
    event: Literal["answer"] = "answer",
) -> Answer:
    return Answer(
        event=event,
        text=words,
        thinking=thoughts,
        thinking_tokens=412 if thoughts else 0,
        completion_tokens=450,
        prompt_tokens=1200,
        cached_tokens=0,
        seconds=12.8,
        tokens_per_second=35.2,
        finish_reason=finish_reason,
        strategy="direct",
        reason="A greeting: answered at once.",
        context_tokens=1650,
        n_ctx=4096,
    )


def short_run(words: str = "Hello!") -> list[Step]:
    """An answer without thinking."""
    return [planned(), text(words), answer(words)]
