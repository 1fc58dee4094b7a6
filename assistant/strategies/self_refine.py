"""Criticise an answer and write it again; the new one is kept only if a check finds it better."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

from assistant.events import Event
from assistant.query import Message
from assistant.strategies.stage import Stage
from assistant.strategies.task import Task
from assistant.strategies.track import Track
from assistant.wording import prompt


def self_refine(task: Task) -> Iterator[Event]:
    """Critique and revision (arXiv 2303.17651), gated: without a check they lose as often as they win.

    The check is the question's own examples where it has any (Self-Debug, arXiv 2304.05128), and the
    model's certainty of its final answer elsewhere. An earlier stage's answer is the first version, and
    costs nothing more. `plan.n_samples` is the most versions.
    """
    stage = Stage(task)
    if task.earlier and task.earlier[-1].text.strip():
        track = Track.told(task.earlier[-1])
    else:
        track = yield from _write(stage, task, task.request.messages, 0)
    best_text, best_track = track.answer, track
    best_score = _score(stage, track)
    for i in range(1, max(2, task.plan.n_samples)):
        if best_score >= 1.0 or task.control.is_stopped or not best_text.strip():
            break
        criticised = (
            *task.request.messages,
            Message("assistant", best_text),
            Message("user", prompt("critique")),
        )
        critique = yield from _write(stage, task, criticised, i)
        revised = (*criticised, Message("assistant", critique.answer), Message("user", prompt("revise")))
        track = yield from _write(stage, task, revised, i)
        score = _score(stage, track)
        if score > best_score:
            best_text, best_track, best_score = track.answer, track, score
    yield stage.answer(best_track, certainty=best_score)


def _write(stage: Stage, task: Task, messages: tuple[Message, ...], i: int) -> Generator[Event, None, Track]:
    """One text of the model, told as the news of sample `i`; returns its track."""
    (track,) = stage.add(replace(task.request, messages=messages))
    track.sample = i
    for came in stage.steps():
        yield from stage.heard(came)
        if track.finish_reason:
            break
    stage.drop(track)
    yield stage.news(track)
    return track


def _score(stage: Stage, track: Track) -> float:
    """How good an answer is, 0 to 1."""
    checked = stage.task.judge.check(track.answer)
    return checked if checked is not None else stage.certainty(track) or 0.0
