"""Numbers as the app shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant.reasons import share

if TYPE_CHECKING:
    from assistant.events import Answer

SEPARATOR = " · "

FINISHED = {
    "length": "cut off at the token limit",
    "context": "the context is full",
    "stopped": "stopped",
}
"""Finish reasons that the user should read."""

UNFINISHED = {"interrupted": "interrupted", "running": "still being written"}
"""States of stored answers that the user should read."""

THINKING_ENDED = {
    "budget": "limit reached",
    "answer_now": "answered now",
    "loop": "it repeated itself",
    "found": "answer found",
}
"""Ends of the thinking that the user should read."""


def count(n: int) -> str:
    """1234 -> 1,234."""
    return f"{n:,}"


def short_count(n: int) -> str:
    """1234 -> 1.2k, for narrow terminals."""
    if n < 1000:
        return str(n)
    return f"{n / 1000:.1f}".removesuffix(".0") + "k"


def tokens(n: int) -> str:
    """A number of tokens with its unit."""
    return f"{count(n)} token" if n == 1 else f"{count(n)} tokens"


def seconds(duration_s: float) -> str:
    """Whole seconds, with minutes where there are any; of hours, whole minutes."""
    whole = round(duration_s)
    if whole < 60:
        return f"{whole} s"
    if whole >= 3600:
        hours, rest = divmod(round(whole / 60), 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def fine_seconds(duration_s: float) -> str:
    """Seconds with a decimal while they are few."""
    return f"{duration_s:.1f} s" if duration_s < 10 else seconds(duration_s)


def thinking_figures(n_tokens: int, budget: int, duration_s: float, left_s: float | None) -> list[str]:
    """What the meter of a thinking says, ever shorter; a number keeps its place while it grows."""
    long = f"{count(n_tokens):>{len(count(budget))}} / {tokens(budget)}" if budget else tokens(n_tokens)
    short = f"{short_count(n_tokens)}/{short_count(budget)}" if budget else short_count(n_tokens)
    if left_s is None:
        return [SEPARATOR.join([amount, seconds(duration_s)]) for amount in (long, short)]
    left = f"≤ {seconds(left_s)} left"
    lines = [long, seconds(duration_s), left], [short, seconds(duration_s), left], [short, left], [short]
    return [SEPARATOR.join(line) for line in lines]


def reading_figures(n_done: int, n_total: int, left_s: float | None) -> list[str]:
    """What the meter of a prompt that is read says, ever shorter."""
    long = f"{count(n_done):>{len(count(n_total))}} / {tokens(n_total)}"
    short = f"{short_count(n_done)}/{short_count(n_total)}"
    if left_s is None:
        return [long, short]
    left = f"about {seconds(left_s)} left"
    return [f"{long}{SEPARATOR}{left}", f"{short}{SEPARATOR}{left}", short]


def thought_title(n_tokens: int, duration_s: float, reason: str | None) -> str:
    """The title of the thinking once it is over; 0 seconds are not known ones."""
    took = seconds(duration_s) if duration_s >= 1 else fine_seconds(duration_s)
    title = f"thought for {tokens(n_tokens)}" + (f", {took}" if duration_s else "")
    ending = THINKING_ENDED.get(reason or "")
    return f"{title}{SEPARATOR}{ending}" if ending else title


_WORDS_ONLY = ("chat", "rewrite", "creative")
"""Kinds of query without a right answer: how probable the words are says nothing that anyone asks."""


def answer_figures(answer: Answer, note: str) -> str:
    """The line under an answer."""
    parts = [tokens(answer.total_tokens or answer.completion_tokens)]
    if answer.agreement is not None and answer.n_samples > 1:
        parts.append(share(answer.agreement) + f" of {answer.n_samples} samples agree")
    elif answer.certainty and answer.kind not in _WORDS_ONLY:  # 0 is what no answer was found in
        parts.append(f"{share(answer.certainty)} sure")
    if answer.tokens_per_second:
        parts.append(f"{answer.tokens_per_second:.1f} tokens/s")
    parts.append(fine_seconds(answer.seconds))
    if answer.finish_reason in FINISHED:
        parts.append(FINISHED[answer.finish_reason])
    if note:
        parts.append(note)
    return SEPARATOR.join(parts)
