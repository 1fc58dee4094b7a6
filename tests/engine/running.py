"""Driving a batch from its first event to its last, for the tests of engines."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

from assistant.engine.protocol import (
    Batch,
    Delta,
    Engine,
    Finished,
    Prefilled,
    Reopened,
    Request,
    Sampling,
    SequenceEvent,
    ThinkingBudget,
    ThinkingEnded,
)
from assistant.query import Message


@dataclass
class Run:
    """What one sequence said."""

    thinking: str = ""
    answer: str = ""
    prefilled: list[Prefilled] = field(default_factory=list)
    ended: list[ThinkingEnded] = field(default_factory=list)
    n_reopened: int = 0
    finished: Finished | None = None
    deltas: list[Delta] = field(default_factory=list)

    def take(self, event: SequenceEvent) -> None:
        """Take in one event."""
        match event:
            case Prefilled():
                self.prefilled.append(event)
            case Delta():
                self.thinking += event.thinking
                self.answer += event.answer
                self.deltas.append(event)
            case ThinkingEnded():
                self.ended.append(event)
            case Reopened():
                self.n_reopened += 1
                self.answer = ""
            case Finished():
                self.finished = event

    def copy(self) -> Run:
        """The same so far, to go on from in another sequence."""
        return copy.deepcopy(self)

    @property
    def text(self) -> str:
        """Both channels."""
        return f"{self.thinking}|{self.answer}"

    @property
    def reason(self) -> str:
        """Why it finished."""
        assert self.finished is not None, "the sequence never finished"
        return self.finished.reason

    @property
    def n_cached(self) -> int:
        """Prompt tokens that were in the cache."""
        assert self.finished is not None, "the sequence never finished"
        return self.finished.usage.cached_tokens


Runs = dict[int, Run]

NOISE = 0.35
"""Nats by which a step may differ although the cache is right: ten times what is usual."""


def ask(
    *turns: str,
    temperature: float = 0.0,
    seed: int = 0,
    think: int = 0,
    minimum: int = 0,
    max_tokens: int = 24,
) -> Request:
    """A request; `turns` are the user's and the assistant's in turn, the user's first."""
    roles = ("user", "assistant")
    messages = tuple(Message(roles[i % 2], text) for i, text in enumerate(turns))  # type: ignore[arg-type]
    return Request(
        messages, Sampling(temperature=temperature, seed=seed), ThinkingBudget(think, minimum), max_tokens
    )


def drain(batch: Batch, runs: Runs, until: Callable[[], bool] = lambda: False) -> None:
    """Step until nothing is left to do, or `until` says so after a step."""
    while events := batch.step():
        for event in events:
            runs.setdefault(event.seq_id, Run()).take(event)
        if until():
            return


def complete(engine: Engine, request: Request, n: int = 1) -> list[Run]:
    """All sequences of a request, run to their end in a batch of their own."""
    runs: Runs = {}
    with engine.batch() as batch:
        seq_ids = batch.add(request, n)
        drain(batch, runs)
    return [runs[seq_id] for seq_id in seq_ids]


def completion(engine: Engine, request: Request) -> Run:
    """The one sequence of a request."""
    (run,) = complete(engine, request)
    return run


def assert_alike(run: Run, reference: Run, is_greedy: bool = True) -> None:
    """Whether two runs saw the same: at each step the same candidates, up to a token that was a near tie.

    Reading a prompt in other pieces changes the last bits of half-precision keys and values, so texts
    may part at a near tie; a cache that holds the wrong words shows at once in what is likely next.
    """
    assert run.deltas, "the sequence said nothing"
    assert len(run.deltas) == len(reference.deltas) or run.text != reference.text
    for i, (delta, other) in enumerate(zip(run.deltas, reference.deltas, strict=False)):
        is_same = (delta.thinking, delta.answer) == (other.thinking, other.answer)
        where = f"step {i}: {run.text!r} and {reference.text!r}"
        assert abs(delta.confidence - other.confidence) < NOISE, where
        if is_same or is_greedy:
            assert abs(delta.logprob - other.logprob) < NOISE, where
        if not is_same:
            return
