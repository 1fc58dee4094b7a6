"""The files beneath a folder, found in a thread and never for long."""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path

MOST_PATHS = 30_000
"""No more paths are listed."""

PATIENCE_S = 2.0
"""Nor is it looked any longer, in seconds: a network drive could take hours."""

BATCH = 1000
"""After so many paths the thread rests, or the screen would stutter: Python runs one thread at a time."""

PAUSE_S = 0.002

_SKIPPED = {
    "node_modules",
    "__pycache__",
    "target",
    "dist",
    "build",
    "venv",
    "site-packages",
}
"""Folders of what programs wrote; whoever wants a file in one types its path."""


def beneath(folder: Path, patience_s: float = PATIENCE_S) -> list[str]:
    """The paths of files and folders beneath `folder`, relative to it, the nearest first.

    Hidden ones are left out, and so is what lies behind links. A folder's path ends with a slash.
    """
    found: list[str] = []
    n_rested = 0
    waiting = deque([("", os.fspath(folder))])
    until = time.monotonic() + patience_s
    while waiting and len(found) < MOST_PATHS and time.monotonic() < until:
        prefix, path = waiting.popleft()
        if len(found) >= n_rested + BATCH // 4:
            n_rested = len(found)
            time.sleep(PAUSE_S)
        for entry, is_folder in _entries(path):
            name = prefix + entry.name
            found.append(f"{name}/" if is_folder else name)
            if is_folder and not entry.is_symlink() and entry.name not in _SKIPPED:
                waiting.append((f"{name}/", entry.path))
            if len(found) >= MOST_PATHS:
                break
    return found


def inside(folder: Path, typed: str) -> list[str]:
    """The paths of what lies in the folder that `typed` ends in, written as `typed` writes them."""
    head = typed[: typed.rfind("/") + 1]
    try:
        path = folder / Path(head).expanduser()
    except RuntimeError:  # ~somebody who does not exist
        return []
    with_hidden = typed[len(head) :].startswith(".")
    return [
        head + entry.name + ("/" if is_folder else "")
        for entry, is_folder in _entries(os.fspath(path), with_hidden=with_hidden)
    ]


def _entries(path: str, *, with_hidden: bool = False) -> list[tuple[os.DirEntry[str], bool]]:
    found = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                # a name that no line can show could not be written in one either
                if entry.name.isprintable() and (with_hidden or not entry.name.startswith(".")):
                    found.append((entry, entry.is_dir()))
                if len(found) >= MOST_PATHS:
                    break
    except (OSError, ValueError):  # no right to look into it, or gone by now
        return found
    return sorted(found, key=lambda pair: pair[0].name)
