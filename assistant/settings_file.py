"""Changing one line of the settings file and nothing else in it."""

from __future__ import annotations

import json
import os
import re
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.config import variable
from assistant.errors import ConfigError
from assistant.files import write_whole
from assistant.paths import config_file


@dataclass(frozen=True, slots=True)
class Written:
    """What was changed."""

    path: Path
    """The settings file."""
    line: str
    """The line that is there now; "" if one was taken out."""
    before: str | None
    """The value that was there; None if there was none."""
    overruled_by: str
    """The environment variable that wins over the file now; "" if none is set."""


def write_setting(name: str, value: str | None) -> Written:
    """Set a setting in the settings file, or take it out of there.

    Comments and everything else stay as they are. The file is written whole or not at all, and only if it
    then says what it should.

    Args:
        name: the setting.
        value: its text; None takes the line out.

    Raises:
        ConfigError: the file cannot be read or written, or is written in a way that cannot be changed safely.
    """
    path = config_file()
    text = _read(path)
    before = _parsed(text, path)
    line = "" if value is None else f"{name} = {json.dumps(value, ensure_ascii=False)}"
    changed = _replaced(text, name, line)
    wanted = {key: v for key, v in before.items() if key != name}
    if value is not None:
        wanted[name] = value
    if not _says(changed, wanted):
        raise ConfigError(
            f"The settings file {path} has {name} in a form that Mull does not change by itself.",
            f"Write there yourself: {line}" if line else f"Take {name} out of it yourself.",
        )
    if changed != text:
        _write(path, changed)
    old = before.get(name)
    overruled_by = variable(name) if os.environ.get(variable(name)) else ""
    return Written(path, line, None if old is None else str(old), overruled_by)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigError(
            f"The settings file {path} cannot be read: {error.strerror or error}.", "Make it readable."
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"The settings file {path} is not UTF-8 text.", "Save it again as UTF-8.") from None


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"The settings file {path} is not valid TOML: {error}.", "Correct that line first."
        ) from None


def _says(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def _replaced(text: str, name: str, line: str) -> str:
    """The text with the line of a setting replaced; a new one goes before the first table, or to the end."""
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    at = next((i for i, old in enumerate(lines) if re.match(rf"\s*{name}\s*=", old)), None)
    if at is not None:
        lines[at : at + 1] = [line + end] if line else []
        return "".join(lines)
    if not line:
        return text
    at = next((i for i, old in enumerate(lines) if re.match(r"\s*\[", old)), len(lines))
    if at and not lines[at - 1].endswith(("\n", "\r")):
        lines[at - 1] += end
    lines.insert(at, line + end)
    return "".join(lines)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode if path.exists() else None
        write_whole(path.resolve(), text.encode("utf-8"))
        if mode is not None:
            with suppress(OSError):
                path.chmod(mode & 0o777)
    except OSError as error:
        raise ConfigError(
            f"The settings file {path} cannot be written: {error.strerror or error}.",
            "Make its folder writable, or set MULL_CONFIG_FILE to another file.",
        ) from None
