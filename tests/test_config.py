"""Settings: where they come from, which one wins, and what a mistake is answered with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from assistant.config import Settings, load
from assistant.errors import ConfigError
from assistant.paths import config_file
from assistant.strategies import STRATEGIES


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file's path, in an environment without any setting; the file is not there yet."""
    for name in list(os.environ):
        if name.startswith("MULL_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MULL_HOME", str(tmp_path))
    path = config_file()
    path.parent.mkdir()
    return path


def error_of(flags: Mapping[str, object] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(flags)
    return str(caught.value)


def test_the_defaults() -> None:
    assert load() == Settings()
    assert load().model_dump() == {
        "model": None,
        "think": "auto",
        "effort": "auto",
        "strategy": "auto",
        "samples": 0,
        "certainty": 0.95,
        "time": 30.0,
        "system": None,
        "history": "on",
        "titles": "auto",
        "offline": False,
        "max_tokens": 1024,
        "n_ctx": 0,
        "n_batch": 0,
        "n_seq_max": 0,
        "kv_type": "auto",
        "n_threads": 0,
        "n_gpu_layers": -1,
        "temperature": None,
        "top_k": None,
        "top_p": None,
        "min_p": None,
        "repeat_penalty": None,
        "seed": None,
        "theme": None,
        "keys": {},
    }


def test_flags_win_over_the_environment_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("seed = 1\nn_ctx = 1000\nn_batch = 64\ntemperature = 1", encoding="utf-8")
    monkeypatch.setenv("MULL_SEED", "2")
    monkeypatch.setenv("MULL_N_CTX", "2000")
    settings = load({"seed": "3"})
    assert (settings.seed, settings.n_ctx, settings.n_batch) == (3, 2000, 64)
    assert settings.temperature == 1.0
    assert settings.max_tokens == 1024


def test_flags_may_be_values_as_well_as_text(tmp_path: Path) -> None:
    assert load({"model": tmp_path, "n_gpu_layers": -1, "think": 64}) == Settings(model=tmp_path, think=64)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().seed = 1


@pytest.mark.parametrize(
    ("text", "think"), [("auto", "auto"), ("OFF", "off"), ("0", "off"), ("512", 512), (" 8 ", 8)]
)
def test_think_takes_a_word_or_a_number_of_tokens(text: str, think: object) -> None:
    assert load({"think": text}).think == think


def test_think_is_a_number_or_a_text_in_the_file(file: Path) -> None:
    file.write_text("think = 300", encoding="utf-8")
    assert load().think == 300
    file.write_text('think = "off"', encoding="utf-8")
    assert load().think == "off"


def test_an_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULL_SEED", "")
    assert load().seed is None


def test_variables_of_other_programs_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULL_OVER", "1")
    assert load() == Settings()


def test_a_relative_model_starts_from_the_file_that_names_it(file: Path) -> None:
    file.write_text('model = "mine.gguf"', encoding="utf-8")
    assert load().model == file.parent / "mine.gguf"
    assert load({"model": "mine.gguf"}).model == Path("mine.gguf")


def test_a_tilde_is_the_home_folder(file: Path) -> None:
    file.write_text('model = "~/mine.gguf"', encoding="utf-8")
    assert load().model == Path("~/mine.gguf").expanduser()


def test_a_byte_order_mark_is_no_mistake(file: Path) -> None:
    file.write_text("seed = 5", encoding="utf-8-sig")
    assert load().seed == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("n_ctx = 12", "n_ctx in {file} must be 0 or from 256 to 16777216, not 12."),
        ("n_ctx = true", "n_ctx in {file} must be a whole number, not true."),
        ('n_ctx = "512"', 'n_ctx in {file} must be a whole number, not "512".'),
        ("n_batch = 1.5", "n_batch in {file} must be a whole number, not 1.5."),
        ("n_batch = 31", "n_batch in {file} must be 0 or from 32 to 65536, not 31."),
        ("n_seq_max = 65", "n_seq_max in {file} must be at most 64, not 65."),
        ("max_tokens = 0", "max_tokens in {file} must be at least 1, not 0."),
        ("temperature = nan", "temperature in {file} must be a number, not NaN."),
        ('temperature = "hot"', 'temperature in {file} must be a number, not "hot".'),
        ("repeat_penalty = 0", "repeat_penalty in {file} must be more than 0.0, not 0."),
        ("seed = 2147483648", "seed in {file} must be less than 2147483648, not 2147483648."),
        ("system = 3", "system in {file} must be a text in quotes, not 3."),
        ("model = 3", "model in {file} must be a path in quotes, not 3."),
        ('model = ""', 'model in {file} must name a file, not "".'),
        ("think = true", "think in {file} must be auto, off, or a number of tokens, not true."),
        ("think = -1", "think in {file} must be auto, off, or a number of tokens, not -1."),
        ('think = "lots"', 'think in {file} must be auto, off, or a number of tokens, not "lots".'),
    ],
)
def test_a_wrong_value_in_the_file(file: Path, content: str, message: str) -> None:
    file.write_text(content, encoding="utf-8")
    expected = message.format(file=file)
    assert error_of() == f"{expected} Correct the value, or delete the line to have the default."


@pytest.mark.parametrize(
    ("key", "meant"), [("temprature", "temperature"), ("n-ctx", "n_ctx"), ("Seed", "seed")]
)
def test_a_misspelt_key_is_asked_about(file: Path, key: str, meant: str) -> None:
    file.write_text(f"{key} = 1", encoding="utf-8")
    assert error_of() == f"{key} in {file} is not a setting. Did you mean {meant}?"


def test_an_unknown_key_is_answered_with_the_known_ones(file: Path) -> None:
    file.write_text("[engine]\nfast = true", encoding="utf-8")
    known = ", ".join(Settings.model_fields)
    assert error_of() == f"engine in {file} is not a setting. Known are {known}."


def test_a_file_that_is_no_toml(file: Path) -> None:
    file.write_text("seed = 1\nthink = auto", encoding="utf-8")
    assert error_of() == (
        f"The settings file {file} is not valid TOML: Invalid value (at line 2, column 9). "
        'Correct that line; texts need quotes, as in think = "auto".'
    )


def test_a_file_that_is_no_text(file: Path) -> None:
    file.write_bytes(b"# \xff")
    assert error_of() == f"The settings file {file} is not UTF-8 text (byte 2). Save it again as UTF-8."


def test_a_file_that_cannot_be_read(file: Path) -> None:
    file.mkdir()
    error = error_of()
    assert error.startswith(f"The settings file {file} cannot be read: ")
    assert error.endswith("Make it readable, or set MULL_CONFIG_FILE to another file.")


def test_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.toml"
    monkeypatch.setenv("MULL_CONFIG_FILE", str(other))
    assert error_of() == (
        f"MULL_CONFIG_FILE names {other}, which does not exist. Create the file, or unset the variable."
    )
    other.write_text("seed = 9", encoding="utf-8")
    assert load().seed == 9


def test_a_wrong_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULL_N_THREADS", "many")
    assert error_of() == (
        'MULL_N_THREADS must be a whole number, not "many". Set the variable to such a value, or unset it.'
    )


def test_a_misspelt_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULL_N_THREAD", "2")
    assert error_of() == (
        "The environment variable MULL_N_THREAD is not known. "
        "Did you mean MULL_N_THREADS? Rename the variable, or unset it."
    )


def test_a_wrong_flag() -> None:
    assert error_of({"max_tokens": "0"}) == (
        '--max-tokens must be at least 1, not "0". See "mull --help" for what each flag takes.'
    )


def test_a_long_value_is_not_repeated_in_full() -> None:
    assert len(error_of({"think": "word " * 1000})) < 200


def test_every_strategy_can_be_set() -> None:
    choices = get_args(Settings.model_fields["strategy"].annotation)
    assert set(choices) == {"auto", *STRATEGIES}


def test_an_effort_is_a_level_or_two() -> None:
    assert load({"effort": "Low..High"}).effort == "low..high"
    assert load({"effort": "high..high"}).effort == "high"
    assert 'effort must go from the least to the most, as in low..high, not "high..low".' in error_of(
        {"effort": "high..low"}
    )


def test_an_effort_chosen_later_wins_over_what_fixed_the_thinking() -> None:
    settings = load({"think": "64", "samples": "5", "strategy": "best_of_n", "time": "9"}).at_effort("high")
    assert settings == Settings(effort="high", time=9.0)
