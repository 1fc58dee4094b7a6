"""What a strategy is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from assistant.control import Control
from assistant.engine.protocol import Batch, ModelInfo, Request, Sampling
from assistant.events import Answer
from assistant.plans import Plan


class Judge(Protocol):
    """Reads answers to one query: what they come to, and whether two come to the same."""

    def key(self, text: str) -> str | None:
        """The normal form of the final answer in a text, equal for equal answers; None if there is none."""

    def final(self, text: str) -> str:
        """The final answer as a person would read it; empty if there is none."""

    def span(self, text: str) -> tuple[int, int] | None:
        """Where the final answer stands in the text, in characters; None if there is none."""

    def check(self, text: str) -> float | None:
        """The share of the query's own examples that the answer meets, 0 to 1; None without any."""

    def values(self, text: str) -> list[str]:
        """Keys of everything in a passage of thinking that could be a final answer, in order."""

    @property
    def probe(self) -> str:
        """What an answer begins with that comes to the point at once; empty where there is no such form."""


@dataclass(frozen=True, slots=True)
class Task:
    """One stage of answering a query."""

    request: Request
    plan: Plan
    batch: Batch
    control: Control
    model: ModelInfo
    judge: Judge
    vote_sampling: Sampling
    """How tokens are drawn where several samples are to differ."""
    earlier: tuple[Answer, ...] = ()
    """What the stages before this one came to, the newest last."""
