"""Choosing how hard to try."""

from __future__ import annotations

from typing import Any

from textual.app import App

from assistant.effort import parse
from assistant.errors import UsageError

from . import slash


def chosen(app: App[Any], text: str, now: str) -> str:
    """The effort that `text` names, or `now` if it names none; either way the user is told."""
    if not (effort := named(app, text)):
        return now
    app.notify(f"From now on: effort {effort}.")
    return effort


def named(app: App[Any], text: str) -> str:
    """The effort that `text` names; empty if it names none, and the user is told."""
    try:
        return parse(text)
    except ValueError as error:
        slash.say(app, UsageError(f'An effort {error}, not "{text}".'))
        return ""
