"""What a conversation that was kept is shown as."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from .assistant import AssistantTurn
from .turn import Turn
from .user import UserTurn

if TYPE_CHECKING:
    from assistant.store.values import Run, StoredMessage

Restore = Callable[["AssistantTurn", "StoredMessage", "Run | None"], Awaitable[None]]
RunsOf = Callable[[Sequence[int]], "dict[int, Run]"]


def n_filling(messages: Sequence[StoredMessage], width: int, n_rows: float) -> int:
    """How many messages at the end fill about so many rows of so many cells; all if they do not."""
    for n, message in enumerate(reversed(messages), 1):
        n_rows -= 2 + message.content.count("\n") + len(message.content) // max(1, width)
        if n_rows <= 0:
            return n
    return len(messages)


def turn_for(message: StoredMessage) -> Turn:
    """The turn that shows a message; an answer is filled later."""
    turn = UserTurn(message.content, message.attachments) if message.role == "user" else AssistantTurn()
    turn.message_id = message.id
    return turn
