"""Engines that die, for the child process: `crashing:NAME` is found there through the parent's path."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from assistant.engine import worker
from assistant.engine.local import LocalEngine
from assistant.engine.options import LoadOptions
from assistant.engine.protocol import Engine, Request
from assistant.engine.scripted import ScriptedRunner, scripted_model
from assistant.engine.wire import SharedFlag
from assistant.errors import OutOfMemory

Progress = Callable[[float], None]

PORT = "CRASHING_PORT"
"""Environment variable: whoever listens there hears of a child that hangs or has started, and of its end."""
FENCE = "CRASHING_FENCE"
"""Environment variable: bytes that `fenced` may still have."""
STARTS = "CRASHING_STARTS"
"""Environment variable: a file that every start adds its process id to."""
ANSWER = "All is well."
SMALL = 2048
TIMEOUT_S = 60.0
"""Only in a test that fails does a hang last so long."""

_connections: list[socket.socket] = []


def obedient(options: LoadOptions, flag: SharedFlag, on_progress: Progress) -> LocalEngine:
    """Does what the last message says while it draws a token, or answers."""
    _note_start()
    on_progress(0.5)
    facts: dict[str, int | bool | str] = asdict(options)
    del facts["path"]
    return LocalEngine(ScriptedRunner(_obey, replace(scripted_model(), options=facts)))


def without_amx(options: LoadOptions, flag: SharedFlag, on_progress: Progress) -> LocalEngine:
    """Crashes unless repacked weights are off."""
    if options.use_extra_bufts:
        _note_start()
        os.abort()
    return obedient(options, flag, on_progress)


def hopeless(options: LoadOptions, flag: SharedFlag, on_progress: Progress) -> LocalEngine:
    """Crashes whatever the options are."""
    _note_start()
    os.abort()


def hungry(options: LoadOptions, flag: SharedFlag, on_progress: Progress) -> LocalEngine:
    """Has memory for a small context only."""
    if not 0 < options.n_ctx <= SMALL:
        raise OutOfMemory("There is not enough memory.", "Take less.")
    return obedient(options, flag, on_progress)


def starving(options: LoadOptions, flag: SharedFlag, on_progress: Progress) -> LocalEngine:
    """Never has the memory."""
    raise OutOfMemory("There is not enough memory.", "Take less.")


def telling(options: LoadOptions, flag: SharedFlag, on_progress: Progress) -> LocalEngine:
    """Tells of its start, and with it of its end."""
    _connect().sendall(b"!")
    return obedient(options, flag, on_progress)


def impatient(options: LoadOptions, flag: SharedFlag, on_progress: Progress) -> LocalEngine:
    """Gives a step no time after the other end is gone."""
    worker.LAST_S = 0.0
    return obedient(options, flag, on_progress)


def hanging(options: LoadOptions, flag: SharedFlag, on_progress: Progress) -> LocalEngine:
    """Its driver hangs unless nothing is to be on the GPU."""
    _note_start()
    if options.n_gpu_layers:
        _hang()
    return obedient(options, flag, on_progress)


def hanging_always(options: LoadOptions, flag: SharedFlag, on_progress: Progress) -> LocalEngine:
    """Never comes to an end of its load."""
    _note_start()
    _hang()
    raise AssertionError("it was not ended")


def greedy(options: LoadOptions, flag: SharedFlag, on_progress: Progress) -> LocalEngine:
    """Runs out of memory in mid-answer unless the context is small."""
    _note_start()

    def answer(request: Request, sample: int) -> str:
        if options.n_ctx > SMALL:
            raise OutOfMemory("Memory ran out while the model was computing.", "Take less.")
        return _obey(request, sample)

    facts: dict[str, int | bool | str] = asdict(options)
    return LocalEngine(ScriptedRunner(answer, replace(scripted_model(), options=facts)))


def insatiable(options: LoadOptions, flag: SharedFlag, on_progress: Progress) -> LocalEngine:
    """Runs out of memory in mid-answer, however little is asked for."""
    _note_start()

    def answer(request: Request, sample: int) -> str:
        raise OutOfMemory("Memory ran out while the model was computing.", "Take less.")

    facts: dict[str, int | bool | str] = asdict(options)
    return LocalEngine(ScriptedRunner(answer, replace(scripted_model(), options=facts)))


def fenced(options: LoadOptions, flag: SharedFlag, report: Callable[[worker.News], None]) -> Engine:
    """The real engine where the system gives no memory beyond what is here and some: Linux only."""
    import resource

    import llama_cpp  # what the libraries take is no part of it

    from assistant.engine import gguf_runner

    assert llama_cpp
    assert gguf_runner
    _fence(resource, int(os.environ[FENCE]))
    return worker.open_gguf(options, flag, report)


def fenced_later(options: LoadOptions, flag: SharedFlag, report: Callable[[worker.News], None]) -> Engine:
    """The real engine, where memory is short once the model is loaded, unless its context is small."""
    import resource

    engine = worker.open_gguf(options, flag, report)
    if options.n_ctx > SMALL:
        _fence(resource, int(os.environ[FENCE]))
    return engine


def _fence(resource: Any, n_bytes: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    limit = pages * resource.getpagesize() + n_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def talkative(options: LoadOptions, flag: SharedFlag, on_progress: Progress) -> LocalEngine:
    """Prints, as a library might."""
    print("loading the model", flush=True)
    os.write(1, b"\x00\xff loading in C")
    sys.stdin.read()
    return obedient(options, flag, on_progress)


def _obey(request: Request, _sample: int) -> str:
    order = request.messages[-1].content
    if order == "raise":
        raise ValueError("no such luck")
    if order == "abort":
        os.abort()
    if order == "starve":
        raise OutOfMemory("Memory ran out while the model was computing.", "Take less.")
    if order == "print":
        print("drawing", flush=True)
        os.write(1, b"drawing in C")
    if order == "hang":
        _hang()
    return ANSWER


def _hang() -> None:
    _connect().sendall(b"!")
    threading.Event().wait(TIMEOUT_S)


def _note_start() -> None:
    if STARTS in os.environ:
        with Path(os.environ[STARTS]).open("a") as file:
            file.write(f"{os.getpid()}\n")


def _connect() -> socket.socket:
    """A connection that ends when this process does."""
    _connections.append(socket.create_connection(("127.0.0.1", int(os.environ[PORT]))))
    return _connections[-1]
