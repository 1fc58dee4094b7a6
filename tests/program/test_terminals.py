"""Terminals of every kind: without colour, without a screen, with an old encoding, and no terminal at all."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.program.driving import ROOT
from tests.program.terminal import Program
from tests.program.test_chatting import PATIENT, SPEED

COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;\d+)*m")
"""A sequence that chooses a colour, of the text or of what is behind it."""


def test_no_color_emits_no_colour() -> None:
    with Program(*PATIENT, env={"NO_COLOR": "1"}) as mull:
        mull.wait("· ready")
        mull.ask("Write a Python function that adds two numbers.")
        mull.wait(SPEED, "· ready")
        mull.press("f1")
        mull.wait("stop; what is written stays")
        assert COLOUR.findall(mull.output) == []


def test_colour_is_there_otherwise() -> None:
    with Program(*PATIENT) as mull:
        mull.wait("· ready")
        assert COLOUR.findall(mull.output)


def test_a_dumb_terminal_gets_lines() -> None:
    with Program(*PATIENT, env={"TERM": "dumb"}) as mull:
        mull.wait("You:")
        mull.ask("hi")
        mull.wait("Hello!.* You:")
        mull.press("ctrl+d")
        assert mull.end() == 0
        assert b"\x1b[?1049h" not in mull.output


def test_plain_lines_in_a_terminal() -> None:
    with Program("--plain", *PATIENT) as mull:
        mull.wait("Mull, plain chat", "You:")
        mull.ask("347 * 28 + 19")
        mull.wait("9735", "sure.*You: $")
        mull.ask("/quit")
        assert mull.end() == 0
        assert b"\x1b[?1049h" not in mull.output
        assert COLOUR.findall(mull.output) == []


def test_the_locale_c_shows_every_character() -> None:
    with Program(*PATIENT, env={"LC_ALL": "C", "PYTHONUTF8": None}) as mull:
        mull.wait("· ready")
        mull.ask("Grüß Gott, 日本 ✓")
        mull.wait("Grüß Gott, 日本 ✓", SPEED, "· ready")
        mull.press("ctrl+q")
        assert mull.end() == 0


def test_the_locale_posix_without_utf_8_mode_does_not_crash() -> None:
    env = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with Program(*PATIENT, env=env) as mull:
        mull.wait("ready")
        mull.type("hi\r")
        mull.wait("Hello!", "ready")
        mull.press("ctrl+q")
        assert mull.end() == 0
        assert b"Traceback" not in mull.output


def test_no_terminal_is_told_in_a_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "assistant"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "The chat needs a terminal" in done.stderr
    assert "mull --plain" in done.stderr
