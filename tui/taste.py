"""How the app is to look and which keys it takes: from the settings, and what it remembers by itself."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from assistant import paths
from assistant.files import write_whole


@dataclass(frozen=True, slots=True)
class Taste:
    """The user's wishes."""

    theme: str | None = None
    """The setting `theme`; None takes what was last chosen in the app."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """The setting `keys`: binding ids with their keys."""


def chosen_theme(wish: str | None, known: Collection[str], default: str) -> tuple[str, str]:
    """The theme to start with, and a sentence where the wished one does not exist."""
    remembered = remembered_theme()
    fallback = remembered if remembered in known else default
    if wish is None or wish in known:
        return wish or fallback, ""
    near = difflib.get_close_matches(wish, known, 1)
    hint = f"did you mean {near[0]}?" if near else "/theme lists them."
    return fallback, f'There is no theme "{wish}": {hint}'


def remembered_theme() -> str:
    """The theme that was last chosen in the app; empty if there is none."""
    return remembered("theme")


def remember_theme(name: str) -> None:
    """Keep the theme for the next start; where that fails, it is chosen again next time."""
    remember("theme", name)


def remembered(name: str) -> str:
    """A choice that was made in the app; empty if there is none."""
    try:
        return (paths.state_dir() / name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def remember(name: str, choice: str) -> None:
    """Keep a choice for the next start; where that fails, it is made again."""
    folder = paths.state_dir()
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / name, f"{choice}\n".encode())
