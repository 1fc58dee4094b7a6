"""What Mull learns of a model from running it, and where it keeps that: its speed here, and its habits."""

from __future__ import annotations

import json
from collections import deque
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from assistant.engine.protocol import ModelInfo
from assistant.events import Answer
from assistant.files import write_whole
from assistant.hardware.speed import SpeedStore, corrected, is_throttled
from assistant.hardware.stopwatch import missing
from assistant.limits import SpeedCurve
from assistant.profile import DraftSeen, Profile

_LEAST_TIMED = 32
"""Tokens below which a run says little of the speed."""
_RECENT = 3
"""Runs that must all be slow for the machine to count as slowed."""


class Learning:
    """The model in use: its speed and its profile.

    Nothing here is worth an error: what cannot be read is not known, what cannot be written is forgotten.

    Args:
        folder: where profiles are kept; None keeps nothing.
        speeds: where speeds are kept; None keeps nothing.
    """

    def __init__(self, folder: Path | None = None, speeds: SpeedStore | None = None) -> None:
        self._folder = folder
        self._speeds = speeds
        self._model: ModelInfo | None = None
        self.profile = Profile()
        self.seen = SpeedCurve(0.0, ())
        """The speed as it was measured, corrected by what runs had."""
        self._expected = self.seen
        """What the planner expects of it, which serves until something was seen."""
        self._usual = self.seen
        """The speed without what this session has learned."""
        self._recent: deque[float] = deque(maxlen=_RECENT)
        """Tokens per second of the last runs of one sequence."""
        self._has_given_up = False
        """Whether measuring failed since the model was loaded."""
        self.is_frozen = False
        """Whether what is learned stays in memory, as while Mull measures itself."""

    @property
    def speed(self) -> SpeedCurve:
        """What is known of the speed, or else expected."""
        return self.seen if self.seen.decode else self._expected

    @property
    def needs_speed(self) -> bool:
        """Whether something of this model's speed was never measured here, and can be."""
        if self._speeds is None or self._model is None or self._has_given_up:
            return False
        return bool(missing(self.seen, self._model))

    @property
    def is_slowed(self) -> bool:
        """Whether the last runs were far slower than this machine was before: it is hot, or busy."""
        return is_throttled(self._usual, self._recent)

    def begin(self, model: ModelInfo) -> None:
        """Recall what is known of a model that has just been loaded."""
        if self._model is not None and _same(self._model, model):
            return
        self._model = model
        self.seen = (self._speeds.load(model) if self._speeds else None) or SpeedCurve(0.0, ())
        expected = ((1, model.expected_speed),) if model.expected_speed > 0 else ()
        self._expected = SpeedCurve(0.0, expected, is_expected=True)
        self._usual, self._has_given_up = self.seen, False
        self._recent.clear()
        self.profile = self._read(model) or Profile()

    def note_speed(self, curve: SpeedCurve) -> None:
        """Keep a measured speed."""
        self._usual = curve
        self._keep_speed(curve)

    def give_up_measuring(self) -> None:
        """Measure no more until the model is loaded again: it leads to nothing."""
        self._has_given_up = True

    def _keep_speed(self, curve: SpeedCurve) -> None:
        self.seen = curve
        if self._speeds is not None and self._model is not None and not self.is_frozen:
            self._speeds.save(self._model, curve)

    def note_run(self, answer: Answer, is_alone: bool) -> None:
        """Learn from a finished stage: how fast it was, and how long a thinking takes that ends by itself.

        Args:
            answer: its last event.
            is_alone: whether nothing else was decoded beside it.
        """
        if is_alone and answer.total_tokens >= _LEAST_TIMED:
            if answer.n_samples == 1:
                self._recent.append(answer.tokens_per_second)
            self._keep_speed(corrected(self.seen, answer.n_side_by_side, answer.tokens_per_second))
        if answer.thinking_end in ("itself", "found") and answer.n_samples == 1:
            self.keep(self.profile.with_thought(answer.thinking_tokens))

    def note_draft(self, certainty: float, was_right: bool) -> None:
        """Learn from a draft that was not kept, once a thinking has come to a sure answer.

        Args:
            certainty: how sure the draft was, 0 to 1.
            was_right: whether it was the same answer.
        """
        self.keep(self.profile.with_draft(DraftSeen(certainty=round(certainty, 4), was_right=was_right)))

    def keep(self, profile: Profile) -> None:
        """Take this profile from now on, and write it down."""
        self.profile = profile
        path = self._path()
        if path is None or self.is_frozen:
            return
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, profile.model_dump_json(indent=1).encode())

    def _read(self, model: ModelInfo) -> Profile | None:
        path = self._path()
        if path is None:
            return None
        try:
            kept = Profile.model_validate(json.loads(path.read_text(encoding="utf-8")))
            return kept if kept.source == "calibrated" else kept.unfitted()
        except (OSError, ValueError, ValidationError):
            return None

    def _path(self) -> Path | None:
        if self._folder is None or self._model is None or not self._model.path:
            return None
        name = f"{Path(self._model.path).stem}-{self._model.size_bytes}"
        return self._folder / "profiles" / f"{name}.json"


def _same(a: ModelInfo, b: ModelInfo) -> bool:
    return (a.path, a.size_bytes, a.device, a.options) == (b.path, b.size_bytes, b.device, b.options)
