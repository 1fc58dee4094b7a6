"""Answer at once, without thinking."""

from __future__ import annotations

from collections.abc import Iterator

from assistant.events import Event
from assistant.strategies.single import single
from assistant.strategies.task import Task


def direct(task: Task) -> Iterator[Event]:
    """One sequence whose thinking is switched off."""
    return single(task)
