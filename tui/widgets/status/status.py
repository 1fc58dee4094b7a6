"""What the model is and what it does, on one line that never wraps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from assistant.terminal import visible

from ... import figures


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
    context_tokens: int = 0
    """Tokens of the context in use."""
    n_ctx: int = 0
    """Tokens of the context in all; 0 shows none."""


class StatusLine(Widget):
    """Shortens what it says until it fits; a click on it chooses the effort."""

    class EffortClicked(Message):
        """The user wants another effort."""

    status: reactive[Status] = reactive(Status())

    def render(self) -> Content:
        """The longest wording that fits."""
        return Content(wording(self.status, self.content_size.width))

    def on_click(self, event: Click) -> None:
        """Offer another effort."""
        event.stop()
        self.post_message(self.EffortClicked())


def wording(status: Status, width: int) -> str:
    """The fullest wording of at most `width` cells."""
    left = right = ""
    for left, right in _wordings(status):
        if cell_len(left) + cell_len(right) + 2 <= width:
            break
    else:
        left, right = set_cell_size(left, max(0, width - 1)).rstrip() + "…", ""
    return left + " " * (width - cell_len(left) - cell_len(right)) + right


def _wordings(status: Status) -> Iterator[tuple[str, str]]:
    """Left and right part, from the fullest wording to the shortest."""
    name, note = visible(status.model), visible(status.note)
    state = status.state
    effort = f"effort {status.effort}" if status.effort else ""
    speed = f"{status.tokens_per_second:.1f} tokens/s" if status.tokens_per_second else ""
    context = short = ""
    if status.n_ctx:
        context = f"context {figures.count(status.context_tokens)} / {figures.count(status.n_ctx)}"
        short = f"{figures.short_count(status.context_tokens)}/{figures.short_count(status.n_ctx)}"
    yield _joined(name, note, state), _joined(effort, speed, context)
    yield _joined(name, state), _joined(effort, speed, context)
    yield _joined(name, state), _joined(effort, speed.replace("tokens", "t"), short)
    yield _joined(state, name), _joined(status.effort, short)
    yield _joined(state, name), _joined(short)
    yield _joined(state, name), ""


def _joined(*parts: str) -> str:
    return figures.SEPARATOR.join(part for part in parts if part)
