"""Waiting for the network in a thread, so that whoever iterates can give up at any moment.

A connection that has stalled keeps its reader for as long as the read's time limit. The reader is
therefore a thread that nobody waits for: it ends by itself, and touches no file.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, suppress
from typing import Final, TypeVar

from assistant.download.web import Stream

TICK_S: Final = 0.25
"""While nothing comes, whoever iterates has a say this often, in seconds."""
_MOST_AHEAD: Final = 16
"""Chunks that wait for whoever writes them."""

_T = TypeVar("_T")


def answered(ask: Callable[[], _T]) -> Generator[None, None, _T]:
    """What `ask` returns, or raises; yields now and then while it is waited for. Closing it gives up."""
    came: queue.SimpleQueue[tuple[list[_T], Exception | None]] = queue.SimpleQueue()

    def wait() -> None:
        try:
            came.put(([ask()], None))
        except Exception as error:  # noqa: BLE001 - raised again by whoever waits
            came.put(([], error))

    threading.Thread(target=wait, name="network", daemon=True).start()
    while True:
        try:
            answer, error = came.get(timeout=TICK_S)
        except queue.Empty:
            yield
            continue
        if error is not None:
            raise error
        return answer[0]


def received(
    open_stream: Callable[[], AbstractContextManager[Stream]],
) -> Generator[Stream | bytes | None, None, None]:
    """The answer's head, then its chunks as they come; None where nothing came for a while.

    Closing it gives up; what opening or reading raises is raised here.
    """
    came: queue.Queue[Stream | bytes | Exception | None] = queue.Queue(_MOST_AHEAD)
    is_given_up = threading.Event()

    def hand_over(item: Stream | bytes | Exception | None) -> None:
        while not is_given_up.is_set():
            with suppress(queue.Full):
                came.put(item, timeout=TICK_S)
                return

    def read() -> None:
        try:
            with open_stream() as answer:
                hand_over(answer)
                for chunk in answer.chunks:
                    hand_over(chunk)
                    if is_given_up.is_set():
                        return
            hand_over(None)
        except Exception as error:  # noqa: BLE001 - raised again by whoever iterates
            hand_over(error)

    threading.Thread(target=read, name="network", daemon=True).start()
    try:
        while True:
            try:
                item = came.get(timeout=TICK_S)
            except queue.Empty:
                yield None
                continue
            if isinstance(item, Exception):
                raise item
            if item is None:
                return
            yield item
    finally:
        is_given_up.set()
