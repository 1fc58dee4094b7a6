"""How full the context is, as a bar whose parts differ without colours too. Pure."""

from __future__ import annotations

from textual.content import Content

from ...filling import Filling

MARKS = {"system": "█", "history": "▓", "files": "▒", "thinking": "░", "free": "·"}
"""What a cell of each part is drawn with, in the order drawn."""
FULL = 0.95
"""From this share on there is hardly room for an answer."""


def gauge(filling: Filling, width: int) -> Content:
    """A bar of `width` cells: the parts, each as long as its share, and what is free."""
    if not filling.n_ctx or width < 1:
        return Content("")
    cells, done, n_tokens = "", 0, 0
    for name, mark in MARKS.items():
        n_tokens += getattr(filling, name)
        end = width if name == "free" else min(round(n_tokens / filling.n_ctx * width), width)
        cells += mark * max(end - done, 0)
        done = max(end, done)
    if filling.total and cells.startswith(MARKS["free"]):  # a little is not nothing
        cells = MARKS[_largest(filling)] + cells[1:]
    n_used = len(cells.rstrip(MARKS["free"]))
    return Content.styled(cells[:n_used], colour(filling)) + Content.styled(cells[n_used:], "$foreground 40%")


def colour(filling: Filling) -> str:
    """The style for so full a context: calm, a warning, or an alarm."""
    if filling.share >= FULL:
        return "$text-error"
    return "$text-warning" if filling.is_near else "$text-accent"


def _largest(filling: Filling) -> str:
    return max((name for name in MARKS if name != "free"), key=lambda name: int(getattr(filling, name)))
