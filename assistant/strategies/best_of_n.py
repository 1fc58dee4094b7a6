"""Several samples, of which the most self-certain is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from assistant.events import Event
from assistant.strategies.stage import Stage
from assistant.strategies.task import Task


def best_of_n(task: Task) -> Iterator[Event]:
    """The sample with the highest mean confidence of its tokens (self-certainty, arXiv 2502.18581).

    It needs no comparable answers, so it serves where a vote cannot.
    """
    stage = Stage(task)
    sampling = replace(task.vote_sampling, seed=task.request.sampling.seed)
    samples = stage.add(replace(task.request, sampling=sampling), task.plan.n_samples)
    for i, track in enumerate(samples):
        track.sample = i
    for came in stage.steps():
        yield from stage.heard(came)
        for track in samples:
            if track.finish_reason and track.seq_id in stage.running:
                stage.drop(track)
                yield stage.news(track)
        if task.control.take_answer_now() and any(track.finish_reason for track in samples):
            break
    ended = [track for track in samples if track.finish_reason] or samples
    best = max(ended, key=lambda track: (bool(track.answer.strip()), track.confidence))
    yield stage.answer(best, certainty=stage.certainty(best))
