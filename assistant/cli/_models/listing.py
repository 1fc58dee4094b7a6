"""List the models that are on this machine."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assistant.cli._exit_codes import ExitCode
from assistant.cli._models._words import parameters, say, show_json, table, thousands

if TYPE_CHECKING:
    from assistant.catalog.gguf import GGUFInfo
    from assistant.catalog.installed import Installed


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--json", action="store_true", help="Print the list as JSON.")


@dataclass(frozen=True, slots=True)
class _Row:
    entry: Installed
    info: GGUFInfo | None
    family: str
    problem: str
    is_used: bool


def run(args: Namespace) -> ExitCode:
    """Print the list."""
    from assistant.catalog.installed import interrupted
    from assistant.download.meter import amount

    rows = _rows()
    if args.json:
        parts = [_part_as_json(entry) for entry in interrupted()]
        show_json([*(_as_json(row) for row in rows), *parts])
        return ExitCode.ANSWERED
    lines = [_cells(row) for row in rows]
    for line in table(
        ("", "MODEL", "SIZE", "", "WEIGHTS", "CONTEXT", "FAMILY", "FROM"), lines, right=(2, 4, 5)
    ):
        say(line)
    for entry in interrupted():
        say()
        say(f"Interrupted: {entry.name}, {amount(_part_bytes(entry))} are here. Go on with: {_go_on(entry)}")
        say(f"Give it up with: mull models remove {entry.name}")
    if len(rows) == 1:
        say()
        say('See what suits this machine with "mull models recommend", and what other programs')
        say('have with "mull models import".')
    return ExitCode.ANSWERED


def _rows() -> list[_Row]:
    from assistant import paths
    from assistant.catalog import installed
    from assistant.config import load
    from assistant.errors import MullError

    try:
        used = load().model
    except MullError:  # a wrong setting must not hide what is here
        used = None
    starter = installed.Installed(installed.STARTER, paths.starter_model(), "comes with Mull")
    entries = [starter, *(entry for entry in installed.load() if entry.name != installed.STARTER)]
    return [_row(entry, is_used=_is_used(entry, used)) for entry in entries]


def _is_used(entry: Installed, used: Any) -> bool:
    from assistant.catalog import installed

    if used is None:
        return entry.name == installed.STARTER
    return str(used).lower() == entry.name.lower() or used == entry.path


def _row(entry: Installed, *, is_used: bool) -> _Row:
    from assistant.catalog.families import recognise
    from assistant.catalog.gguf import inspect
    from assistant.errors import ModelFileError

    try:
        info = inspect(entry.path)
    except ModelFileError as error:
        return _Row(entry, None, "", error.message, is_used)
    return _Row(entry, info, recognise(info).title, "", is_used)


def _cells(row: _Row) -> tuple[str, ...]:
    from assistant.download.meter import amount

    mark = "*" if row.is_used else ""
    if row.info is None:
        return (mark, row.entry.name, "-", "", "-", "-", row.problem, row.entry.source)
    info = row.info
    return (
        mark,
        row.entry.name,
        amount(info.size_bytes),
        info.quantisation,
        parameters(info.n_params),
        thousands(info.n_ctx_train) if info.n_ctx_train else "-",
        row.family,
        row.entry.source or str(row.entry.path),
    )


def _part_bytes(entry: Installed) -> int:
    """How much has come of an interrupted download."""
    from assistant.download.get import parts_of

    return sum(file.stat().st_size for file in parts_of(entry.path))


def _go_on(entry: Installed) -> str:
    return f"mull models get {entry.source}"


def _part_as_json(entry: Installed) -> dict[str, Any]:
    """A model that has come in part: what can be known of one that is not here whole."""
    problem = "Its download was interrupted."
    row = _as_json(_Row(entry, None, "", problem, is_used=False))
    return {**row, "is_whole": False, "part_bytes": _part_bytes(entry), "go_on": _go_on(entry)}


def _as_json(row: _Row) -> dict[str, Any]:
    info = row.info
    return {
        "name": row.entry.name,
        "path": str(row.entry.path),
        "source": row.entry.source,
        "sha256": row.entry.sha256,
        "is_ours": row.entry.is_ours,
        "is_used": row.is_used,
        "problem": row.problem,
        "size_bytes": info.size_bytes if info else 0,
        "quantisation": info.quantisation if info else "",
        "n_params": info.n_params if info else 0,
        "n_ctx_train": info.n_ctx_train if info else 0,
        "architecture": info.architecture if info else "",
        "family": row.family,
        "is_whole": True,
        "part_bytes": 0,
        "go_on": "",
    }
