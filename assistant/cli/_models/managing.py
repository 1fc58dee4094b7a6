"""`use` and `remove`: which model is used from now on, and which is no longer wanted."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from assistant.cli._exit_codes import ExitCode
from assistant.cli._models._words import say, tell
from assistant.errors import UsageError

if TYPE_CHECKING:
    from assistant.catalog.choosing import Removed
    from assistant.catalog.installed import Installed


def add_use(parser: ArgumentParser) -> None:
    """Declare the arguments of `use`."""
    parser.add_argument("model", metavar="MODEL", help='A name of "mull models list", or a GGUF file.')


def use(args: Namespace) -> ExitCode:
    """Write the setting `model`, and say what was changed."""
    from assistant.catalog import choosing

    entry, written = choosing.use(args.model)
    if entry is None:
        say("The starter model is used from now on.")
        did = f"took out: {written.before}" if written.before else "nothing had to be changed"
        say(f"  {written.path}: {did}")
    else:
        say(f"{entry.name} is used from now on.")
        was = f" (was: {written.before})" if written.before not in (None, entry.name) else ""
        say(f"  {written.path}: {written.line}{was}")
    if written.overruled_by:
        tell(f"{written.overruled_by} is set and wins over the settings file: unset it.")
    return ExitCode.ANSWERED


def add_remove(parser: ArgumentParser) -> None:
    """Declare the arguments of `remove`."""
    parser.add_argument("model", metavar="MODEL", help='A name of "mull models list".')
    parser.add_argument("--yes", action="store_true", help="Do not ask.")


def remove(args: Namespace) -> ExitCode:
    """Delete what Mull fetched, after asking; of others' files only the note is taken away."""
    from assistant.catalog import choosing

    entry = _entry(args.model)
    if entry.is_ours and not args.yes and not _agreed(entry):
        say("Nothing was removed.")
        return ExitCode.ANSWERED
    removed = choosing.remove(entry)
    _report(entry, removed)
    return ExitCode.ANSWERED


def _entry(name: str) -> Installed:
    from assistant.catalog import installed

    if entry := installed.find(name):
        return entry
    for entry in installed.interrupted():
        if entry.name.lower() == name.lower():
            return entry
    if name.lower() == installed.STARTER:
        raise UsageError(
            "The starter model belongs to Mull and stays.", "Use another one: mull models use NAME"
        )
    names = [entry.name for entry in installed.load()]
    from difflib import get_close_matches

    near = get_close_matches(name.lower(), names, 1)
    raise UsageError(
        f'There is no model "{name}" on this machine.',
        f"Did you mean {near[0]}?" if near else 'See "mull models list".',
    )


def _agreed(entry: Installed) -> bool:
    from assistant.download.get import parts_of
    from assistant.download.meter import amount

    size = sum(file.stat().st_size for file in parts_of(entry.path))
    if not (sys.stdin and sys.stdin.isatty()):
        raise UsageError(
            f"Deleting {entry.name} has to be agreed to, and there is nobody to ask.",
            "Add --yes to delete it without asking.",
        )
    say(f"{entry.name}, {amount(size)}: {entry.path}")
    try:
        return input("Delete it? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _report(entry: Installed, removed: Removed) -> None:
    from assistant.download.meter import amount

    if entry.is_ours:
        say(f"{entry.name} is deleted: {amount(removed.freed_bytes)} are free again.")
    else:
        say(f"{entry.name} is forgotten. Its file stays: {entry.path}")
    written = removed.written
    if written is not None and written.before is not None:
        say(f"It was the one in use; the starter model takes its place ({written.path}).")
    if written is not None and written.overruled_by:
        tell(f"{written.overruled_by} still names it: unset it.")
    if removed.trouble is not None:
        tell(f"The setting model could not be looked at: {removed.trouble.message}")
