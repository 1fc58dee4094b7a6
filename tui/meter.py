"""Bars made of characters."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from .figures import SEPARATOR

METER_CELLS = 16
"""The longest meter beside words."""

LEAST_METER_CELLS = 4
"""A shorter meter says nothing."""

_EIGHTHS = " ▏▎▍▌▋▊▉"


def meter(share: float, width: int) -> Content:
    """A thin line, `share` (0 to 1) of which is bright."""
    n_bright = round(min(max(share, 0.0), 1.0) * width)
    return Content.styled("━" * n_bright, "$text-accent") + Content.styled(
        "━" * (width - n_bright), "$foreground 15%"
    )


def metered(name: str, share: float | None, wordings: Sequence[str], width: int) -> Content:
    """`name`, a meter and the first of `wordings` that fits `width` cells, on one line.

    The meter gives way to the words: it gets shorter, then goes, and only then a shorter wording is
    taken. No meter where `share` is None. `width` 0 stands for one not known yet: all is shown.
    """
    for said in wordings:
        n_cells = width - len(name) - len(said) - 2 if width else METER_CELLS
        if share is not None and n_cells >= LEAST_METER_CELLS:
            return Content(f"{name} ") + meter(share, min(n_cells, METER_CELLS)) + Content(f" {said}")
        line = f"{name}{SEPARATOR}{said}"
        if not width or len(line) <= width:
            break
    return Content(line)


def block(share: float, width: int) -> str:
    """A thick bar of at most `width` cells, as long as `share` (0 to 1) says to an eighth of a cell."""
    n_eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    return ("█" * (n_eighths // 8) + _EIGHTHS[n_eighths % 8]).rstrip()
