"""Apps under test look the same on every machine."""

from __future__ import annotations

import pytest

from tests.download.fixtures import content as content
from tests.download.fixtures import hub as hub


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
