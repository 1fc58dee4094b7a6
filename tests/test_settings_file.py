"""Changing one setting in the file: that one, and nothing else."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.config import load
from assistant.errors import ConfigError
from assistant.paths import config_file
from assistant.settings_file import _replaced, write_setting

FILE = """\
# Mine.
think = "off"  # quick

# model = "commented-out"
seed = 7
"""


@pytest.fixture
def file(own_home: Path) -> Path:
    path = config_file()
    path.parent.mkdir(parents=True)
    path.write_text(FILE, encoding="utf-8")
    return path


def test_a_line_is_added_and_the_rest_stays(file: Path) -> None:
    written = write_setting("model", "qwen3-4b")
    assert file.read_text(encoding="utf-8") == FILE + 'model = "qwen3-4b"\n'
    assert (written.path, written.line, written.before) == (file, 'model = "qwen3-4b"', None)
    assert load().model == Path("qwen3-4b")


def test_a_line_is_replaced_and_taken_out(file: Path) -> None:
    write_setting("model", "first")
    assert write_setting("model", 'sec"ond').before == "first"
    assert tomllib.loads(file.read_text(encoding="utf-8")) == {"think": "off", "seed": 7, "model": 'sec"ond'}
    assert write_setting("model", None).before == 'sec"ond'
    assert file.read_text(encoding="utf-8") == FILE


def test_a_file_is_made_where_there_is_none(own_home: Path) -> None:
    written = write_setting("model", "new")
    assert written.path.read_text(encoding="utf-8") == 'model = "new"\n'


def test_windows_line_ends_and_a_missing_last_one(file: Path) -> None:
    file.write_bytes(b'think = "off"\r\nseed = 7')
    write_setting("model", "m")
    assert file.read_bytes() == b'think = "off"\r\nseed = 7\r\nmodel = "m"\r\n'


def test_a_link_stays_a_link_and_its_mode_is_kept(file: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    file.rename(real)
    file.symlink_to(real)
    real.chmod(0o640)
    write_setting("model", "m")
    assert file.is_symlink()
    assert 'model = "m"' in real.read_text(encoding="utf-8")
    assert real.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("text", ['model = """\na"""\n', "seed = \n", 'a.model = "x"\nmodel = [\n"x"]\n'])
def test_what_cannot_be_changed_safely_is_left_alone(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        write_setting("model", "m")
    assert str(file) in caught.value.message
    assert caught.value.next_step
    assert file.read_text(encoding="utf-8") == text


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user whom permissions stop")
def test_a_folder_that_cannot_be_written(file: Path) -> None:
    file.parent.chmod(0o500)
    try:
        with pytest.raises(ConfigError, match="cannot be written"):
            write_setting("model", "m")
    finally:
        file.parent.chmod(0o700)


def test_the_environment_is_named_where_it_wins(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULL_MODEL", "other")
    assert write_setting("model", "m").overruled_by == "MULL_MODEL"


@given(
    st.lists(
        st.sampled_from(["# c\n", "\n", 'think = "off"\n', 'model = "old"\n', "seed = 7\n"]), unique=True
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20),
)
def test_only_the_setting_changes(lines: list[str], value: str) -> None:
    import json

    text = "".join(lines)
    changed = _replaced(text, "model", f"model = {json.dumps(value, ensure_ascii=False)}")
    assert tomllib.loads(changed) == {**tomllib.loads(text), "model": value}
    assert [line for line in changed.splitlines() if "model" not in line] == [
        line for line in text.splitlines() if "model" not in line
    ]
