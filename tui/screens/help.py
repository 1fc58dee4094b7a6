"""What can be done now, with which key or word, and how Mull answers, on one page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from .. import slash
from ..commands import COMMANDS, UNBOUND, Command
from .dialog import Dialog

WRITING = (
    ("↑ ↓", "", "earlier questions; on an empty prompt, a queued one"),
    ("@", "", "adds a text file; Tab completes its name"),
    ("/", "", "runs a command; Tab completes it"),
    ("^c", "", "copies what is selected; else stops the answer"),
)
"""What the prompt does without a command."""

ABOUT = (
    "Mull decides for each question whether to answer at once or to think first, and says why in the line "
    "above its answer. Everything runs on this machine."
)

MOST_KEYS = 2
"""So many keys of one command are shown."""

Row = tuple[str, str, str]


def _keys_of(page: Dialog[object]) -> Iterator[Row]:
    """The keys of a page over the chat, with what they do."""
    yield "↑ ↓", "", "move, or scroll"
    if page.focused is not None and "enter" in page.focused._bindings.key_to_bindings:
        yield page.app.get_key_display(Binding("enter", "")), "", "take what is marked or written"
    found: dict[str, list[str]] = {}
    for key, binding in page._bindings:
        is_own = not binding.action.startswith(("app.", "screen.")) or binding.id == "help"
        if is_own:
            found.setdefault(binding.description, []).append(key)
    for description, keys in found.items():
        shown = ", ".join(page.app.get_key_display(Binding(key, "")) for key in keys[:MOST_KEYS])
        yield shown, "", description[:1].lower() + description[1:]


class HelpScreen(ModalScreen[None]):
    """Shows what the screen beneath offers now, with the keys as they are bound."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q", "dismiss", "Close", id="close_help"),
    ]

    def __init__(self, beneath: Screen[object]) -> None:
        super().__init__()
        self._keys: dict[str, list[str]] = {}
        self._here: list[Row] = []
        """The keys of a page over the chat, which has no others."""
        self._now: list[Command] = []
        self._later: list[Command] = []
        if isinstance(beneath, Dialog):
            self._here = [*_keys_of(beneath)]
        else:
            self._look(beneath)

    def _look(self, beneath: Screen[object]) -> None:
        for _, bindings in beneath._binding_chain:
            for key, binding in bindings:
                if binding.id and not key.startswith(UNBOUND):
                    self._keys.setdefault(binding.id, []).append(key)
        for command in COMMANDS:
            if command.owner == "prompt" and command.id not in self._keys:
                continue  # the prompt has not the focus, so its keys do something else or nothing
            is_now = command.owner == "prompt" or slash.is_available(beneath, command)
            (self._now if is_now else self._later).append(command)

    def compose(self) -> ComposeResult:
        page = VerticalScroll(id="help")
        page.border_title = "Help"
        page.border_subtitle = "Esc closes"
        now = [self._row(command) for command in self._now]
        later = [self._row(command) for command in self._later]
        with page:
            writing = () if self._here else WRITING
            parts = (("Here", self._here), ("Now", now), ("While you write", writing))
            for title, rows in (*parts, ("At other times", later)):
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
