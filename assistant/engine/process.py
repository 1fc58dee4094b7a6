"""The parent's side of the model's process: starting it, talking to it, and surviving its death."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from assistant import paths
from assistant.engine.deaths import Death, death, end, hung, most_silence_s
from assistant.engine.options import LoadOptions, Planned
from assistant.engine.protocol import ModelInfo, Request, SequenceEvent, ThinkingBudget
from assistant.engine.safety import Cures, Rung, ladder, memory_ladder, without_gpu
from assistant.engine.wire import SharedFlag, Silence, Wire
from assistant.engine.worker import GGUF_ENGINE
from assistant.errors import EngineDied, EngineError, MullError, OutOfMemory
from assistant.hardware.devices import backends
from assistant.hardware.system import n_memory_kills

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[3]); "
    "from assistant.engine.worker import main; main(sys.argv[1], sys.argv[2])"
)
_POLITE_THREADS = {"GOMP_SPINCOUNT": "2000"}
"""How long llama.cpp's threads wait for each other before they give the core away. By default they hold
it for so long that one other busy program on a small machine costs nine tenths of the speed."""
_NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1", "GGML_VK_VISIBLE_DEVICES": ""}
"""Keeps drivers that hang from being asked."""
_ASK_AGAIN = "Ask again: the model will be started anew."
_NOTHING_SMALLER = (
    "Close other programs, or take a smaller model: nothing less is left to try with this one. "
    '"mull models recommend" lists what fits.'
)
_AFTER_HANG = "See that the file can be read and the drivers work, or restart the machine"


@dataclass(frozen=True, slots=True)
class Loaded:
    """News of a load: how far it is, or a sentence for the user."""

    progress: float = 0.0
    sentence: str = ""


class ProcessEngine:
    """An `Engine` whose model lives in a child process.

    `load` starts the child where none runs; after a crash it starts it again, with safer settings
    where the crash speaks against the present ones.

    Args:
        options: what is wanted.
        factory: "module:function" that makes the engine in the child.
        cures: where to remember settings that helped.
    """

    def __init__(self, options: LoadOptions, factory: str = GGUF_ENGINE, cures: Cures | None = None) -> None:
        self._wanted = options
        self._factory = factory
        self._cures = cures or Cures()
        self.options = self._cures.apply(options)
        """How the model is loaded, or is to be."""
        self._planned: LoadOptions | None = None
        """What the planner has made of it."""
        self._expected_speed = 0.0
        self._is_unproven = False
        """Whether the present settings are a fall-back that has not finished a run yet."""
        self._n_deaths = 0
        """Deaths since the last finished run."""
        self._why_again = ""
        self._child: subprocess.Popen[bytes] | None = None
        self._wire: Wire | None = None
        self._flag: SharedFlag | None = None
        self._log: IO[bytes] | None = None
        self._model: ModelInfo | None = None
        self._n_calls = 0
        """Odd while the child is at work on a request."""
        self._was_stuck = False
        """Whether the child was ended for not heeding an interrupt."""
        self._death = Death("is gone")
        """The last one."""
        self._avoids_gpu = False
        """Whether the GPU's driver hung: it is left alone until Mull is started again."""
        self.asks_for_less = False
        """Whether the next load has settings that need less memory than those with which it ran out."""
        self._n_kills: int | None = None
        """How many processes the system had ended for want of memory when the child was started."""
        self.grace_s = 20.0
        """Seconds that a step may go on after it was interrupted before its process is ended."""

    @property
    def model(self) -> ModelInfo:
        """What was loaded."""
        if self._model is None:
            raise EngineDied("No model is loaded.", _ASK_AGAIN)
        return self._model

    @property
    def is_loaded(self) -> bool:
        """Whether the child runs and has its model."""
        return self._model is not None and self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int | None:
        """Process id of the child, None while there is none."""
        return self._child.pid if self._child else None

    def load(self) -> Iterator[Loaded]:
        """Make sure that the model is loaded, telling how it goes.

        Raises:
            ModelError: the file cannot be used, whatever the settings.
            EngineDied: the child crashes even with the safest settings.
        """
        if self.is_loaded:
            return
        if self._child is not None and self._child.poll() is not None and not self._why_again:
            self._bury()
        if self._why_again:
            yield Loaded(sentence=self._why_again)
        self._why_again = ""
        is_cured = False
        while not self.is_loaded:
            try:
                yield from self._start()
            except EngineDied as error:
                yield Loaded(sentence=self._step_down(error))
                is_cured = True
            except OutOfMemory as error:
                self._end_child()
                yield Loaded(sentence=self._step_down(error))
                is_cured = True
            except BaseException:
                self._end_child()
                raise
        # A crash in mid-answer may come again: what followed it is proven by a whole run only.
        if is_cured:
            self._remember()

    def batch(self) -> ProcessBatch:
        """A new, empty batch; one at a time."""
        if self._flag is not None:
            self._flag.clear()
        self.call("batch")
        return ProcessBatch(self)

    def interrupt(self) -> None:
        """End the running step as soon as can be; safe from any thread."""
        flag = self._flag
        if flag is None:
            return
        flag.set()
        timer = threading.Timer(self.grace_s, self._kill_if_stuck, (self._child, self._n_calls))
        timer.daemon = True
        timer.start()

    def close(self, *, at_once: bool = False) -> None:
        """End the child, without waiting for it to give its memory back if `at_once`; twice is harmless."""
        self._end_child(at_once)

    def call(self, verb: str, *arguments: object) -> Any:
        """Ask the child and wait for its answer.

        Raises:
            EngineDied: the child is gone.
            MullError: what the child reports.
        """
        *_, answer = self._ask(verb, *arguments)
        return answer

    def prove(self) -> None:
        """A run has ended well with the present settings."""
        if self._is_unproven:
            self._remember()
        self._is_unproven, self._n_deaths = False, 0

    def _remember(self) -> None:
        """The present settings have helped; a driver that hung may be well again after a restart."""
        if not self._avoids_gpu:
            self._cures.remember(self._wanted, self.options, self._planned)

    def _ask(self, verb: str, *arguments: object) -> Iterator[Any]:
        """Ask the child; yields progress, and last the answer."""
        if self._wire is None:
            raise EngineDied("The model is not running.", _ASK_AGAIN)
        self._n_calls += 1
        limit_s = most_silence_s(self.options.size_bytes) if verb == "load" else 0.0
        try:
            self._wire.send((verb, *arguments))
            while True:
                news = self._wire.receive_within(limit_s) if limit_s else self._wire.receive()
                kind, value = cast("tuple[str, Any]", news)
                if kind == "error":
                    raise cast("MullError", value)
                yield value
                if kind == "ok":
                    return
        except Silence:
            raise self._bury(hung(limit_s)) from None
        except (EOFError, OSError):
            raise self._bury() from None
        except OutOfMemory as error:
            if self._model is None:
                raise
            raise self._make_room(error) from None
        except MullError:
            raise
        except BaseException:
            # The answer is still to come and would be taken for that of the next request.
            self._end_child()
            raise
        finally:
            self._n_calls += 1

    def _start(self) -> Iterator[Loaded]:
        self._end_child()
        self._log = _open_log()
        self._n_kills = n_memory_kills()
        try:
            self._flag = SharedFlag()
            environment = {**_POLITE_THREADS, **os.environ, **(_NO_GPU if self._avoids_gpu else {})}
            command = [sys.executable, "-P", "-c", _START, self._factory, self._flag.path]
            self._child = subprocess.Popen(
                [*command, json.dumps(sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log or subprocess.DEVNULL,
                env=environment,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise EngineError(
                f"The model's process could not be started: {error.strerror or error}.",
                "See that there is memory, and room in the folder for temporary files.",
            ) from None
        self._wire = Wire(cast("Any", self._child.stdout), cast("Any", self._child.stdin))
        for news in self._ask("load", self.options):
            if isinstance(news, ModelInfo):
                self._model = replace(news, expected_speed=self._expected_speed)
            elif isinstance(news, Planned):
                self._planned = self.options = news.options
                self._expected_speed = news.expected_speed
                if news.note:
                    yield Loaded(sentence=news.note)
            else:
                yield Loaded(progress=float(news))

    def _step_down(self, error: MullError) -> str:
        """Take the next safer settings, or give up with the error.

        Each ladder starts from the settings in force, so it may be climbed down step by step, and a want of
        memory after a crash goes its own way.
        """
        rungs = self._rungs(isinstance(error, OutOfMemory))
        if not rungs:
            if isinstance(error, OutOfMemory):
                raise OutOfMemory(error.message, _NOTHING_SMALLER)
            advice = _AFTER_HANG if self._death.is_hang else "Try another model"
            raise EngineDied(error.message, f"{advice}; what the process said is in {_log_file()}.")
        self._avoids_gpu |= self._death.is_hang
        if rungs[0].options.n_gpu_layers != self.options.n_gpu_layers:
            self._expected_speed = 0.0  # it was of other layers on the GPU
        self.options, self._is_unproven = rungs[0].options, True
        return f"{error.message} Mull tries again {rungs[0].sentence}."

    def _rungs(self, is_memory: bool) -> list[Rung]:
        """What may help after the last failure."""
        if is_memory:
            return memory_ladder(self.options)
        if self._death.is_hang:
            return without_gpu(self.options) if backends() else []
        return ladder(self.options) if self._death.is_crash else memory_ladder(self.options)

    def _bury(self, found: Death | None = None) -> EngineDied | OutOfMemory:
        """Note how the child died, if that is not known, and what it means for the next start."""
        was_running = self._model is not None
        self._death = found or death(self._child, _log_file(), self._n_kills)
        if self._was_stuck:
            self._death = Death("did not stop when it was told to and was ended")
        self._was_stuck = False
        self._end_child()
        self._n_deaths += 1
        message = f"The model's process {self._death.cause}."
        error = (OutOfMemory if self._death.is_memory else EngineDied)(message, _ASK_AGAIN)
        if not was_running:
            return error
        if not self._death.is_crash and not self._death.is_memory and self._n_deaths == 1:
            self._why_again = f"{message[:-1]}; Mull starts it again."
            return error
        return self._make_room(error)

    def _make_room(self, error: EngineDied | OutOfMemory) -> EngineDied | OutOfMemory:
        """After the end of a run: the next start asks for less, if less there is; returns what to raise."""
        self._end_child()
        try:
            self._why_again = self._step_down(error)
            self.asks_for_less = True
        except (EngineDied, OutOfMemory) as last:
            self._why_again = f"{error.message[:-1]}; Mull starts it again."
            self.asks_for_less = False
            return last
        return error

    def _kill_if_stuck(self, child: subprocess.Popen[bytes] | None, n_calls: int) -> None:
        if child is not None and child is self._child and n_calls == self._n_calls and n_calls % 2:
            self._was_stuck = True
            child.kill()

    def _end_child(self, at_once: bool = False) -> None:
        # Taken out first: another thread may wait for this child's answer and find it dead.
        child, self._child = self._child, None
        wire, self._wire = self._wire, None
        flag, self._flag = self._flag, None
        log, self._log = self._log, None
        self._model = None
        if child is not None and (at_once or self._n_calls % 2):
            child.kill()
        if wire is not None:
            wire.close()
        if child is not None:
            end(child, polite_s=0.5)
        if flag is not None:
            flag.remove()
        if log is not None:
            log.close()


class ProcessBatch:
    """A `Batch` in the child."""

    def __init__(self, engine: ProcessEngine) -> None:
        self._engine = engine

    def add(self, request: Request, n: int = 1) -> list[int]:
        """Queue a prompt for `n` sequences; returns their ids."""
        return cast("list[int]", self._engine.call("add", request, n))

    def step(self, patience_s: float = 0.0) -> list[SequenceEvent]:
        """Compute one batch, or as many as take `patience_s` seconds, and tell what came."""
        return cast("list[SequenceEvent]", self._engine.call("step", patience_s))

    def append(self, seq_id: int, text: str) -> None:
        """Force `text` as the sequence's next tokens."""
        self._engine.call("append", seq_id, text)

    def fork(self, seq_id: int) -> int:
        """A copy of the sequence as it stands; returns its id."""
        return cast("int", self._engine.call("fork", seq_id))

    def steer(self, seq_id: int, thinking: ThinkingBudget) -> None:
        """Replace the thinking budget of a sequence."""
        self._engine.call("steer", seq_id, thinking)

    def hold(self, seq_id: int, is_held: bool = True) -> None:
        """Let the sequence wait where it is, or go on again."""
        self._engine.call("hold", seq_id, is_held)

    def remove(self, seq_id: int) -> None:
        """Stop the sequence and forget it."""
        self._engine.call("remove", seq_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._engine.call("end")
        except EngineDied:
            # What was said stands; the next load tells of the death.
            return
        if error is None:
            self._engine.prove()


def _log_file() -> Path:
    return paths.log_dir() / "engine.log"


def _open_log() -> IO[bytes] | None:
    """The child's log, begun anew; None where it cannot be written."""
    try:
        paths.log_dir().mkdir(parents=True, exist_ok=True)
        return _log_file().open("wb")
    except OSError:
        return None
