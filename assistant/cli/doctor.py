"""Look at this machine and this installation, and say what needs mending.

What was found, what is used, what is missing, and the command that mends it. A few tokens are computed in
the process that answers are computed in. Nothing of yours is changed, and the network is not used.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from assistant.cli._exit_codes import ExitCode
from assistant.cli._flags import add_settings, typed
from assistant.terminal import visible

if TYPE_CHECKING:
    from assistant.diagnosis.facts import Facts
    from assistant.diagnosis.findings import Finding

_EXAMPLES = """\
examples:
  mull doctor                             look at everything, in about two seconds
  mull doctor --deep                      load the chosen model, too, however large
  mull doctor --json                      the same for a script or a bug report

It ends with status 4 if something needs mending, and 0 if nothing does."""

_COLOURS: Final = {"ok": "32", "note": "33", "mend": "31"}
_NAME: Final = 15
_MARK: Final = 6


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "--deep", dest="is_deep", action="store_true", help="Load the chosen model, however large it is."
    )
    parser.add_argument("--json", action="store_true", help="Print facts and findings as JSON.")
    add_settings(parser)
    parser.set_defaults(run=run)


def run(args: Namespace) -> ExitCode:
    """Look, and print what was found."""
    from assistant.diagnosis.findings import findings, worst
    from assistant.diagnosis.look import Wish, look

    facts = look(Wish(typed(args), args.is_deep))
    found = findings(facts)
    if args.json:
        from assistant.cli._models._words import show_json

        show_json(as_json(facts, found))
    else:
        _print(facts, found)
    return ExitCode.MENDING if worst(found) == "mend" else ExitCode.ANSWERED


def as_json(facts: Facts, found: tuple[Finding, ...]) -> dict[str, object]:
    """Facts and findings as values; a part that could not be looked at has only `why`."""
    return {
        "is_well": all(each.level != "mend" for each in found),
        "findings": [asdict(each) for each in found],
        **asdict(facts),
    }


def _print(facts: Facts, found: tuple[Finding, ...]) -> None:
    from assistant.diagnosis.findings import worst
    from assistant.diagnosis.words import lines

    before = ""
    for line in lines(facts):
        level = worst(found, line.part) if line.part != before else ""
        _say(_mark(level) + line.name.ljust(_NAME), line.text, _MARK + _NAME)
        before = line.part
    print()
    to_mend = [each for each in found if each.level == "mend"]
    notes = [each for each in found if each.level == "note"]
    if not to_mend:
        _say("", f"Nothing needs mending. Looked at in {facts.took_s:.1f} s.", 0)
    else:
        _say("", "To mend:", 0)
    for each in to_mend:
        _tell(each)
    if notes:
        print()
        _say("", "Worth knowing:", 0)
    for each in notes:
        _tell(each)


def _tell(finding: Finding) -> None:
    _say("  - ", finding.sentence, 4)
    if finding.next_step:
        # never broken: a command is there to be copied
        print(f"    {visible(finding.next_step)}")


def _mark(level: str) -> str:
    """The level in a column; coloured on a terminal, and a word in any case."""
    is_coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    text = level.ljust(_MARK)
    return f"\x1b[{_COLOURS[level]}m{text}\x1b[0m" if level and is_coloured else text


def _say(head: str, text: str, indent: int) -> None:
    """A text after its head, broken to the terminal's width and indented; off a terminal on one line."""
    text = visible(text)
    room = get_terminal_size().columns - 1 - indent
    parts = [text]
    if sys.stdout.isatty() and room > 20:
        parts = wrap(text, room, break_on_hyphens=False) or [""]
    print(f"{head}{parts[0]}".rstrip())
    for part in parts[1:]:
        print(f"{' ' * indent}{part}")
