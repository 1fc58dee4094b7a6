"""What a run has told so far, stage by stage: the panels of a turn are painted from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assistant.events import Answer, AnyEvent, Planned, Prefill, Probed, SampleNews, Tally, ThinkingDone

VOTE = "self_consistency"
SEARCHES = ("beam_search", "best_of_n")
SIDE_BY_SIDE = (VOTE, *SEARCHES)
"""Strategies whose samples are watched side by side while they run."""


@dataclass
class StageRecord:
    """One plan and what came of it."""

    plan: Planned
    samples: dict[int, SampleNews] = field(default_factory=dict)
    """The newest word of each sample, by its number."""
    tally: Tally | None = None
    """The vote as it stands."""
    decided_after: int = 0
    """Samples that had ended when the vote was decided; 0 as long as it is not."""
    probes: list[Probed] = field(default_factory=list)
    """The answers that were asked for in mid-thinking."""
    thinking: ThinkingDone | None = None
    """How its thinking ended."""

    @property
    def is_side_by_side(self) -> bool:
        """Whether several samples run that are worth watching."""
        return self.plan.strategy in SIDE_BY_SIDE

    @property
    def leaders(self) -> tuple[int, ...]:
        """The samples that agree on the leading answer."""
        return self.tally.shares[0].samples if self.tally and self.tally.shares else ()


class RunRecord:
    """The stages of one query, oldest first, and its answer."""

    def __init__(self) -> None:
        self.stages: list[StageRecord] = []
        self.prefill: Prefill | None = None
        """How far the prompt was read."""
        self.answer: Answer | None = None

    @property
    def stage(self) -> StageRecord | None:
        """The stage that is on; None before the first plan."""
        return self.stages[-1] if self.stages else None

    def take(self, event: AnyEvent) -> None:
        """Keep what one event tells."""
        if event.event == "plan":
            self.stages.append(StageRecord(event))
        elif event.event == "prefill":
            self.prefill = event
        elif event.event == "answer":
            self.answer = event
        elif (stage := self.stage) is not None:
            _note(stage, event)


def _note(stage: StageRecord, event: AnyEvent) -> None:
    if event.event == "sample":
        stage.samples[event.sample] = event
    elif event.event == "tally":
        stage.tally = event
        if event.is_decided and not stage.decided_after:
            stage.decided_after = event.n_done
    elif event.event == "probe":
        stage.probes.append(event)
    elif event.event == "thinking_done" and event.sample == 0:
        stage.thinking = event
