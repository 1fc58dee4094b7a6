"""The folders, with and without MULL_HOME."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assistant import paths

FOLDERS = [
    (paths.config_dir, "config"),
    (paths.state_dir, "state"),
    (paths.cache_dir, "cache"),
    (paths.data_dir, "data"),
    (paths.log_dir, "log"),
]


@pytest.mark.parametrize(("folder", "name"), FOLDERS)
def test_mull_home_holds_every_folder(
    folder: Callable[[], Path], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MULL_HOME", str(tmp_path / "home"))
    assert folder() == tmp_path / "home" / name
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(("folder", "name"), FOLDERS)
def test_without_mull_home_the_system_decides(
    folder: Callable[[], Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MULL_HOME", raising=False)
    assert folder().is_absolute()
    assert "mull" in folder().parts


def test_an_empty_mull_home_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MULL_HOME", raising=False)
    unset = paths.data_dir()
    monkeypatch.setenv("MULL_HOME", "")
    assert paths.data_dir() == unset


def test_the_starter_model_is_named_beside_its_family_files() -> None:
    path = paths.starter_model()
    assert path.is_absolute()
    assert path.name == "mull-starter-135m-q4_0.gguf"
    assert path.parent.is_dir()
