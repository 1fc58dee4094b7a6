"""The sentences that say why a plan was chosen. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assistant.plans import Outcome, Situation

_ABOUT = {
    "maths": "a calculation",
    "choice": "a choice",
    "reasoning": "a puzzle",
    "code": "a program",
}
_BECAUSE = {
    "chat": "Small talk",
    "fact": "A plain fact",
    "rewrite": "Rewriting needs no thinking",
    "creative": "Writing needs no thinking",
    "code": "A short program",
}


def about(kind: str, is_first: bool = True) -> str:
    """What is asked, in a few words; capitalised where it begins the sentence."""
    words = _ABOUT.get(kind, "a question")
    return words[:1].upper() + words[1:] if is_first else words.partition(" ")[2]


def because(kind: str) -> str:
    """Why a query is answered at once."""
    return f"{_BECAUSE.get(kind, 'A simple question')}: answering at once."


def duration(at: Situation, expected_s: float = 0.0, *, is_guess: bool = False) -> str:
    """The time that is expected, to end a sentence with; empty where it is not known."""
    words, notes = "", [at.limits.note] if at.limits.note else []
    if expected_s >= 1 and is_guess:
        words = f", perhaps about {expected_s:.0f} s"
        notes.insert(0, "a guess, as its speed was not measured yet")
    elif expected_s >= 1:
        words = f", at most about {expected_s:.0f} s"
    return f"{words} ({'; '.join(notes)})" if notes else words


def draft_said(outcome: Outcome) -> str:
    """What came of the drafts."""
    if outcome.key is None:
        return "The draft came to no answer"
    said = outcome.final if len(outcome.final) <= 24 else outcome.final[:23] + "…"
    if outcome.certainty is None:
        return f"The draft, {said}, is not sure"
    if outcome.agreement is not None and outcome.agreement < 1:
        return "Two drafts disagreed"
    return f"The draft, {said}, is only {share(outcome.certainty)} sure"


def thinking_said(outcome: Outcome) -> str:
    """What came of the thinking."""
    if outcome.key is None:
        return "The thinking came to no answer"
    if outcome.thinking_end == "budget":
        return "The thinking ran into its limit"
    if outcome.thinking_end == "loop":
        return "The thinking went in circles"
    return "The answer is not sure"


def share(part: float) -> str:
    """0.5 -> 50 %."""
    return f"{part:.0%}".replace("%", " %")
