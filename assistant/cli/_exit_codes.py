"""What `mull` tells the shell."""

from __future__ import annotations

from enum import IntEnum

from assistant.errors import EngineError, ModelError, MullError, UsageError


class ExitCode(IntEnum):
    """How a command ended."""

    ANSWERED = 0
    """All is well."""
    NO_ANSWER = 1
    """The question got no answer."""
    USAGE = 2
    """The command line, a file that it names or a setting is wrong."""
    MODEL = 3
    """The model cannot be run."""
    MENDING = 4
    """`mull doctor` has found something that needs mending."""
    INTERRUPTED = 130
    """The user stopped it; shells give 128 + SIGINT to a process that ends so."""


def exit_code(error: MullError) -> ExitCode:
    """The exit status that stands for an error."""
    if isinstance(error, UsageError):
        return ExitCode.USAGE
    if isinstance(error, (ModelError, EngineError)):
        return ExitCode.MODEL
    return ExitCode.NO_ANSWER
