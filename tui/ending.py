"""Ending well where the system asks for it: a signal, or a terminal that is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

SIGNAL_EXIT = 128
"""Shells add the signal's number to this for a process that a signal ended."""

PATIENCE_S = 5.0
"""How long an app without a terminal may take to end, in seconds."""

LOOK_S = 2.0
"""How often it is looked whether there still is a terminal, in seconds."""

_HANG_UP = getattr(signal, "SIGHUP", 1)
_NUMBERS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name)]


@contextmanager
def on_signals(end: Callable[[int], object], save: Callable[[], object]) -> Generator[None, None, None]:
    """Have SIGTERM, SIGHUP and SIGINT end the app as its user would; for a running loop's main thread.

    A terminal that vanishes without a SIGHUP, as it does for a process of another session, counts as one:
    Textual would read its end of file over and over.

    Where the terminal is gone, nothing can be drawn any more, and Textual waits forever for a thread of its
    own that cannot write. So what was written goes nowhere from then on, and an app that has not ended in
    `PATIENCE_S` is ended hard, its conversations saved.

    Args:
        end: begins to end the app, with this exit status; called in the loop.
        save: writes what is not written yet; called in another thread.
    """
    loop = asyncio.get_running_loop()
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(LOOK_S):
            if is_gone():
                heed(_HANG_UP, None)
                return

    def heed(number: int, _: object) -> None:
        status = SIGNAL_EXIT + number
        if is_gone():
            let_go()
            threading.Thread(target=_end_hard, args=(status, save), name="ending", daemon=True).start()
        with suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(end, status)

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears of signals
        return
    if not is_gone():  # an app that draws nowhere has none to lose
        threading.Thread(target=watch, name="terminal", daemon=True).start()
    before = {number: signal.signal(number, heed) for number in _NUMBERS}
    try:
        yield
    finally:
        is_over.set()
        for number, handler in before.items():
            signal.signal(number, handler)


def is_gone() -> bool:
    """Whether the terminal cannot be reached any more; Textual draws on standard error."""
    if sys.platform == "win32":
        return False
    import termios

    try:
        termios.tcgetattr(2)
    except termios.error:
        return True
    return False


def let_go() -> None:
    """Have the standard streams lead nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        with suppress(OSError):
            os.dup2(nowhere, stream)
    os.close(nowhere)


def _end_hard(status: int, save: Callable[[], object]) -> None:
    time.sleep(PATIENCE_S)
    saving = threading.Thread(target=save, name="saving", daemon=True)
    saving.start()
    saving.join(PATIENCE_S)
    os._exit(status)
