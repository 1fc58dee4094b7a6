"""What the user can have done: the one list that keys, palette, slash commands and help derive from.

Loads nothing of Textual, as the plain chat reads it too.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from assistant.effort import LEVELS, parse
from assistant.errors import UsageError

from .command import Command as Command
from .command import Owner
from .conversation_commands import CONTEXT_COMMANDS, LIST_COMMANDS, TURN_COMMANDS

if TYPE_CHECKING:
    from textual.binding import Binding

_RUNNING = "while an answer runs"
_ANSWERED = "once there is an answer"

COMMANDS: tuple[Command, ...] = (
    Command(
        "send",
        "Send",
        "send; while Mull answers, it queues",
        "prompt",
        "submit",
        "enter",
        is_shown=False,
    ),
    Command(
        "newline",
        "New line",
        "start a new line",
        "prompt",
        "newline",
        "shift+enter,ctrl+j,alt+enter",
        is_shown=False,
    ),
    Command(
        "editor",
        "Edit in your editor",
        "write in your own editor ($EDITOR)",
        "prompt",
        "edit",
        "f3",
        is_shown=False,
    ),
    Command(
        "stop", "Stop", "stop; what is written stays", "chat", "stop", "escape", word="stop", when=_RUNNING
    ),
    Command(
        "answer_now",
        "Answer now",
        "end the thinking and answer now",
        "chat",
        "answer_now",
        "ctrl+g",
        word="now",
        when="while it thinks",
    ),
    Command(
        "think_more",
        "Think more",
        "grant 256 more thinking tokens",
        "chat",
        "think_more",
        "ctrl+r",
        word="more",
        when="while one answer is thought about or written, or a vote thinks",
    ),
    Command(
        "quicker",
        "Quicker",
        "ask this question again, with less effort",
        "chat",
        "quicker",
        "f10",
        word="quicker",
        when="while an answer runs that took more effort than none",
    ),
    Command(
        "deeper",
        "Deeper",
        "ask this question again, with more effort",
        "chat",
        "deeper",
        "f9",
        word="deeper",
        when="while an answer runs that could take more effort",
    ),
    Command(
        "why",
        "Why",
        "tell why a question was answered so, and what it cost",
        "chat",
        "why",
        "f2",
        word="why",
        when="once something was asked",
    ),
    Command(
        "thinking",
        "Thinking",
        "open or close the thinking",
        "chat",
        "toggle_thinking",
        "ctrl+t",
        word="thinking",
        when="once something was thought",
    ),
    Command(
        "effort",
        "Effort",
        "how hard to try in this conversation",
        "chat",
        "effort",
        "ctrl+o",
        word="effort",
        choices=("auto", *LEVELS),
        takes_effort=True,
        is_shown=False,
        is_plain=True,
    ),
    Command(
        "take_back",
        "Take back",
        "take the last queued question back",
        "chat",
        "take_back",
        word="back",
        when="while a question waits",
        is_shown=False,
    ),
    # The text field would redo on ctrl+y, and stay empty-handed: nobody undoes an answer.
    Command(
        "copy_answer",
        "Copy",
        "copy the answer, or what else is named",
        "chat",
        "copy",
        "ctrl+y",
        word="copy",
        choices=("answer", "question", "code", "thinking"),
        when=_ANSWERED,
        has_priority=True,
        is_plain=True,
    ),
    Command(
        "copy_code",
        "Copy code",
        "copy the last code block",
        "chat",
        "copy",
        "f5",
        parameters=("code",),
        when="once there is code",
        is_shown=False,
    ),
    Command(
        "copy_thinking",
        "Copy thinking",
        "copy the last thinking",
        "chat",
        "copy",
        "f8",
        parameters=("thinking",),
        when="once something was thought",
        is_shown=False,
    ),
    Command(
        "save_code",
        "Save code",
        "save a code block to a file",
        "chat",
        "save_code",
        "ctrl+s",
        word="save",
        argument="FILE",
        when="once there is code",
        is_shown=False,
        is_plain=True,
    ),
    *TURN_COMMANDS,
    Command(
        "formulas",
        "Formulas",
        "formulas as written, or readable again",
        "chat",
        "formulas",
        "f4",
        word="formulas",
        when="once there is a formula",
        is_shown=False,
    ),
    Command(
        "new_conversation",
        "New",
        "new conversation",
        "chat",
        "new_conversation",
        "ctrl+l",
        word="new",
        when="once something was asked",
        is_plain=True,
    ),
    *LIST_COMMANDS,
    *CONTEXT_COMMANDS,
    Command(
        "models",
        "Models",
        "models: fetch, use and remove them; /models NAME uses one",
        "app",
        "models",
        # The text field would select all on it.
        "f7",
        word="models",
        argument="NAME",
        has_priority=True,
    ),
    Command(
        "cancel_fetch",
        "Stop fetching",
        "stop fetching a model; what has come is kept",
        "app",
        "cancel_fetch",
        word="cancel",
        when="while a model is fetched",
        is_shown=False,
    ),
    Command(
        "theme",
        "Theme",
        "choose the colours",
        "app",
        "theme",
        word="theme",
        argument="NAME",
        is_shown=False,
    ),
    Command(
        "palette",
        "Commands",
        "all commands, to search",
        "app",
        "command_palette",
        "ctrl+p",
        is_shown=False,
        has_priority=True,
    ),
    Command(
        "help", "Help", "what can be done now, and the keys", "app", "help", "f1", word="help", is_plain=True
    ),
    Command("quit", "Quit", "quit", "app", "quit", "ctrl+q", word="quit", has_priority=True, is_plain=True),
)
"""Everything, in the order shown."""

_SLASH = re.compile(r"/([a-zA-Z][a-zA-Z_-]*|\?)(?:[ \t]+(.*?))?\s*", re.DOTALL)
_OTHER_WORDS = {"?": "help", "exit": "quit", "q": "quit", "clear": "new"}
"""What other chats call it."""
UNBOUND = "unbound-"
"""How the name of a key begins that no keyboard has: the command is there to be given one."""


def bindings(owner: Owner) -> list[Binding]:
    """The bindings of one node."""
    from textual.binding import Binding

    place = "screen." if owner in ("turn", "list") else ""
    return [
        Binding(
            command.keys or UNBOUND + command.id,
            f"{place}{command.action}({', '.join(map(repr, command.parameters))})",
            command.name,
            show=command.is_shown,
            id=command.id,
            priority=command.has_priority,
            tooltip=command.sentence,
        )
        for command in COMMANDS
        if command.owner == owner
    ]


def parsed(text: str) -> tuple[str, str] | None:
    """The word and what follows it, if `text` is a slash command; None if it is a question.

    A path such as /etc/hosts is none, and neither is a text of several lines or one with two slashes.
    """
    found = _SLASH.fullmatch(text)
    if not found or "\n" in text.strip():
        return None
    return found[1].lower(), (found[2] or "").strip()


def named(word: str, *, is_plain: bool = False) -> Command:
    """The command of a slash word.

    Raises:
        UsageError: there is none; it names the nearest.
    """
    words = {command.word: command for command in COMMANDS if command.word and command.is_plain >= is_plain}
    if command := words.get(_OTHER_WORDS.get(word, word)):
        return command
    near = difflib.get_close_matches(word, words, 3, 0.5)
    near.sort(
        key=lambda each: sorted(each) != sorted(word)
    )  # letters in a wrong order are the likeliest slip
    raise UsageError(
        f"There is no command /{word}.",
        f"Did you mean /{near[0]}?" if near else "/help lists the commands.",
    )


def checked_choice(command: Command, argument: str) -> str:
    """The choice that `argument` means, a beginning of it being enough; empty stays empty.

    Raises:
        UsageError: it is none of them, or begins several.
    """
    if not argument or not command.choices or argument.lower() in command.choices:
        return argument.lower() if command.choices else argument
    if command.takes_effort:
        try:
            return parse(argument)
        except ValueError as error:
            raise UsageError(f'An effort {error}, not "{argument}".') from None
    meant = [choice for choice in command.choices if choice.startswith(argument.lower())]
    if len(meant) == 1:
        return meant[0]
    listed = ", ".join(command.choices[:-1]) + f" or {command.choices[-1]}"
    raise UsageError(f'/{command.word} takes {listed}, not "{argument}".', "Write one of them.")
