"""The command line, `mull`.

Every module of this package without a leading underscore is a command: the name is the module's, and
`add(parser)` declares its arguments and sets `run`, which takes the parsed arguments and returns an
exit status. Such a module imports at the top only what is cheap, for `mull --help` imports them all.
"""

from __future__ import annotations

import os
import sys
from argparse import Action, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, NoReturn

from assistant import __version__
from assistant.cli._exit_codes import ExitCode, exit_code
from assistant.cli._flags import add_continuing, add_settings, is_continuing, typed
from assistant.errors import MullError, UsageError

if TYPE_CHECKING:
    from assistant.config import Settings
    from assistant.store.journal import Journal

_DESCRIPTION = """\
A local assistant that thinks as hard as the question deserves.

Without a command, mull opens the chat."""

_EXAMPLES = """\
examples:
  mull                                    open the chat
  mull -c                                 open it with the last conversation
  mull --model my-model.gguf              open it with a model of your own
  mull --plain                            chat in lines, for screen readers
  mull ask "What is 17 * 24?"             one answer, on standard output
  git diff | mull ask "Explain this"      ask about what comes down a pipe

Settings can also stand in the settings file ("mull config path" says where it
is) and in environment variables such as MULL_THINK. Flags win over variables,
and variables over the file."""


class Parser(ArgumentParser):
    """An argument parser whose mistakes are errors of ours, and which guesses no abbreviations."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            allow_abbrev=False, add_help=False, formatter_class=RawDescriptionHelpFormatter, **options
        )
        self.add_argument("-h", "--help", action="help", help="Show this help and end.")

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}.", f'See "{self.prog} --help".')

    def _check_value(self, action: Action, value: Any) -> None:
        is_verb = action.dest == "verb"
        if (is_verb or action.dest == "command") and action.choices and value not in action.choices:
            from difflib import get_close_matches

            near = get_close_matches(value, action.choices, 1)
            if is_verb:
                raise UsageError(
                    f'{self.prog} has no "{_short(value)}".',
                    f"Did you mean {near[0]}?" if near else f"It has {', '.join(action.choices)}.",
                )
            raise UsageError(
                f'"{_short(value)}" is not a command of mull.',
                f"Did you mean mull {near[0]}?" if near else f'To ask it, write: mull ask "{_short(value)}"',
            )
        super()._check_value(action, value)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; `argv` is without the program's name. Returns the exit status."""
    _prepare_streams()
    try:
        status = _run(argv)
        sys.stdout.flush()
        return status
    except MullError as error:
        print_error(error)
        return exit_code(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has enough; the interpreter's last flush must not complain either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.ANSWERED


def _run(argv: Sequence[str] | None) -> int:
    try:
        given = sys.argv[1:] if argv is None else argv
        args = _parser(is_whole=not _opens_chat(given)).parse_args(given)
    except SystemExit as request:  # argparse ends --help and --version so
        return int(request.code or 0)
    return int(args.run(args))


def print_error(error: MullError) -> None:
    """Say on standard error what is wrong and what to do."""
    from assistant.terminal import visible

    print(f"mull: {visible(error.message)}", file=sys.stderr)
    if error.next_step:
        print(f"      {visible(error.next_step)}", file=sys.stderr)


def _opens_chat(argv: Sequence[str]) -> bool:
    """Whether it is plain that neither a command nor a setting is meant: then the parser need know none."""
    return set(argv) <= {"-c", "--continue", "--plain"}


def _parser(*, is_whole: bool) -> Parser:
    parser = Parser(
        prog="mull",
        usage='mull [settings]\n       mull ask [settings] "question"',
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    parser.add_argument(
        "--version", action="version", version=f"mull {__version__}", help="Show the version and end."
    )
    parser.set_defaults(run=_chat)
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", prog="mull")
    for module in iter_modules(__path__) if is_whole else ():
        if not module.name.startswith("_"):
            command = import_module(f"{__name__}.{module.name}")
            summary = str(command.__doc__).partition("\n")[0]
            command.add(commands.add_parser(module.name, help=summary, description=summary))
    parser.add_argument(
        "--plain",
        dest="is_plain",
        action="store_true",
        help="Chat in plain lines, for screen readers: nothing is drawn, output is only ever added.",
    )
    add_continuing(parser)
    if is_whole:
        add_settings(parser)
    return parser


def _chat(args: Namespace) -> int:
    """Open the chat."""
    if not args.is_plain:
        _need_terminal()
    is_plain = args.is_plain or os.environ.get("TERM") == "dumb"
    if is_plain and not args.is_plain:
        print(
            "mull: This terminal cannot draw (TERM is dumb), so the chat is in plain lines.", file=sys.stderr
        )
    from assistant.paths import is_anything_set
    from assistant.store.journal import Journal

    flags = typed(args)
    settings = _settings(flags) if is_plain or flags or is_anything_set() else None
    with _kept(Journal(is_kept=settings is None or settings.history == "on")) as journal:
        conversation = journal.conversation(args.conversation) if is_continuing(args) else None
        if settings is not None and is_plain:
            from assistant.cli._plain import run as run_plain

            return run_plain(settings, journal, conversation)
        from assistant.tui.app import run
        from assistant.tui.taste import Taste

        # What checks settings takes a fifth of the time to first paint: where there are none, it can wait.
        status: int = run(
            lambda: settings or _settings({}),
            Taste() if settings is None else Taste(settings.theme, settings.keys),
            is_offline=settings is not None and settings.offline,
            journal=journal,
            conversation_id=conversation.summary.id if conversation else None,
        )
    return status


@contextmanager
def _kept(journal: Journal) -> Generator[Journal, None, None]:
    """Close the journal at the end, and say what it could not keep: no screen tells it any more."""
    with closing(journal):
        yield journal
    if journal.loss is not None:
        print_error(journal.loss)


def _settings(flags: dict[str, object]) -> Settings:
    from assistant.config import load

    return load(flags)


def _need_terminal() -> None:
    """See that the chat reads from a terminal and is drawn on one; Textual draws on standard error.

    Raises:
        UsageError: a stream goes elsewhere.
    """
    if not (_is_terminal(sys.stdin) and _is_terminal(sys.stdout)):
        raise UsageError(
            "The chat needs a terminal, and this is not one.",
            'To ask one question, write: mull ask "question". Plain lines do anywhere: mull --plain',
        )
    if not _is_terminal(sys.stderr):
        raise UsageError(
            "The chat is drawn on standard error, and that does not go to the terminal.",
            "Start mull without 2>, or chat in plain lines: mull --plain",
        )


def _is_terminal(stream: Any) -> bool:
    return stream is not None and bool(stream.isatty())


def _prepare_streams() -> None:
    """Make the standard streams take every text, and Windows' console obey escape sequences."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - lives as long as we do
        elif hasattr(stream, "reconfigure"):
            utf_8_wanted = sys.platform == "win32" and "PYTHONIOENCODING" not in os.environ
            stream.reconfigure(encoding="utf-8" if utf_8_wanted else None, errors="replace")
    if sys.platform == "win32":
        import ctypes

        for handle in (-11, -12):  # standard output and standard error
            console = ctypes.windll.kernel32.GetStdHandle(handle)
            mode = ctypes.c_ulong()
            if ctypes.windll.kernel32.GetConsoleMode(console, ctypes.byref(mode)):
                ctypes.windll.kernel32.SetConsoleMode(console, mode.value | 4)  # virtual terminal
