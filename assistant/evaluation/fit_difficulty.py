"""Fits `assistant.difficulty` and says how good the fit is.

    python -m assistant.evaluation.fit_difficulty DATA_DIR [--outcomes FILE]

DATA_DIR holds `gsm8k.jsonl`, `math.jsonl` and `starter.jsonl`: one object a line with `id`, `question`,
`answer`, and `level` (1 to 5) or `steps`. The everyday questions come with the program. FILE is a JSON object
from ids to `{"right": bool}`: whether a small model's direct answer to that question was right.

The figures come from five folds; everyday questions of the split "test" are never fitted on. Needs nothing
but what the program needs itself.
"""

from __future__ import annotations

import argparse
import json
import sys
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant import difficulty
from assistant.difficulty import KINDS, SIGNALS, Kind, Text

Floats = npt.NDArray[np.float64]

N_FOLDS = 5
N_BUCKETS = 16384
"""Of the wording's table for the difficulty."""
N_KIND_BUCKETS = 2048
"""Of each kind's."""
SIGNAL_SCALE = 0.1
"""Length of a standardised signal beside the wording's 1: the smaller, the more it is held back."""
BIAS_SCALE = 2.0
RIDGE = 0.25
KIND_RIDGE = 1.0
MATH_TARGETS = (0.45, 0.60, 0.73, 0.84, 0.93)
"""By level, what is taken for the chance that a small model's direct answer is wrong."""
STARTER_TARGETS = (0.15, 0.30, 0.45, 0.55, 0.65)
ROW_WEIGHTS = {"math": 1.0, "gsm8k": 0.5, "starter": 2.0, "everyday": 4.0}
OUTCOME_SHARE = 0.25
"""How much of a target is the outcome where one is known."""
REASONING_SUBJECTS = ("ordering",)
N_MATHS_FOR_KINDS = 150


@dataclass(frozen=True, slots=True)
class Row:
    """A question to fit on or to measure with."""

    id: str
    source: str
    text: Text
    target: float
    """The difficulty to learn, 0 to 1."""
    kind: Kind
    level: int | None
    """Of MATH, 1 to 5."""
    is_wrong: bool | None
    """Whether the direct answer was wrong; None where it is not known."""
    is_test: bool
    """Never fitted on."""


def read_rows(folder: Path, outcomes: dict[str, Any]) -> list[Row]:
    """All questions, those from `folder` first."""
    rows = []
    for source in ("math", "gsm8k", "starter"):
        for line in (folder / f"{source}.jsonl").read_text("utf-8").splitlines():
            rows.append(_row(source, json.loads(line), outcomes))
    everyday = resources.files(__package__).joinpath("data/everyday.jsonl").read_text("utf-8")
    return rows + [_row("everyday", json.loads(line), outcomes) for line in everyday.splitlines()]


def _row(source: str, data: dict[str, Any], outcomes: dict[str, Any]) -> Row:
    target, kind = _label(source, data)
    outcome = outcomes.get(data["id"])
    is_wrong = None if outcome is None else not outcome["right"]
    if is_wrong is not None and source == "starter":
        target += OUTCOME_SHARE * (is_wrong - target)
    level = data["level"] if source == "math" else None
    text = difficulty.prepare(data["question"])
    return Row(data["id"], source, text, target, kind, level, is_wrong, data.get("split") == "test")


def _label(source: str, data: dict[str, Any]) -> tuple[float, Kind]:
    """Difficulty and kind, as far as the data set says."""
    match source:
        case "math":
            return MATH_TARGETS[data["level"] - 1], "maths"
        case "gsm8k":
            return min(0.92, 0.66 + 0.03 * data["steps"]), "maths"
        case "starter":
            subject = data["subject"]
            kind: Kind = "code" if subject == "code" else "maths"
            kind = "reasoning" if subject in REASONING_SUBJECTS else kind
            return STARTER_TARGETS[data["level"] - 1], kind
        case _:
            return data["difficulty"], data["kind"]


# Features


def signal_values(rows: Sequence[Row]) -> Floats:
    """The signals, (row, signal)."""
    return np.array([[signal(row.text) for signal in SIGNALS.values()] for row in rows])


def wording_values(rows: Sequence[Row], n_buckets: int) -> Floats:
    """The wording as `difficulty` counts it, (row, bucket)."""
    values = np.zeros((len(rows), n_buckets))
    for i, row in enumerate(rows):
        pieces = list(difficulty.wording(row.text))
        np.add.at(
            values[i], np.array(pieces, dtype=np.int64) % n_buckets, len(pieces) ** -0.5 if pieces else 0
        )
    return values


@dataclass(frozen=True, slots=True)
class Design:
    """What the linear models see: scaled signals, wording, and a constant."""

    mean: Floats
    std: Floats
    values: Floats
    """(row, signals + buckets + 1)"""

    @classmethod
    def of(cls, signals: Floats, wording: Floats) -> Design:
        """Scales each signal to be as long as `SIGNAL_SCALE`."""
        mean, std = signals.mean(0), np.maximum(signals.std(0), 0.05)
        constant = np.full((len(signals), 1), BIAS_SCALE)
        scaled = (signals - mean) / std * SIGNAL_SCALE
        return cls(mean, std, np.hstack([scaled, wording, constant]))

    def split(self, weights: Floats) -> tuple[Floats, Floats, float]:
        """A model's weights as those of the unscaled signals, those of the wording, and the bias."""
        n = len(self.mean)
        signals = weights[:n] * SIGNAL_SCALE / self.std
        return signals, weights[n:-1], float(weights[-1] * BIAS_SCALE - signals @ self.mean)


# Fitting, in the dual: there are more features than rows


def fit_logistic(gram: Floats, targets: Floats, importance: Floats) -> Floats:
    """Dual coefficients of a ridge logistic regression on targets from 0 to 1 (Newton's method)."""
    alpha: Floats = np.zeros(len(targets))
    for _ in range(8):
        logits = gram @ alpha
        p = 1 / (1 + np.exp(-logits))
        curvature = np.maximum(p * (1 - p), 1e-4)
        wanted = logits + (targets - p) / curvature
        alpha = _solve(gram + np.diag(RIDGE / (importance * curvature)), wanted)
    return alpha


def fit_kinds(gram: Floats, kinds: npt.NDArray[np.int64]) -> Floats:
    """Dual coefficients of one ridge regression a kind, (row, kind), each kind counting the same."""
    wanted = np.where(kinds[:, None] == np.arange(len(KINDS)), 1.0, -1.0)
    importance = len(kinds) / np.bincount(kinds, minlength=len(KINDS))[kinds]
    return _solve(gram + np.diag(KIND_RIDGE / importance), wanted)


def _solve(matrix: Floats, wanted: Floats) -> Floats:
    return np.asarray(np.linalg.solve(matrix, wanted), dtype=np.float64)


def folds(n: int) -> npt.NDArray[np.int64]:
    """A fold for each row, by lot."""
    return np.random.default_rng(0).permutation(n) % N_FOLDS


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a difficulty is learnt from."""

    gram: Floats
    targets: Floats
    importance: Floats
    """(head, row): 0 leaves a row out."""
    is_formula: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, design: Design, rows: Sequence[Row]) -> Lesson:
        """Plain words are learnt from all that has no formulas, formulas from MATH alone."""
        is_formula = np.array([difficulty.is_formula(row.text) for row in rows])
        weights = np.array([0.0 if row.is_test else ROW_WEIGHTS[row.source] for row in rows])
        is_math = np.array([row.source == "math" for row in rows])
        importance = np.stack([weights * ~is_formula, weights * is_math])
        return cls(
            design.values @ design.values.T, np.array([row.target for row in rows]), importance, is_formula
        )

    def fit(self, head: int, allowed: npt.NDArray[np.bool_]) -> Floats:
        """Dual coefficients of one difficulty, 0 where a row is not used."""
        used = np.flatnonzero(allowed & (self.importance[head] > 0))
        alpha = np.zeros(len(self.targets))
        gram = self.gram[np.ix_(used, used)]
        alpha[used] = fit_logistic(gram, self.targets[used], self.importance[head][used])
        return alpha


def cross_validated(lesson: Lesson, rows: Sequence[Row]) -> Floats:
    """Each row's logit from models that have not seen it; for test rows, the mean over the folds."""
    is_test = np.array([row.is_test for row in rows])
    fold = folds(len(rows))
    logits = np.zeros(len(rows))
    for k in range(N_FOLDS):
        heads = [lesson.gram @ lesson.fit(head, fold != k) for head in range(difficulty.N_HEADS)]
        predicted = np.where(lesson.is_formula, heads[1], heads[0])
        logits += np.where(is_test, predicted / N_FOLDS, np.where(fold == k, predicted, 0.0))
    return logits


# Figures


def ranks(values: Floats) -> Floats:
    """Ranks from 1, equal values sharing theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)


def auroc(is_positive: npt.NDArray[np.bool_], values: Floats) -> float:
    """The chance that a positive one lies above a negative one."""
    n, n_positive = len(values), int(is_positive.sum())
    above = ranks(values)[is_positive].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * (n - n_positive)))


def spearman(left: Floats, right: Floats) -> float:
    """Rank correlation."""
    return float(np.corrcoef(ranks(left), ranks(right))[0, 1])


def report(rows: Sequence[Row], logits: Floats) -> Iterator[str]:
    """Lines that say what the difficulty is worth on rows that it was not fitted on."""
    level = np.array([row.level or 0 for row in rows])
    is_math = level > 0
    ends = is_math & (level != 3)
    yield f"MATH: Spearman with the level {spearman(logits[is_math], level[is_math] * 1.0):.3f}"
    yield f"MATH: AUROC of levels 4 and 5 against 1 and 2 {auroc(level[ends] > 3, logits[ends]):.3f}"
    known = np.array([row.is_wrong is not None for row in rows])
    wrong = np.array([bool(row.is_wrong) for row in rows])
    source = np.array([row.source for row in rows])
    for name in ("all", "starter", "everyday"):
        chosen = known & ((source == name) | (name == "all"))
        if wrong[chosen].any() and not wrong[chosen].all():
            value = auroc(wrong[chosen], logits[chosen])
            yield f"direct answer wrong, {name} ({chosen.sum()} questions): AUROC {value:.3f}"
    test = np.array([row.is_test for row in rows])
    wanted = np.array([row.target for row in rows])
    yield f"everyday, test split: Spearman with the label {spearman(logits[test], wanted[test]):.3f}"


def report_kinds(rows: Sequence[Row]) -> Iterator[str]:
    """Lines that say how often the kind of an everyday question is right, by the shipped rules and model."""
    for is_test in (False, True):
        chosen = [row for row in rows if row.source == "everyday" and row.is_test == is_test]
        found = [difficulty.kind_of(row.text) for row in chosen]
        right = sum(kind == row.kind for kind, row in zip(found, chosen, strict=True))
        yield f"kinds, everyday {'test' if is_test else 'fit'}: {right} of {len(chosen)} right"


# The data file


def packed(weights: Floats) -> dict[str, Any]:
    """A table of the wording, one signed byte a bucket."""
    scale = float(np.abs(weights).max()) / 127 or 1.0
    return {"scale": scale, "bytes": b64encode(np.round(weights / scale).astype(np.int8).tobytes()).decode()}


def fit(rows: Sequence[Row]) -> dict[str, Any]:
    """What is fitted of the data file, on all rows but the test split."""
    rows = [row for row in rows if not row.is_test]
    signals = signal_values(rows)
    design = Design.of(signals, wording_values(rows, N_BUCKETS))
    lesson = Lesson.of(design, rows)
    everything = np.ones(len(rows), dtype=np.bool_)
    outputs = [
        design.split(design.values.T @ lesson.fit(head, everything)) for head in range(difficulty.N_HEADS)
    ]
    picked = _rows_for_kinds(rows)
    chosen = [rows[i] for i in picked]
    design = Design.of(signals[picked], wording_values(chosen, N_KIND_BUCKETS))
    kinds = np.array([KINDS.index(row.kind) for row in chosen])
    weights = design.values.T @ fit_kinds(design.values @ design.values.T, kinds)
    outputs += [design.split(column) for column in weights.T]
    by_signal = np.array([signals for signals, _, _ in outputs])
    return {
        "bias": [round(bias, 5) for _, _, bias in outputs],
        "weights": {name: np.round(by_signal[:, i], 5).tolist() for i, name in enumerate(SIGNALS)},
        "wording": [packed(by_bucket) for _, by_bucket, _ in outputs],
    }


def _rows_for_kinds(rows: Sequence[Row]) -> list[int]:
    """Indices of rows to learn the kinds from: with few of the many that are maths."""
    maths = [i for i, row in enumerate(rows) if row.source in ("math", "gsm8k")]
    others = [i for i, row in enumerate(rows) if row.source in ("starter", "everyday")]
    return others + maths[:: max(1, len(maths) // N_MATHS_FOR_KINDS)]


def write(path: Path, fitted: dict[str, Any]) -> None:
    """Put what was fitted into the data file; the words, written by hand, stay."""
    data = json.loads(path.read_text("utf-8")) | fitted
    lines = [f"{json.dumps(key)}: {_spread(value)}" for key, value in data.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


def _spread(value: Any) -> str:
    """JSON with one entry a line."""
    if isinstance(value, dict):
        entries = [
            f" {json.dumps(key)}: {json.dumps(entry, ensure_ascii=False)}" for key, entry in value.items()
        ]
        return "{\n" + ",\n".join(entries) + "\n}"
    return json.dumps(value, ensure_ascii=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures, then write the data file."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DATA_DIR")
    parser.add_argument("--outcomes", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    outcomes = json.loads(options.outcomes.read_text("utf-8")) if options.outcomes else {}
    rows = read_rows(options.folder, outcomes)
    design = Design.of(signal_values(rows), wording_values(rows, N_BUCKETS))
    lines = list(report(rows, cross_validated(Lesson.of(design, rows), rows)))
    path = Path(difficulty.__file__).with_suffix(".json")
    write(path, fit(rows))
    difficulty.forget()
    lines += [*report_kinds(rows), f"{path.name}: {path.stat().st_size:,} bytes"]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
