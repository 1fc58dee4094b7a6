"""`use` and `remove`: which model is used from now on, and which is no longer wanted."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.cli._exit_codes import ExitCode
from assistant.cli._models._words import say, tell
from assistant.errors import ModelFileError, UsageError

if TYPE_CHECKING:
    from assistant.catalog.installed import Installed


def add_use(parser: ArgumentParser) -> None:
    """Declare the arguments of `use`."""
    parser.add_argument("model", metavar="MODEL", help='A name of "mull models list", or a GGUF file.')


def use(args: Namespace) -> ExitCode:
    """Write the setting `model`, and say what was changed."""
    from assistant.catalog import installed
    from assistant.catalog.gguf import inspect
    from assistant.settings_file import write_setting

    path = Path(args.model).expanduser()
    if args.model.lower() == installed.STARTER and installed.find(args.model) is None:
        written = write_setting("model", None)
        say("The starter model is used from now on.")
        did = f"took out: {written.before}" if written.before else "nothing had to be changed"
        say(f"  {written.path}: {did}")
    else:
        file = installed.resolve(path)
        inspect(file)  # a file that cannot be run is told now and not at the next start
        entry = installed.find(args.model) if installed.is_name(path) else None
        entry = entry or installed.add(file.absolute(), installed.file_name(file))
        written = write_setting("model", entry.name)
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
    from assistant.catalog import installed

    entry = _entry(args.model)
    if entry.is_ours and not args.yes and not _agreed(entry):
        say("Nothing was removed.")
        return ExitCode.ANSWERED
    freed = _delete(entry) if entry.is_ours else 0
    installed.forget(entry)
    _report(entry, freed)
    _leave_setting(entry)
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


def _delete(entry: Installed) -> int:
    """Delete every file of a model and the folders that are empty then; bytes that became free."""
    from assistant.catalog import installed
    from assistant.download.get import parts_of

    freed = 0
    try:
        for file in parts_of(entry.path):
            freed += file.stat().st_size
            file.unlink()
    except OSError as error:
        raise ModelFileError(
            f"{error.filename or entry.path} cannot be deleted: {error.strerror or error}.",
            "Close what uses it, check the folder's permissions, and try again.",
        ) from None
    folder = entry.path.parent
    while folder != installed.models_dir() and folder.is_relative_to(installed.models_dir()):
        try:
            folder.rmdir()
        except OSError:
            break
        folder = folder.parent
    return freed


def _report(entry: Installed, freed: int) -> None:
    from assistant.download.meter import amount

    if entry.is_ours:
        say(f"{entry.name} is deleted: {amount(freed)} are free again.")
    else:
        say(f"{entry.name} is forgotten. Its file stays: {entry.path}")


def _leave_setting(entry: Installed) -> None:
    """A settings file that goes on naming a model that is gone would stop Mull from starting."""
    from assistant.config import load
    from assistant.errors import MullError
    from assistant.settings_file import write_setting

    try:
        used = load().model
        if used is not None and (str(used).lower() == entry.name.lower() or used == entry.path):
            written = write_setting("model", None)
            if written.before is not None:
                say(f"It was the one in use; the starter model takes its place ({written.path}).")
            if written.overruled_by:
                tell(f"{written.overruled_by} still names it: unset it.")
    except MullError as error:
        tell(f"The setting model could not be looked at: {error.message}")
