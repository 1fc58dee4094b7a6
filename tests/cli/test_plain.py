"""The plain chat: lines in, lines out."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assistant.cli import _plain
from assistant.cli._plain import PlainChat
from assistant.cli._spoken import Spoken
from assistant.config import Settings
from assistant.control import Control
from assistant.errors import EngineDied
from assistant.events import (
    AnswerDelta,
    Event,
    Notice,
    Planned,
    Prefill,
    Retracted,
    SampleNews,
    Tally,
    ThinkingDelta,
    ThinkingDone,
    VoteShare,
)
from assistant.query import Message, Query
from assistant.store.journal import Journal
from tests.cli.scripted import Terminal, answer

Step = Event | Exception | Callable[[], None]


class Session:
    """Plays a script a run."""

    model_name = "Scripted"
    model_note = "for a try-out"

    def __init__(self, *runs: list[Step]) -> None:
        self.queries: list[Query] = []
        self.measured: list[tuple[Message, ...]] = []
        self.is_measuring = threading.Event()
        self.efforts: list[str | None] = []
        self._runs = list(runs)

    def measure(self, control: Control, history: tuple[Message, ...] = ()) -> None:
        """Measures until it is stopped."""
        stopped = threading.Event()
        control.on_stop(stopped.set)
        self.measured.append(history)
        self.is_measuring.set()
        assert stopped.wait(60)

    def run(
        self, query: Query, control: Control | None = None, *, settings: Settings | None = None
    ) -> Iterator[Event]:
        self.queries.append(query)
        self.efforts.append(settings.effort if settings else None)
        for step in self._runs.pop(0):
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Event):
                yield step
            else:
                step()


def planned(reason: str = "At once.", n_samples: int = 1) -> Planned:
    return Planned(strategy="direct", reason=reason, thinking_budget=0, n_samples=n_samples, max_tokens=100)


def text(words: str, sample: int = 0) -> AnswerDelta:
    return AnswerDelta(text=words, sample=sample, tokens=1)


def thinking(words: str) -> ThinkingDelta:
    return ThinkingDelta(text=words, tokens=5, budget=9, seconds=1.0)


def chat(session: Session, *lines: str | type[BaseException], out: io.StringIO | None = None) -> str:
    """What the chat says to these lines; an exception stands for a key."""
    out = out or io.StringIO()
    typed = iter([*lines, EOFError])

    def read(prompt: str) -> str:
        out.write(prompt)
        line = next(typed)
        if not isinstance(line, str):
            raise line
        out.write(line + "\n")
        return line

    assert PlainChat(session, Settings(), Journal(is_kept=False), out, read).run() == 0
    return out.getvalue().partition("ends the chat.\n")[2]


def test_the_speed_is_measured_while_the_user_thinks(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a line that is written ends it, before the line is answered."""
    monkeypatch.setattr(_plain, "IDLE_S", 0.0)
    session = Session([text("Hello."), answer("Hello.")])
    lines = iter(["hi"])

    def read(prompt: str) -> str:
        assert session.is_measuring.wait(60)
        session.is_measuring.clear()
        if (line := next(lines, None)) is None:
            raise EOFError
        return line

    assert PlainChat(session, Settings(), Journal(is_kept=False), io.StringIO(), read).run() == 0
    assert [[message.content for message in history] for history in session.measured] == [
        [],
        ["hi", "Hello."],
    ]


def test_a_run_is_said_in_lines() -> None:
    run: list[Step] = [
        planned(),
        Prefill(done=0, total=2000, cached=0),
        Prefill(done=900, total=2000, cached=0),
        thinking("Let me see. "),
        thinking("Yes."),
        ThinkingDone(reason="budget", tokens=12, seconds=3.0),
        text("It is $x^2$"),
        text(", or \\boxed{4}."),
        answer("It is $x^2$, or \\boxed{4}."),
    ]
    assert chat(Session(run), "how?") == (
        "You: how?\n"
        "for a try-out\n"
        "Plan: At once.\n"
        "Reading 2,000 tokens.\n"
        "Thinking:\n"
        "Let me see. Yes.\n"
        "Thought for 12 tokens, 3 s, limit reached.\n"
        "Answer:\n"
        "It is x², or 4.\n"
        "3 tokens, 2.0 tokens/s, 1.5 s.\n"
        "You: \n"
    )


def test_of_a_vote_only_what_came_out_is_said() -> None:
    shares = (VoteShare(answer="96", samples=(0, 1), weight=2.0),)
    run: list[Step] = [
        planned("A vote.", n_samples=2),
        text("9", sample=0),
        text("7", sample=1),
        SampleNews(sample=1, state="done", tokens=9, answer="96"),
        Tally(shares=shares, n_done=2, n_samples=2, is_decided=True, certainty=1.0),
        answer("96", doubt="It may be wrong."),
    ]
    said = chat(Session(run), "how?")
    assert (
        "Sample 2 says 96.\nVote after 2 of 2: 96 (2), decided.\nAnswer:\n96\nIt may be wrong.\n3 tokens"
        in said
    )


def test_an_answer_taken_back_is_void() -> None:
    run: list[Step] = [planned(), text("Wrong"), Retracted(), text("Right"), answer("Right")]
    said = chat(Session(run), "how?")
    assert "Answer:\nWrong\nMull thinks again: the answer so far is void.\nAnswer:\nRight\n" in said


def test_a_notice_is_said_once_in_a_chat() -> None:
    session = Session([Notice(text="Slow."), answer("One")], [Notice(text="Slow."), answer("Two")])
    said = chat(session, "a", "b")
    assert said.count("Slow.") == 1
    assert said.count("for a try-out") == 1


def test_nothing_that_is_said_is_ever_taken_back_or_drawn() -> None:
    out = io.StringIO()
    show = Spoken(out)
    for event in (
        planned("\x1b[2J reason"),
        thinking("\r\x1b[1A"),
        text("\x1b]0;x\x07"),
        answer("\x1b]0;x\x07"),
    ):
        show.event(event)
    show.close()
    assert not {char for char in out.getvalue() if ord(char) < 32} - {"\n"}


def test_the_conversation_and_its_files_go_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("file text")
    session = Session([text("One"), answer("One")], [answer("Two")], [answer("Three")])
    said = chat(session, "see @a.txt \\", "and @b.txt", "second", "/new", "third")
    assert "There is no file b.txt: @b.txt goes as text." in said
    assert "With a.txt, 1 lines." in said
    first, second, third = session.queries
    assert first.text == "see @a.txt \nand @b.txt"
    assert first.attachments[0].text == "file text"
    assert second.history == (first.messages()[-1], Message("assistant", "One"))
    assert third.history == ()


def test_an_error_is_said_and_the_chat_goes_on() -> None:
    session = Session([text("Half"), EngineDied("It died.", "Ask again.")], [answer("Whole")])
    said = chat(session, "a", "b")
    assert "Half\nError: It died.\nAsk again.\n" in said
    assert "Whole" in said
    assert session.queries[1].history == (Message("user", "a"), Message("assistant", "Half"))


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal to itself")
def test_ctrl_c_stops_the_answer_and_not_the_chat() -> None:
    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    def twice() -> None:
        interrupt()
        interrupt()

    stopped = answer("Half", finish_reason="stopped")
    session = Session(
        [text("Half"), interrupt, stopped], [text("Or"), twice, answer("no")], [answer("Whole")]
    )
    said = chat(session, "a", "b", KeyboardInterrupt, "c")
    assert "Half\nStopped.\n" in said
    assert "Or\n" in said
    assert "\nStopped.\n" in said
    assert "Ctrl-D or /quit ends the chat." in said
    assert "Whole" in said


def test_effort_holds_from_then_on() -> None:
    session = Session([answer("One")], [answer("Two")])
    said = chat(session, "/effort", "a", "/effort high", "b", "/effort hgh")
    assert "Effort: auto." in said
    assert "Effort: high." in said
    assert "An effort must be auto" in said
    assert session.efforts == [None, "high"]


def test_slash_commands_that_need_a_screen_are_not_there() -> None:
    said = chat(Session(), "/theme nord", "/cpy", "/help")
    assert "There is no command /theme." in said
    assert "Did you mean /copy?" in said
    assert "/copy [answer|question|code|thinking]: copy the answer" in said
    assert "/theme" not in said.partition("/help\n")[2]


def test_quit_ends_the_chat_before_the_lines_do() -> None:
    assert "never" not in chat(Session(), "/quit", "never")


def test_what_is_copied_goes_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "TMUX", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    run: list[Step] = [answer("```\nx\n```")]
    said = chat(Session(run), "a", "/copy code", "/copy thinking", out=Terminal())
    assert "\x1b]52;c;eAo=\a" in said
    assert "The code was copied by asking the terminal" in said
    assert "There is no thinking to copy." in said
    assert "There is no clipboard here" in chat(Session([answer("One")]), "a", "/copy")


def test_code_is_saved_and_no_file_replaced_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run: list[Step] = [answer("```py\nx = 1\n```")]
    said = chat(Session(run), "a", "/save", "/save", "no", "/save", "yes", "/save no/such")
    assert f"Saved as {tmp_path / 'code.py'}." in said
    assert "exists. Replace it? Write yes: no\nIt stays as it is." in said
    assert "cannot be written" in said
    assert (tmp_path / "code.py").read_text() == "x = 1\n"
    assert "There is no code to save." in chat(Session(), "/save")
