"""Think in the model's own way under a budget, then answer; leave early once the answer is found."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from assistant.events import AnswerDelta, Event, Probed, ThinkingDelta, ThinkingDone
from assistant.strategies.early_exit import Watch, probe
from assistant.strategies.single import Speaker, single
from assistant.strategies.stage import Stage
from assistant.strategies.task import Task
from assistant.strategies.track import Track


def extended_thinking(task: Task) -> Iterator[Event]:
    """One sequence with its native thinking; the engine keeps the budget (s1, arXiv 2501.19393).

    With `plan.early_exit`, where the thinking settles on a value a copy is asked for the answer, and the
    thinking is left if that is the value and the copy is sure of it (after DEER, arXiv 2504.15895, and
    Dynasor, arXiv 2412.20993).
    """
    if not task.plan.early_exit:
        yield from single(task)
        return
    stage = Stage(task)
    (track,) = stage.add(task.request)
    speaker = Speaker(stage, track)
    watch = Watch(task.judge)
    is_left = False
    for event in speaker.run(patience_s=0.0):
        yield event
        if is_left or not isinstance(event, ThinkingDelta):
            continue
        value = watch.read(event.text, event.tokens)
        if value is not None and speaker.track.is_thinking and not task.control.is_stopped:
            is_left, sure_of = yield from _try_to_leave(stage, speaker, watch, value)
            if not is_left:
                watch.refuse(value, sure_of)
    answer = speaker.track
    if is_left:
        answer.end = "found"
    yield stage.answer(answer, certainty=stage.certainty(answer))


def _try_to_leave(
    stage: Stage, speaker: Speaker, watch: Watch, value: str
) -> Generator[Event, None, tuple[bool, str]]:
    """Ask for the answer and leave with it if it is sure, and either the value settled on or unchanged.

    Returns:
        Whether it was left, and the answer that the copy was sure of; empty where it was not.
    """
    task, track = stage.task, speaker.track
    n_thinking = track.n_thinking
    copy = probe(stage, track, task.plan.lead or task.judge.probe)
    if task.control.is_stopped:
        return False, ""
    certainty = (stage.certainty(copy) if copy is not None else None) or 0.0
    final = task.judge.final(copy.answer) if copy is not None else ""
    sure_of = final if certainty >= task.plan.gate else ""
    is_exit = bool(sure_of) and (task.judge.values(final)[-1:] == [value] or watch.has_heard(final))
    yield Probed(
        answer=final,
        confidence=certainty,
        tokens=n_thinking,
        is_exit=is_exit,
    )
    if copy is None or not is_exit:
        if copy is not None:
            stage.drop(copy)
        task.batch.hold(track.seq_id, is_held=False)
        return False, sure_of
    yield from _leave(stage, speaker, copy)
    return True, sure_of


def _leave(stage: Stage, speaker: Speaker, copy: Track) -> Iterator[Event]:
    """Go on with the copy's answer where it has the model's own words, else let the original find its own."""
    task, track = stage.task, speaker.track
    if task.plan.lead or not task.judge.probe:
        stage.drop(track)
        speaker.track = copy
        yield ThinkingDone(reason="found", tokens=copy.n_thinking, seconds=stage.seconds)
        yield AnswerDelta(text=copy.answer, tokens=copy.n_tokens)
    else:
        stage.drop(copy)
        task.batch.hold(track.seq_id, is_held=False)
        speaker.cut(has_found=True)
