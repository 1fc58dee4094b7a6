"""How the real program leaves the terminal, and what it keeps."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.program.terminal import Program
from tests.program.test_chatting import PATIENT, STORY

LEFT = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?1003l", b"\x1b[?2004l", b"\x1b[?1004l")
"""Alternate screen left, cursor shown; mouse, bracketed paste and focus no longer reported."""


def kept() -> str:
    """What the one conversation holds, as the command line prints it."""
    with Program("history", "list", "--json") as mull:
        assert mull.end() == 0
        (summary,) = (json.loads(line) for line in mull.output.splitlines())
    with Program("history", "show", summary["id"]) as mull:
        assert mull.end() == 0
        return mull.output.decode()


def assert_left(output: bytes) -> None:
    """That the program has given the terminal back as it was."""
    for sequence in LEFT:
        on = sequence.replace(b"l", b"h") if sequence.endswith(b"l") else sequence.replace(b"h", b"l")
        assert output.rfind(sequence) > output.rfind(on) >= 0, sequence
    after = output[output.rfind(b"\x1b[?1049l") :]
    assert b"Traceback" not in after


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_a_signal_leaves_a_sane_terminal_and_a_kept_answer(number: signal.Signals, status: int) -> None:
    with Program(*PATIENT) as mull:
        mull.wait("· ready")
        mull.ask(STORY)
        mull.wait("Once upon a time")
        mull.signal(number)
        assert mull.end() == status
        assert_left(mull.output)
    assert "Once upon a time" in kept()


@pytest.mark.parametrize("way", ["ctrl+q", "/quit"])
def test_quitting_in_the_middle_leaves_a_sane_terminal_and_a_kept_answer(way: str) -> None:
    with Program(*PATIENT) as mull:
        mull.wait("· ready")
        mull.ask(STORY)
        mull.wait("Once upon a time")
        if way == "/quit":
            mull.ask(way)
        else:
            mull.press(way)
        assert mull.end() == 0
        assert_left(mull.output)
    assert "Once upon a time" in kept()


@pytest.mark.parametrize("is_told", [True, False])
def test_a_window_that_is_closed_ends_the_program_and_keeps_the_answer(is_told: bool) -> None:
    with Program(*PATIENT, is_controlling=is_told) as mull:
        mull.wait("· ready")
        mull.ask(STORY)
        mull.wait("Once upon a time")
        mull.hang_up()
        assert mull.end() == 129
        assert mull.has_no_model()
    assert "Once upon a time" in kept()


def test_what_could_not_be_kept_is_told_once_the_screen_is_gone(own_home: Path) -> None:
    (own_home / ".local" / "share").rmdir()
    (own_home / ".local" / "share").write_text("a file where the folder of conversations should be")
    with Program(*PATIENT) as mull:
        mull.wait("· ready")
        mull.ask("hi")
        mull.wait("Hello!", "The chat goes on", "· ready")
        mull.press("ctrl+q")
        assert mull.end() == 0
        told = mull.output[mull.output.rfind(b"\x1b[?1049l") :].decode()
        assert "mull: One question and its answer are not kept" in told
        assert "The folder of conversations cannot be used" in told
