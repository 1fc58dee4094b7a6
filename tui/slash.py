"""Running a slash command where its action is."""

from __future__ import annotations

from typing import Any

from textual.app import App
from textual.screen import Screen

from assistant.errors import UsageError

from .commands import Command, checked_choice, named

Target = tuple[str, str, tuple[str, ...]]
"""What Textual's `run_action` takes: the node, the action, what it is given."""


def target(command: Command, argument: str = "") -> Target:
    """The action of a command."""
    node = "app" if command.owner == "app" else "screen"
    return node, command.action, (argument,) if argument else command.parameters


def is_available(screen: Screen[object], command: Command, argument: str = "") -> bool:
    """Whether the command can be had at the moment."""
    _, action, parameters = target(command, argument)
    node = screen.app if command.owner == "app" else screen
    return hasattr(node, f"action_{action}") and bool(node.check_action(action, parameters))


def resolved(screen: Screen[object], word: str, argument: str) -> Target:
    """What to run for `/word argument`.

    Raises:
        UsageError: there is no such command, it takes no such argument, or it cannot be had now.
    """
    command = named(word)
    argument = checked_choice(command, argument)
    if argument and not (command.choices or command.argument):
        raise UsageError(f"/{command.word} takes nothing after it.", f"Write /{command.word} alone.")
    if not is_available(screen, command, argument):
        raise UsageError(f"/{command.word} does nothing now: it is there {command.when}.", "")
    return target(command, argument)


def say(app: App[Any], error: UsageError) -> None:
    """Tell what was wrong with what the user wrote."""
    from assistant.terminal import visible

    app.notify(visible(f"{error.message} {error.next_step}".strip()), severity="warning", markup=False)
