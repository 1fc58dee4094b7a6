"""Keys of the user's own: the table `keys` of the settings, checked."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from textual.keys import Keys

from .command import Owner
from .commands import COMMANDS, Command

_FOCUSED: tuple[Owner, ...] = ("prompt", "turn", "list")
_MODIFIERS = ("alt", "ctrl", "hyper", "meta", "shift", "super")
_NAMES = {key.value.rpartition("+")[2] for key in Keys if not key.value.startswith("<")}


def checked(keys: Mapping[str, str], taken: Iterable[str] = ()) -> tuple[dict[str, str], list[str]]:
    """A keymap for Textual of all that is right in `keys`, and a sentence on each thing that is wrong.

    Args:
        keys: binding ids with their keys, several separated by commas.
        taken: keys that edit text in the prompt, which only bindings of priority come before.
    """
    keymap: dict[str, str] = {}
    wrong: list[str] = []
    by_id = {command.id: command for command in COMMANDS}
    for name, text in keys.items():
        if name not in by_id:
            near = difflib.get_close_matches(name, by_id, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(by_id)}."
            wrong.append(f"keys.{name} in the settings names nothing: {hint}")
            continue
        wanted = [_normal(key) for key in text.split(",") if key.strip()]
        if problem := _problem(by_id[name], wanted, set(taken)):
            wrong.append(f"keys.{name} in the settings is ignored: {problem}")
        else:
            keymap[name] = ",".join(wanted)
    return _without_clashes(keymap, wrong), wrong


def _normal(key: str) -> str:
    *modifiers, name = key.strip().lower().split("+") if len(key.strip()) > 1 else [key.strip()]
    return "+".join([*sorted(modifiers), name])


def _problem(command: Command, keys: list[str], taken: set[str]) -> str:
    if not keys:
        return "it names no key."
    for key in keys:
        *modifiers, name = key.split("+")
        if not set(modifiers) <= set(_MODIFIERS) or not (name in _NAMES or len(name) == 1):
            return f'"{key}" is not a key; keys look like ctrl+g, f7 or alt+enter.'
        if len(name) == 1 and not set(modifiers) - {"shift"}:
            return f'"{key}" could not be typed any more; add ctrl or alt.'
        if key in taken and not command.has_priority and command.owner != "prompt":
            return f'"{key}" edits text in the prompt.'
    return ""


def _without_clashes(keymap: dict[str, str], wrong: list[str]) -> dict[str, str]:
    """`keymap` without what would give one key two meanings; each thing left out adds a sentence."""
    kept = dict(keymap)
    while True:
        owners: dict[tuple[str, str], str] = {}
        for command in sorted(COMMANDS, key=lambda command: command.id in kept):
            for key in kept.get(command.id, command.keys).split(","):
                others = {owners.get((key, place), command.id) for place in _meeting(command.owner)}
                if key and others != {command.id} and command.id in kept:
                    other = min(others - {command.id})
                    wrong.append(f'keys.{command.id} in the settings is ignored: "{key}" already is {other}.')
                    del kept[command.id]
                    break
                owners.setdefault((key, command.owner), command.id)
            else:
                continue
            break
        else:
            return kept


def _meeting(owner: Owner) -> tuple[Owner, ...]:
    """Whose keys count where those of `owner` do: of prompt, turns and list, one has the focus."""
    return ("app", "chat", owner) if owner in _FOCUSED else ("app", "chat", *_FOCUSED)
