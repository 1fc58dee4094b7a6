"""Search over solution paths, step by step, scored by the model's own likelihood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from assistant.events import Event
from assistant.strategies.stage import Stage
from assistant.strategies.task import Task
from assistant.strategies.track import Track

STEP_TOKENS = 24
"""Fewest tokens of a step; it ends with the sentence or line that is under way then."""
MOST_STEP_TOKENS = 96
_ENDS = (".", "!", "?", "\n", "。", "！", "？")


def beam_search(task: Task) -> Iterator[Event]:
    """Step-level beam search: of `width` x `branching` paths the `width` likeliest go on and branch.

    After search-and-learn (arXiv 2408.03314), with the mean log-probability in place of a reward model.
    A step is a sentence or line of at least `STEP_TOKENS` tokens; paths wait for each other at its end.
    """
    stage = Stage(task)
    plan = task.plan
    sampling = replace(task.vote_sampling, seed=task.request.sampling.seed)
    beams = stage.add(replace(task.request, sampling=sampling), plan.width * plan.branching)
    for i, track in enumerate(beams):
        track.sample = i
    n_beams = len(beams)
    ended: list[Track] = []
    while beams and not task.control.is_stopped and not task.control.take_answer_now():
        yield from _advance(stage, beams)
        best = sorted((*beams, *ended), key=_score, reverse=True)[: plan.width]
        for track in beams:
            if track not in best:
                stage.drop(track)
                yield stage.news(track, "dropped")
        ended = [track for track in best if track.finish_reason]
        yield from (stage.news(track) for track in ended)
        going = [track for track in best if not track.finish_reason]
        if not going:
            break
        beams = _branch(stage, going, plan.branching, n_beams)
        n_beams += len(beams) - len(going)
    best_track = max(ended or beams, key=_score)
    yield stage.answer(best_track, certainty=stage.certainty(best_track))


def _advance(stage: Stage, beams: list[Track]) -> Iterator[Event]:
    """Let every path take one step; those that have taken it wait."""
    batch = stage.task.batch
    starts = {track.seq_id: track.n_tokens for track in beams}
    waiting = {track.seq_id for track in beams if not track.finish_reason}
    while waiting and (came := stage.step(0.0)):
        yield from stage.heard(came)
        for track, _ in came:
            if track.seq_id not in waiting:
                continue
            n_step = track.n_tokens - starts[track.seq_id]
            text = track.thinking if track.is_thinking else track.answer
            is_end = n_step >= STEP_TOKENS and text.rstrip(" ").endswith(_ENDS)
            if track.finish_reason or is_end or n_step >= MOST_STEP_TOKENS:
                waiting.discard(track.seq_id)
                if not track.finish_reason:
                    batch.hold(track.seq_id)


def _branch(stage: Stage, going: list[Track], branching: int, n_before: int) -> list[Track]:
    """The surviving paths and their copies, ready for the next step."""
    beams = []
    for track in going:
        beams.append(track)
        for _ in range(branching - 1):
            twin = stage.fork(track)
            twin.sample = n_before
            n_before += 1
            beams.append(twin)
        stage.task.batch.hold(track.seq_id, is_held=False)
    return beams


def _score(track: Track) -> float:
    return track.mean_logprob
