"""Fitting a model's profile to what it was measured to do: which drafts to keep, which budgets pay.

Everything is fitted to keep the accuracy of thinking first, and to save tokens second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assistant.evaluation.figures import mean
from assistant.evaluation.records import Record
from assistant.profile import BudgetPoint, DraftSeen, Profile

BUDGETS = (32, 128, 512, 2048)
"""Thinking budgets that are measured, besides none."""
DRAFTS = "draft"
"""The policy that shows how sure drafts are."""
EXITS = "auto"
"""The policy that shows what leaving the thinking early does."""
GATES = (0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995)
EXIT_GATES = (0.9, 0.97)
"""How sure a probe must be, tried in turn until accuracy holds."""
_NEVER_SURE = 2.0
_SLACK = 0.02
"""Accuracy that leaving early may seem to cost, as so few questions cannot tell."""


def policies(has_thinking: bool) -> list[str]:
    """The policies to measure, by name."""
    return ["direct", DRAFTS, *(f"think:{budget}" for budget in BUDGETS if has_thinking)]


def fitted(records: Mapping[str, Sequence[Record]], before: Profile) -> Profile:
    """The profile that fits these records.

    Args:
        records: by policy, each in the order of the same questions.
        before: what was known; what the records do not tell stays.
    """
    curve = _curve(records)
    best = max((p for p in curve if p.budget), key=lambda p: (p.accuracy, -p.budget), default=None)
    thinking = records.get(f"think:{best.budget}", ()) if best else ()
    drafts = records.get(DRAFTS, ())
    updates: dict[str, object] = {"source": "calibrated", "curve": curve}
    if thinking and drafts:
        updates["draft_gate"] = draft_gate(drafts, thinking, before.draft_gate, before.drafts)
    return before.model_copy(update=updates)


def draft_gate(
    drafts: Sequence[Record],
    thinking: Sequence[Record],
    otherwise: float,
    history: Sequence[DraftSeen] = (),
) -> float:
    """The lowest gate at which the drafts kept are right at least as often as thinking is on those questions.

    Args:
        drafts: each question's draft, with its certainty.
        thinking: the same questions thought about.
        otherwise: where hardly any draft is sure, so that nothing can be told.
        history: drafts of the user's own questions, beside what thinking came to there.
    """
    pairs = [(d.certainty or 0.0, d.correct, t.correct) for d, t in zip(drafts, thinking, strict=True)]
    pairs += [(seen.certainty, seen.was_right, True) for seen in history]
    for gate in GATES:
        kept = [(draft, thought) for certainty, draft, thought in pairs if certainty >= gate]
        if len(kept) < 5:
            break
        if all(
            sum(d for c, d, _ in pairs if c >= higher) >= sum(t for c, _, t in pairs if c >= higher)
            for higher in GATES
            if higher >= gate
        ):
            return gate
    return otherwise


def gates_to_try(profile: Profile) -> list[Profile]:
    """The profile with each gate for leaving early, the lowest first."""
    return [profile.model_copy(update={"exit_gate": gate}) for gate in EXIT_GATES]


def without_exits(profile: Profile) -> Profile:
    """The profile under which no thinking is left early."""
    return profile.model_copy(update={"exit_gate": _NEVER_SURE})


def exits_hold(auto: Sequence[Record], thinking: Sequence[Record]) -> bool:
    """Whether leaving early keeps the accuracy of thinking to the end."""
    return mean(r.correct for r in auto) >= mean(r.correct for r in thinking) - _SLACK


def _curve(records: Mapping[str, Sequence[Record]]) -> tuple[BudgetPoint, ...]:
    measured = {0: records.get("direct", ())}
    measured |= {budget: records.get(f"think:{budget}", ()) for budget in BUDGETS}
    return tuple(
        BudgetPoint(
            budget=budget,
            accuracy=round(mean(r.correct for r in found), 4),
            mean_tokens=round(mean(r.tokens for r in found), 1),
            n=len(found),
        )
        for budget, found in sorted(measured.items())
        if found
    )


def explained(profile: Profile) -> list[str]:
    """What a profile means, in sentences."""
    source = {
        "assumed": "Nothing was measured: these are assumptions that hold for most models.",
        "learned": "Not calibrated: assumptions, and what was seen while it answered.",
        "calibrated": "Calibrated on this machine.",
    }[profile.source]
    lines = [source]
    if profile.draft_gate > 1:
        lines.append("No draft is kept: this model is sure of wrong ones too.")
    else:
        lines.append(
            f"A draft is kept if no token of its answer is less likely than {profile.draft_gate:.3g}."
        )
    if profile.exit_gate > 1:
        lines.append("Thinking is never left early: this model's first results are too often wrong.")
    else:
        lines.append(
            f"Thinking is left once it settles on an answer of mean probability {profile.exit_gate:.2g}."
        )
    if profile.n_thoughts:
        lines.append(f"A thinking takes {profile.thinking_tokens:.0f} tokens on average.")
    if profile.drafts:
        n_right = sum(draft.was_right for draft in profile.drafts)
        lines.append(
            f"Of the last {len(profile.drafts)} drafts of your questions that were not kept, {n_right} "
            "were what the thinking came to as well; mull calibrate counts them in."
        )
    for point in profile.curve:
        name = f"up to {point.budget:,} thinking tokens" if point.budget else "answering at once"
        lines.append(
            f"  {name}: {point.accuracy:.1%} right of {point.n}, {point.mean_tokens:.0f} tokens".replace(
                "%", " %"
            )
        )
    if profile.curve:
        lines.append(
            f"Budgets pay from {profile.least_budget:,} tokens on."
            if profile.gains
            else "Thinking gains nothing with this model, so it does not think."
        )
    return lines
