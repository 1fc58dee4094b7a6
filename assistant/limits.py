"""What this machine can do for a query: room, samples, patience and speed. Pure: nothing is measured here."""

from __future__ import annotations

import math
from dataclasses import dataclass

from assistant.engine.protocol import ModelInfo

UNKNOWN_TOKENS = 1 << 30
"""Tokens that fit into a time while the speed is not known: no limit."""

_RESERVE_TOKENS = 32
"""Context kept free for what closes a turn and for forced text."""
_LOW_PERCENT = 20.0
_LEAST_PATIENCE_S = 2.0
"""Saving power never cuts the patience below this."""


@dataclass(frozen=True, slots=True)
class Power:
    """What the machine runs on."""

    on_battery: bool
    percent: float | None
    """Charge of the battery, 0 to 100; None without a battery."""
    is_saving: bool
    """Whether the system is in a power-saving mode."""


@dataclass(frozen=True, slots=True)
class SpeedCurve:
    """How fast one model is on this machine."""

    prefill: float
    """Prompt tokens per second; 0 unknown."""
    decode: tuple[tuple[int, float], ...]
    """(number of sequences side by side, tokens per second of all together), ascending; may be empty."""
    measured: tuple[int, ...] = ()
    """Numbers of sequences that were timed on purpose, 0 for the prompt; the rest is what runs taught."""
    is_expected: bool = False
    """Whether nothing was seen yet, and this is what the model is expected to do here."""

    def is_known(self, n: int = 1) -> bool:
        """Whether the speed of so many sequences was seen, or lies between what was."""
        return bool(self.decode) and not self.is_expected and n <= self.decode[-1][0]

    def tokens_per_second(self, n: float = 1) -> float:
        """Speed of `n` sequences together, also of a mean of them; 0.0 where nothing was measured.

        More sequences are never slower together nor faster each. Between two measured numbers it is a
        straight line; past the last one nothing is gained, as nobody has seen it.
        """
        n = max(n, 1)
        points = monotone(self.decode)
        if not points:
            return 0.0
        below_n, below = points[0]
        if n <= below_n:
            return below * n / below_n
        for above_n, above in points[1:]:
            if n <= above_n:
                return below + (above - below) * (n - below_n) / (above_n - below_n)
            below_n, below = above_n, above
        return below


@dataclass(frozen=True, slots=True)
class Limits:
    """What a query may use."""

    room: int
    """Tokens of context that it may still fill, all samples together."""
    n_samples: int
    """Most samples side by side."""
    patience_s: float
    """How long the user will wait for the answer."""
    speed: SpeedCurve
    note: str = ""
    """Why the patience is smaller than asked, as "on battery: half the time"; empty otherwise."""

    def tokens_per_second(self, n: int = 1) -> float:
        """Speed of `n` samples together; 0.0 where it is not known."""
        return self.speed.tokens_per_second(n)

    def seconds(self, n_tokens: int, n: int = 1) -> float:
        """Seconds that `n` samples of `n_tokens` each take; 0.0 where the speed is not known."""
        together = self.tokens_per_second(n)
        return max(n_tokens, 0) * max(n, 1) / together if together else 0.0

    def n_tokens(self, seconds: float, n: int = 1) -> int:
        """Tokens that each of `n` samples has time for; `UNKNOWN_TOKENS` where the speed is not known."""
        together = self.tokens_per_second(n)
        if not together:
            return UNKNOWN_TOKENS
        # a billionth more, so that a time that was computed from a number of tokens gives it back
        most = max(seconds, 0.0) * together / max(n, 1) * (1 + 1e-9)
        return int(min(most, UNKNOWN_TOKENS))

    def fits(self, n_tokens: int, n: int = 1) -> bool:
        """Whether `n` samples of `n_tokens` each have room; how long they take is another question."""
        return n <= self.n_samples and n * n_tokens <= self.room


def limits(
    power: Power, model: ModelInfo, speed: SpeedCurve, time_s: float, n_prompt: int, is_slowed: bool = False
) -> Limits:
    """The limits of one query.

    Args:
        power: what the machine runs on now.
        model: what answers.
        speed: what was measured for it; an empty curve leaves the time unlimited.
        time_s: how long the user is willing to wait, in seconds.
        n_prompt: tokens of the prompt.
        is_slowed: whether the machine has become far slower than it was, as one that is hot does.
    """
    n_ctx = min(model.n_ctx, model.n_ctx_train or model.n_ctx)
    patience_s, note = _patience(power, time_s, is_slowed)
    return Limits(
        room=max(n_ctx - max(n_prompt, 0) - _RESERVE_TOKENS, 0),
        n_samples=max(model.n_seq_max, 1),
        patience_s=patience_s,
        speed=speed,
        note=note,
    )


def monotone(decode: tuple[tuple[int, float], ...]) -> tuple[tuple[int, float], ...]:
    """The points of a curve without the noise: together never slower, each never faster, from left to right.

    Points that cannot be (no sequences, no finite speed) are dropped.
    """
    points: list[tuple[int, float]] = []
    for n, speed in decode:
        if n < 1 or not 0 < speed < math.inf or (points and n <= points[-1][0]):
            continue
        if points:
            last_n, last = points[-1]
            speed = min(max(speed, last), last * n / last_n)
        points.append((n, speed))
    return tuple(points)


def _patience(power: Power, time_s: float, is_slowed: bool) -> tuple[float, str]:
    """Seconds to wait at most, and why they are fewer than `time_s`."""
    time_s = max(time_s, 0.0)
    percent = 100.0 if power.percent is None else power.percent
    if power.on_battery and percent < _LOW_PERCENT:
        why, share, part = f"battery at {int(percent)} %", 0.25, "a quarter of the time"
    elif power.is_saving:
        why, share, part = "saving power", 0.25, "a quarter of the time"
    elif power.on_battery:
        why, share, part = "on battery", 0.5, "half the time"
    elif is_slowed:
        why, share, part = "slower than usual", 0.5, "half the time"
    else:
        return time_s, ""
    if time_s <= _LEAST_PATIENCE_S:
        return time_s, ""
    if time_s * share < _LEAST_PATIENCE_S:
        return _LEAST_PATIENCE_S, f"{why}: {_LEAST_PATIENCE_S:.0f} s"
    return time_s * share, f"{why}: {part}"
