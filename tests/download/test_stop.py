"""Stopping a download whose connection stands still: at once, and what has come is kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from assistant.tui.fetch import Fetch

from assistant.catalog import installed
from assistant.catalog.ranking import advise
from assistant.catalog.shelf import offered
from assistant.download.disk import part_of
from assistant.download.get import Fetched, download
from assistant.download.meter import Progress
from assistant.download.source import HubFile
from tests.download.fixtures import FILE, REPO
from tests.download.hub import Hub, silent, stall
from tests.tui.models import MACHINE, offer_from

MODEL = HubFile(REPO, FILE)
AT_ONCE_S = 10.0
"""Under a second, really; the time limits of a connection, which this must not wait for, are longer."""
N_BYTES = 70_000


@pytest.fixture
def over() -> Iterator[threading.Event]:
    """Ends the stall, so that the server can end."""
    event = threading.Event()
    yield event
    event.set()


def part_in(root: Path) -> Path:
    return part_of(root / "maker" / "Model-GGUF" / FILE)


def has_come(root: Path) -> bool:
    part = part_in(root)
    return part.exists() and part.stat().st_size == N_BYTES


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_a_stalled_download_gives_whoever_iterates_a_say(
    hub: Hub, content: bytes, tmp_path: Path, over: threading.Event
) -> None:
    hub.faults.append(stall(N_BYTES, over))
    news = download(MODEL, tmp_path)
    while not has_come(tmp_path):
        next(news)
    for _ in range(3):  # it goes on telling, though nothing comes
        assert isinstance(next(news), Progress)

    began = time.monotonic()
    news.close()

    assert time.monotonic() - began < AT_ONCE_S
    assert has_come(tmp_path)
    *_, fetched = download(MODEL, tmp_path)
    assert isinstance(fetched, Fetched)
    assert hub.requests("cdn")[-1].range == f"bytes={N_BYTES}-"
    assert fetched.path.read_bytes() == content


@pytest.mark.parametrize("which", ["hub", "cdn"])
def test_a_server_that_takes_a_request_and_says_nothing(
    hub: Hub, tmp_path: Path, over: threading.Event, which: str
) -> None:
    (hub.hub_faults if which == "hub" else hub.faults).append(silent(over))
    news = download(MODEL, tmp_path)
    assert isinstance(next(news), Progress)
    began = time.monotonic()
    news.close()
    assert time.monotonic() - began < AT_ONCE_S


def test_the_app_stops_a_stalled_download_at_once(hub: Hub, over: threading.Event) -> None:
    hub.faults.append(stall(N_BYTES, over))
    is_over = threading.Event()
    item = offered(advise(offer_from(REPO, FILE), MACHINE))
    fetch = Fetch(item, lambda fetch: is_over.set() if fetch.is_over else None, is_offline=False)
    fetch.start()
    wait_until(lambda: has_come(installed.models_dir()))

    fetch.stop()

    assert is_over.wait(AT_ONCE_S)
    assert (fetch.error, fetch.entry) == (None, None)
    assert has_come(installed.models_dir())
