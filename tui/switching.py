"""Taking another model without a restart: what the worker thread iterates instead of a load."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from assistant.errors import MullError

from .lazy_session import LazySession
from .protocol import SessionLike

if TYPE_CHECKING:
    from assistant.events import Event


def switched(
    session: LazySession, open_model: Callable[[], SessionLike], name: str, is_kept: bool = True
) -> Generator[Event, None, None]:
    """Close the model that answers, open another one and load it; events as those of a load.

    Where that fails, the model before is loaded again, and one sentence says why. The choice is written to
    the settings file once the model is loaded.

    Args:
        session: what answers; it answers with the other model afterwards.
        open_model: opens the session of the other model; raises MullError.
        name: what the user calls it.
        is_kept: whether it is to be the model of the next start, too.
    """
    from assistant.events import Notice

    before = session.model_name
    try:
        yield from session.switch(open_model)
    except MullError as error:
        back = f"{before} goes on answering." if before else ""
        yield Notice(text=" ".join(filter(None, (error.message, error.next_step, back))))
        yield from session.load()
        return
    if is_kept:
        yield from _kept(name)
    yield Notice(text=f"{session.model_name} answers from now on.")


def _kept(name: str) -> Generator[Event, None, None]:
    from assistant.catalog.choosing import use
    from assistant.events import Notice

    try:
        _, written = use(name)
        if written.overruled_by:
            yield Notice(text=f"{written.overruled_by} is set and wins at the next start: unset it.")
    except MullError as error:
        yield Notice(text=f"It could not be made the model of the next start. {error}")
