"""The plain chat, `mull --plain`: lines in, lines out, nothing drawn and nothing taken back."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from assistant import attachments, clipboard
from assistant.cli._exit_codes import ExitCode
from assistant.cli._spoken import Spoken
from assistant.cli.ask import ask, stops_at_interrupt
from assistant.codeblocks import code_blocks
from assistant.control import Control
from assistant.effort import parse
from assistant.errors import MullError, UsageError
from assistant.query import Message, Query, is_short
from assistant.terminal import visible
from assistant.tui.commands import COMMANDS, checked_choice, named, parsed

if TYPE_CHECKING:
    from assistant.config import Settings
    from assistant.events import Event
    from assistant.store.journal import Journal
    from assistant.store.values import Conversation

PROMPT = "You: "
CONTINUED = "... "
IDLE_S = 2.0
"""Who has not written a line for so long, in seconds, is thinking, and the speed is measured meanwhile."""


class PlainSession(Protocol):
    """What the plain chat needs of a `Session`."""

    @property
    def model_name(self) -> str:
        """The model's name."""

    @property
    def model_note(self) -> str:
        """A sentence about the model; may be empty."""

    def run(
        self, query: Query, control: Control | None = None, *, settings: Settings | None = None
    ) -> Iterator[Event]:
        """Answer the query; the last event is the answer."""

    def measure(self, control: Control, history: tuple[Message, ...] = ()) -> None:
        """Measure the speed as far as it is not known, until `control` is stopped; raises nothing."""


class PlainChat:
    """One conversation by lines.

    Args:
        session: what answers.
        settings: what it answers with.
        journal: what keeps the conversation.
        out: where everything is written.
        read: gives a line for a prompt; raises EOFError at the end.
        conversation: what to go on with; None begins anew.
    """

    def __init__(
        self,
        session: PlainSession,
        settings: Settings,
        journal: Journal,
        out: TextIO,
        read: Callable[[str], str] = input,
        conversation: Conversation | None = None,
    ) -> None:
        self._session = session
        self._settings = settings
        self._journal = journal
        self._out = out
        self._read = read
        self._history: list[Message] = list(conversation.told) if conversation else []
        self._before: Conversation | None = conversation
        self._place: tuple[str, int] | None = None
        self._effort = ""
        self._said: set[str] = set()
        self._last = {"question": "", "answer": "", "thinking": ""}

    def run(self) -> ExitCode:
        """Ask for lines and answer them until the user ends it."""
        self._say(f"Mull, plain chat, with {self._session.model_name}.")
        self._say("/help lists the commands. Ctrl-C stops an answer, Ctrl-D ends the chat.")
        if n_answers := len(self._history) // 2:
            has = "one answer" if n_answers == 1 else f"{n_answers} answers"
            self._say(f"The conversation goes on; it has {has}.")
        while True:
            try:
                line = self._line()
            except EOFError:
                self._say("")
                return ExitCode.ANSWERED
            except KeyboardInterrupt:
                self._say("\nCtrl-D or /quit ends the chat.")
                continue
            try:
                if (command := parsed(line)) and self._command(*command):
                    return ExitCode.ANSWERED
                if not command and line.strip():
                    self._ask(line)
            except MullError as error:
                self._say(f"{error.message} {error.next_step}".strip())
            except KeyboardInterrupt:
                self._say("\nStopped.")

    def _line(self) -> str:
        """A line of the user's; one that ends in a backslash goes on in the next."""
        with self._left_alone():
            lines = [self._read(PROMPT)]
            while lines[-1].endswith("\\"):
                lines[-1] = lines[-1][:-1]
                lines.append(self._read(CONTINUED))
        return "\n".join(lines)

    @contextmanager
    def _left_alone(self) -> Iterator[None]:
        """While the user writes: measure the model's speed, if it is loaded and not known yet."""
        control, is_over = Control(), threading.Event()
        history = tuple(self._history)

        def measure() -> None:
            if is_short(history) and not is_over.wait(IDLE_S):
                self._session.measure(control, history)

        idle = threading.Thread(target=measure, name="idle", daemon=True)
        idle.start()
        try:
            yield
        finally:
            is_over.set()
            control.stop()
            idle.join()

    def _ask(self, text: str) -> None:
        files, missing = attachments.mentioned(text, Path.cwd())
        for name in missing:
            self._say(f"There is no file {name}: @{name} goes as text.")
        for file in files:
            self._say(f"With {file.name}, {len(file.text.splitlines()):,} lines.")
        query = Query(text, tuple(self._history), self._settings.system, files)
        show, control = Spoken(self._out, self._said), Control()
        settings = self._settings.at_effort(self._effort) if self._effort else None
        try:
            with stops_at_interrupt(control):
                ask(_At(self._session, settings), query, show, control, self._recorded(query))
        except MullError as error:
            if not control.is_stopped:
                show.error(error)
        finally:
            show.close()
            self._last = {"question": text, "answer": show.answer, "thinking": show.thinking}
            if show.answer:
                self._history += [query.messages()[-1], Message("assistant", show.answer, show.thinking)]

    def _recorded(self, query: Query) -> Callable[[Iterator[Event]], Iterator[Event]]:
        from assistant.store.recording import Turn

        turn = Turn(query, *self._place) if self._place else Turn.after(self._before, query)
        self._place = turn.conversation_id, turn.answer_id
        return partial(self._journal.recorded, turn=turn)

    # -- commands ------------------------------------------------------------------------------------

    def _command(self, word: str, argument: str) -> bool:
        """Run a slash command; whether it ends the chat."""
        command = named(word, is_plain=True)
        argument = checked_choice(command, argument)
        match command.id:
            case "quit":
                return True
            case "help":
                self._help()
            case "effort":
                self._choose_effort(argument)
            case "new_conversation":
                self._history.clear()
                self._before = self._place = None
                self._say("A new conversation.")
            case "copy_answer":
                self._copy(argument or "answer")
            case "save_code":
                self._save(argument)
        return False

    def _help(self) -> None:
        for command in COMMANDS:
            if command.is_plain:
                self._say(f"{command.usage}: {command.sentence}.")
        self._say("@path in a question adds that text file. A line that ends in a backslash goes on.")

    def _choose_effort(self, text: str) -> None:
        if text:
            try:
                self._effort = parse(text)
            except ValueError as error:
                raise UsageError(f'An effort {error}, not "{text}".') from None
        self._say(f"Effort: {self._effort or self._settings.effort}.")

    def _copy(self, what: str) -> None:
        blocks = code_blocks(self._last["answer"])
        text = (blocks[-1].text if blocks else "") if what == "code" else self._last[what]
        if not text:
            raise UsageError(f"There is no {what} to copy.")
        if not self._out.isatty() and not clipboard.commands(os.environ):
            raise UsageError("There is no clipboard here, and no terminal that may have one.")
        told = clipboard.copy(visible(text), self._send, os.environ)
        self._say(f"The {what} was copied {told}.")

    def _send(self, sequence: str) -> None:
        if self._out.isatty():
            self._out.write(sequence)
            self._out.flush()

    def _save(self, name: str) -> None:
        blocks = code_blocks(self._last["answer"])
        if not blocks:
            raise UsageError("There is no code to save.", "Ask for some first.")
        block = blocks[-1]
        path = Path.cwd() / Path(name or block.file_name).expanduser()
        try:
            if path.exists() and not self._agrees(f"{path} exists. Replace it? Write yes: "):
                self._say("It stays as it is.")
                return
            path.write_text(block.text, encoding="utf-8", errors="replace")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(
                f"{path} cannot be written: {reason}.", "Write /save with another name."
            ) from None
        self._say(f"Saved as {path}.")

    def _agrees(self, question: str) -> bool:
        try:
            return self._read(question).strip().lower() == "yes"
        except EOFError:
            return False

    def _say(self, text: str) -> None:
        self._out.write(visible(text) + "\n")
        self._out.flush()


class _At:
    """A session that answers with other settings."""

    def __init__(self, session: PlainSession, settings: Settings | None) -> None:
        self._session = session
        self._settings = settings

    @property
    def model_note(self) -> str:
        """The model's."""
        return self._session.model_note

    def run(self, query: Query, control: Control | None = None) -> Iterator[Event]:
        """Answer with these settings."""
        return self._session.run(query, control, settings=self._settings)


def run(settings: Settings, journal: Journal, conversation: Conversation | None) -> ExitCode:
    """Chat on standard input and output."""
    if sys.stdin.isatty():
        with suppress(ImportError):  # Windows has none
            import readline  # noqa: F401 - gives `input` editing and history
    from assistant.session import Session

    with closing(Session.open(settings)) as session:
        return PlainChat(session, settings, journal, sys.stdout, conversation=conversation).run()
