"""What first paint needs, proved in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "name", ["pydantic", "llama_cpp", "numpy", "jinja2", "assistant.events", "assistant.session", "tui"]
)
def test_the_app_can_paint_without(name: str) -> None:
    script = f"import sys; from assistant.tui.app import MullApp; sys.exit({name!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
