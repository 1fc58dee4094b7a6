"""When Python looks for objects that nothing holds any more: while nothing runs, not while an answer streams.

Looking through all objects takes as long as there are objects, and nothing is painted meanwhile: with 20,000
tokens on the screen it is some tenths of a second, every few seconds of a stream. Objects that are held for
good are therefore set aside (`gc.freeze`), and the rest is looked through when the user makes a pause.
"""

from __future__ import annotations

import gc

YOUNG = 5_000
"""So many new objects are looked through at once, a few tenths of a millisecond; Python has 700 or 2,000."""
MIDDLE = 20
"""Those that survived so many times are looked through together."""
OLD = 500
"""All are looked through by themselves only after so many times more: a stream that never ends must end up
somewhere, but no answer is so long."""


def begin() -> None:
    """Set aside what was imported, and leave the rest to `collect`; it holds for the whole process."""
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)


def collect(*, is_whole: bool) -> None:
    """Free what nothing holds and set the rest aside; call it while nobody waits. Nothing before `begin`.

    Args:
        is_whole: look through what was set aside before, too.
    """
    if not gc.get_freeze_count():
        return
    if is_whole:
        gc.unfreeze()
    gc.collect()
    gc.freeze()
