"""From what the catalogue says of a family's thinking to what the splitter needs."""

from __future__ import annotations

from dataclasses import replace

from assistant.catalog.families import Family
from assistant.engine.splitter import Markers

_COMMON = Markers(open=("<think>",), close=("</think>",), forced_close="\n</think>\n\n")
"""For a model that thinks although nothing about it says so: its thinking must not pass for an answer."""


def markers(family: Family, stop: tuple[str, ...] = ()) -> Markers:
    """The family's markers; for one without a thinking mode, those that most models share.

    Args:
        family: what the catalogue knows.
        stop: texts that end a turn, for templates whose turns no token ends.
    """
    thinking = family.thinking
    if thinking is None:
        return replace(_COMMON, stop=stop)
    return Markers(
        open=thinking.all_opens,
        close=thinking.all_closes,
        noise=thinking.noise,
        stop=stop,
        forced_close=thinking.force_close,
        hand_over=thinking.handover,
        continuation=thinking.wait,
    )
