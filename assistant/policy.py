"""What to do with a query: a plan is a value, and it carries its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assistant.engine.protocol import ModelInfo

AUTO_BUDGET = 1024
"""Thinking tokens of a plan that was left to Mull."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How one query will be answered."""

    strategy: str
    """The strategy's name in `assistant.strategies.STRATEGIES`."""
    reason: str
    """The sentence that the user reads: why this plan."""
    max_tokens: int
    """Most tokens of the whole completion, thinking included."""
    thinking_budget: int = 0
    """Most thinking tokens; 0 answers at once."""
    min_thinking: int = 0
    """Fewest thinking tokens before the model may answer."""
    n_samples: int = 1
    """Answers drawn from the one prefill."""


def plan(think: Literal["auto", "off"] | int, max_tokens: int, model: ModelInfo) -> Plan:
    """The plan for a query: so far, whoever can think thinks.

    Args:
        think: the user's wish: a number of tokens, "off", or "auto".
        max_tokens: most tokens of the answer; the thinking comes on top.
        model: what answers.
    """
    if think == "off" or think == 0:
        if model.can_answer_directly:
            return Plan("direct", "Thinking is off: answering at once.", max_tokens)
        return Plan("direct", "Thinking is off, and cut short where the model starts it.", max_tokens)
    if not model.has_thinking:
        return Plan("direct", "This model has no thinking mode: answering at once.", max_tokens)
    budget = AUTO_BUDGET if think == "auto" else think
    whose = "as long as it helps" if think == "auto" else "as you asked"
    reason = f"Thinking {whose}, up to {budget:,} token{'s' if budget > 1 else ''}."
    return Plan("extended_thinking", reason, max_tokens + budget, thinking_budget=budget)
