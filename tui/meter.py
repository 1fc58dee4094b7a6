"""Bars made of characters."""

from __future__ import annotations

from textual.content import Content

_EIGHTHS = " ▏▎▍▌▋▊▉"


def meter(share: float, width: int) -> Content:
    """A thin line, `share` (0 to 1) of which is bright."""
    n_bright = round(min(max(share, 0.0), 1.0) * width)
    return Content.styled("━" * n_bright, "$text-accent") + Content.styled(
        "━" * (width - n_bright), "$foreground 15%"
    )


def block(share: float, width: int) -> str:
    """A thick bar of at most `width` cells, as long as `share` (0 to 1) says to an eighth of a cell."""
    n_eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    return ("█" * (n_eighths // 8) + _EIGHTHS[n_eighths % 8]).rstrip()
