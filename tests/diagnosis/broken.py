"""Engines that give no answer, for the child process."""

from __future__ import annotations

import os
import threading
from typing import Any

HANG_S = 60.0
"""Only in a test that fails does a hang last so long."""


def hanging(*_: Any) -> Any:
    """Never gets done with its load."""
    threading.Event().wait(HANG_S)


def crashing(*_: Any) -> Any:
    """Crashes whatever the options are."""
    os.abort()
