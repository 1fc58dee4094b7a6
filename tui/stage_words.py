"""A stage of a run in words: the plan's line, and the titles of its panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from assistant.terminal import visible

from . import figures
from .run_record import VOTE, StageRecord

if TYPE_CHECKING:
    from assistant.events import Planned

NAMES = {
    "direct": "at once",
    "draft_agreement": "draft",
    "chain_of_thought": "step by step",
    "extended_thinking": "thinking",
    "self_consistency": "vote",
    "beam_search": "beam search",
    "best_of_n": "best of several",
    "self_refine": "revision",
}
"""Strategies as the user reads them."""

_MOST_NAMED = 3
_ANSWER_CHARACTERS = 24


def plan_line(plan: Planned) -> Content:
    """What will be done, how much of it at most, and why, in as few words as say it."""
    parts = [NAMES.get(plan.strategy, plan.strategy.replace("_", " "))]
    reason = visible(plan.reason)
    # a budget of one token goes on after a thinking that is over
    if plan.thinking_budget > 1 and figures.count(plan.thinking_budget) not in reason:
        parts.append(f"thinking ≤ {figures.tokens(plan.thinking_budget)}")
    if (
        plan.n_samples > 1
        and plan.strategy != "draft_agreement"
        and f"{plan.n_samples} samples" not in reason
    ):
        parts.append(f"≤ {plan.n_samples} samples")
    if plan.expected_s >= 1 and f"about {plan.expected_s:.0f} s" not in reason:
        parts.append(f"{'perhaps' if plan.is_guess else '≤'} {figures.seconds(plan.expected_s)}")
    return Content.styled(figures.SEPARATOR.join(parts), "$foreground 80%") + Content.styled(
        f"  {reason}", "italic"
    )


def running(stage: StageRecord) -> str:
    """The title of the samples while they run."""
    n_ended = sum(sample.state in ("done", "dropped") for sample in stage.samples.values())
    parts = [NAMES.get(stage.plan.strategy, stage.plan.strategy)]
    if stage.decided_after:
        parts.append(f"decided after {stage.decided_after} of {stage.plan.n_samples}")
    elif stage.samples:
        parts.append(f"{n_ended} of {_most(stage)} ended")
    else:
        parts.append(_most(stage))
    if stage.samples:
        parts.append(figures.tokens(_n_tokens(stage)))
    return figures.SEPARATOR.join(parts)


def over(stage: StageRecord) -> str:
    """The one line that is left of the samples."""
    name, tally = NAMES.get(stage.plan.strategy, stage.plan.strategy), stage.tally
    done = [sample for sample in stage.samples.values() if sample.state == "done"]
    if stage.plan.strategy == VOTE and tally is not None:
        if not tally.shares:
            return f"{name}: none of {tally.n_done} samples came to an answer"
        n_agree, answer = len(tally.shares[0].samples), short(tally.shares[0].answer)
        said = f"{name}: {n_agree} of {tally.n_done} samples say {answer}"
        if stage.decided_after:
            return f"{said}{figures.SEPARATOR}decided after {stage.decided_after} of {tally.n_samples}"
        return f"{said}{figures.SEPARATOR}not decided"
    if stage.plan.strategy == "draft_agreement":
        said = ", ".join(short(sample.answer) or "no answer" for sample in stage.samples.values())
        return f"{'drafts' if len(stage.samples) > 1 else 'draft'}: {said}"
    return f"{name}: {len(done)} of {len(stage.samples)} ended with an answer"


def short(answer: str) -> str:
    """An answer in a few characters."""
    line = " ".join(visible(answer).split())
    return line if len(line) <= _ANSWER_CHARACTERS else line[: _ANSWER_CHARACTERS - 1] + "…"


def _most(stage: StageRecord) -> str:
    n = max(stage.plan.n_samples, len(stage.samples))
    return f"up to {n}" if stage.plan.strategy == VOTE else str(n)


def _n_tokens(stage: StageRecord) -> int:
    return sum(sample.tokens for sample in stage.samples.values())
