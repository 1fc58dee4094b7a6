"""How fast this machine runs a model: a short measurement, and what is remembered of it."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import platform
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import TypeGuard

from assistant import paths
from assistant.engine.options import usable_threads
from assistant.engine.protocol import (
    Batch,
    Delta,
    Engine,
    Finished,
    ModelInfo,
    Prefilled,
    Request,
    SequenceEvent,
    ThinkingBudget,
)
from assistant.engine.safety import build_id
from assistant.errors import MullError
from assistant.files import write_whole
from assistant.limits import SpeedCurve, monotone
from assistant.query import Message

_SIZES = (1, 2, 4, 8)
_WORDS = (
    "river stone lamp green seven window paper cloud bread north table winter garden bottle music horse "
    "silver bridge apple letter summer engine forest pencil island button mirror copper village planet"
)
_MORE = " And these are some more words that follow:"
_MIN_PREFILL_TOKENS = 16
"""Fewer tokens tell nothing of how fast a prompt is read."""
_TIMED_STEPS = 12
_FEW_STEPS = 3
_MOST_STEPS = 40
"""Steps for one number of sequences, untimed ones included."""
_WEIGHT = 0.3
"""What a run's own speed counts against what was known before."""
_WELL_UNDER = 0.65
_FEW_RUNS = 3
_MAX_MODELS = 64
_MAX_SEQUENCES = 1 << 10

Clock = Callable[[], float]


def measure(engine: Engine, most_s: float = 1.5, clock: Clock = time.perf_counter) -> SpeedCurve:
    """Time a short made-up prompt and a few steps of 1, 2, 4 and 8 sequences, as far as the model has them.

    What is not reached in time is left out, but reading the prompt and one step are always timed. An
    engine that fails or is interrupted ends the measurement with what is known by then; whoever asks the
    engine next is told of its failure.

    Args:
        engine: a loaded model; the measurement takes the place of the batch that is open, if one is.
        most_s: when to stop, in seconds.
        clock: seconds that only grow.
    """
    stopwatch = _Stopwatch(clock, clock() + most_s)
    with suppress(MullError), engine.batch() as batch:
        stopwatch.run(batch, engine.model)
    return stopwatch.curve


class _Stopwatch:
    """One measurement."""

    def __init__(self, clock: Clock, until: float) -> None:
        self._clock = clock
        self._until = until
        self._counts: dict[int, int] = {}
        """Completion tokens by sequence."""
        self._prefill = 0.0
        self._decode: list[tuple[int, float]] = []
        self._step_s = 0.0
        """What a step took with the last number of sequences."""
        self._is_over = False

    @property
    def curve(self) -> SpeedCurve:
        """What is known by now."""
        return SpeedCurve(self._prefill, monotone(tuple(self._decode)))

    def run(self, batch: Batch, model: ModelInfo) -> None:
        """Measure; `curve` tells what came of it."""
        self._time_prompt(batch, _request(model))
        for n in _SIZES:
            if self._is_over or n > max(model.n_seq_max, 1):
                return
            if n > 1 and self._clock() + (_FEW_STEPS + 1) * self._step_s > self._until:
                return
            first = next(iter(self._counts))
            while len(self._counts) < n:
                self._counts[batch.fork(first)] = self._counts[first]
            self._time_steps(batch, n)

    def _time_prompt(self, batch: Batch, request: Request) -> None:
        (seq_id,) = batch.add(request)
        self._counts[seq_id] = 0
        began = self._clock()
        while not self._is_over and not self._counts[seq_id]:
            events = batch.step()
            took = self._clock() - began
            for event in events:
                # the last token of a prompt may come by itself, at the price of a step
                if isinstance(event, Prefilled) and event.n_done >= event.n_total - 1 and not self._prefill:
                    n_read = event.n_done - event.n_cached
                    self._prefill = n_read / took if n_read >= _MIN_PREFILL_TOKENS and took > 0 else 0.0
            self._take(batch, events)

    def _time_steps(self, batch: Batch, n: int) -> None:
        """Time some steps that compute one token for each of `n` sequences; the first is not timed."""
        times: list[float] = []
        stage_until = self._clock() + max(self._until - self._clock(), 0.0) / len(_SIZES)
        is_even = False
        for _ in range(_MOST_STEPS):
            began = self._clock()
            events = batch.step()
            now = self._clock()
            if events and is_even and now > began:
                times.append(now - began)
            is_even = self._take(batch, events)
            is_late = now >= self._until and (n > 1 or times)
            is_known = len(times) >= _FEW_STEPS and now >= stage_until
            if self._is_over or is_late or is_known or len(times) == _TIMED_STEPS:
                break
        if len(times) >= (_FEW_STEPS if n > 1 else 1):
            self._step_s = median(times)
            self._decode.append((n, n / self._step_s))

    def _take(self, batch: Batch, events: Sequence[SequenceEvent]) -> bool:
        """Take in a step; whether each sequence has one token to compute in the next."""
        is_even = len(events) == len(self._counts)
        for event in events:
            if isinstance(event, Delta):
                is_even &= event.completion_tokens == self._counts[event.seq_id] + 1
                self._counts[event.seq_id] = event.completion_tokens
            else:
                is_even = False
            if isinstance(event, Finished):
                if event.reason == "stop":
                    batch.append(event.seq_id, _MORE)
                else:
                    self._is_over = True
        self._is_over |= not events
        return is_even


def _request(model: ModelInfo) -> Request:
    """A prompt that no conversation begins like, and no other measurement."""
    words = _WORDS.split()
    random.shuffle(words)
    text = f"{' '.join(words)}. Go on with these words until there are five hundred, and say nothing else."
    return Request(
        messages=(Message("user", text),),
        sampling=model.sampling,
        thinking=ThinkingBudget(0),
        max_tokens=len(_SIZES) * _MOST_STEPS,
    )


def corrected(curve: SpeedCurve, n: int, tokens_per_second: float) -> SpeedCurve:
    """The curve after a run of `n` sequences had this speed, all together: a moving average.

    The neighbours give way where more sequences would be slower together, or faster each.
    """
    if n < 1 or not 0 < tokens_per_second < math.inf:
        return curve
    known = curve.tokens_per_second(n) or tokens_per_second
    speed = known + _WEIGHT * (tokens_per_second - known)
    others = [point for point in monotone(curve.decode) if point[0] != n]
    above = monotone(((n, speed), *(point for point in others if point[0] > n)))
    below: list[tuple[int, float]] = []
    right_n, right = n, speed
    for left_n, left in reversed([point for point in others if point[0] < n]):
        right_n, right = left_n, max(min(left, right), right * left_n / right_n)
        below.insert(0, (right_n, right))
    return SpeedCurve(curve.prefill, (*below, *above))


def is_throttled(curve: SpeedCurve, recent: Sequence[float]) -> bool:
    """Whether the machine has become slower: several runs, and all of them far under the curve.

    Args:
        curve: what was measured, without the corrections that these runs brought.
        recent: tokens per second of the last runs of a single sequence.
    """
    usual = curve.tokens_per_second()
    return len(recent) >= _FEW_RUNS and all(speed < _WELL_UNDER * usual for speed in recent)


class SpeedStore:
    """Measured speeds, kept per machine, build, settings and model in a small JSON file.

    A file that cannot be read or written costs a measurement more, never an answer. Two processes may
    write at once: the last one wins, and the file is whole at any time.

    Args:
        folder: where the file lies; None is the folder for what may be lost.
        n_threads: the setting that the model is loaded with; 0 chooses.
    """

    def __init__(self, folder: Path | None = None, n_threads: int = 0) -> None:
        self._path = (folder or paths.state_dir()) / "speeds.json"
        self._n_threads = n_threads or usable_threads()

    def load(self, model: ModelInfo) -> SpeedCurve | None:
        """What is remembered of this model as it is loaded now; None if nothing of use is."""
        return _curve(self._read().get(self._key(model)))

    def save(self, model: ModelInfo, curve: SpeedCurve) -> None:
        """Remember a speed; the models that were saved longest ago are forgotten for it."""
        decode = monotone(curve.decode)
        if not decode:
            return
        speeds = self._read()
        key = self._key(model)
        speeds.pop(key, None)
        prefill = curve.prefill if 0 < curve.prefill < math.inf else 0.0
        file = {"file": Path(model.path).name, "size_bytes": model.size_bytes}
        speeds[key] = {"model": model.name, **file, "prefill": prefill, "decode": decode}
        newest = dict(itertools.islice(speeds.items(), max(len(speeds) - _MAX_MODELS, 0), None))
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, json.dumps(newest, indent=1).encode())

    def by_file(self) -> dict[tuple[str, int], float]:
        """Tokens per second of one sequence as it ran last, by the file's name and size in bytes."""
        found: dict[tuple[str, int], float] = {}
        for entry in self._read().values():
            curve = _curve(entry)
            if curve is None or not isinstance(entry, dict):
                continue
            name, size = entry.get("file"), entry.get("size_bytes")
            if isinstance(name, str) and type(size) is int and (speed := curve.tokens_per_second()):
                found[name, size] = speed
        return found

    def _read(self) -> dict[str, object]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def _key(self, model: ModelInfo) -> str:
        """A short name for whatever the speed depends on."""
        machine = f"{platform.node()} {platform.machine()} {platform.processor()}"
        file = f"{Path(model.path).name} {model.size_bytes} {model.quantisation}"
        settings = f"{self._n_threads} {sorted(model.options.items())}"
        identity = f"{machine}|{build_id()} {model.build}|{file}|{model.device}|{settings}"
        return hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()[:16]


def _curve(entry: object) -> SpeedCurve | None:
    """A remembered curve; None if it is not what `save` writes."""
    if not isinstance(entry, dict):
        return None
    prefill, decode = entry.get("prefill"), entry.get("decode")
    if not _is_speed(prefill) or not isinstance(decode, list):
        return None
    for point in decode:
        if not isinstance(point, list) or len(point) != 2 or not _is_speed(point[1]):
            return None
        if type(point[0]) is not int or not 1 <= point[0] <= _MAX_SEQUENCES:
            return None
    points = monotone(tuple((n, float(speed)) for n, speed in decode))
    return SpeedCurve(float(prefill), points) if points else None


def _is_speed(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1e9
