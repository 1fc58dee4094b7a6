"""The open conversation in memory: all its branches, and the one that is shown. Pure.

It is the truth for the screen, so a chat goes on where nothing can be saved.
"""

from __future__ import annotations

from collections.abc import Iterable

from assistant.query import Attachment, Message
from assistant.store.tree import Tree
from assistant.store.values import Status, StoredMessage, history, told


class Dialogue:
    """Messages by their ids.

    Args:
        messages: each after the one that it follows.
        leaf_id: the end of the branch that is shown; None takes the one that was written last.
        first_sent: the first message that the model is still told; None tells it all.
    """

    def __init__(
        self,
        messages: Iterable[StoredMessage] = (),
        leaf_id: int | None = None,
        first_sent: int | None = None,
    ) -> None:
        self._messages = {message.id: message for message in messages}
        self._tree = Tree(sorted((message.id, message.parent_id) for message in self._messages.values()))
        self._leaf = leaf_id if leaf_id in self._messages else self._tree.newest_leaf()
        self._path: tuple[int, ...] | None = None
        self._told: dict[tuple[int | None, int | None], tuple[Message, ...]] = {}
        self.first_sent = first_sent
        """The oldest message that the model is still told, where the user has left older ones out."""

    def __len__(self) -> int:
        return len(self._messages)

    def __contains__(self, message_id: int) -> bool:
        return message_id in self._messages

    def __getitem__(self, message_id: int) -> StoredMessage:
        return self._messages[message_id]

    @property
    def leaf_id(self) -> int | None:
        """The last message that is shown; None in an empty conversation."""
        return self._leaf

    @property
    def path(self) -> tuple[int, ...]:
        """The messages that are shown, oldest first."""
        if self._path is None:
            self._path = self._tree.path(self._leaf)
        return self._path

    @property
    def shown(self) -> tuple[StoredMessage, ...]:
        """What is shown, oldest first."""
        return tuple(self._messages[each] for each in self.path)

    def before(self, message_id: int | None) -> tuple[StoredMessage, ...]:
        """What comes before a message of any branch; None: the whole that is shown."""
        if message_id is None:
            return self.shown
        return tuple(self._messages[each] for each in self._tree.path(message_id)[:-1])

    def versions(self, message_id: int) -> tuple[int, ...]:
        """The versions of a message, itself included, oldest first."""
        return self._tree.siblings(message_id)

    def neighbour(self, message_id: int, step: int) -> int | None:
        """The version so many steps away; None where there is none."""
        versions = self.versions(message_id)
        at = versions.index(message_id) + step
        return versions[at] if 0 <= at < len(versions) else None

    @property
    def told_messages(self) -> tuple[StoredMessage, ...]:
        """What is shown but for what the user has left out."""
        return told(self.shown, self.first_sent)

    def told(self, message_id: int | None) -> tuple[Message, ...]:
        """What the model is told before it answers the question `message_id`, or a new one if None.

        It is asked for with every change of what can be done, and long in the making.
        """
        if message_id is not None and message_id == self.first_sent:
            return ()
        key = message_id, self.first_sent
        if key not in self._told:
            self._told = {key: history(told(self.before(message_id), self.first_sent))}
        return self._told[key]

    def add(
        self,
        message_id: int,
        parent_id: int | None,
        content: str,
        attachments: tuple[Attachment, ...] = (),
        *,
        is_answer: bool = False,
        created_s: float = 0.0,
    ) -> None:
        """Put a question or a running answer at the end of the branch that is shown from now on."""
        self._messages[message_id] = StoredMessage(
            id=message_id,
            parent_id=parent_id,
            role="assistant" if is_answer else "user",
            content=content,
            thinking="",
            status="running" if is_answer else "done",
            created_s=created_s,
            siblings=(),
            attachments=attachments,
        )
        self._tree.add(message_id, parent_id)
        self._leaf, self._path, self._told = message_id, None, {}

    def settle(self, message_id: int, content: str, thinking: str, status: Status, error: str = "") -> None:
        """An answer is over."""
        self._told = {}
        if message_id in self._messages:
            self._messages[message_id] = self._messages[message_id]._replace(
                content=content, thinking=thinking, status=status, error=error
            )

    def switch(self, message_id: int) -> None:
        """Show the branch of this message, down to where it was written last."""
        self._leaf, self._path, self._told = self._tree.newest_leaf(message_id), None, {}
