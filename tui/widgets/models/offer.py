"""What the first start offers, below the welcome; whoever types just chats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Click
from textual.widgets import Static

from ... import model_words

if TYPE_CHECKING:
    from assistant.catalog.first_start import FirstStart


class Choice(Static):
    """A key and what it does; a click does it, too."""

    def __init__(self, key: str, text: str, action: str) -> None:
        super().__init__(Content.styled(f" {key} ", "reverse") + Content(f" {text}"))
        self._action = action

    async def on_click(self, event: Click) -> None:
        """Do it."""
        event.stop()
        await self.run_action(self._action)


class Offer(Vertical):
    """The machine, the model that suits it, and the keys."""

    def __init__(self, first: FirstStart) -> None:
        super().__init__()
        self.first = first

    def compose(self) -> ComposeResult:
        yield Static(classes="words")
        if self.can_fetch:
            yield Choice("Ctrl+G", "fetches it and uses it once it is here; chat meanwhile", "app.take_offer")
        yield Choice("Esc", "goes on with the starter model; F7 shows all models", "app.leave_offer")

    def on_resize(self) -> None:
        """Wrap anew."""
        words = self.query_one(".words", Static)
        words.update(model_words.offer_words(self.first, self.content_size.width))

    @property
    def can_fetch(self) -> bool:
        """Whether there is something to fetch, and the user has nothing against it."""
        return self.first.advice is not None and not self.first.is_offline
