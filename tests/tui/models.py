"""Models for the app's tests: a described machine, scripted sessions, and a stock of both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from assistant.tui.app import MullApp
from assistant.tui.stock import Stock
from textual.pilot import Pilot
from textual.widgets import Static

from assistant.catalog import installed, shown
from assistant.catalog.choosing import use
from assistant.catalog.elsewhere import Found
from assistant.catalog.families import load_offers
from assistant.catalog.first_start import FirstStart
from assistant.catalog.offers import Offer
from assistant.catalog.ranking import advise, recommend
from assistant.catalog.shelf import Item, offered, shelf
from assistant.hardware.machine import Hardware, parse
from tests.tui.driving import phase, wait_until, words
from tests.tui.scripted import ScriptedSession

MACHINE = parse("8GiB cuda, 16GiB ram, 45GB/s bandwidth")


def offer_from(repo: str, file: str, title: str = "") -> Offer:
    """The first of the catalogue, but fetched from elsewhere."""
    offer = load_offers()[0]
    model = offer.model.model_copy(update={"title": title or offer.model.title})
    return replace(
        offer,
        model=model,
        file=offer.file.model_copy(update={"repo": repo, "file": file, "size_bytes": 200_000}),
    )


class Shop:
    """A stock whose sessions are scripted, by name."""

    def __init__(
        self,
        *others: ScriptedSession,
        hardware: Hardware = MACHINE,
        offer: Offer | None = None,
        is_first: bool = False,
        is_offline: bool = False,
        found: tuple[Found, ...] = (),
    ) -> None:
        self.others = list(others)
        self.opened: list[str] = []
        self._hardware = hardware
        self._offer = offer
        self._is_first = is_first
        self._is_offline = is_offline
        self._found = found

    @property
    def stock(self) -> Stock:
        return Stock(self._shelf, self._open, self._first, self._is_offline)

    def _shelf(self, used: Path | None) -> tuple[str, tuple[Item, ...]]:
        items = shelf(self._hardware, used=used)
        if self._offer is not None:
            names = {item.name for item in items if item.is_here}
            mine = offered(advise(self._offer, self._hardware))
            items = tuple(item for item in items if item.name != mine.name or item.is_here)
            if mine.name not in names:
                n = len(names)
                items = (*items[:n], mine, *items[n:])
        return self._hardware.sentence(), items

    def _open(self, name: str) -> ScriptedSession:
        self.opened.append(name)
        return self.others.pop(0)

    def _first(self) -> FirstStart | None:
        if not self._is_first or not shown.is_first():
            return None
        best = (
            advise(self._offer, self._hardware)
            if self._offer
            else next(iter(recommend(load_offers(), self._hardware)), None)
        )
        return FirstStart(self._hardware, best, self._found, self._is_offline)


def app_with(session: ScriptedSession, shop: Shop) -> Any:
    """The app over a scripted session and a stock."""
    return MullApp(lambda: session, clock=lambda: 0.0, stock=shop.stock)


@asynccontextmanager
async def chat_with(
    session: ScriptedSession, shop: Shop, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Pilot[None]]:
    """The app with a stock, ready for a question."""
    async with app_with(session, shop).run_test(size=size) as pilot:
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        yield pilot


def offer_lines(pilot: Pilot[None]) -> list[str]:
    """The lines of the offer, none before it is put together."""
    return [words(line) for line in pilot.app.screen_stack[0].query("Offer Static").results(Static)]


__all__ = ["MACHINE", "Shop", "app_with", "chat_with", "installed", "offer_from", "offer_lines", "use"]
