"""What to do with a query: a plan is a value, and it carries its reason. Pure.

`plan` makes the first plan of a query; `next_plan` the one after it, from what came of the stages before,
or None where the answer stands. The user's wishes bound both, and so do the limits of the machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assistant.effort import bounds
from assistant.plans import TYPICAL_ANSWER, Outcome, Plan, Situation, budget_for, made
from assistant.query import Message
from assistant.reasons import about, because, draft_said, duration, share, thinking_said

VOTABLE = ("maths", "choice", "reasoning")
"""Kinds of query whose answers may come to something short that can be compared."""

DRAFT_TOKENS = 512
"""Longest draft (DART, arXiv 2606.23181)."""
_HARDEST_DRAFTED = 0.9
"""Above this difficulty a draft is hardly ever kept."""
_EASY_CODE, _EASY_REASONING = 0.5, 0.35
_LEAST_VOTE = 3
"""Fewest samples that make a vote."""
_SURE_THOUGHT = 0.6
"""A thought-out answer less sure than this is put to a vote."""
_SURE_TEACHER = 0.9
"""How sure a thought-out answer must be for a draft to be measured by it."""
_WORK = {name: i for i, names in enumerate((
    ("direct", "draft_agreement"),
    ("chain_of_thought", "extended_thinking"),
    ("self_refine",),
    ("self_consistency", "best_of_n", "beam_search"),
)) for name in names}  # fmt: skip
"""Escalation goes only upwards here, so it ends."""


def plan(at: Situation) -> Plan:
    """The first plan of a query."""
    wishes = at.wishes
    if wishes.strategy != "auto":
        return _asked_for(at, wishes.strategy)
    if wishes.samples > 1 and at.can_vote:
        return _vote(at, wishes.samples, "A vote, as you asked")
    if wishes.budget is not None:
        return _fixed(at, wishes.budget)
    if wishes.effort == "direct":
        return made(at, "direct", reason="Answering at once, as you asked.")
    if wishes.effort == "max" and at.can_vote:
        return _vote(at, wishes.range.n_samples, "Highest effort")
    return _first_by_difficulty(at)


def continued(at: Situation, begun: Message) -> Plan:
    """The plan to go on with an answer that was interrupted: as it was, whatever the question is like."""
    reason = "Going on where the answer was interrupted."
    if not begun.thinking or not at.model.has_thinking:
        return made(at, "direct", reason=reason)
    if begun.content:  # the thinking is over; a budget of none would leave it out of the prompt
        return replace(made(at, "extended_thinking", reason=reason), thinking_budget=1)
    budget = at.wishes.budget or budget_for(at) or at.wishes.range.budget
    return made(at, "extended_thinking", budget=budget, is_asked=True, reason=reason)


def next_plan(at: Situation, last: Plan, outcomes: Sequence[Outcome]) -> Plan | None:
    """What to do after these stages, the newest last; None where its answer stands.

    Args:
        at: as it is now, with the seconds that were spent.
        last: the plan of the newest stage.
        outcomes: what came of each stage.
    """
    outcome = outcomes[-1]
    if outcome.is_stopped or at.wishes.strategy != "auto" or at.wishes.budget is not None:
        return None
    if outcome.check == 1.0 or at.wishes.effort == "direct":
        return None
    following: Plan | None = None
    if last.strategy == "draft_agreement":
        following = _after_draft(at, last, outcome)
    elif outcome.check is not None:
        following = _repair(at, outcome)
    elif last.strategy in ("extended_thinking", "chain_of_thought"):
        following = _after_thinking(at, outcome, outcomes)
    if following is None or _WORK[following.strategy] <= _WORK[last.strategy]:
        return None
    return following


def _first_by_difficulty(at: Situation) -> Plan:
    kind, score = at.difficulty.kind, at.difficulty.score
    if at.wishes.range.floor:
        floor, _ = bounds(at.wishes.effort)
        return _think(at, "High effort" if floor in ("high", "max") else f"At least {floor} effort") or made(
            at, "direct", reason=_no_time(at)
        )
    if kind == "code" and score > _EASY_CODE:
        return _think(at, f"{about(kind)} of some difficulty") or made(at, "direct", reason=_no_time(at))
    if at.can_vote and kind in VOTABLE:
        if score <= _HARDEST_DRAFTED:
            return _draft(at)
        return _think(at, f"Hard {about(kind, False)}") or _draft(at)
    if kind == "reasoning" and score > _EASY_REASONING:
        return _think(at, "A question that takes some reasoning") or made(at, "direct", reason=_no_time(at))
    return made(at, "direct", reason=because(kind))


def _draft(at: Situation) -> Plan:
    kind = at.difficulty.kind
    reason = f"{about(kind)} that may be easy: a quick draft first, and more only if it is unsure."
    return made(
        at, "draft_agreement", answer=DRAFT_TOKENS, reason=reason, gate=at.profile.draft_gate,
        n_samples=2 if at.limits.n_samples > 1 else 1,
    )  # fmt: skip


def _after_draft(at: Situation, last: Plan, outcome: Outcome) -> Plan | None:
    if outcome.certainty is not None and outcome.certainty >= last.gate:
        return None
    return _think(at, draft_said(outcome), lead=outcome.lead)


def _after_thinking(at: Situation, outcome: Outcome, outcomes: Sequence[Outcome]) -> Plan | None:
    """A vote, where the thinking came to no sure answer; the samples of it think for themselves."""
    n = at.wishes.range.n_samples
    if not at.can_vote or n < _LEAST_VOTE:
        return None
    is_sure = outcome.key is not None and (outcome.certainty is None or outcome.certainty >= _SURE_THOUGHT)
    has_ended = outcome.thinking_end not in ("budget", "loop")
    is_backed = any(outcome.key == before.key for before in outcomes[:-1])
    if outcome.key is not None and ((is_sure and has_ended) or is_backed):
        return None
    if outcome.thinking_end == "answer_now":
        return None
    vote = _vote(at, n, thinking_said(outcome))
    return vote if vote.n_samples >= _LEAST_VOTE else None


def _repair(at: Situation, outcome: Outcome) -> Plan | None:
    """Another try at a program that fails the question's own examples."""
    if at.left_s <= 0:
        return None
    met = share(outcome.check or 0.0)
    reason = f"The program meets {met} of the examples in the question: finding the mistake{duration(at)}."
    return made(at, "self_refine", reason=reason, n_samples=2)


def _think(at: Situation, why: str, lead: str = "") -> Plan | None:
    """Thinking in the model's own way, or step by step where it has none; None where that would not pay."""
    if not at.model.has_thinking:
        if at.limits.n_tokens(at.left_s) < DRAFT_TOKENS // 4:
            return None
        reason = f"{why}: working it out step by step."
        return made(at, "chain_of_thought", reason=reason)
    budget = budget_for(at)
    if not budget:
        return None
    thinking = made(
        at, "extended_thinking", budget=budget, reason="", lead=lead,
        early_exit=at.can_vote and at.limits.n_samples > 1, gate=at.profile.exit_gate,
    )  # fmt: skip
    return _with_reason(thinking, at, f"{why}: thinking up to {thinking.thinking_budget:,} tokens")


def _vote(at: Situation, n_samples: int, why: str) -> Plan:
    budget = budget_for(at) if at.model.has_thinking else 0
    if at.wishes.budget is not None and at.model.has_thinking:
        budget = at.wishes.budget
    is_asked = at.wishes.samples > 1 or at.wishes.effort == "max" or at.wishes.strategy != "auto"
    if is_asked and at.model.has_thinking and at.wishes.budget is None:
        budget = budget or max(at.profile.least_budget if at.profile.gains else 0, 256)
    vote = made(
        at, "self_consistency", budget=budget, n_samples=n_samples, reason="", is_asked=is_asked,
        certainty=at.wishes.certainty,
    )  # fmt: skip
    return _with_reason(vote, at, f"{why}: up to {vote.n_samples} samples, until the vote is decided")


def _fixed(at: Situation, budget: int) -> Plan:
    """One answer with just the budget that the user named."""
    if budget == 0:
        if at.model.can_answer_directly:
            return made(at, "direct", reason="Thinking is off: answering at once.")
        return made(at, "direct", reason="Thinking is off, and cut short where the model starts it.")
    if not at.model.has_thinking:
        return made(at, "direct", reason="This model has no thinking mode: answering at once.")
    thinking = made(at, "extended_thinking", budget=budget, reason="", is_asked=True)
    n = thinking.thinking_budget
    reason = f"Thinking as you asked, up to {n:,} token{'s' if n != 1 else ''}"
    return _with_reason(thinking, at, reason)


def _asked_for(at: Situation, strategy: str) -> Plan:
    """The strategy that the user named, with the budget and the samples that it needs."""
    reason = f"{strategy.replace('_', ' ').capitalize()}, as you asked."
    n = at.wishes.samples or {"self_consistency": 8, "best_of_n": 4, "beam_search": 4, "self_refine": 2}.get(
        strategy, 1
    )
    budget = at.wishes.budget
    if budget is None:
        budget = at.wishes.range.budget and max(budget_for(at), 1024)
    if strategy in ("direct", "draft_agreement", "chain_of_thought") or not at.model.has_thinking:
        budget = 0
    if strategy == "extended_thinking" and not at.model.has_thinking:
        return made(at, "direct", reason="This model has no thinking mode: answering at once.")
    if strategy == "draft_agreement":
        n = at.wishes.samples or 2
    made_one = made(
        at,
        strategy,
        budget=budget,
        n_samples=n,
        reason=reason,
        is_asked=True,
        certainty=at.wishes.certainty,
        gate=at.profile.draft_gate if strategy == "draft_agreement" else 1.0,
    )
    width = max(1, made_one.n_samples // 2)
    return replace(made_one, width=width, branching=max(1, made_one.n_samples // width))


def draft_seen(outcomes: Sequence[Outcome]) -> tuple[float, bool] | None:
    """How sure the one draft of a query was and whether its answer was right; None where nobody can tell.

    It is taken for right if a thinking that ended by itself, or was left because it had settled, was sure
    of the same answer.
    """
    if len(outcomes) < 2 or outcomes[0].strategy != "draft_agreement":
        return None
    draft, thought = outcomes[0], outcomes[1]
    has_come_to_something = thought.thinking_end in ("itself", "found") and not thought.is_stopped
    if draft.key is None or draft.agreement is not None or not draft.certainty or not has_come_to_something:
        return None
    if thought.key is None or (thought.certainty or 0.0) < _SURE_TEACHER:
        return None
    return draft.certainty, draft.key == thought.key


def doubt(at: Situation, outcome: Outcome, last: Plan) -> str:
    """One sentence where nothing is certain at the end, or empty."""
    if outcome.is_stopped:
        return ""
    vote = None if last.strategy == "draft_agreement" else outcome.agreement
    if vote is not None and vote <= 0.5:
        return f"The samples disagree: only {share(vote)} of the vote is for this answer."
    if outcome.check is not None and outcome.check < 1:
        return f"This program meets only {share(outcome.check)} of the examples in the question."
    if outcome.certainty is None or not at.can_vote:
        return ""
    if last.strategy == "draft_agreement" and outcome.certainty < last.gate:
        return "This is a first draft, and the model was not sure of it; there was no time to think."
    if outcome.certainty < 0.5:
        return f"The model is not sure of this ({share(outcome.certainty)}): check it."
    return ""


def _with_reason(plan: Plan, at: Situation, reason: str) -> Plan:
    return replace(plan, reason=f"{reason}{duration(at, plan.expected_s, is_guess=plan.is_guess)}.")


def _no_time(at: Situation) -> str:
    if not at.profile.gains:
        return "This model gains nothing by thinking: answering at once."
    if at.limits.room - TYPICAL_ANSWER < at.profile.least_budget:
        return "There is too little room left in the context to think: answering at once."
    why = f" ({at.limits.note})" if at.limits.note else ""
    return f"The time of {at.limits.patience_s:.0f} s{why} is too short to think: answering at once."
