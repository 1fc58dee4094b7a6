"""Apps under test look the same on every machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.download.fixtures import content as content
from tests.download.fixtures import hub as hub
from tests.tui.driving import stand_still


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours and themes come from the app alone, and no clipboard of this machine is filled."""
    monkeypatch.setattr("assistant.clipboard.commands", lambda *_: [])
    for name in (
        "SSH_TTY",
        "SSH_CONNECTION",
        "SSH_CLIENT",
        "NO_COLOR",
        "TEXTUAL_THEME",
        "TEXTUAL_COLOR_SYSTEM",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where conversations are kept; nothing is there yet."""
    return tmp_path / "conversations.db"


@pytest.fixture
def snap_compare(snap_compare: Callable[..., bool]) -> Callable[..., bool]:
    """The plugin's comparison, made once the app stands still after what the test does to it."""

    def compare(app: object, *, run_before: Callable[[Any], Awaitable[None]], **options: Any) -> bool:
        async def run_and_stand_still(pilot: Any) -> None:
            await run_before(pilot)
            await stand_still(pilot)

        return snap_compare(app, run_before=run_and_stand_still, **options)

    return compare
