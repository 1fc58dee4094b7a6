"""`mull ask`: the question, how it ends, and Ctrl-C."""

from __future__ import annotations

import io
import signal
import threading
from pathlib import Path

import pytest

from assistant.attachments import read
from assistant.cli._exit_codes import ExitCode, exit_code
from assistant.cli._show import Plain
from assistant.cli.ask import ask, question, stops_at_interrupt
from assistant.control import Control
from assistant.errors import (
    ConfigError,
    ContextFull,
    EngineDied,
    EngineError,
    ModelError,
    ModelFileError,
    ModelLoadError,
    MullError,
    OutOfMemory,
    TemplateError,
    UsageError,
)
from assistant.events import AnswerDelta, Notice
from assistant.query import Query
from tests.cli.scripted import ScriptedSession, Terminal, answer


def asked(session: ScriptedSession, control: Control | None = None) -> tuple[ExitCode, str, str]:
    """How a question to `session` ends, and what the two streams got."""
    out, err = io.StringIO(), io.StringIO()
    code = ask(session, Query("6 * 7?"), Plain(out, err), control or Control())
    return code, out.getvalue(), err.getvalue()


def pipe(content: bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(content))


def test_an_answer_is_printed() -> None:
    session = ScriptedSession(AnswerDelta(text="42", tokens=1), answer("42"))
    assert asked(session) == (ExitCode.ANSWERED, "42\n", "")
    assert session.queries == [Query("6 * 7?")]


def test_the_note_about_the_model_is_said_once() -> None:
    note = "starter model, 135M: for a try-out"
    session = ScriptedSession(Notice(text=note), answer("42"), model_note=note)
    assert asked(session) == (ExitCode.ANSWERED, "42\n", f"{note}\n")


def test_an_empty_answer_is_none() -> None:
    code, out, err = asked(ScriptedSession(answer("  ")))
    assert (code, out.strip()) == (ExitCode.NO_ANSWER, "")
    assert err == "The model gave no answer. Ask in other words, or with another --seed.\n"


def test_a_run_that_was_stopped_prints_what_there_is() -> None:
    session = ScriptedSession(AnswerDelta(text="It is", tokens=2), answer("It is", finish_reason="stopped"))
    assert asked(session) == (ExitCode.INTERRUPTED, "It is\n", "Stopped.\n")


def test_a_stop_that_comes_too_late_changes_nothing() -> None:
    control = Control()
    session = ScriptedSession(AnswerDelta(text="42", tokens=1), answer("42"), control.stop)
    assert asked(session, control)[0] == ExitCode.ANSWERED


def test_a_stop_before_there_is_any_answer() -> None:
    control = Control()
    assert asked(ScriptedSession(control.stop), control) == (ExitCode.INTERRUPTED, "", "")


def test_ctrl_c_stops_the_run_and_a_second_one_quits() -> None:
    control = Control()
    stopped = threading.Event()
    control.on_stop(stopped.set)
    with stops_at_interrupt(control):
        signal.raise_signal(signal.SIGINT)
        assert stopped.wait(30)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_is_as_before_after_the_run() -> None:
    before = signal.getsignal(signal.SIGINT)
    control = Control()
    with stops_at_interrupt(control):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
    assert not control.is_stopped


def test_the_words_of_the_command_line_are_the_question() -> None:
    assert question(["what", "is", "6 * 7?"], Terminal()) == "what is 6 * 7?"
    assert question(["hello"], None) == "hello"


def test_what_comes_down_a_pipe_follows_the_question_or_is_it() -> None:
    assert question(["Explain"], pipe(b"a = 1\r\nb = 2\n")) == "Explain\n\na = 1\nb = 2"
    assert question([], pipe(b"\xef\xbb\xbfWhat is 6 * 7?\n")) == "What is 6 * 7?"
    assert question(["6 * 7?"], pipe(b"")) == "6 * 7?"


@pytest.mark.parametrize("stdin", [Terminal(), None, pipe(b" \n")])
def test_no_question_is_a_mistake(stdin: io.StringIO | None) -> None:
    with pytest.raises(UsageError) as caught:
        question(["  "], stdin)
    assert str(caught.value) == (
        'There is no question. Write one: mull ask "question", or send one down a pipe.'
    )


def test_a_pipe_that_is_not_text() -> None:
    with pytest.raises(UsageError) as caught:
        question(["Explain"], pipe(b"\x89PNG"))
    assert str(caught.value) == (
        "Standard input is an image, and Mull's models cannot see. Say in words what it shows."
    )


def test_a_file_goes_with_the_question(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes("\ufeffGrüße\r\n".encode())
    assert read(path).name == "notes.txt"
    assert read(path).text == "Grüße\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xd8", "is not UTF-8 text (byte 0). Save it as UTF-8; images and programs do not go."),
        (b"\x89PNG\r\n\x1a\n", "is an image, and Mull's models cannot see. Say in words what it shows."),
        (b"GGUF\0\0", "is not text: it has zero bytes. Only text can be read."),
    ],
)
def test_a_file_that_is_not_text(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "picture"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read(path)
    assert str(caught.value) == f"{path} {message}"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path / "notes.txt")
    assert str(caught.value) == f"There is no file {tmp_path / 'notes.txt'}. Check its name."


def test_a_file_that_no_model_could_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.truncate((16 << 20) + 1)
    with pytest.raises(UsageError) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path} has more than 16 MiB. No model reads as much; give the part that matters."
    )


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is a folder|cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError, 2),
        (ConfigError, 2),
        (ModelError, 3),
        (ModelFileError, 3),
        (TemplateError, 3),
        (ModelLoadError, 3),
        (EngineError, 3),
        (EngineDied, 3),
        (OutOfMemory, 3),
        (ContextFull, 1),
        (MullError, 1),
    ],
)
def test_every_error_has_an_exit_status(error: type[MullError], code: int) -> None:
    assert exit_code(error("x")) == code
