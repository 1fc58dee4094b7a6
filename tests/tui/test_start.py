"""What first paint needs, proved in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest
from assistant.tui.taste import Taste

from assistant.config import Settings
from assistant.paths import config_file, is_anything_set


@pytest.mark.parametrize(
    "name",
    [
        "pydantic",
        "llama_cpp",
        "numpy",
        "jinja2",
        "markdown_it",
        "assistant.config",
        "assistant.events",
        "assistant.session",
        "tui",
    ],
)
def test_the_app_can_paint_without(name: str) -> None:
    script = f"import sys; from assistant.tui.app import MullApp; sys.exit({name!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_where_nothing_is_set_the_chat_starts_as_the_defaults_say() -> None:
    settings = Settings()
    assert Taste() == Taste(settings.theme, settings.keys)
    assert (settings.history, settings.offline) == ("on", False)


def test_whatever_may_set_something_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_anything_set()
    monkeypatch.setenv("MULL_THEME", "nord")
    assert is_anything_set()
    monkeypatch.delenv("MULL_THEME")
    config_file().parent.mkdir(parents=True)
    config_file().symlink_to("nowhere.toml")
    assert is_anything_set()
