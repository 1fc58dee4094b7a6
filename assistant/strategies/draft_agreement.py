"""A quick draft without thinking: kept if it is sure of itself, or if a second one agrees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from assistant.events import Event
from assistant.strategies.stage import Stage
from assistant.strategies.task import Task
from assistant.strategies.track import Track

SHORT_DRAFT = 48
"""Tokens. A draft that comes to the point within them is judged by its own certainty; one that works the
question out, whose single tokens are seldom certain, gets a second one beside it to agree with."""
_AGREED = 0.5
"""How sure each of two drafts must be of its answer for their agreement to count."""


def draft_agreement(task: Task) -> Iterator[Event]:
    """One or two drafts on one prefill (after DART, arXiv 2606.23181).

    The answer's certainty is the least token probability of the first draft's answer; where two drafts
    agree and neither is unsure it is 1, where they differ it is 0. Nothing is streamed but the news of the
    drafts, as a draft may not be the answer.
    """
    stage = Stage(task)
    (first,) = stage.add(task.request)
    drafts = [first]
    for came in stage.steps():
        yield from stage.heard(came)
        if len(drafts) < task.plan.n_samples and first.n_tokens > SHORT_DRAFT and not first.finish_reason:
            drafts += _second(stage, task)
        for draft in drafts:
            if draft.finish_reason and draft.seq_id in stage.running:
                yield stage.news(draft)
                stage.drop(draft)
    certainty, agreement = _verdict(task, drafts)
    yield stage.answer(first, certainty=certainty, agreement=agreement)


def _second(stage: Stage, task: Task) -> list[Track]:
    sampling = replace(task.vote_sampling, seed=task.request.sampling.seed + 1)
    drafts = stage.add(replace(task.request, sampling=sampling))
    drafts[0].sample = 1
    return drafts


def _verdict(task: Task, drafts: list[Track]) -> tuple[float, float | None]:
    judge = task.judge
    keys = [judge.key(draft.answer) for draft in drafts]
    sure = [draft.least_probability(judge.span(draft.answer)) for draft in drafts]
    if any(draft.finish_reason != "stop" for draft in drafts) or None in keys:
        return 0.0, None
    if len(drafts) == 1:
        return sure[0], None
    if keys[0] != keys[1]:
        return 0.0, 0.5
    return (1.0 if min(sure) >= _AGREED else max(sure)), 1.0
