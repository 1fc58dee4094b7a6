"""Names for what is kept, made by whoever writes it, without asking the database."""

from __future__ import annotations

import secrets
import threading
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's: no letter that looks like a digit."""
LENGTH = 8
_MOST_MS = (1 << 42) - 1
"""The year 2109: later ones, from a clock that is wrong, would not fit SQLite's numbers."""

_guard = threading.Lock()
_last = 0


def conversation_id() -> str:
    """Eight letters and digits at random: 2^40 names."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def message_id(least: int = 0) -> int:
    """A number larger than those before it: milliseconds since the epoch and 20 bits at random.

    It is larger than `least` too, the message that it follows, for a clock may have been set back. It has
    61 bits; two processes that write in the same millisecond differ in the random ones.
    """
    global _last
    with _guard:
        _last = after(max(_last, least), time.time())
        return _last


def after(last: int, at_s: float) -> int:
    """An id for a message of that time, in seconds since the epoch, which is larger than `last`."""
    now = min(max(int(at_s * 1000), 0), _MOST_MS) << 20 | secrets.randbits(20)
    return now if now > last else last + 1 + secrets.randbits(8)
