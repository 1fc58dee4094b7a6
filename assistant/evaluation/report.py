"""The report of an evaluation: JSON for programs, a table for people."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from assistant.engine.protocol import ModelInfo
from assistant.evaluation.figures import groups, summary, versus
from assistant.evaluation.policies import FIXED
from assistant.evaluation.records import Record
from assistant.evaluation.runner import Outcome

_ITEM_FIELDS = (
    "id",
    "policy",
    "answer",
    "correct",
    "tokens",
    "thinking_tokens",
    "seconds",
    "stages",
    "reason",
    "certainty",
    "agreement",
    "kind",
    "score",
    "plan_s",
    "finish_reason",
    "level",
    "source",
    "error",
)


def build(outcome: Outcome, model: ModelInfo | None, seed: int, parallel: int) -> dict[str, Any]:
    """The report, ready for JSON.

    "policies" has the figures of each policy by name, shares from 0 to 1, tokens and seconds as means or
    quantiles a question; "items" one object for each question and policy.
    """
    names = list(outcome.records)
    policies: dict[str, Any] = {}
    for name, records in outcome.records.items():
        figures = {**summary(records), **groups(records)}
        if name != names[0]:
            figures["versus"] = versus(records, outcome.records[names[0]], names[0])
        if name == FIXED and outcome.fixed is not None:
            figures |= outcome.fixed
        policies[name] = figures
    if FIXED in policies and "auto" in policies:
        policies["auto"]["versus_fixed"] = versus(outcome.records["auto"], outcome.records[FIXED], FIXED)
    return {
        "model": _model(model),
        "machine": _machine(model),
        "seed": seed,
        "parallel": parallel,
        "policies": policies,
        "items": [_item(record) for records in outcome.records.values() for record in records],
    }


def to_bytes(report: Mapping[str, Any]) -> bytes:
    """The report as a file's content."""
    return (json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def tables(report: Mapping[str, Any]) -> list[RenderableType]:
    """What a person reads, at most 80 columns wide: all policies, and accuracy by level and by file."""
    policies: Mapping[str, Any] = report["policies"]
    parts: list[RenderableType] = [_overview(policies)]
    for key, title in (("by_level", "level"), ("by_file", "file")):
        if any(key in figures for figures in policies.values()):
            parts += [Text(), _by(policies, key, title)]
    return [*parts, *(Text(sentence) for sentence in sentences(report))]


def sentences(report: Mapping[str, Any]) -> list[str]:
    """What must be said beside the figures."""
    policies: Mapping[str, Any] = report["policies"]
    said = [_compared(name, f["versus"]) for name, f in policies.items() if "versus" in f]
    for name, figures in policies.items():
        parts = [
            f"{figures[key]} {word}"
            for key, word in (
                ("empty", "empty"),
                ("leaked", "with a leaked marker"),
                ("errors", "with an error"),
            )
            if figures[key]
        ]
        if parts:
            said.append(f"{name}: {', '.join(parts)} of {figures['n']}.")
    if FIXED in policies and "thinking_budget" in policies[FIXED]:
        said.append(
            f"fixed is think:{policies[FIXED]['thinking_budget']}, the budget that costs as much as auto."
        )
    if report["parallel"] > 1:
        said.append(
            f"{report['parallel']} questions ran side by side: the seconds say nothing of one question."
        )
    return said


def _compared(name: str, versus: Mapping[str, Any]) -> str:
    low, high = versus["ci95"]
    ratio = versus["token_ratio"]
    tokens = "" if ratio is None else f", {ratio:.2f} times the tokens"
    return (
        f"{name} against {versus['policy']}: {versus['accuracy'] * 100:+.1f} points "
        f"({low * 100:+.1f} to {high * 100:+.1f}){tokens}."
    )


def _overview(policies: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("policy", overflow="fold", max_width=14)
    for heading in ("n", "right", "95 %", "tokens", "thinking", "p50", "p90"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("strategies", overflow="fold", max_width=22)
    for name, figures in policies.items():
        low, high = figures["ci95"]
        table.add_row(
            name,
            str(figures["n"]),
            f"{figures['accuracy']:.1%}",
            f"{low * 100:.0f}-{high * 100:.0f}",
            f"{figures['mean_tokens']:,.0f}",
            f"{figures['mean_thinking_tokens']:,.0f}",
            f"{figures['p50_s']:.1f}s",
            f"{figures['p90_s']:.1f}s",
            _strategies(figures["strategies"]),
        )
    return table


def _by(policies: Mapping[str, Any], key: str, title: str) -> Table:
    """Accuracy with the number of questions, one row a group."""
    table = Table(box=None, pad_edge=False)
    table.add_column(title, overflow="fold", max_width=20)
    for name in policies:
        table.add_column(name, justify="right", overflow="fold")
    keys = sorted({group for figures in policies.values() for group in figures.get(key, {})})
    for group in keys:
        cells = (figures.get(key, {}).get(group) for figures in policies.values())
        table.add_row(group, *(f"{c['accuracy']:.1%} of {c['n']}" if c else "" for c in cells))
    return table


def _strategies(counts: Mapping[str, int]) -> str:
    total = sum(counts.values()) or 1
    shown = [f"{name.replace('_', ' ')} {n / total:.0%}" for name, n in counts.items()]
    if len(counts) == 1:
        shown = [name.replace("_", " ") for name in counts]
    return ", ".join(shown[:3]) + (f", {len(shown) - 3} more" if len(shown) > 3 else "")


def _item(record: Record) -> dict[str, Any]:
    fields = record.model_dump(mode="json")
    return {name: fields[name] for name in _ITEM_FIELDS}


def _model(model: ModelInfo | None) -> dict[str, Any]:
    if model is None:
        return {}
    names = ("name", "family", "architecture", "quantisation", "n_params", "size_bytes", "n_ctx", "n_seq_max")
    return {name: getattr(model, name) for name in names}


def _machine(model: ModelInfo | None) -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "device": model.device if model is not None else "",
        "build": model.build if model is not None else "",
    }


def points(report: Mapping[str, Any]) -> Sequence[tuple[str, float, float, tuple[float, float]]]:
    """For the plot, one a policy: its name, mean tokens, accuracy and the accuracy's interval."""
    found = []
    for name, figures in report["policies"].items():
        budget = figures.get("thinking_budget")
        label = name if budget is None else f"{name} ({budget})"
        found.append((label, figures["mean_tokens"], figures["accuracy"], tuple(figures["ci95"])))
    return found
