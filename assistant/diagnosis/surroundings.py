"""Looking at what Mull runs in: system, terminal and folders."""

from __future__ import annotations

import locale
import os
import platform
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from assistant import __version__, paths
from assistant.diagnosis.facts import Folder, System, Terminal

_MOST_FILES: Final = 50_000
"""Files of a folder whose sizes are added up."""


def system() -> System:
    """Mull, Python and the operating system."""
    root = Path(__file__).resolve().parent.parent.parent
    is_checkout = (root / "packaging" / "bootstrap.py").is_file() and (root / "Makefile").is_file()
    named = platform.freedesktop_os_release().get("PRETTY_NAME", "") if sys.platform == "linux" else ""
    kernel = f"{platform.system()} {platform.release()} {platform.machine()}"
    return System(
        mull=__version__,
        system=f"{named} ({kernel})" if named else kernel,
        python=platform.python_version(),
        executable=sys.executable,
        checkout=str(root) if is_checkout else "",
    )


def terminal() -> Terminal:
    """The terminal that standard output goes to, as far as it can be told without asking it."""
    environment = os.environ
    size = shutil.get_terminal_size()
    is_terminal = bool(sys.stdout and sys.stdout.isatty())
    through = [
        name
        for name, variable in (("tmux", "TMUX"), ("screen", "STY"), ("SSH", "SSH_CONNECTION"))
        if environment.get(variable)
    ]
    return Terminal(
        is_terminal=is_terminal,
        columns=size.columns,
        lines=size.lines,
        colours=colours(environment.get("TERM", ""), environment.get("COLORTERM", ""), sys.platform)
        if not environment.get("NO_COLOR")
        else "none (NO_COLOR is set)",
        encoding=(sys.stdout.encoding or "") if sys.stdout else "",
        locale=next(filter(None, map(environment.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "")  # as libc looks
        or (locale.setlocale(locale.LC_CTYPE) if sys.platform == "win32" else ""),
        name=environment.get("TERM_PROGRAM") or environment.get("TERM", ""),
        through=tuple(through),
    )


def colours(term: str, colorterm: str, system: str) -> str:
    """How many colours a terminal says it has."""
    if colorterm.lower() in ("truecolor", "24bit") or system == "win32":
        return "16 million"
    if term in ("", "dumb", "unknown"):
        return "none"
    if "direct" in term or "kitty" in term or "ghostty" in term:
        return "16 million"
    return "256" if "256" in term else "16"


def folders() -> tuple[Folder, ...]:
    """The folders that Mull uses."""
    uses = (
        ("settings", paths.config_dir()),
        ("conversations and models", paths.data_dir()),
        ("what is remembered", paths.state_dir()),
        ("logs", paths.log_dir()),
    )
    return tuple(_folder(use, path) for use, path in uses)


def _folder(use: str, path: Path) -> Folder:
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    free = 0
    with suppress(OSError):
        free = shutil.disk_usage(there).free
    is_writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    return Folder(use, str(path), path.is_dir(), is_writable, _size(path), free)


def _size(path: Path) -> int:
    total = n_files = 0
    for root, _, names in os.walk(path):
        for name in names:
            n_files += 1
            if n_files > _MOST_FILES:
                return total
            with suppress(OSError):
                total += os.lstat(os.path.join(root, name)).st_size
    return total
