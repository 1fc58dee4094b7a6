"""Conversations put aside in the machine's memory, out of the KV cache, until somebody goes on with one.

Every cell of the cache costs each step a little, whoever it belongs to. A conversation that is not
being continued is therefore copied out, which takes milliseconds, and not read again when it comes
back, which would take seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

MAX_BYTES = 256 << 20
"""Memory for all parked conversations; the oldest goes first."""


def common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """Number of leading tokens that both have."""
    for n, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return n
    return min(len(a), len(b))


@dataclass(slots=True)
class Checkpoint:
    """A place in a sequence that a model can return to although it cannot drop the end."""

    n_tokens: int
    state: bytes


@dataclass(slots=True)
class Parked:
    """One conversation outside the cache."""

    tokens: list[int]
    state: bytes
    """Everything that the runner needs to bring it back."""
    checkpoints: list[Checkpoint] = field(default_factory=list)

    @property
    def n_bytes(self) -> int:
        """Memory that it takes."""
        return len(self.state) + sum(len(checkpoint.state) for checkpoint in self.checkpoints)


class Parking:
    """Parked conversations, newest last."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._parked: list[Parked] = []

    @property
    def all(self) -> Sequence[Parked]:
        """What is parked."""
        return self._parked

    def holds(self, tokens: Sequence[int]) -> bool:
        """Whether the better half of `tokens` is parked already."""
        return any(2 * common_prefix(parked.tokens, tokens) >= len(tokens) for parked in self._parked)

    def put(self, parked: Parked) -> None:
        """Keep a conversation, if it is not too large, and let old ones go for it."""
        if parked.n_bytes > self._max_bytes:
            return
        self._parked.append(parked)
        while sum(each.n_bytes for each in self._parked) > self._max_bytes:
            del self._parked[0]

    def take(self, parked: Parked) -> None:
        """Keep it no longer."""
        self._parked.remove(parked)

    def clear(self) -> None:
        """Keep nothing."""
        self._parked.clear()
