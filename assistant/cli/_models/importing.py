"""Use models that are on this machine already, where they are: nothing is copied."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.cli._exit_codes import ExitCode
from assistant.cli._models._words import say, show_json, table
from assistant.errors import UsageError

if TYPE_CHECKING:
    from assistant.catalog.elsewhere import Found
    from assistant.catalog.installed import Installed

_EXAMPLES = """\
examples:
  mull models import                               what LM Studio, Ollama, llama.cpp and
                                                   the hub's cache have
  mull models import ~/models/model.gguf           one file
  mull models import ~/models                      every model in a folder"""


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "path", metavar="PATH", nargs="?", help="A GGUF file or a folder; else, other programs'."
    )
    parser.add_argument("--name", metavar="NAME", help="What to call it, if it is one file.")
    parser.add_argument("--json", action="store_true", help="Print what was imported as JSON.")


def run(args: Namespace) -> ExitCode:
    """Remember the models, and say which could not be."""
    path = Path(args.path).expanduser() if args.path else None
    found = _found(path)
    if args.name is not None and (path is None or path.is_dir()):
        raise UsageError("--name goes with one file.", "Name a GGUF file.")
    added, refused = _added(found, args.name, is_one=path is not None and not path.is_dir())
    if args.json:
        show_json(
            {
                "models": [{"name": e.name, "path": str(e.path), "source": e.source} for e in added],
                "refused": [{"path": str(item.path), "reason": reason} for item, reason in refused],
            }
        )
        return ExitCode.ANSWERED
    _print(added, refused, path)
    return ExitCode.ANSWERED


def _found(path: Path | None) -> list[Found]:
    from assistant.catalog.elsewhere import Found, in_folder, search
    from assistant.catalog.installed import file_name

    if path is None:
        return list(search())
    if path.is_dir():
        return list(in_folder(path.resolve()))
    return [Found(path.absolute(), "", file_name(path))]


def _added(
    found: Iterable[Found], name: str | None, *, is_one: bool
) -> tuple[list[Installed], list[tuple[Found, str]]]:
    from assistant.catalog.choosing import adopt

    if not is_one:
        return adopt(found)
    from assistant.catalog import installed
    from assistant.catalog.gguf import inspect

    (item,) = found
    inspect(item.path)
    return [installed.add(item.path, _checked(name) if name else item.name, item.program)], []


def _checked(name: str) -> str:
    if (
        not name
        or any(c in name for c in "/\\ \t\n")
        or name.lower().endswith(".gguf")
        or not name.isprintable()
    ):
        raise UsageError(f'"{name}" is no name for a model.', "Use letters, digits, dots, colons and dashes.")
    return name


def _print(added: list[Installed], refused: list[tuple[Found, str]], path: Path | None) -> None:
    from assistant.download.meter import amount

    rows = [(entry.name, amount(entry.size_bytes), entry.source, str(entry.path)) for entry in added]
    if rows:
        for line in table(("MODEL", "SIZE", "FROM", "WHERE"), rows, right=(1,)):
            say(line)
        say()
        say("They stay where they are. Use one from now on with: mull models use NAME")
    else:
        where = str(path) if path else "LM Studio's, Ollama's, llama.cpp's and the hub's folders"
        say(f"No model that Mull can run is in {where}.")
    if refused:
        say(f"Left out, {len(refused)}:")
    for _, reason in refused:
        say(f"  {reason}")
