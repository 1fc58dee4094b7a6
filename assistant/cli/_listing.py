"""How conversations are listed on the command line."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from assistant.terminal import visible

if TYPE_CHECKING:
    from assistant.store.matching import Snippet
    from assistant.store.values import Summary


def write(text: str, end: str = "\n", *, is_safe: bool = False) -> None:
    """Write to standard output: as it is for a pipe, made visible on a terminal unless it is safe there."""
    print(text if is_safe or not sys.stdout.isatty() else visible(text), end=end)


def write_json(fields: dict[str, Any]) -> None:
    """Write a line of JSON, in ASCII."""
    print(json.dumps(fields, separators=(",", ":")))


def say(text: str) -> None:
    """Write a sentence about what was done to standard error."""
    print(visible(text), file=sys.stderr)


def line(summary: Summary) -> str:
    """A conversation in one line: id, time of the last message, how many there are, title."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(summary.updated_s))
    marks = "* " if summary.is_pinned else ""
    return f"{summary.id}  {when}  {summary.n_messages:>3}  {marks}{summary.title}"


def fields(summary: Summary) -> dict[str, Any]:
    """A conversation for JSON; times in seconds since the epoch."""
    return {
        "id": summary.id,
        "title": summary.title,
        "created_s": summary.created_s,
        "updated_s": summary.updated_s,
        "n_messages": summary.n_messages,
        "is_pinned": summary.is_pinned,
        "is_archived": summary.is_archived,
        "deleted_s": summary.deleted_s,
    }


def count(n: int) -> str:
    """So many conversations, in words."""
    return "1 conversation" if n == 1 else f"{n:,} conversations"


def marked(snippet: Snippet) -> str:
    """A passage with what was found in it in bold, where standard output is a terminal with colours."""
    is_terminal = sys.stdout.isatty()
    if not is_terminal:
        return snippet.text
    begin, end = ("\x1b[1m", "\x1b[0m")
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        begin = end = ""
    parts, at = [], 0
    for first, last in snippet.marks:
        parts += [visible(snippet.text[at:first]), begin, visible(snippet.text[first:last]), end]
        at = last
    return "".join([*parts, visible(snippet.text[at:])])
