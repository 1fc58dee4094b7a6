"""The prompts that Mull itself writes: one file each in `prompts/`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def prompt(name: str) -> str:
    """The text of `prompts/<name>.md`."""
    return (files("assistant.prompts") / f"{name}.md").read_text(encoding="utf-8").strip()
