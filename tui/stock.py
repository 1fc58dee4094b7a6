"""What the app needs to know of models beside the one that answers; without it there is no Models screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .protocol import SessionLike

if TYPE_CHECKING:
    from assistant.catalog.first_start import FirstStart
    from assistant.catalog.shelf import Item
    from assistant.config import Settings


@dataclass(frozen=True, slots=True)
class Stock:
    """Ways to list and open models. `shelf`, `first` and `open` are called in threads."""

    shelf: Callable[[Path | None], tuple[str, tuple[Item, ...]]]
    """The machine in a sentence, and every model for it; it is given the file of the one that answers."""
    open: Callable[[str], SessionLike]
    """A session with the model of that name; raises MullError."""
    first: Callable[[], FirstStart | None] = lambda: None
    """What to offer at the first start; None later."""
    is_offline: bool = False
    """Whether the user wants nothing fetched."""


def stock(settings: Callable[[], Settings], *, is_offline: bool = False) -> Stock:
    """The models of this machine and of the catalogue."""

    def shelf(used: Path | None) -> tuple[str, tuple[Item, ...]]:
        from assistant.catalog.shelf import shelf as listed
        from assistant.hardware.fit import Wants
        from assistant.hardware.probe import measured
        from assistant.hardware.speed import SpeedStore

        hardware = measured()
        return hardware.sentence(), listed(hardware, Wants.of(settings()), SpeedStore().by_file(), used)

    def open_model(name: str) -> SessionLike:
        from assistant.catalog import installed
        from assistant.session import Session

        is_starter = name == installed.STARTER and installed.find(name) is None
        return Session.open(settings().model_copy(update={"model": None if is_starter else Path(name)}))

    def first() -> FirstStart | None:
        from assistant.catalog.shown import is_first

        if settings().model is not None or not is_first():
            return None
        from assistant.catalog.first_start import first_start  # with what reads the catalogue

        return first_start(settings())

    return Stock(shelf, open_model, first, is_offline)
