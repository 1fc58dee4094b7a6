"""What the user does with models that are here: use one from now on, remove one, take in others' models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from assistant.catalog import installed
from assistant.catalog.elsewhere import Found
from assistant.catalog.gguf import inspect
from assistant.catalog.installed import Installed
from assistant.config import load
from assistant.download.get import parts_of
from assistant.errors import ModelFileError, MullError
from assistant.settings_file import Written, write_setting


def use(model: str) -> tuple[Installed | None, Written]:
    """Write the setting `model`; what is used from now on, None for the starter model, and what was written.

    Args:
        model: a name of a model that is here, or the path of a GGUF file.

    Raises:
        ModelFileError: it cannot be run.
        ConfigError: the settings file cannot be changed.
    """
    path = Path(model).expanduser()
    if model.lower() == installed.STARTER and installed.find(model) is None:
        return None, write_setting("model", None)
    file = installed.resolve(path)
    inspect(file)  # a file that cannot be run is told now and not at the next start
    entry = installed.find(model) if installed.is_name(path) else None
    entry = entry or installed.add(file.absolute(), installed.file_name(file))
    return entry, write_setting("model", entry.name)


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of a model that was removed."""

    freed_bytes: int
    """0 where the file is not Mull's and stays."""
    written: Written | None
    """What was changed in the settings file, if the model was the one in use."""
    trouble: MullError | None = None
    """Why the settings file could not be brought to the starter model, if it could not."""


def remove(entry: Installed) -> Removed:
    """Delete what Mull has fetched; of others' files only the note is taken away.

    A settings file that names it is brought to the starter model, or Mull would not start.

    Raises:
        ModelFileError: a file cannot be deleted.
        UsageError: the list of models cannot be written.
    """
    freed = _delete(entry) if entry.is_ours else 0
    installed.forget(entry)
    try:
        used = load().model
        is_used = used is not None and (str(used).lower() == entry.name.lower() or used == entry.path)
        return Removed(freed, write_setting("model", None) if is_used else None)
    except MullError as error:
        return Removed(freed, None, error)


def _delete(entry: Installed) -> int:
    """Delete every file of a model and the folders that are empty then; bytes that became free."""
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


def adopt(found: Iterable[Found]) -> tuple[list[Installed], list[tuple[Found, str]]]:
    """Remember models of other programs where they lie; which were, and which cannot be run and why.

    Raises:
        UsageError: the list of models cannot be written.
    """
    added, refused = [], []
    for item in found:
        try:
            inspect(item.path)
        except ModelFileError as error:
            refused.append((item, error.message))
            continue
        added.append(installed.add(item.path, item.name, item.program))
    return added, refused
