"""A model on its way, in a thread of its own; the chat goes on beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from assistant.errors import MullError, defect

if TYPE_CHECKING:
    from assistant.catalog.installed import Installed
    from assistant.catalog.shelf import Item
    from assistant.download.meter import Progress


class Fetch:
    """One download. Its thread writes the fields and calls `tell`; everybody else only reads them.

    Args:
        item: what to fetch; it has an offer.
        is_offline: the user's wish that nothing is fetched.
        is_for_use: whether the model is to answer as soon as it is here.
        tell: called from the thread whenever something is new.
    """

    def __init__(
        self, item: Item, tell: Callable[[Fetch], None], *, is_offline: bool, is_for_use: bool = False
    ) -> None:
        self.item = item
        self.is_for_use = is_for_use
        self.progress: Progress | None = None
        self.entry: Installed | None = None
        """The model, once it is here."""
        self.error: MullError | None = None
        self.is_over = False
        self._is_offline = is_offline
        self._tell = tell
        self._stop = threading.Event()

    @property
    def is_stopped(self) -> bool:
        """Whether the user wants it no more."""
        return self._stop.is_set()

    def start(self) -> None:
        """Begin. The thread does not keep the program alive: what has come is kept in any case."""
        threading.Thread(target=self._run, name="fetch", daemon=True).start()

    def stop(self) -> None:
        """End it soon; what has come is kept."""
        self._stop.set()

    def _run(self) -> None:
        try:
            self._fetch()
        except MullError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - the boundary: a defect must not end in silence
            self.error = defect(error, "What has come is kept: fetch it again.")
        self.is_over = True
        self._tell(self)

    def _fetch(self) -> None:
        from assistant.catalog import installed
        from assistant.download.get import Fetched, download
        from assistant.download.source import parse

        offer = self.item.offer
        source = parse(offer.source) if offer else None
        if source is None:
            raise MullError(f"{self.item.name} is not in the catalogue.", "")
        known = {entry.path: entry.sha256 for entry in installed.load()}
        news = download(source, installed.models_dir(), is_offline=self._is_offline, known_sha256=known)
        with closing(news):
            for each in news:
                if self.is_stopped:
                    return
                if isinstance(each, Fetched):
                    self.entry = installed.add(each.path, self.item.name, each.source, each.sha256)
                else:
                    self.progress = each
                    self._tell(self)
