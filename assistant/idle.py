"""What Mull does with a loaded model while nobody asks.

Each of these ends at once when its control is stopped: the step that is being computed is interrupted, and
the question that comes waits for nothing else. None raises, and none loads: of an engine that died, whoever
asks it next is told. The conversation that the engine has in its cache is gone on with, so it stays there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Final

from assistant.control import Control
from assistant.engine.protocol import Batch, Delta, Engine, Finished, Request, Sampling, ThinkingBudget
from assistant.errors import MullError
from assistant.hardware.stopwatch import measuring
from assistant.learning import Learning
from assistant.query import Message
from assistant.wording import prompt

_TITLE_TOKENS: Final = 32


def measure(engine: Engine, learning: Learning, control: Control, history: Sequence[Message] = ()) -> None:
    """Measure what is not known of the model's speed, until it is known or the control is stopped.

    Args:
        engine: a loaded model.
        learning: what is known; what was measured by the end is kept there, and gone on with another time.
        control: stops it.
        history: the conversation that is in the engine's cache.
    """
    known = learning.seen
    with _interruptible(engine, control), closing(measuring(engine, known, history)) as steps:
        for curve in steps:
            if curve.measured != learning.seen.measured:
                learning.note_speed(curve)
            if control.is_stopped:
                return
    if not control.is_stopped and learning.seen.measured == known.measured:
        learning.give_up_measuring()  # it would end without anything another time, too


def title(engine: Engine, control: Control, history: Sequence[Message]) -> str:
    """What the model says when it is asked for a conversation's title.

    Args:
        engine: a loaded model.
        control: stops it.
        history: the conversation, which begins with the system message if there is one.

    Returns:
        "" if the model cannot sum up, came to no end of it, or was stopped.
    """
    if not engine.model.can_sum_up:
        return ""
    request = Request(
        messages=(*history, Message("user", prompt("title"))),
        sampling=Sampling(temperature=0.0),
        thinking=ThinkingBudget(0),
        max_tokens=_TITLE_TOKENS,
    )
    with suppress(MullError), _interruptible(engine, control), engine.batch() as batch:
        return _said(batch, request, control)
    return ""


@contextmanager
def _interruptible(engine: Engine, control: Control) -> Iterator[None]:
    """A stop interrupts the engine within, and does nothing to whoever uses it afterwards."""
    working = [True]
    control.on_stop(lambda: engine.interrupt() if working else None)
    try:
        yield
    finally:
        working.clear()


def _said(batch: Batch, request: Request, control: Control) -> str:
    """What the model says to a request; "" if it does not come to an end of it."""
    batch.add(request)
    text = ""
    while not control.is_stopped and (events := batch.step()):
        for event in events:
            if isinstance(event, Delta):
                text += event.answer
            elif isinstance(event, Finished):
                return text if event.reason == "stop" else ""
    return ""
