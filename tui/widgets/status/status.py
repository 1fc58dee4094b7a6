"""What the model is and what it does, on one line that never wraps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget

from assistant.terminal import visible

from ... import figures
from ...filling import Filling
from .gauge import colour, gauge

CELLS = 12
"""Of the bar of the context."""
FEW_CELLS = 8
"""Of it where the line is short."""
FIGURES_S = 0.25
"""Figures that move are painted so seldom, in seconds: Textual paints with two places all that is between."""


@dataclass(frozen=True)
class Status:
    """What the status line says."""

    model: str = ""
    """The model's name."""
    note: str = ""
    """What the user should know of the model."""
    state: str = ""
    """What it does now."""
    effort: str = ""
    """How hard it tries; empty shows none."""
    tokens_per_second: float = 0.0
    """0 shows none."""
    filling: Filling = field(default_factory=Filling)
    """What is in the context; a size of 0 shows nothing of it."""


class StatusLine(Widget):
    """Shortens what it says until it fits; a click on it chooses the effort."""

    class EffortClicked(Message):
        """The user wants another effort."""

    status: reactive[Status] = reactive(Status(), repaint=False)

    _due: Timer | None = None

    @property
    def is_due(self) -> bool:
        """Whether there are figures that are not painted yet."""
        return self._due is not None

    def watch_status(self, before: Status, after: Status) -> None:
        """Paint what is new, and figures a little later."""
        if replace(before, tokens_per_second=after.tokens_per_second, filling=after.filling) != after:
            self._paint()
        elif self._due is None:
            self._due = self.set_timer(FIGURES_S, self._paint)

    def _paint(self) -> None:
        if self._due is not None:
            self._due.stop()
            self._due = None
        self.refresh()

    def render(self) -> Content:
        """The longest wording that fits."""
        return wording(self.status, self.content_size.width)

    def on_click(self, event: Click) -> None:
        """Offer another effort."""
        event.stop()
        self.post_message(self.EffortClicked())


def wording(status: Status, width: int) -> Content:
    """The fullest wording of at most `width` cells."""
    left, right = "", Content("")
    for left, right in _wordings(status):
        if cell_len(left) + right.cell_length + 2 <= width:
            break
    else:
        left, right = set_cell_size(left, max(0, width - 1)).rstrip() + "…", Content("")
    return Content(left + " " * (width - cell_len(left) - right.cell_length)) + right


def _wordings(status: Status) -> Iterator[tuple[str, Content]]:
    """Left and right part, from the fullest wording to the shortest."""
    name, note = visible(status.model), visible(status.note)
    state = status.state
    effort = f"effort {status.effort}" if status.effort else ""
    speed = f"{status.tokens_per_second:.1f} tokens/s" if status.tokens_per_second else ""
    filling = status.filling
    context = short = bare = bar = small = Content("")
    if filling.n_ctx:
        style = colour(filling) if filling.is_near else ""
        total, n_ctx = filling.total, filling.n_ctx
        context = Content.styled(f" {figures.count(total)} / {figures.count(n_ctx)}", style)
        bare = Content.styled(f"{figures.short_count(total)}/{figures.short_count(n_ctx)}", style)
        short = Content(" ") + bare
        bar, small = Content("context ") + gauge(filling, CELLS), gauge(filling, FEW_CELLS)
    yield _joined(name, note, state), _parts(effort, speed, bar + context)
    yield _joined(name, state), _parts(effort, speed, bar + context)
    yield _joined(name, state), _parts(effort, speed.replace("tokens", "t"), small + short)
    yield _joined(state, name), _parts(status.effort, small + short)
    yield _joined(state, name), _parts(small + short)
    yield _joined(state, name), _parts(bare)
    yield _joined(state, name), Content("")


def _joined(*parts: str) -> str:
    return figures.SEPARATOR.join(part for part in parts if part)


def _parts(*parts: str | Content) -> Content:
    shown = [Content(part) if isinstance(part, str) else part for part in parts]
    return Content(figures.SEPARATOR).join(part for part in shown if part.plain)
