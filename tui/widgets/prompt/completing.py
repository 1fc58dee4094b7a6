"""What could be completed at the cursor, and with what: slash commands, their choices, paths after an @."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Literal

from ...commands import COMMANDS, Command

Kind = Literal["command", "choice", "path"]

MOST_SHOWN = 50
"""So many paths are offered."""

_WORD = re.compile(r"/([a-zA-Z_-]*)")
_CHOICE = re.compile(r"/([a-zA-Z_-]+)[ \t]+(\S*)")
_PATH = re.compile(r"""(?:^|(?<=[\s(\[{"'“‘]))@(?:"([^"\n]*)|([^\s"]*))$""")


@dataclass(frozen=True, slots=True)
class Completing:
    """What stands before the cursor and waits for its rest."""

    kind: Kind
    typed: str
    """What of it is typed, without its mark."""
    start: int
    """Where it begins in the line, in characters; all from there to the cursor is replaced."""
    word: str = ""
    """The command that a choice belongs to."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing that the text could become."""

    text: str
    """What is put in."""
    label: str
    """What the list shows."""
    sentence: str = ""
    """What it is."""
    is_final: bool = False
    """Whether nothing has to follow, so that Enter may send."""


def completing(line: str, *, is_first_line: bool) -> Completing | None:
    """What the end of `line`, the text before the cursor, asks for; None if nothing."""
    if is_first_line and (found := _WORD.fullmatch(line)):
        return Completing("command", found[1].lower(), 0)
    if is_first_line and (found := _CHOICE.fullmatch(line)):
        return Completing("choice", found[2].lower(), found.start(2), found[1].lower())
    if found := _PATH.search(line):
        return Completing("path", found[2] if found[1] is None else found[1], found.start())
    return None


def commands_for(
    what: Completing, themes: Sequence[str], is_available: Callable[[Command], bool]
) -> list[Candidate]:
    """The commands that can be had, or the choices of one, that begin or contain what is typed."""
    if what.kind == "command":
        words = [(c.word, c) for c in COMMANDS if c.word and is_available(c)]
        return [
            Candidate(
                f"/{word}" + (" " if command.choices or command.argument else ""),
                f"/{word}",
                command.sentence,
                is_final=not command.argument,
            )
            for word, command in sorted(words, key=lambda pair: not pair[0].startswith(what.typed))
            if what.typed in word
        ]
    command = next((c for c in COMMANDS if c.word == what.word), None)
    choices = themes if what.word == "theme" else command.choices if command else ()
    fitting = [choice for choice in choices if what.typed in choice]
    fitting.sort(key=lambda choice: not choice.startswith(what.typed))
    return [Candidate(choice, choice, is_final=True) for choice in fitting]


def paths_for(what: Completing, paths: Sequence[str], limit: int = MOST_SHOWN) -> list[Candidate]:
    """The paths that fit what is typed, the likeliest first."""
    found = []
    for path in ranked(what.typed, paths, limit):
        quoted = f'@"{path}"' if " " in path else f"@{path}"
        # a folder is not done: its quotes stay open for what is in it
        text = quoted.rstrip('"') if path.endswith("/") else f"{quoted} "
        found.append(Candidate(text, path))
    return found


def ranked(typed: str, paths: Sequence[str], limit: int) -> list[str]:
    """The paths that contain the characters of `typed` in order, those that do it best first."""
    if not typed:
        return nsmallest(limit, paths, key=lambda path: (path.count("/"), path))
    wanted = typed.lower()
    pattern = re.compile(".*?".join(map(re.escape, wanted)), re.DOTALL)
    scored = []
    for path in paths:
        low = path.lower()
        if found := pattern.search(low):
            name_at = low.rstrip("/").rfind("/") + 1
            scored.append((_distance(wanted, low, name_at, found.end() - found.start()), len(path), path))
    return [path for *_, path in nsmallest(limit, scored)]


def _distance(wanted: str, path: str, name_at: int, n_spanned: int) -> int:
    """How far `path` is from what was meant; 0 is the name itself."""
    name = path[name_at:]
    if name == wanted or path == wanted:
        return 0
    if name.startswith(wanted):
        return 1
    if wanted in name:
        return 2
    if path.startswith(wanted):
        return 3
    if wanted in path:
        return 4
    return 5 + n_spanned - len(wanted)
