"""Answer one question and end.

The answer goes to standard output, and nothing else does.
"""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Protocol, TextIO

from assistant import attachments
from assistant.cli._exit_codes import ExitCode, exit_code
from assistant.cli._flags import add_continuing, add_settings, is_continuing, typed
from assistant.control import Control
from assistant.errors import MullError, UsageError
from assistant.query import Query

if TYPE_CHECKING:
    from assistant.cli._show import Show
    from assistant.events import Event
    from assistant.store.recording import Turn
    from assistant.store.values import Conversation

_EXAMPLES = """\
examples:
  mull ask "What is 17 * 24?"
  mull ask --think 512 "Which weighs more, a litre of water or of ice?"
  mull ask --file notes.txt "What is still to do?"
  mull ask -c "And by weight?"            go on with the last conversation
  mull ask -c                             go on with its unfinished answer
  git diff | mull ask "Explain this change" > explanation.txt

exit status:
  0 answered, 1 no answer, 2 wrong usage or settings, 3 the model cannot be
  run, 130 interrupted. Ctrl-C stops and keeps what there is; twice quits."""


class Runs(Protocol):
    """What answers a query: a `Session`."""

    @property
    def model_note(self) -> str:
        """A sentence about the model that the user should read; empty if there is none."""

    def run(self, query: Query, control: Control | None = None) -> Iterator[Event]:
        """Answer the query; the last event is the answer."""


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = 'mull ask [settings] [--file PATH] [--json] "question"'
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "question", nargs="*", help="What to ask. What comes down a pipe is put after it, or is the question."
    )
    parser.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="PATH",
        help="Put a text file before the question; repeatable.",
    )
    parser.add_argument(
        "--json", action="store_true", help="Print every event as a line of JSON, the answer last."
    )
    add_continuing(parser)
    add_settings(parser)
    parser.set_defaults(run=run)


def run(args: Namespace) -> ExitCode:
    """Answer the question of the command line."""
    from assistant.cli._show import JsonLines, Plain

    show: Show = JsonLines(sys.stdout) if args.json else Plain(sys.stdout, sys.stderr)
    control = Control()
    try:
        text = question(args.question, sys.stdin, may_be_none=is_continuing(args))
        files = tuple(attachments.read(Path(path)) for path in args.file)
        from assistant.config import load

        settings = load(typed(args))
        from assistant.session import Session
        from assistant.store.journal import Journal

        with closing(Journal(is_kept=settings.history == "on")) as journal:
            before = journal.conversation(args.conversation) if is_continuing(args) else None
            query, turn = _turn(before, Query(text, system=settings.system, attachments=files))
            with closing(Session.open(settings)) as session, stops_at_interrupt(control):
                return ask(session, query, show, control, lambda events: journal.recorded(events, turn))
    except MullError as error:
        if control.is_stopped:  # how the run ended no longer matters to whoever stopped it
            show.close()
            return ExitCode.INTERRUPTED
        show.error(error)
        return exit_code(error)
    except KeyboardInterrupt:
        show.close()
        raise


def _turn(before: Conversation | None, query: Query) -> tuple[Query, Turn]:
    """The question as it follows a conversation; without words, the unfinished answer at its end again.

    Raises:
        UsageError: there are no words, and nothing is unfinished.
    """
    from assistant.store.recording import Turn
    from assistant.store.values import asked_again

    if before is None:
        return query, Turn(query)
    if query.text:
        query = replace(query, history=before.told)
        return query, Turn.after(before, query)
    last = before.messages[-1] if before.messages else None
    if last is None or not last.is_unfinished:
        raise UsageError("There is no question, and no unfinished answer to go on with.", "Write a question.")
    query = replace(asked_again(before, last.id, is_continued=True), system=query.system)
    return query, Turn.again(before, last.id, query)


def ask(
    session: Runs,
    query: Query,
    show: Show,
    control: Control,
    recorded: Callable[[Iterator[Event]], Iterator[Event]] = iter,
) -> ExitCode:
    """Show what the session makes of the query, and tell how it ended; `recorded` keeps the events.

    Raises:
        MullError: there is no answer, for the reason given.
    """
    from assistant.events import Answer, Notice

    note = ""
    answer = None
    events = recorded(session.run(query, control))
    try:
        for event in events:
            # some models' notes are known only once they are loaded
            if not note and (note := session.model_note):
                show.event(Notice(text=note))
            if isinstance(event, Notice) and event.text == note:
                continue
            show.event(event)
            if isinstance(event, Answer):
                answer = event
    finally:
        # whatever ends it here, what came is written
        if isinstance(events, Generator):
            events.close()
    if answer.finish_reason == "stopped" if answer else control.is_stopped:
        show.close()
        return ExitCode.INTERRUPTED
    return ExitCode.ANSWERED if answer and answer.text.strip() else ExitCode.NO_ANSWER


def question(words: Sequence[str], stdin: TextIO | None, *, may_be_none: bool = False) -> str:
    """The question: the words of the command line, and after them what comes down a pipe.

    Raises:
        UsageError: there is no question and there must be one, or what comes down the pipe is not text
            or too long.
    """
    parts = [" ".join(words).strip()]
    if stdin is not None and not stdin.isatty():
        parts.append(
            attachments.decoded(stdin.buffer.read(attachments.MOST_BYTES + 1), "Standard input").strip()
        )
    text = "\n\n".join(filter(None, parts))
    if not text and not may_be_none:
        raise UsageError("There is no question.", 'Write one: mull ask "question", or send one down a pipe.')
    return text


@contextmanager
def stops_at_interrupt(control: Control) -> Iterator[None]:
    """Let the first Ctrl-C stop the run, and the second quit as usual.

    A signal may arrive while this very thread holds a lock that `stop` needs, so another thread
    calls it; a SimpleQueue is the one queue that a signal may put into at any point.
    """
    asked: SimpleQueue[bool] = SimpleQueue()

    def stop_when_asked() -> None:
        if asked.get():
            control.stop()

    def interrupted(signum: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        asked.put(True)

    previous = signal.signal(signal.SIGINT, interrupted)
    Thread(target=stop_when_asked, name="stop", daemon=True).start()
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        asked.put(False)
