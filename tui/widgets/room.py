"""What is said over the prompt where the context is nearly full."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

if TYPE_CHECKING:
    from assistant.hardware.widening import Widening


class RoomOffer(Static):
    """One sentence, and what can be done as links; the slash commands do the same."""

    def offer(self, told: str, actions: Collection[str], widening: Widening | None) -> None:
        """Say what is wrong and what can be done.

        Args:
            told: a sentence.
            actions: which of compact and drop would help.
            widening: the larger context that can be had, if there is one.
        """
        words = {"compact": "goes on from a summary", "drop": "leaves old turns out"}
        links = [f"[@click=screen.{name}]/{name}[/] {words[name]}" for name in words if name in actions]
        if widening is not None and widening.n_ctx:
            cost = f" for {widening.cost}" if widening.cost else ""
            links.append(f"[@click=screen.larger]/larger[/] takes {widening.n_ctx:,} tokens{cost}")
        links.append("[@click=screen.context]/context[/] tells more")
        self.update(Content(told) + Content.from_markup(" " + ", ".join(links) + "."))
        self.display = True

    def withdraw(self) -> None:
        """It is no longer so."""
        self.display = False
