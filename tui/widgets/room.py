"""What is said over the prompt where the context is nearly full."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class RoomOffer(Static):
    """One sentence, and what can be done as links; the slash commands do the same."""

    def offer(self, told: str, larger: int) -> None:
        """Say what is wrong and what can be done.

        Args:
            told: a sentence.
            larger: the context that can be had instead, in tokens; 0 leaves that out.
        """
        links = [
            "[@click=screen.compact]/compact[/] goes on from a summary",
            "[@click=screen.drop]/drop[/] leaves old turns out",
        ]
        if larger:
            links.append(f"[@click=screen.larger]/larger[/] takes {larger:,}")
        links.append("[@click=screen.context]/context[/] tells more")
        self.update(Content(told) + Content.from_markup(" " + ", ".join(links) + "."))
        self.display = True

    def withdraw(self) -> None:
        """It is no longer so."""
        self.display = False
