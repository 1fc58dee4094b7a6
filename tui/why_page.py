"""Why a question was answered as it was, and what it cost, as one page of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from assistant.reasons import share
from assistant.terminal import visible

from . import figures
from .meter import block
from .run_record import RunRecord, StageRecord
from .stage_words import NAMES, short

if TYPE_CHECKING:
    from assistant.events import Answer, Planned

KINDS = {
    "chat": "small talk",
    "fact": "a fact",
    "rewrite": "rewriting",
    "creative": "creative writing",
    "maths": "a calculation",
    "choice": "a choice",
    "reasoning": "a puzzle",
    "code": "a program",
}
"""Kinds of query as the user reads them."""

_NAME_CELLS = 14
_BAR_CELLS = 12


def why_page(record: RunRecord, width: int) -> Content:
    """The question as Mull saw it, the stages with their reasons, and the cost, wrapped to `width` cells."""
    sections: list[list[Row]] = []
    if record.stages:
        sections.append(_section("The question", _question(record.stages[0].plan)))
        rows = [row for stage in record.stages for row in _stage(stage)]
        sections.append(_section("What was done, and why", rows))
    if record.answer is not None:
        sections.append(_section("What it cost", _cost(record.answer, record)))
    lines = [line for section in sections for row in section for line in _wrapped(row, width)]
    return Content("\n").join(lines[:-1])


Row = tuple[Content, Content]
"""What stands to the left, and what to the right of it, where it is wrapped."""


def _wrapped(row: Row, width: int) -> list[Content]:
    name, said = row
    if not said:
        return [name]
    first, *more = said.wrap(max(_NAME_CELLS, width - _NAME_CELLS))
    indent = Content(" " * _NAME_CELLS)
    return [name + first, *(indent + line for line in more)]


def _section(title: str, rows: list[Row]) -> list[Row]:
    return [_title(title, "bold $primary"), *rows, _title("")]


def _title(text: str, style: str = "") -> Row:
    return Content.styled(text, style), Content("")


def _row(name: str, said: str | Content) -> Row:
    label = Content.styled(f"{name:{_NAME_CELLS}}", "$foreground 60%")
    return label, (said if isinstance(said, Content) else Content(said))


def _question(plan: Planned) -> list[Row]:
    bar = Content.styled(f"{block(plan.score, _BAR_CELLS):{_BAR_CELLS}}", "$text-accent")
    lines = [
        _row("kind", KINDS.get(plan.kind, visible(plan.kind) or "unknown")),
        _row("difficulty", bar + Content(f" {plan.score:.2f} of 1")),
    ]
    for i, (name, weight) in enumerate(plan.signals):
        lines.append(_row("" if i else "signals", f"{weight:+.2f}  {visible(name).replace('_', ' ')}"))
    return lines


def _stage(stage: StageRecord) -> list[Row]:
    plan = stage.plan
    name = NAMES.get(plan.strategy, plan.strategy.replace("_", " "))
    limits = [f"answer ≤ {figures.tokens(plan.max_tokens - plan.thinking_budget)}"]
    if plan.thinking_budget:
        limits.insert(0, f"thinking ≤ {figures.tokens(plan.thinking_budget)}")
    if plan.n_samples > 1:
        limits.insert(0, f"≤ {plan.n_samples} samples")
    if plan.expected_s:
        seconds = figures.fine_seconds(plan.expected_s)
        limits.append(f"perhaps {seconds} (speed not measured yet)" if plan.is_guess else f"≤ {seconds}")
    lines = [
        _title(f"{plan.stage} {name}", "bold"),
        _row("  why", visible(plan.reason)),
        _row("  limits", figures.SEPARATOR.join(limits)),
    ]
    return [*lines, *_what_came(stage)]


def _what_came(stage: StageRecord) -> list[Row]:
    lines = []
    if stage.thinking is not None:
        title = figures.thought_title(stage.thinking.tokens, stage.thinking.seconds, stage.thinking.reason)
        lines.append(_row("  came", title))
    for i, probe in enumerate(stage.probes):
        left = ": left with it" if probe.is_exit else ""
        said = f"at {figures.tokens(probe.tokens)}: {short(probe.answer) or 'no answer'}, "
        lines.append(_row("" if i else "  asked", f"{said}{share(probe.confidence)} sure{left}"))
    for i, number in enumerate(sorted(stage.samples)):
        sample = stage.samples[number]
        said = f"{number + 1}  {short(sample.answer) or 'no answer'}{figures.SEPARATOR}"
        said += f"{figures.tokens(sample.tokens)}{figures.SEPARATOR}confidence {sample.confidence:.1f}"
        ending = f"{figures.SEPARATOR}dropped" if sample.state == "dropped" else ""
        lines.append(_row("" if i else "  samples", said + ending))
    if stage.tally is not None:
        certainty = f"{share(stage.tally.certainty)} certain"
        decided = f"decided after {stage.decided_after} of {stage.tally.n_samples}"
        lines.append(_row("  vote", f"{decided if stage.decided_after else 'not decided'}, {certainty}"))
    return lines


def _cost(answer: Answer, record: RunRecord) -> list[Row]:
    total = answer.total_tokens or answer.completion_tokens
    thinking = answer.total_thinking_tokens or answer.thinking_tokens
    cached = figures.count(answer.cached_tokens)
    n_probes = sum(len(stage.probes) for stage in record.stages)
    lines = [
        _row("tokens", f"{figures.count(total)}, {figures.count(thinking)} of them thinking"),
        _row(
            "time", f"{figures.fine_seconds(answer.seconds)}, {1000 * answer.plan_s:.1f} ms of it to decide"
        ),
        _row("speed", f"{answer.tokens_per_second:.1f} tokens/s"),
        _row("prompt", f"{figures.tokens(answer.prompt_tokens)}, {cached} of them from the cache"),
    ]
    if answer.n_samples > 1:
        lines.append(_row("samples", figures.count(answer.n_samples)))
    if n_probes:
        lines.append(_row("probes", figures.count(n_probes)))
    if answer.agreement is not None:
        lines.append(_row("agreement", share(answer.agreement)))
    if answer.certainty is not None:
        lines.append(_row("certainty", share(answer.certainty)))
    if answer.doubt:
        lines.append(_row("doubt", Content.styled(visible(answer.doubt), "$text-warning")))
    return lines
