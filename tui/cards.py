"""The samples of a stage as cards side by side, and a vote over them as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from assistant.reasons import share
from assistant.terminal import visible

from . import figures
from .meter import block
from .run_record import StageRecord

if TYPE_CHECKING:
    from assistant.events import SampleNews, Tally

CARD_CELLS = 21
"""Least width of a card."""

GAP = 2

MOST_TALL = 12
"""More samples than this get one line each in place of a card of two."""

MOST_SHARES = 4
"""Answers that get a bar of their own; the rest share one."""

ANSWER_CELLS = 24

_STATES = {
    "thinking": ("◌", "$text-accent"),
    "answering": ("◍", "$text-primary"),
    "done": ("●", "$text-success"),
    "dropped": ("×", "$foreground 50%"),
}


def cards(stage: StageRecord, width: int) -> list[Content]:
    """Cards in as many columns as `width` cells hold, as lines."""
    samples = [stage.samples[number] for number in sorted(stage.samples)]
    if not samples:
        return []
    n_columns = max(1, min(len(samples), (width + GAP) // (CARD_CELLS + GAP)))
    if len(samples) <= 4 < n_columns * 2 and n_columns < len(samples):
        n_columns = 2  # four in two rows of two look better than three and one
    card_cells = min((width + GAP) // n_columns - GAP, 2 * CARD_CELLS)
    is_tall = len(samples) <= MOST_TALL
    made = [_card(stage, sample, card_cells, is_tall) for sample in samples]
    lines = []
    for first in range(0, len(made), n_columns):
        for parts in zip(*made[first : first + n_columns], strict=True):
            lines.append(Content(" " * GAP).join(parts))
    return lines


def _card(stage: StageRecord, sample: SampleNews, width: int, is_tall: bool) -> list[Content]:
    mark, colour = _STATES[sample.state]
    is_dropped = sample.state == "dropped"
    is_ahead = sample.sample in stage.leaders
    dim = "$foreground 50%" if is_dropped else ""
    words = f" {sample.sample + 1:>{len(str(len(stage.samples)))}} "
    answer = " ".join(visible(sample.answer).split())
    answer_style = dim or ("bold $text-success" if is_ahead else "")
    if not is_tall:
        head = Content.styled(mark, colour) + Content.styled(words, dim)
        return [_between(head, Content.styled(answer, answer_style), _count(sample), width)]
    head = Content.styled(mark, colour) + Content.styled(words + sample.state, dim)
    sure = f"conf {sample.confidence:.1f}" if sample.confidence else ""
    return [
        _between(head, Content(""), _count(sample), width),
        _between(
            Content("  "), Content.styled(answer or "–", answer_style), Content.styled(sure, dim), width
        ),
    ]


def _count(sample: SampleNews) -> Content:
    return Content.styled(f"{figures.count(sample.tokens)} tok", "$foreground 50%")


def _between(head: Content, middle: Content, tail: Content, width: int) -> Content:
    """Head and middle to the left, tail to the right; the middle gives way."""
    room = max(0, width - head.cell_length - tail.cell_length - 1)
    middle = middle.truncate(room, ellipsis=True)
    used = head.cell_length + middle.cell_length + tail.cell_length
    return (head + middle + Content(" " * max(0, width - used)) + tail).truncate(width)


def bars(stage: StageRecord, width: int) -> list[Content]:
    """The vote as it stands: a bar for each answer, and a line that says whether it is decided."""
    tally = stage.tally
    if tally is None:
        return []
    shares = [(" ".join(visible(s.answer).split()), len(s.samples), s.weight) for s in tally.shares]
    if len(shares) > MOST_SHARES:
        rest = shares[MOST_SHARES - 1 :]
        others = (f"{len(rest)} others", sum(n for _, n, _ in rest), sum(w for _, _, w in rest))
        shares = [*shares[: MOST_SHARES - 1], others]
    total = sum(weight for _, _, weight in shares) or 1.0
    label_cells = min(ANSWER_CELLS, max((cell_len(answer) for answer, _, _ in shares), default=0))
    bar_cells = max(4, min(40, width - label_cells - 20))
    lines = []
    for i, (answer, n, weight) in enumerate(shares):
        label = answer if cell_len(answer) <= label_cells else set_cell_size(answer, label_cells - 1) + "…"
        style = "bold $text-success" if i == 0 else ""
        lines.append(
            Content.styled(set_cell_size(label, label_cells), style)
            + Content("  ")
            + Content.styled(
                block(weight / total, bar_cells), "$text-success" if i == 0 else "$foreground 40%"
            )
            + Content.styled(f" {n}", style)
            + Content.styled(f" · {share(weight / total)}", "$foreground 50%")
        )
    return [*lines, _verdict(stage, tally)]


def _verdict(stage: StageRecord, tally: Tally) -> Content:
    n_ended = f"{tally.n_done} of up to {tally.n_samples} samples"
    if stage.decided_after:
        return Content.styled(f"decided after {stage.decided_after} of {tally.n_samples} samples", "bold")
    said = f"{share(tally.certainty)} certain" if tally.shares else "no answer yet"
    return Content.styled(f"{n_ended}{figures.SEPARATOR}{said}", "$foreground 50%")
