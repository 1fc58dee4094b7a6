"""When Python looks for what nothing holds any more."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
from assistant.tui.garbage import begin, collect


class Held:
    """Something that holds itself, so that only the collector can free it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def begun() -> Iterator[None]:
    """The process as the app has it, and as it was again afterwards."""
    before = gc.get_threshold()
    gc.collect()
    begin()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def gone() -> weakref.ref[Held]:
    return weakref.ref(Held())


def test_nothing_is_set_aside_before_it_begins() -> None:
    collect(is_whole=True)
    assert gc.get_freeze_count() == 0


@pytest.mark.usefixtures("begun")
def test_a_pause_frees_what_nothing_holds() -> None:
    held = gone()
    collect(is_whole=False)
    assert held() is None


@pytest.mark.usefixtures("begun")
def test_what_was_set_aside_is_freed_once_all_is_looked_through() -> None:
    one = Held()
    held = weakref.ref(one)
    collect(is_whole=False)
    del one
    collect(is_whole=False)
    assert held() is not None
    collect(is_whole=True)
    assert held() is None


@pytest.mark.usefixtures("begun")
def test_what_is_old_is_not_looked_through_while_much_is_made() -> None:
    passes: list[int] = []

    def note(phase: str, about: dict[str, int]) -> None:
        if phase == "start" and about["generation"] == 2:
            passes.append(1)

    gc.callbacks.append(note)
    try:
        made = [[] for _ in range(500_000)]  # type: ignore[var-annotated]
    finally:
        gc.callbacks.remove(note)
    assert len(made) == 500_000
    assert not passes
