"""What is known of one model's habits: how sure its answers must be, and what thinking buys. Pure.

A new model starts with cautious assumptions. Every run that thought teaches something, and `mull calibrate`
measures the rest.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

LEAST_BUDGET = 128
"""Thinking tokens below which nothing is known to gain by them."""
NEVER = 1 << 30
"""A least budget that is never reached: the model gains nothing by thinking."""
_LEAST_GAIN = 0.03
"""A gain in accuracy below this is not told from chance by the questions that one has time for."""
_MEMORY = 50
"""Runs that a mean looks back on."""
_MOST_DRAFTS = 200
"""Drafts that are remembered."""


class BudgetPoint(BaseModel):
    """One point of the curve of accuracy over thinking budget."""

    model_config = ConfigDict(frozen=True)

    budget: int
    """Thinking tokens allowed; 0 is answering at once."""
    accuracy: float
    """Share of right answers, 0 to 1."""
    mean_tokens: float
    """Tokens that an answer took on average, thinking included."""
    n: int
    """Questions that it was measured on."""


class DraftSeen(BaseModel):
    """A draft that was not kept, and whether the thinking after it came to the same."""

    model_config = ConfigDict(frozen=True)

    certainty: float
    """The least probability of a token of its answer, 0 to 1."""
    was_right: bool
    """Whether a thinking that was sure of its answer came to that answer."""


class Profile(BaseModel):
    """A model's habits, as far as they are known."""

    model_config = ConfigDict(frozen=True)

    source: Literal["assumed", "learned", "calibrated"] = "assumed"
    """Where the values come from."""
    draft_gate: float = 0.93
    """How sure a draft must be to be kept: the least probability of a token of its answer. Over 1: none."""
    exit_gate: float = 0.9
    """How sure a probed answer must be for the thinking to be left: the mean probability of its tokens."""
    n_thoughts: int = 0
    """Runs behind `thinking_tokens`."""
    thinking_tokens: float = 0.0
    """Mean length of a thinking that came to its end; 0 where none is known."""
    curve: tuple[BudgetPoint, ...] = Field(default=())
    """Accuracy over budget, ascending; empty where nothing was measured."""

    drafts: tuple[DraftSeen, ...] = Field(default=())
    """Drafts that the user's own questions led to and that were not kept, the newest last."""

    def with_draft(self, seen: DraftSeen) -> Profile:
        """What is known after one more draft that was not kept."""
        source = "learned" if self.source == "assumed" else self.source
        return self.model_copy(update={"source": source, "drafts": (*self.drafts, seen)[-_MOST_DRAFTS:]})

    def with_thought(self, tokens: int) -> Profile:
        """What is known after one more thinking that came to its end."""
        n = min(self.n_thoughts, _MEMORY) + 1
        mean = self.thinking_tokens + (tokens - self.thinking_tokens) / n
        source = "learned" if self.source == "assumed" else self.source
        return self.model_copy(update={"source": source, "n_thoughts": n, "thinking_tokens": mean})

    def unfitted(self) -> Profile:
        """What was seen, with this version's assumptions instead of an older one's."""
        return Profile(
            source=self.source,
            n_thoughts=self.n_thoughts,
            thinking_tokens=self.thinking_tokens,
            drafts=self.drafts,
        )

    @property
    def gains(self) -> bool:
        """Whether thinking is worth anything with this model, as far as is known."""
        return self.least_budget < NEVER

    @property
    def least_budget(self) -> int:
        """The smallest thinking budget that pays: from it on, every measured budget was better than none.

        `NEVER` where even the largest was not; an assumption where nothing was measured.
        """
        if not self.curve:
            return LEAST_BUDGET
        direct = max((point.accuracy for point in self.curve if point.budget == 0), default=0.0)
        poor = (p.budget for p in self.curve if p.budget and p.accuracy < direct + _LEAST_GAIN)
        losing = max(poor, default=0)
        return min((point.budget for point in self.curve if point.budget > losing), default=NEVER)
