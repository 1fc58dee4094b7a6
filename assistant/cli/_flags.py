"""The settings as flags and as documentation, read from the text of `assistant.config`.

Importing that module would load pydantic, and `mull --help` should not wait for it. Its text has
everything: the fields' names, their defaults, and the sentences under them.
"""

from __future__ import annotations

import ast
from argparse import SUPPRESS, ArgumentParser, Namespace, _ArgumentGroup
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise

from assistant.errors import UsageError

_METAVARS = {
    "Path": "PATH",
    "int": "N",
    "float": "X",
    "str": "TEXT",
    "bool": "true|false",
    "dict": "NAME=KEYS",
}
_PREFIX = "setting."
_SWITCH = "true|false"


@dataclass(frozen=True, slots=True)
class Setting:
    """A field of `Settings`, as documentation."""

    name: str
    """The field's name, which is the key in the settings file."""
    sentence: str
    """What is written under the field."""
    takes: str
    """A short form of what it takes, such as auto|off|N."""
    default: str | int | float | bool | dict[str, str] | None
    """None where unset means something of its own, which the sentence tells."""

    @property
    def flag(self) -> str:
        """The flag on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def is_switch(self) -> bool:
        """Whether the flag takes no value."""
        return self.takes == _SWITCH

    @property
    def no_flag(self) -> str:
        """The flag that says the opposite, of a switch."""
        return "--no-" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"MULL_{self.name.upper()}"


@cache
def settings() -> tuple[Setting, ...]:
    """Every setting, in the order of its declaration."""
    module = ast.parse((files("assistant") / "config.py").read_text(encoding="utf-8"))
    body = next(
        node.body for node in module.body if isinstance(node, ast.ClassDef) and node.name == "Settings"
    )
    found = []
    for field, below in pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and field.value is not None
        ):
            sentence = (
                " ".join(str(ast.literal_eval(below.value)).split()) if isinstance(below, ast.Expr) else ""
            )
            default = ast.literal_eval(field.value)
            found.append(Setting(field.target.id, sentence, _takes(field.annotation), default))
    return tuple(found)


def _takes(annotation: ast.expr) -> str:
    words = []
    for node in ast.walk(annotation):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "dict":
            return _METAVARS["dict"]
        if isinstance(node, ast.Name) and node.id in _METAVARS:
            words.append(_METAVARS[node.id])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            words.append(node.value)
    # types end the list, whatever the depth at which the walk met them
    return "|".join(sorted(words, key=str.isupper))


_WIDEST = 40
"""Characters of what a flag takes, beyond which the help names the choices in words."""


def add_settings(parser: ArgumentParser, only: Collection[str] = ()) -> None:
    """Give `parser` a flag for each setting, or for some; what is not typed leaves no trace."""
    group = parser.add_argument_group("settings")
    for setting in settings():
        if only and setting.name not in only:
            continue
        if setting.is_switch:
            _add_switch(group, setting)
            continue
        default = "" if setting.default in (None, {}) else f" (default: {setting.default})"
        takes, choices = setting.takes, ""
        if len(takes) > _WIDEST:
            takes, choices = "NAME", f" One of {', '.join(setting.takes.split('|'))}."
        text = (setting.sentence + choices + default).replace("%", "%%")
        group.add_argument(
            setting.flag, dest=_PREFIX + setting.name, metavar=takes, default=SUPPRESS, help=text
        )


def _add_switch(group: _ArgumentGroup, setting: Setting) -> None:
    """A flag that needs no value, and its opposite for whoever has it in the settings file."""
    dest, default = _PREFIX + setting.name, f" (default: {str(setting.default).lower()})"
    sentence = (setting.sentence + default).replace("%", "%%")
    group.add_argument(
        setting.flag, dest=dest, action="store_const", const=True, default=SUPPRESS, help=sentence
    )
    group.add_argument(
        setting.no_flag, dest=dest, action="store_const", const=False, default=SUPPRESS, help=SUPPRESS
    )


def add_continuing(parser: ArgumentParser) -> None:
    """Give `parser` the flags that choose a conversation to go on with; `continuing` reads them."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "-c", "--continue", dest="is_continued", action="store_true", help="Go on with the last conversation."
    )
    which.add_argument(
        "--conversation", metavar="ID", help='Go on with this conversation; see "mull history list".'
    )


def is_continuing(args: Namespace) -> bool:
    """Whether a conversation is to be gone on with."""
    return bool(args.is_continued or args.conversation is not None)


def typed(args: Namespace) -> dict[str, object]:
    """The settings that were given as flags, by field name."""
    return {
        name.removeprefix(_PREFIX): value for name, value in vars(args).items() if name.startswith(_PREFIX)
    }


def number(text: str, flag: str, command: str, most: int = 1 << 31) -> int:
    """The number from 1 to `most` that a flag of a command was given.

    Raises:
        UsageError: it is none.
    """
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= most:
        return int(text)
    limit = f"from 1 to {most}" if most < 1 << 31 else "1 or more"
    raise UsageError(f'{flag} must be a number, {limit}, not "{text}".', f'See "mull {command} --help".')
