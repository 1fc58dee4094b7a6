"""What the turns of both sides have in common: a place in the conversation, and versions beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from ...commands import bindings
from .resting import Bare, Resting


@dataclass
class TurnShown(Message):
    """A turn came onto the screen: its versions are to be shown."""

    turn: Turn


class TurnBody(Bare, Vertical):
    """All that a turn shows."""


class Turn(Resting, can_focus=True):
    """A turn that keys can go to; a click leaves the focus where it is, for who clicks wants to read."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("turn")]

    message_id: int | None = None
    """Its message in the conversation; None while it waits in the queue."""
    n_versions = 1
    """How many versions of it there are."""

    def __init__(self, *, classes: str = "") -> None:
        super().__init__(classes=classes)
        self.body = TurnBody()
        """What the turn shows lies in it."""

    def compose(self) -> ComposeResult:
        with self.body:
            yield from self.compose_body()

    def compose_body(self) -> ComposeResult:
        """What the turn shows."""
        yield from ()

    def focus_on_click(self) -> bool:
        """Keys alone go from turn to turn."""
        return False

    def show_versions(self, number: int, n_versions: int) -> None:
        """Say which of its versions this is; nothing where it is the only one.

        Args:
            number: from 1.
            n_versions: how many there are.
        """
        self.n_versions = n_versions
        self.wake()
        if n_versions < 2:
            self.query(".versions").remove()
            return
        step = f"screen.version_of('{self.message_id}','"
        line = Content.from_markup(f"[@click={step}-1')]‹[/] {number}/{n_versions} [@click={step}1')]›[/]")
        for shown in self.query(".versions").results(Static):
            shown.update(line)
            return
        self.body.mount(Static(line, classes="versions"))
