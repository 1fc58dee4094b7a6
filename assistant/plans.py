"""The values that the policy works with, and the one place where a plan is made to fit its limits. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from assistant.difficulty import Difficulty
from assistant.effort import Range, range_of
from assistant.engine.protocol import ModelInfo, ThinkingEnd
from assistant.limits import Limits
from assistant.profile import Profile

TYPICAL_ANSWER = 128
"""Tokens that an answer is expected to take, for the time that a plan will need."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user wants."""

    effort: str = "auto"
    """As `assistant.effort.parse` gives it."""
    think: Literal["auto", "off"] | int = "auto"
    strategy: str = "auto"
    """A strategy's name, or auto."""
    samples: int = 0
    """Samples of a vote or a search; 0 leaves it to Mull."""
    certainty: float = 0.95
    """How sure the leader of a vote must be for the vote to end, 0 to 1; 1 hears all that could change it."""
    max_tokens: int = 1024
    """Most tokens of an answer; the thinking is counted apart."""

    @property
    def range(self) -> Range:
        """What the wished effort allows."""
        return range_of(self.effort)

    @property
    def budget(self) -> int | None:
        """The thinking tokens that were asked for by number; None where they were not."""
        return 0 if self.think == "off" else None if self.think == "auto" else self.think


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that a plan depends on."""

    difficulty: Difficulty
    limits: Limits
    wishes: Wishes
    model: ModelInfo
    profile: Profile = field(default_factory=Profile)
    can_vote: bool = False
    """Whether final answers to this query can be compared."""
    spent_s: float = 0.0
    """Seconds that earlier stages have taken."""

    @property
    def left_s(self) -> float:
        """Seconds of the user's patience that are left."""
        return max(0.0, self.limits.patience_s - self.spent_s)


@dataclass(frozen=True, slots=True)
class Plan:
    """How one query, or one stage of it, will be answered."""

    strategy: str
    """The strategy's name in `assistant.strategies.STRATEGIES`."""
    reason: str
    """The sentence that the user reads: why this plan."""
    max_tokens: int
    """Most tokens of one whole completion, thinking included."""
    thinking_budget: int = 0
    """Most thinking tokens of one sample; 0 answers at once."""
    min_thinking: int = 0
    """Fewest thinking tokens before the model may answer."""
    n_samples: int = 1
    """Most samples drawn from the one prefill."""
    stage: int = 1
    """1 for the first plan of a query."""
    gate: float = 1.0
    """How sure an answer must be to be kept: the measure is the strategy's, 0 to 1."""
    early_exit: bool = False
    """Whether to leave the thinking as soon as its answer is found."""
    lead: str = ""
    """What an answer is made to begin with when it is asked for in mid-thinking: the words in which the
    model's own draft came to the point; empty where there is no such draft."""
    certainty: float = 0.95
    """How sure the leader of a vote must be for the vote to end."""
    width: int = 1
    """Beams that are kept after each step of a search."""
    branching: int = 1
    """Continuations of each beam in a step of a search."""
    expected_s: float = 0.0
    """Seconds that it should take at most; 0 where the speed is not known."""
    is_guess: bool = False
    """Whether these seconds are a guess, as so many sequences were never seen to run here."""


def made(
    at: Situation,
    strategy: str,
    *,
    budget: int = 0,
    n_samples: int = 1,
    answer: int | None = None,
    is_asked: bool = False,
    **fields: object,
) -> Plan:
    """A plan that fits the limits: what would not fit is made smaller, samples before tokens.

    The answer of a single sample is bounded by the wish alone: only the engine knows to the token what
    room the prompt has left, and ends it there.

    Args:
        at: the limits are here.
        strategy: its name.
        budget: thinking tokens that are wanted for each sample.
        n_samples: samples that are wanted.
        answer: most tokens of the answer; those that the user allows if left out.
        is_asked: whether the user has asked for this budget or number, so that time does not bound it.
        fields: the plan's other fields.
    """
    limits = at.limits
    answer = at.wishes.max_tokens if answer is None else min(answer, at.wishes.max_tokens)
    typical = min(answer, TYPICAL_ANSWER)
    n = max(1, min(n_samples, limits.n_samples))
    while n > 1 and not (
        limits.fits(budget + typical, n) and (is_asked or limits.seconds(budget + typical, n) <= at.left_s)
    ):
        n -= 1
    most = limits.room // n
    if not is_asked:
        most = min(most, limits.n_tokens(at.left_s, n))
    budget = max(0, min(budget, most - typical))
    if n > 1:
        answer = min(answer, limits.room // n - budget)
    return Plan(
        strategy,
        max_tokens=answer + budget,
        thinking_budget=budget,
        n_samples=n,
        expected_s=limits.seconds(budget + typical, n),
        is_guess=bool(limits.tokens_per_second(n)) and not limits.speed.is_known(n),
        **fields,  # type: ignore[arg-type]
    )


def budget_for(at: Situation) -> int:
    """Thinking tokens that a query of this difficulty deserves, within the wished effort; harder, more.

    0 where thinking would not pay: the time is too short for it, or the model gains nothing.
    """
    allowed, score = at.wishes.range, at.difficulty.score
    deserved = next(tokens for limit, tokens in _DESERVED if score <= limit)
    budget = min(allowed.budget, max(deserved, allowed.floor))
    most = min(at.limits.n_tokens(at.left_s), at.limits.room) - TYPICAL_ANSWER
    budget = min(budget, most)
    least = at.profile.least_budget
    return budget if at.profile.gains and budget >= least else 0


_DESERVED = ((0.3, 512), (0.6, 1024), (0.85, 2048), (1.0, 4096))
"""Thinking tokens by difficulty. They bound a thinking, they do not fill it: models end it by themselves."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a stage."""

    strategy: str
    key: str | None = None
    """The normal form of its final answer; None where it has none."""
    final: str = ""
    """The final answer as a person would read it."""
    lead: str = ""
    """The words before it, where they are few and the whole answer is short."""
    certainty: float | None = None
    """How sure it is, 0 to 1, by the measure of its strategy; None where there is none."""
    agreement: float | None = None
    """The leader's share of a vote, 0 to 1."""
    check: float | None = None
    """The share of the query's own examples that it meets, 0 to 1; None without any."""
    thinking_end: ThinkingEnd | None = None
    seconds: float = 0.0
    is_stopped: bool = False
    """Whether the user has ended it."""
