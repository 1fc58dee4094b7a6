"""What can be done now, with which key or word, and how Mull answers, on one page."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from .. import slash
from ..commands import COMMANDS, UNBOUND, Command

WRITING = (
    ("↑ ↓", "", "earlier questions; on an empty prompt, a queued one"),
    ("@", "", "adds a text file; Tab completes its name"),
    ("/", "", "runs a command; Tab completes it"),
)
"""What the prompt does without a command."""

ABOUT = (
    "Mull decides for each question whether to answer at once or to think first, and says why in the line "
    "above its answer. Everything runs on this machine."
)

MOST_KEYS = 2
"""So many keys of one command are shown."""

Row = tuple[str, str, str]


class HelpScreen(ModalScreen[None]):
    """Shows what the screen beneath offers now, with the keys as they are bound."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q", "dismiss", "Close", id="close_help"),
    ]

    def __init__(self, beneath: Screen[object]) -> None:
        super().__init__()
        self._keys: dict[str, list[str]] = {}
        for _, bindings in beneath._binding_chain:
            for key, binding in bindings:
                if binding.id and not key.startswith(UNBOUND):
                    self._keys.setdefault(binding.id, []).append(key)
        now: list[Command] = []
        later: list[Command] = []
        for command in COMMANDS:
            if command.owner == "prompt" and command.id not in self._keys:
                continue  # the prompt has not the focus, so its keys do something else or nothing
            is_now = command.owner == "prompt" or slash.is_available(beneath, command)
            (now if is_now else later).append(command)
        self._now, self._later = now, later

    def compose(self) -> ComposeResult:
        page = VerticalScroll(id="help")
        page.border_title = "Help"
        page.border_subtitle = "Esc closes"
        now = [self._row(command) for command in self._now]
        later = [self._row(command) for command in self._later]
        with page:
            for title, rows in (("Now", now), ("While you write", WRITING), ("At other times", later)):
                if rows:
                    yield Static(title, classes="title")
                    with Grid():
                        yield from (Static(Content(cell)) for row in rows for cell in row)
            yield Static(ABOUT, classes="about")

    def _row(self, command: Command) -> Row:
        bound = self._keys.get(command.id, [])[:MOST_KEYS]
        keys = ", ".join(self.app.get_key_display(Binding(key, "")) for key in bound)
        when = f" ({command.when})" if command in self._later and command.when else ""
        return keys, f"/{command.word}" if command.word else "", command.sentence + when
