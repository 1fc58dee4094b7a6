"""What came of each question, and the file that keeps it while an evaluation runs.

The file is JSON, one object a line: first what is evaluated, then each finished question. A run that was
cut short goes on from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from assistant.config import Settings
from assistant.errors import UsageError
from assistant.evaluation.datasets import Item
from assistant.files import write_whole

_FORMAT = 1


class Record(BaseModel):
    """One question under one policy."""

    model_config = ConfigDict(frozen=True)

    id: str
    policy: str
    answer: str = ""
    """The whole text of the answer, without thinking."""
    correct: bool = False
    tokens: int = 0
    """Everything decoded after the prompt, in all stages."""
    thinking_tokens: int = 0
    seconds: float = 0.0
    stages: tuple[str, ...] = ()
    """The strategies that ran, in order."""
    reason: str = ""
    n_samples: int = 1
    """Samples of the last stage that were started."""
    certainty: float | None = None
    agreement: float | None = None
    kind: str = ""
    score: float = 0.0
    plan_s: float = 0.0
    finish_reason: str = ""
    empty: bool = False
    """Whether the answer is blank."""
    leaked: bool = False
    """Whether a marker of the protocol stands in the answer."""
    error: str = ""
    """What kept the question from being answered; empty if it was."""
    level: int | None = None
    source: str = ""
    """The data file's name."""


def fingerprint(
    items: Sequence[Item], settings: Settings, seed: int, model: tuple[str, int], parallel: int
) -> dict[str, Any]:
    """What must be the same for two runs to be one evaluation, by name.

    Args:
        model: its name and its size in bytes.
        parallel: questions answered side by side.
    """
    data = hashlib.sha256()
    for item in items:
        data.update(repr(item).encode())
    # each policy sets these itself; and where the model lies is not what it is
    skipped = {"model", "seed", "effort", "think", "strategy", "samples"}
    wishes = {k: v for k, v in settings.model_dump(mode="json").items() if k not in skipped}
    return {
        "data": f"{len(items)} questions, {data.hexdigest()[:16]}",
        "model": model[0],
        "model size": model[1],
        "seed": seed,
        "parallel": parallel,
        **{f"setting {name}": value for name, value in wishes.items()},
    }


def key(identity: Mapping[str, Any], policies: Sequence[str]) -> str:
    """A short name for an evaluation, for a file that the user has not named."""
    text = json.dumps([dict(identity), list(policies)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Kept:
    """Finished questions on disk.

    Args:
        path: the file; None keeps nothing on disk.
        identity: what is evaluated, from `fingerprint`.
        fresh: leave out what an earlier run has kept.

    Raises:
        UsageError: the file is of another evaluation, or cannot be read or written.
    """

    def __init__(self, path: Path | None, identity: Mapping[str, Any], fresh: bool = False) -> None:
        self.path = path
        self._records: dict[tuple[str, str], Record] = {}
        self._profiles: dict[str, dict[str, Any]] = {}
        self._file: IO[str] | None = None
        if path is None:
            return
        try:
            n_good = 0 if fresh else self._read(path, identity)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8", newline="\n")
            self._file.truncate(n_good)  # what an earlier run began to write when it was ended
            if not n_good:
                self._line({"mull_eval": _FORMAT, "identity": dict(identity)})
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror or error}.",
                "Finished questions are kept there; name a place for the report with --out.",
            ) from None

    def get(self, policy: str, item_id: str) -> Record | None:
        """What an earlier run found, if it came to that."""
        return self._records.get((policy, item_id))

    def profile(self, policy: str) -> dict[str, Any] | None:
        """What the session had learned when the policy's newest question was finished."""
        return self._profiles.get(policy)

    def add(self, record: Record, profile: dict[str, Any] | None = None) -> None:
        """Keep a finished question, at once."""
        self._records[record.policy, record.id] = record
        if profile is not None:
            self._profiles[record.policy] = profile
        self._line({"record": record.model_dump(mode="json"), "profile": profile})

    def close(self) -> None:
        """Let go of the file; what it holds stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def remove(self) -> None:
        """Delete the file: the evaluation is complete."""
        self.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _line(self, content: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(content) + "\n")
            self._file.flush()

    def _read(self, path: Path, identity: Mapping[str, Any]) -> int:
        """Take in what is there; returns how many of its bytes are whole lines."""
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return 0
        whole = content[: content.rfind(b"\n") + 1]
        if not whole:
            return 0
        try:
            first, *rest = (json.loads(line) for line in whole.splitlines())
            _check_same(path, first["identity"], dict(identity))
            for line in rest:
                record = Record.model_validate(line["record"])
                self._records[record.policy, record.id] = record
                if line.get("profile") is not None:
                    self._profiles[record.policy] = line["profile"]
        except (ValueError, KeyError, TypeError, ValidationError):
            raise UsageError(
                f"{path} is not what an evaluation keeps there.",
                "Move it away, name another --out, or add --fresh to write over it.",
            ) from None
        return len(whole)


def _check_same(path: Path, begun: dict[str, Any], now: dict[str, Any]) -> None:
    for name in [*begun, *now]:
        if begun.get(name) != now.get(name):
            raise UsageError(
                f"{path} was begun with another {name}: {begun.get(name)}, not {now.get(name)}.",
                "Run it as before to go on, add --fresh to start over, or name another --out.",
            )


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}.", "Name another place for it."
        ) from None
