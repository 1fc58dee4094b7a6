"""Facts of a machine on which all is well, to be changed in the one place that a test is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from assistant.diagnosis.facts import (
    Build,
    Facts,
    Folder,
    Machine,
    Model,
    Settings,
    Smoke,
    Store,
    System,
    Terminal,
)
from assistant.hardware.machine import GiB, parse
from assistant.limits import Power

CHECKOUT = "/home/me/mull"

BUILD = Build("0.3.36", (), "GCC 13.2.0")
TERMINAL = Terminal(True, 120, 40, "256", "utf-8", "en_GB.UTF-8", "xterm-256color")
WELL = Facts(
    system=System("0.1.0", "Debian 12 (Linux 6.1 x86_64)", "3.12.3", "/usr/bin/python3", CHECKOUT),
    build=BUILD,
    machine=Machine(parse("16GiB ram"), 8, 0, 0, Power(on_battery=False, percent=None, is_saving=False)),
    terminal=TERMINAL,
    folders=(Folder("settings", "/home/me/.config/mull", True, True, 100, 100 * GiB),),
    settings=Settings("/home/me/.config/mull/config.toml", False),
    store=Store("/home/me/.local/share/mull/conversations.db", "current", 4096, 3),
    model=Model("Qwen3 4B", "/models/qwen3-4b.gguf", 2_500_000_000, "Q4_K_M"),
    models=(),
    smoke=Smoke("The starter model", "4", 0.5, 0.02, 120.0, 8, "llama-cpp-python 0.3.36; CPU : AVX2 = 1"),
    took_s=1.2,
)


def changed(part: str, **values: Any) -> Facts:
    """The facts with some values of one part changed."""
    return with_part(part, replace(getattr(WELL, part), **values))


def with_part(part: str, value: Any) -> Facts:
    """The facts with another value for one part."""
    parts: dict[str, Any] = {part: value}
    return replace(WELL, **parts)
