"""What to do with a query: a plan is a value, and it carries its reason."""

from __future__ import annotations

from dataclasses import dataclass


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
