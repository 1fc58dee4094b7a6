"""Which clipboard is filled, and what is said of it."""

from __future__ import annotations

import base64
import sys

import pytest

from assistant.clipboard import SAFE_BYTES, commands, copy, osc52, run


def everywhere(name: str) -> str:
    return name


@pytest.mark.parametrize(
    ("environment", "platform", "names"),
    [
        ({"WAYLAND_DISPLAY": "w", "DISPLAY": ":0"}, "linux", ["wl-copy", "xclip", "xsel"]),
        ({"DISPLAY": ":0"}, "linux", ["xclip", "xsel"]),
        ({}, "linux", []),
        ({}, "darwin", ["pbcopy"]),
        ({}, "win32", ["clip"]),
        ({"WSL_DISTRO_NAME": "x"}, "linux", ["clip.exe"]),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "a"}, "linux", []),
        ({"SSH_TTY": "a"}, "darwin", []),
        ({"TMUX": "t", "SSH_TTY": "a"}, "linux", ["tmux"]),
    ],
)
def test_what_is_tried(environment: dict[str, str], platform: str, names: list[str]) -> None:
    assert [command[0] for command in commands(environment, platform, everywhere)] == names


def test_what_is_not_installed_is_not_tried() -> None:
    assert commands({"DISPLAY": ":0"}, "linux", lambda name: name if name == "xsel" else None) == [
        ["xsel", "--clipboard", "--input"]
    ]


def test_the_escape_sequence_holds_the_text() -> None:
    sequence = osc52("Grüße\n\ud800")
    assert sequence.startswith("\x1b]52;c;")
    assert sequence.endswith("\a")
    assert base64.b64decode(sequence[7:-1]).decode() == "Grüße\n?"


def told(text: str, environment: dict[str, str], *works: bool) -> str:
    sent: list[str] = []
    outcomes = iter(works)
    to_run = [["wl-copy"], ["xclip"]][: len(works)]
    said = copy(text, sent.append, environment, to_run=to_run, run=lambda *_: next(outcomes))
    assert sent == [osc52(text)]
    return said


def test_the_command_that_worked_is_named() -> None:
    assert told("x", {}, True) == "with wl-copy"
    assert told("x", {}, False, True) == "with xclip"


def test_where_only_the_terminal_was_asked_nothing_is_promised() -> None:
    assert told("x", {}, False, False) == (
        "by asking the terminal (OSC 52), which does not say whether it obeyed"
    )
    assert "over SSH, OSC 52" in told("x", {"SSH_TTY": "t"})
    assert "may not take as much as 74 kB" in told("x" * (SAFE_BYTES + 1), {})


def test_a_command_gets_the_text_and_tells_whether_it_took_it() -> None:
    check = "import sys; sys.exit(sys.stdin.buffer.read() != b'text')"
    assert run([sys.executable, "-c", check], b"text")
    assert not run([sys.executable, "-c", check], b"other")
    assert not run(["no-such-command-anywhere"], b"text")
