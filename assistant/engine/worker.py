"""The child process: it owns the model and does what the wire says, one request after the other.

Requests are tuples of a verb and its arguments. Each is answered by ("ok", value) or ("error", error);
loading also sends ("progress", 0..1) in between.
"""

from __future__ import annotations

import importlib
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from assistant.engine.options import LoadOptions, Planned
from assistant.engine.protocol import Batch, Engine, Finished, SequenceEvent, ThinkingEnded
from assistant.engine.wire import SharedFlag, Wire
from assistant.errors import EngineError, MullError, OutOfMemory

News = float | Planned
"""How far a load is, 0 to 1, or what was settled before it."""
Factory = Callable[[LoadOptions, SharedFlag, Callable[[News], None]], Engine]
"""Makes the engine from options, the flag to heed, and a function to report news of the load to."""

LAST_S = 5.0
"""Seconds that a step may go on after the other end is gone."""
GGUF_ENGINE = "assistant.engine.worker:open_gguf"


def open_gguf(options: LoadOptions, flag: SharedFlag, report: Callable[[News], None]) -> Engine:
    """The engine for GGUF files, loaded as fits this machine."""
    from assistant.catalog.gguf import inspect
    from assistant.engine.gguf_runner import GGUFRunner
    from assistant.engine.local import LocalEngine

    gguf = inspect(Path(options.path))
    if not options.is_planned:
        from assistant.engine.planning import planned

        news = planned(options, gguf)
        # told before anything is allocated: whoever restarts this process must know what to take less of
        report(news)
        options = news.options
    return LocalEngine(GGUFRunner(options, flag.buffer(), report, gguf))


def main(factory_name: str, flag_path: str) -> None:
    """Serve until the other end closes the wire."""
    wire = _take_over_pipes()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    module, _, function = factory_name.partition(":")
    factory = cast("Factory", getattr(importlib.import_module(module), function))
    flag = SharedFlag(flag_path)
    server = _Server(wire, factory, flag)
    # Both ends have it mapped: gone now, the file is not left behind by a process that is killed.
    if os.name == "posix":
        flag.remove()
    requests: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(wire, requests, flag), daemon=True).start()
    while (request := requests.get()) is not None:
        try:
            wire.send(server.answer(*request))
        except OSError:
            break
    server.close()


def _listen(wire: Wire, requests: queue.SimpleQueue[tuple[Any, ...] | None], flag: SharedFlag) -> None:
    """Pass requests on; once the other end is gone, see that this process ends, whatever it is doing."""
    try:
        while True:
            requests.put(cast("tuple[Any, ...]", wire.receive()))
    except (EOFError, OSError):
        flag.set()
        requests.put(None)
    threading.Event().wait(LAST_S)
    os._exit(1)


def _take_over_pipes() -> Wire:
    """Keep the pipes for the wire, so that whatever a library prints goes to the log instead."""
    reader = os.fdopen(os.dup(0), "rb")
    writer = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return Wire(reader, writer)


class _Server:
    """The engine and the batch that the other end is using."""

    def __init__(self, wire: Wire, factory: Factory, flag: SharedFlag) -> None:
        self._wire = wire
        self._factory = factory
        self._flag = flag
        self._engine: Engine | None = None
        self._batch: Batch | None = None

    def answer(self, verb: str, *arguments: Any) -> tuple[str, object]:
        """Do one request; every failure becomes an answer."""
        try:
            return "ok", self._do(verb, *arguments)
        except MullError as error:
            return "error", error
        except MemoryError:
            return "error", OutOfMemory("The machine has no memory left.", "Close other programs, ask again.")
        except Exception as error:  # noqa: BLE001 - the boundary of the process: nothing may end it
            traceback.print_exc()
            what = f"{type(error).__name__}: {error}"
            return "error", EngineError(f"The engine failed ({what}).", "Ask again; the log tells more.")

    def _do(self, verb: str, *arguments: Any) -> object:
        if verb == "load":
            return self._load(*arguments)
        if self._engine is None:
            raise EngineError("No model is loaded.", "Load one first.")
        if verb == "batch":
            self._batch = self._engine.batch()
            return None
        if self._batch is None:
            raise EngineError("No batch is open.", "Open one first.")
        if verb == "end":
            self._batch.__exit__(None, None, None)
            self._batch = None
            return None
        if verb == "step":
            return _steps(self._batch, *arguments)
        return getattr(self._batch, verb)(*arguments)

    def _load(self, options: LoadOptions) -> object:
        last = -1.0

        def report(news: News) -> None:
            nonlocal last
            if isinstance(news, Planned):
                self._wire.send(("progress", news))
            elif news - last >= 0.01:
                last = news
                self._wire.send(("progress", news))

        self._engine = self._factory(options, self._flag, report)
        return self._engine.model

    def close(self) -> None:
        """Give the model back."""
        if self._engine is not None:
            self._engine.close()
        sys.stderr.flush()


def _steps(batch: Batch, patience_s: float) -> list[SequenceEvent]:
    """Step for `patience_s` seconds, at least once, and not past what a strategy may want to act on."""
    until = time.monotonic() + patience_s
    events = batch.step()
    came = events
    while came and time.monotonic() < until:
        if any(isinstance(event, ThinkingEnded | Finished) for event in came):
            break
        came = batch.step()
        events += came
    return events
