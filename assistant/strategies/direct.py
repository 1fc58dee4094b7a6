"""Answer at once, without thinking."""

from __future__ import annotations

from collections.abc import Iterator

from assistant.control import Control
from assistant.engine.protocol import Batch, ModelInfo, Request
from assistant.events import Event
from assistant.policy import Plan
from assistant.strategies.single import single


def direct(request: Request, plan: Plan, batch: Batch, control: Control, model: ModelInfo) -> Iterator[Event]:
    """One sequence whose thinking is switched off."""
    return single(request, plan, batch, control, model)
