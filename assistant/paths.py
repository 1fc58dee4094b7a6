"""The folders that Mull uses, each in the place that the system keeps for it.

`MULL_HOME` puts all of them into one folder, for a portable installation. Nothing here creates a
folder: whoever writes a file does.
"""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import platformdirs

STARTER_MODEL = "mull-starter-135m-q4_0.gguf"


def _folder(kind: str, of_the_system: Path) -> Path:
    home = os.environ.get("MULL_HOME")
    return Path(home).expanduser() / kind if home else of_the_system


def config_dir() -> Path:
    """Where the settings file lies."""
    return _folder("config", platformdirs.user_config_path("mull", appauthor=False))


def config_file() -> Path:
    """The settings file: `MULL_CONFIG_FILE`, or config.toml in the settings folder; it may not exist."""
    named = os.environ.get("MULL_CONFIG_FILE")
    return Path(named).expanduser() if named else config_dir() / "config.toml"


def is_anything_set() -> bool:
    """Whether the settings file or the environment may hold a setting; else the defaults are in force."""
    return any(name.startswith("MULL_") and name != "MULL_HOME" for name in os.environ) or os.path.lexists(
        config_file()
    )


def state_dir() -> Path:
    """What Mull remembers from run to run and may lose without harm, such as measured speeds."""
    return _folder("state", platformdirs.user_state_path("mull", appauthor=False))


def cache_dir() -> Path:
    """What can be made again at any time."""
    return _folder("cache", platformdirs.user_cache_path("mull", appauthor=False))


def data_dir() -> Path:
    """What the user would miss: conversations and downloaded models."""
    return _folder("data", platformdirs.user_data_path("mull", appauthor=False))


def conversations() -> Path:
    """The database of conversations."""
    return data_dir() / "conversations.db"


def log_dir() -> Path:
    """Where logs are written."""
    return _folder("log", platformdirs.user_log_path("mull", appauthor=False))


def starter_model() -> Path:
    """The small model that comes with Mull, in a checkout as in an installation."""
    return Path(str(files("assistant.models") / "starter" / STARTER_MODEL))
