"""A few tokens, computed as answers are: in the model's own process, with a limit on the time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from assistant.diagnosis.facts import Smoke
from assistant.engine.options import LoadOptions
from assistant.engine.process import ProcessEngine
from assistant.engine.protocol import Delta, ModelInfo, Request, ThinkingBudget
from assistant.errors import EngineDied, MullError
from assistant.query import Message

_TOKENS = 8
_QUESTION = "What is 2 + 2?"


def smoke(
    options: LoadOptions,
    name: str,
    patience_s: float,
    *,
    engine: ProcessEngine | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Smoke:
    """Load a model, let it answer with a few tokens, and give it back. Never raises MullError.

    Args:
        options: how to load it.
        name: what the user calls it.
        patience_s: after so many seconds its process is ended.
        engine: another engine than one for `options`.
        clock: seconds that only grow.
    """
    engine = engine or ProcessEngine(options)
    engine.grace_s = 0.0
    is_late = threading.Event()

    def give_up() -> None:
        is_late.set()
        engine.interrupt()

    timer = threading.Timer(patience_s, give_up)
    timer.daemon = True
    timer.start()
    found = Smoke(name)
    try:
        began = clock()
        news = tuple(_loaded(engine, is_late))
        model, load_s = engine.model, clock() - began
        found = replace(found, load_s=load_s, build=model.build, plan=model.plan, news=news)
        return _decoded(engine, found, clock)
    except MullError as error:
        if is_late.is_set():
            return replace(
                found,
                problem=f"{name} did not answer within {patience_s:g} s.",
                next_step="Close other programs and try again; mull doctor --deep waits longer.",
            )
        return replace(found, problem=error.message, next_step=error.next_step)
    finally:
        timer.cancel()
        engine.close()


def _loaded(engine: ProcessEngine, is_late: threading.Event) -> Iterator[str]:
    """Load, and give what the engine has to say of it; after the time is up nothing is tried again."""
    for news in engine.load():
        if is_late.is_set():
            raise EngineDied("The time is up.")
        if news.sentence:
            yield news.sentence


def _decoded(engine: ProcessEngine, found: Smoke, clock: Callable[[], float]) -> Smoke:
    began, first_s, text, n_tokens = clock(), 0.0, "", 0
    with engine.batch() as batch:
        batch.add(_request(engine.model))
        while events := batch.step():
            for event in events:
                if isinstance(event, Delta):
                    first_s = first_s or clock() - began
                    text += event.thinking + event.answer
                    n_tokens = event.completion_tokens
    took = clock() - began - first_s
    speed = (n_tokens - 1) / took if n_tokens > 1 and took > 0 else 0.0
    if not n_tokens:
        return replace(found, problem=f"{found.model} computed no token.", next_step="Take another model.")
    return replace(found, text=text, first_s=first_s, tokens_per_second=speed, n_tokens=n_tokens)


def _request(model: ModelInfo) -> Request:
    sampling = replace(model.sampling, temperature=0.0)
    return Request((Message("user", _QUESTION),), sampling, ThinkingBudget(0), _TOKENS)
