"""Runs that think in every way there is, each up to the moment that a test wants to look at."""

from __future__ import annotations

from assistant.events import (
    Answer,
    Event,
    Planned,
    Prefill,
    Probed,
    SampleNews,
    SampleState,
    Tally,
    VoteShare,
)
from tests.tui.scripted import answer, text, thinking, thinking_done

QUESTION = "A pen costs 4 dollars and a book 9. How much do 6 pens and 3 books cost?"

SIGNALS = (("several_steps", 0.31), ("numbers", 0.18), ("question_word", -0.06))


def plan(strategy: str, reason: str, **more: object) -> Planned:
    """A plan for a calculation of middling difficulty."""
    fields: dict[str, object] = {
        "thinking_budget": 0,
        "n_samples": 1,
        "max_tokens": 1024,
        "kind": "maths",
        "score": 0.43,
        "signals": SIGNALS,
        "expected_s": 14.2,
        **more,
    }
    return Planned(strategy=strategy, reason=reason, **fields)  # type: ignore[arg-type]


def sample(
    number: int, state: SampleState, tokens: int, answer: str = "", confidence: float = 12.0
) -> SampleNews:
    """The news of a sample."""
    return SampleNews(sample=number, state=state, tokens=tokens, answer=answer, confidence=confidence)


def tally(*shares: tuple[str, tuple[int, ...], float], n_done: int, certainty: float, decided: bool) -> Tally:
    """A vote of eight as it stands."""
    return Tally(
        shares=tuple(VoteShare(answer=a, samples=samples, weight=w) for a, samples, w in shares),
        n_done=n_done,
        n_samples=8,
        certainty=certainty,
        is_decided=decided,
    )


DRAFT = [
    plan(
        "draft_agreement",
        "A calculation that may be easy: a quick draft first, and more only if it is unsure.",
        n_samples=2,
        expected_s=3.0,
    ),
    Prefill(done=90, total=90, cached=60),
    sample(0, "done", 61, "51", 11.4),
    sample(1, "done", 74, "15", 9.8),
]

THINKING = [
    *DRAFT,
    plan(
        "extended_thinking",
        "Two drafts disagreed: thinking up to 1,024 tokens, at most about 14 s.",
        thinking_budget=1024,
        max_tokens=2048,
        stage=2,
    ),
    thinking("Six pens at 4 dollars are 24 dollars. ", tokens=40, seconds=1.0),
    thinking(
        "Three books at 9 dollars are 27 dollars. Together that makes 24 + 27 = 51 dollars. Let me see "
        "whether the question wants anything else: it asks for what 6 pens and 3 books cost in all, so "
        "no change is to be given. Wait, I should check the product again: 6 times 4 is 24.\n\nSo it is ",
        tokens=412,
        seconds=9.0,
    ),
]

FOUND: list[Event] = [
    *THINKING,
    Probed(answer="51", confidence=0.97, tokens=412, is_exit=True),
    thinking_done(412, 9.0, "found"),
    text("They cost **51** dollars.", 430),
]

VOTE_PLAN = plan(
    "self_consistency",
    "The answer is not sure: up to 8 samples, until the vote is decided, at most about 20 s.",
    n_samples=8,
    thinking_budget=256,
    max_tokens=1280,
    stage=1,
)

VOTING = [
    VOTE_PLAN,
    Prefill(done=90, total=90, cached=88),
    sample(0, "done", 188, "51", 12.8),
    sample(1, "done", 203, "51", 13.1),
    sample(2, "done", 240, "15 dollars and not a cent more", 8.4),
    tally(
        ("51", (0, 1), 2.6),
        ("15 dollars and not a cent more", (2,), 0.9),
        n_done=3,
        certainty=0.87,
        decided=False,
    ),
    sample(3, "dropped", 96, "", 5.2),
    sample(4, "thinking", 112, "", 12.2),
    sample(5, "answering", 131, "51", 12.5),
]

DECIDED = [
    *VOTING,
    sample(5, "done", 190, "51", 12.5),
    tally(
        ("51", (0, 1, 5), 3.9),
        ("15 dollars and not a cent more", (2,), 0.9),
        n_done=4,
        certainty=0.96,
        decided=True,
    ),
    sample(4, "dropped", 140, "", 12.2),
]

SEARCHING = [
    plan("beam_search", "Beam search, as you asked.", n_samples=4, expected_s=0.0),
    Prefill(done=90, total=90, cached=88),
    sample(0, "thinking", 96, "", 12.0),
    sample(1, "dropped", 48, "", 7.0),
    sample(2, "answering", 101, "51", 11.1),
    sample(3, "dropped", 64, "", 6.1),
]

READING = [
    plan(
        "extended_thinking",
        "A program of some difficulty: thinking up to 1,024 tokens.",
        thinking_budget=1024,
    ),
    Prefill(done=1024, total=6200, cached=512),
    Prefill(done=2560, total=6200, cached=512),
]


def voted(doubt: str = "") -> Answer:
    """The answer of the vote."""
    return answer("They cost **51** dollars.", "Six pens are 24, three books 27.").model_copy(
        update={
            "strategy": "self_consistency",
            "n_samples": 6,
            "agreement": 0.75,
            "certainty": 0.96,
            "total_tokens": 1012,
            "total_thinking_tokens": 790,
            "doubt": doubt,
        }
    )


def found() -> Answer:
    """The answer after thinking."""
    return answer("They cost **51** dollars.").model_copy(
        update={"strategy": "extended_thinking", "certainty": 0.97, "plan_s": 0.0006, "cached_tokens": 1100}
    )
