"""The program as the shell sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assistant import __version__, cli
from assistant.cli import config as config_command
from assistant.cli._flags import settings
from assistant.config import Settings, load

ROOT = Path(__file__).resolve().parents[2]


def mull(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `mull` with pipes for its streams."""
    return subprocess.run(
        [sys.executable, "-m", "assistant", *arguments],
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80", **environment},
        check=False,
    )


def test_the_version() -> None:
    done = mull("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"mull {__version__}\n", "")


@pytest.mark.parametrize("arguments", [("--help",), ("ask", "--help"), ("config", "-h")])
def test_help_fits_a_terminal_and_shows_every_setting(arguments: tuple[str, ...]) -> None:
    done = mull(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) < 80
    assert all(f"  {setting.flag} " in done.stdout for setting in settings())


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_nothing_heavy_is_loaded_for_a_short_answer(argument: str) -> None:
    program = (
        "import sys; from assistant.cli import main; main([sys.argv[1]]); "
        "heavy = {'pydantic', 'numpy', 'textual', 'llama_cpp', 'jinja2'}; "
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, argument], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stderr == "[]\n"


def test_the_chat_needs_a_terminal() -> None:
    done = mull()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "mull: The chat needs a terminal, and this is not one.\n"
        '      To ask one question, write: mull ask "question". Plain lines do anywhere: mull --plain\n'
    )


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pty")
def test_the_chat_is_not_drawn_into_a_file(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    file = tmp_path / "errors"
    with file.open("wb") as errors:
        done = subprocess.run(
            [sys.executable, "-m", "assistant"],
            stdin=theirs,
            stdout=theirs,
            stderr=errors,
            cwd=ROOT,
            timeout=60,
            check=False,
        )
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2
    assert file.read_text(encoding="utf-8") == (
        "mull: The chat is drawn on standard error, and that does not go to the terminal.\n"
        "      Start mull without 2>, or chat in plain lines: mull --plain\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message", "next_step"),
    [
        (
            ["What is 6 * 7?"],
            '"What is 6 * 7?" is not a command of mull.',
            'To ask it, write: mull ask "What is 6 * 7?"',
        ),
        (["aks", "hello"], '"aks" is not a command of mull.', "Did you mean mull ask?"),
        (["--fast"], "Unrecognized arguments: --fast.", 'See "mull --help".'),
        (["ask", "--seed"], "Argument --seed: expected one argument.", 'See "mull ask --help".'),
        (["ask", "--max", "3", "hi"], "Unrecognized arguments: --max.", 'See "mull --help".'),
        (["ask"], "There is no question.", 'Write one: mull ask "question", or send one down a pipe.'),
        (
            ["ask", "--file", "no-such-file", "hi"],
            "There is no file no-such-file.",
            "Check its name.",
        ),
        (
            ["ask", "--max-tokens", "0", "hi"],
            '--max-tokens must be at least 1, not "0".',
            'See "mull --help" for what each flag takes.',
        ),
        (
            ["--think", "lots", "ask", "hi"],
            '--think must be auto, off, or a number of tokens, not "lots".',
            'See "mull --help" for what each flag takes.',
        ),
    ],
)
def test_wrong_usage(
    arguments: list[str], message: str, next_step: str, capfd: pytest.CaptureFixture[str], own_stdin: None
) -> None:
    assert cli.main(arguments) == 2
    assert tuple(capfd.readouterr()) == ("", f"mull: {message}\n      {next_step}\n")


@pytest.fixture
def own_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)


def test_a_wrong_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("temprature = 1", encoding="utf-8")
    done = mull("ask", "hi", MULL_CONFIG_FILE=str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (f"mull: temprature in {file} is not a setting.\n      Did you mean temperature?\n")


def test_a_wrong_settings_file_in_json(tmp_path: Path) -> None:
    done = mull("ask", "--json", "hi", MULL_CONFIG_FILE=str(tmp_path / "none.toml"))
    assert (done.returncode, done.stderr) == (2, "")
    assert json.loads(done.stdout) == {
        "event": "error",
        "message": f"MULL_CONFIG_FILE names {tmp_path / 'none.toml'}, which does not exist.",
        "next_step": "Create the file, or unset the variable.",
        "exit_code": 2,
    }


def test_a_model_file_that_is_not_there(tmp_path: Path) -> None:
    done = mull("ask", "--model", str(tmp_path / "none.gguf"), "hi")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("mull: ")
    assert "none.gguf" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is another error there")
@pytest.mark.parametrize("arguments", [["config", "page"], ["--help"], ["--version"]])
def test_a_reader_that_has_enough_is_no_error(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "assistant", *arguments],
        stdout=writer,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_flags_are_those_of_the_settings() -> None:
    assert [setting.name for setting in settings()] == list(Settings.model_fields)
    for setting in settings():
        assert setting.sentence.endswith("."), setting.name
        assert setting.default == Settings.model_fields[setting.name].default
        assert setting.takes, setting.name


def test_the_settings_page_is_current() -> None:
    current = (ROOT / "docs" / "SETTINGS.md").read_text(encoding="utf-8")
    assert current == config_command.page(), "run: mull config page > docs/SETTINGS.md"


def test_the_template_sets_nothing_until_it_is_uncommented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    monkeypatch.setenv("MULL_CONFIG_FILE", str(file))
    file.write_text(config_command.template(), encoding="utf-8")
    assert load().model_fields_set == set()
    lines = config_command.template().splitlines()
    file.write_text("\n".join(line.removeprefix("#") if line[1:2] != " " else line for line in lines))
    assert load() == Settings()
    assert load().model_fields_set == {setting.name for setting in settings() if setting.default is not None}


def test_config_path_and_show(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("seed = 7", encoding="utf-8")
    assert mull("config", "path", MULL_CONFIG_FILE=str(file)).stdout == f"{file}\n"
    shown = mull("config", "show", "--system", 'Be "brief".', MULL_CONFIG_FILE=str(file)).stdout.splitlines()
    assert "seed = 7" in shown
    assert 'system = "Be \\"brief\\"."' in shown
    assert "# model =" in shown
