"""Names for what is kept, made by whoever writes it, without asking the database."""

from __future__ import annotations

import secrets
import threading
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's: no letter that looks like a digit."""
LENGTH = 8

_guard = threading.Lock()
_last = 0


def conversation_id() -> str:
    """Eight letters and digits at random: 2^40 names."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def message_id() -> int:
    """A number larger than those before it: milliseconds since the epoch and 20 bits at random.

    It has 61 bits; two processes that write in the same millisecond differ in the random ones.
    """
    global _last
    with _guard:
        now = int(time.time() * 1000) << 20 | secrets.randbits(20)
        _last = now if now > _last else _last + 1 + secrets.randbits(8)
        return _last
