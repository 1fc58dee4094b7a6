"""Think in the model's own way under a budget, then answer."""

from __future__ import annotations

from collections.abc import Iterator

from assistant.control import Control
from assistant.engine.protocol import Batch, ModelInfo, Request
from assistant.events import Event
from assistant.policy import Plan
from assistant.strategies.single import single


def extended_thinking(
    request: Request, plan: Plan, batch: Batch, control: Control, model: ModelInfo
) -> Iterator[Event]:
    """One sequence with its native thinking; the engine keeps the budget (s1, arXiv 2501.19393)."""
    return single(request, plan, batch, control, model)
