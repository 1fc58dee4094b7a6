"""Running one strategy on a scripted engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from assistant.answers import AnswerKind
from assistant.control import Control
from assistant.engine.protocol import Request, Sampling, ThinkingBudget
from assistant.events import Answer, Event
from assistant.judge import AnswerJudge
from assistant.plans import Plan
from assistant.query import Message
from assistant.strategies import STRATEGIES
from assistant.strategies.task import Judge, Task
from tests.engine.replay import Replay

SURE = 0.9
"""The scripted engine gives each token a probability of e^-0.1, a little more than this."""


def run(
    engine: Replay,
    strategy: str,
    *,
    kind: AnswerKind = "number",
    think: int = 0,
    judge: Judge | None = None,
    control: Control | None = None,
    act: Callable[[Event], None] = lambda _: None,
    earlier: Sequence[Answer] = (),
    **fields: Any,
) -> list[Event]:
    """All events of one stage; the plan gets the further fields, and `act` sees each event."""
    plan = Plan(strategy, "Because.", think + 300, thinking_budget=think, **fields)
    request = Request(
        (Message("user", "How many legs have three cats?"),),
        Sampling(temperature=0.0),
        ThinkingBudget(think),
        plan.max_tokens,
    )
    events = []
    with engine.batch() as batch:
        hand, reader = control or Control(), judge or AnswerJudge(kind)
        task = Task(request, plan, batch, hand, engine.model, reader, Sampling(), tuple(earlier))
        for event in STRATEGIES[strategy](task):
            events.append(event)
            act(event)
    return events


def answer_of(events: list[Event]) -> Answer:
    """The last event."""
    last = events[-1]
    assert isinstance(last, Answer)
    return last
