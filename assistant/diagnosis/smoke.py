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
_AGAIN_S = 0.05
_QUESTION = "What is 2 + 2?"


def smoke(
    options: LoadOptions,
    name: str,
    patience_s: float,
    *,
    stop: threading.Event | None = None,
    engine: ProcessEngine | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Smoke:
    """Load a model, let it answer with a few tokens, and give it back. Never raises MullError.

    Args:
        options: how to load it.
        name: what the user calls it.
        patience_s: after so many seconds its process is ended.
        stop: ends it earlier.
        engine: another engine than one for `options`.
        clock: seconds that only grow.
    """
    engine = engine or ProcessEngine(options)
    engine.grace_s = 0.0
    watch = _Watch(engine, patience_s, stop or threading.Event())
    found = Smoke(name)
    try:
        began = clock()
        news = tuple(_loaded(engine, watch))
        model, load_s = engine.model, clock() - began
        found = replace(found, load_s=load_s, build=model.build, plan=model.plan, news=news)
        return _decoded(engine, found, clock)
    except MullError as error:
        if watch.is_late:
            return replace(
                found,
                problem=f"{name} did not answer within {patience_s:g} s.",
                next_step="Close other programs and try again; mull doctor --deep waits longer.",
            )
        return replace(found, problem=error.message, next_step=error.next_step)
    finally:
        watch.end()
        engine.close(at_once=True)


class _Watch:
    """Ends the engine's process when the time is up, or when it is to stop; a thread of its own."""

    def __init__(self, engine: ProcessEngine, patience_s: float, stop: threading.Event) -> None:
        self.is_late = False
        self._engine = engine
        self._stop = stop
        self._is_over = False
        self._thread = threading.Thread(target=self._run, args=(patience_s,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """It is over: nothing is ended any more."""
        self._is_over = True
        self._stop.set()
        self._thread.join()

    def _run(self, patience_s: float) -> None:
        self._stop.wait(patience_s)
        while not self._is_over:
            self.is_late = True
            self._engine.interrupt()  # ends a request that is on; between two of them there is none
            time.sleep(_AGAIN_S)


def _loaded(engine: ProcessEngine, watch: _Watch) -> Iterator[str]:
    """Load, and give what the engine has to say of it; after the time is up nothing is tried again."""
    for news in engine.load():
        if watch.is_late:
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
