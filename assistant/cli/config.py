"""Show the settings, and where they are kept."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from textwrap import fill

from assistant.cli._exit_codes import ExitCode
from assistant.cli._flags import Setting, add_settings, settings, typed

_EXAMPLES = """\
examples:
  mull config path                        where the settings file is
  mull config show                        the settings in force
  mull config template                    a settings file to start from
  mull config keys                        the names that the setting keys takes"""

_PAGE = """\
# Settings

Every setting can stand in the settings file, in an environment variable, or on the command line. A flag wins
over a variable, a variable over the file, and the file over the default.

`mull config path` says where the settings file is, `mull config template` prints one to start from, and
`mull config show` prints the settings in force. `MULL_CONFIG_FILE` names another settings file, and
`MULL_HOME` a folder for everything that Mull keeps.
"""


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = _EXAMPLES
    parser.usage = "mull config [settings] path|show|template|keys|page"
    parser.add_argument(
        "what",
        choices=("path", "show", "template", "keys", "page"),
        help="Where the settings file is; the settings in force; a settings file to start from; "
        "the keys of the chat; or what is known of every setting.",
    )
    add_settings(parser)
    parser.set_defaults(run=run)


def run(args: Namespace) -> ExitCode:
    """Print what was asked for."""
    match args.what:
        case "path":
            from assistant.paths import config_file

            print(config_file())
        case "show":
            from assistant.config import load

            for name, value in load(typed(args)).model_dump(mode="json").items():
                print(_toml(name, value))
        case "template":
            print(template(), end="")
        case "keys":
            print(keys(), end="")
        case "page":
            print(page(), end="")
    return ExitCode.ANSWERED


def template() -> str:
    """A settings file that sets nothing and explains everything."""
    parts = ["# Mull's settings. Remove the # before a line to set it.\n"]
    for setting in settings():
        sentence = fill(setting.sentence, 80, initial_indent="# ", subsequent_indent="# ")
        parts.append(f"{sentence}\n{_toml(setting.name, setting.default, '#')}\n")
    return "\n".join(parts)


def keys() -> str:
    """What the setting `keys` takes: each name, its keys, and what it does."""
    from assistant.tui.commands import COMMANDS

    width = max(len(command.id) for command in COMMANDS) + 1
    lines = ["# Names for the setting keys, with the keys that they have by default.\n", "[keys]\n"]
    for command in COMMANDS:
        lines.append(f"#{command.id:{width}}= {json.dumps(command.keys):32} # {command.sentence}\n")
    return "".join(lines)


def page() -> str:
    """The documentation's page of settings, docs/SETTINGS.md."""
    return "\n".join([_PAGE, *map(_section, settings())])


def _section(setting: Setting) -> str:
    default = "" if setting.default in (None, {}) else f" · default `{_written(setting.default)}`"
    flag = f"`{setting.flag}` {setting.takes.replace('|', ' | ')}"
    if setting.is_switch:
        flag = f"`{setting.flag}`, `{setting.no_flag}`"
    return f"## `{setting.name}`\n\n{setting.sentence}\n\n{flag} · `{setting.variable}`{default}\n"


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _toml(name: str, value: object, comment: str = "") -> str:
    # JSON writes every value of ours but tables as TOML reads it; TOML has no word for unset
    if value is None:
        return f"# {name} ="
    if isinstance(value, dict):
        pairs = ", ".join(_toml(json.dumps(key), each) for key, each in value.items())
        return f"{comment}{name} = {{{pairs}}}"
    return f"{comment}{name} = {json.dumps(value, ensure_ascii=False)}"
