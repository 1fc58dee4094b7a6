"""What the first start offers: a model that suits this machine. It is offered once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Final

from assistant.catalog import installed
from assistant.catalog.elsewhere import Found, search
from assistant.catalog.families import load_offers
from assistant.catalog.ranking import Advice, recommend
from assistant.catalog.shown import is_first
from assistant.config import Settings
from assistant.hardware.fit import Wants
from assistant.hardware.machine import Hardware
from assistant.hardware.probe import measured
from assistant.hardware.speed import SpeedStore

_MOST_FOUND: Final = 20


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What is said at the first start."""

    hardware: Hardware
    advice: Advice | None
    """The model that suits best; None if none fits."""
    found: tuple[Found, ...]
    """Models that other programs have on this machine."""
    is_offline: bool
    """Whether the user wants nothing fetched."""


def first_start(settings: Settings) -> FirstStart | None:
    """What to offer; None where the user has a model, or has had the offer."""
    if settings.model is not None or not is_first() or installed.load():
        return None
    hardware = measured()
    ranked = recommend(load_offers(), hardware, Wants.of(settings), SpeedStore().by_file())
    best = ranked[0] if ranked and ranked[0].is_fit else None
    return FirstStart(hardware, best, tuple(islice(search(), _MOST_FOUND)), settings.offline)
