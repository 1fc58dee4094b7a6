"""How fast this machine runs a model: what runs teach of it, and what is remembered."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import platform
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeGuard

from assistant import paths
from assistant.engine.options import usable_threads
from assistant.engine.protocol import ModelInfo
from assistant.engine.safety import build_id
from assistant.files import write_whole
from assistant.limits import SpeedCurve, monotone

_WEIGHT = 0.3
"""What a run's own speed counts against what was known before."""
_WELL_UNDER = 0.65
_FEW_RUNS = 3
_MAX_MODELS = 64
_MAX_SEQUENCES = 1 << 10


def corrected(curve: SpeedCurve, n: float, tokens_per_second: float) -> SpeedCurve:
    """The curve after a run of `n` sequences had this speed, all together: a moving average.

    Args:
        curve: what was known.
        n: sequences on average, 1 or more; the nearest whole number of them is corrected by as much.
        tokens_per_second: of all of them.
    """
    if not 1 <= n <= _MAX_SEQUENCES or not 0 < tokens_per_second < math.inf:
        return curve
    whole = round(n)
    known = curve.tokens_per_second(whole) or tokens_per_second * whole / n
    seen = tokens_per_second * known / (curve.tokens_per_second(n) or known * n / whole)
    return with_point(curve, whole, known + _WEIGHT * (seen - known))


def with_point(curve: SpeedCurve, n: int, speed: float) -> SpeedCurve:
    """The curve with this speed of `n` sequences, all together, in tokens a second.

    The neighbours give way where more sequences would be slower together, or faster each.
    """
    others = [point for point in monotone(curve.decode) if point[0] != n]
    above = monotone(((n, speed), *(point for point in others if point[0] > n)))
    below: list[tuple[int, float]] = []
    right_n, right = n, speed
    for left_n, left in reversed([point for point in others if point[0] < n]):
        right_n, right = left_n, max(min(left, right), right * left_n / right_n)
        below.insert(0, (right_n, right))
    return replace(curve, decode=(*below, *above))


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
        known = {"prefill": prefill, "decode": decode, "measured": curve.measured}
        speeds[key] = {"model": model.name, **file, **known}
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
    if not points:
        return None
    # before this was noted, all that was timed on purpose came at once
    measured = entry.get("measured", [0, *(n for n, _ in points)] if prefill else [])
    is_sound = isinstance(measured, list) and all(type(n) is int and n >= 0 for n in measured)
    return SpeedCurve(float(prefill), points, tuple(measured) if is_sound else ())


def _is_speed(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1e9
