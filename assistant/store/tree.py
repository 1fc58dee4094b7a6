"""The shape of a conversation: who answers whom. Pure; texts live elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class Tree:
    """Messages by their parents, in the order in which they were written.

    Args:
        parents: (message, what it follows) pairs, oldest first; None is the beginning. A parent that is
            not among the messages counts as the beginning.
    """

    def __init__(self, parents: Iterable[tuple[int, int | None]]) -> None:
        pairs = list(parents)
        known = {message for message, _ in pairs}
        self._parents = {message: parent if parent in known else None for message, parent in pairs}
        self._children: dict[int | None, list[int]] = {}
        for message, parent in self._parents.items():
            self._children.setdefault(parent, []).append(message)

    def __contains__(self, message: int) -> bool:
        return message in self._parents

    def __iter__(self) -> Iterator[int]:
        """All messages, branch by branch: each comes after the one that it follows."""
        to_come = list(reversed(self._children.get(None, ())))
        while to_come:
            message = to_come.pop()
            yield message
            to_come += reversed(self._children.get(message, ()))

    def __len__(self) -> int:
        return len(self._parents)

    def add(self, message: int, parent: int | None) -> None:
        """A new message, the newest of all; one that is there already stays where it is."""
        if message not in self._parents:
            self._parents[message] = parent if parent in self._parents else None
            self._children.setdefault(self._parents[message], []).append(message)

    def parent(self, message: int) -> int | None:
        """What a message follows."""
        return self._parents[message]

    def path(self, leaf: int | None) -> tuple[int, ...]:
        """From the beginning to `leaf`, both included; empty for None."""
        path: list[int] = []
        seen: set[int] = set()
        while leaf is not None and leaf not in seen:  # what was damaged might go in a circle
            seen.add(leaf)
            path.append(leaf)
            leaf = self._parents[leaf]
        return tuple(reversed(path))

    def children(self, message: int | None) -> tuple[int, ...]:
        """What follows a message, oldest first; of None, how the conversation may begin."""
        return tuple(self._children.get(message, ()))

    def siblings(self, message: int) -> tuple[int, ...]:
        """The versions of a message: all that follow what it follows, itself included, oldest first."""
        return tuple(self._children[self._parents[message]])

    def newest_leaf(self, message: int | None = None) -> int | None:
        """The end of the branch that was written last at each fork from here; None in an empty tree."""
        seen: set[int | None] = set()
        while (children := self._children.get(message)) and message not in seen:
            seen.add(message)
            message = children[-1]
        return message
