"""Showing an answer that was kept as it was shown when it came: its run's events are made again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from assistant.errors import MullError

from . import figures

if TYPE_CHECKING:
    from assistant.events import AnyEvent
    from assistant.store.values import Run, StoredMessage

    from .widgets.transcript.assistant import AssistantTurn

STATES = {
    "interrupted": "Interrupted: Mull ended while this was being written. /continue goes on with it.",
    "running": "Another Mull is writing this.",
}
"""What is said under an answer that did not come to its end."""
NOTHING_KEPT = "Interrupted: Mull ended before a word of this was kept. /again asks once more."
"""What is said in place of an interrupted answer; there is nothing to go on with."""


async def restore(turn: AssistantTurn, message: StoredMessage, run: Run | None) -> None:
    """Fill an empty turn with a stored answer."""
    has_answer = False
    for event in events(message, run):
        await turn.show(event, "")
        has_answer = event.event == "answer"
    if has_answer:
        return
    if message.error:
        await turn.break_off(MullError(message.error))
    elif message.status in STATES:
        await turn.break_off(None)
        turn.show_figures(figures.UNFINISHED[message.status])
        is_lost = message.is_unfinished and not (message.content or message.thinking)
        await turn.add_notice(NOTHING_KEPT if is_lost else STATES[message.status], at_end=True)
    else:
        await turn.break_off(None)
        turn.show_figures(_figures(message))


def events(message: StoredMessage, run: Run | None) -> Iterator[AnyEvent]:
    """What the run told, as far as it was kept; what does not fit this version of Mull is left out."""
    from pydantic import ValidationError

    from assistant.events import Answer, AnswerDelta, Planned, SampleNews, Tally, ThinkingDelta, ThinkingDone

    def made(kind: type[Any], fields: dict[str, Any], **more: Any) -> Iterator[Any]:
        try:
            yield kind.model_validate({**fields, **more})
        except ValidationError:
            return

    known = (run.answer if run is not None else None) or {}
    for plan in run.plans if run is not None else ():
        yield from made(Planned, plan)
        stage = plan.get("stage", 1)
        for sample in run.samples if run is not None else ():
            if sample.get("stage") == stage:
                yield from made(SampleNews, {key: value for key, value in sample.items() if key != "stage"})
    if run is not None and run.tally:
        yield from made(Tally, run.tally)
    if message.thinking:
        yield ThinkingDelta(text=message.thinking, tokens=message.n_thinking, budget=0, seconds=0.0)
        reason = known.get("thinking_end") or "itself"
        yield from made(ThinkingDone, {"reason": reason, "tokens": message.n_thinking, "seconds": 0.0})
    if known:
        yield from made(Answer, known, text=message.content, thinking=message.thinking)
    elif message.content:
        yield AnswerDelta(text=message.content, tokens=message.n_completion)


def _figures(message: StoredMessage) -> str:
    if message.status == "stopped":
        return figures.FINISHED["stopped"]
    return figures.tokens(message.n_completion) if message.n_completion else message.status
