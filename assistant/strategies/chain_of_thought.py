"""Ask for the steps, where a model has no thinking of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from assistant.events import Event
from assistant.query import Message
from assistant.strategies.single import single
from assistant.strategies.task import Task
from assistant.wording import prompt


def chain_of_thought(task: Task) -> Iterator[Event]:
    """One sequence that writes its steps into the answer (arXiv 2201.11903, 2205.11916)."""
    return single(replace(task, request=replace(task.request, messages=step_by_step(task.request.messages))))


def step_by_step(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The conversation with its last question asking for the steps."""
    *before, last = messages
    return (*before, replace(last, content=f"{last.content}\n\n{prompt('chain_of_thought')}"))
