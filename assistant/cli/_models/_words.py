"""Tables and small phrases that the verbs of `mull models` share."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any, Final

from assistant.terminal import visible

_NARROWEST: Final = 24
"""Columns below which a text is not broken."""


def say(text: str = "") -> None:
    """A line on standard output; what came from a file cannot drive the terminal."""
    print(visible(text))


def tell(text: str) -> None:
    """A line on standard error: what is about the work and not its result."""
    print(visible(text), file=sys.stderr)


def show_json(value: Any) -> None:
    """A value as JSON, in ASCII, so that neither a terminal nor a pipe's encoding can spoil it."""
    print(json.dumps(value, indent=1).replace("\x7f", "\\u007f"))


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = (), columns: int = 0
) -> list[str]:
    """Lines of a table: columns as wide as they must be, those in `right` with their ends below each other.

    Args:
        head: what is above each column.
        rows: the cells.
        right: the columns of numbers.
        columns: the width that the last column is broken to; 0 leaves each row on one line.
    """
    cells = [[visible(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    room = columns - sum(widths[:-1]) - 2 * (len(widths) - 1)
    lines = []
    for row in cells:
        first = "".join(
            (cell.rjust(width) if i in right else cell.ljust(width)) + "  "
            for i, (cell, width) in enumerate(zip(row[:-1], widths[:-1], strict=True))
        )
        last = row[-1].rjust(widths[-1]) if len(row) - 1 in right else row[-1]
        parts = wrap(last, room) if room >= _NARROWEST and len(last) > room else [last]
        lines += [f"{first}{parts[0]}".rstrip(), *(" " * len(first) + part for part in parts[1:])]
    return lines


def columns() -> int:
    """The terminal's width; 0 where standard output is none, so that a row stays a line there."""
    return get_terminal_size().columns - 1 if sys.stdout.isatty() else 0


def thousands(n_tokens: int) -> str:
    """A context in short: 16384 -> 16k."""
    return f"{n_tokens // 1024}k" if n_tokens >= 1024 and n_tokens % 1024 == 0 else f"{n_tokens:,}"


def parameters(n: int) -> str:
    """A number of weights in short: 4022468096 -> 4.0B."""
    return f"{n / 1e9:.1f}B" if n >= 1e9 else f"{n / 1e6:.0f}M"


def speed(tokens_per_second: float, is_measured: bool) -> str:
    """Tokens a second; "about" where they were reckoned and not measured."""
    if not tokens_per_second:
        return "-"
    number = f"{tokens_per_second:.0f}" if tokens_per_second >= 10 else f"{tokens_per_second:.1f}"
    return number if is_measured else f"~{number}"
