"""The terminal app."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen

from assistant.store.journal import Journal

from .lazy_session import LazySession
from .protocol import SessionLike
from .screens.chat import ChatScreen

if TYPE_CHECKING:
    from assistant.config import Settings


class MullApp(App[None]):
    """A conversation with a local model."""

    TITLE = "Mull"
    CSS_PATH = "mull.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", id="help"),
        Binding("ctrl+q", "quit", "Quit", id="quit", priority=True),
    ]

    def __init__(
        self,
        session_factory: Callable[[], SessionLike],
        *,
        journal: Journal | None = None,
        conversation_id: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`session_factory` is called in a thread after first paint; `clock` gives seconds.

        `journal` keeps the conversations, none of them if it is left out; whoever made it closes it.
        `conversation_id` is the one to go on with; None begins a new one.
        """
        super().__init__()
        self.journal = journal or Journal(is_kept=False)
        self.conversation_id = conversation_id
        self._session = LazySession(session_factory)
        self._clock = clock

    def get_default_screen(self) -> Screen[None]:
        """The chat."""
        return ChatScreen(self._session, self._clock)

    async def action_quit(self) -> None:
        """Stop what runs and end the app."""
        for screen in self.screen_stack:
            if isinstance(screen, ChatScreen):
                await screen.leave()
        self.exit()

    async def on_unmount(self) -> None:
        """Close the session without blocking the loop that its last events still need."""
        await asyncio.to_thread(self._session.close)

    def action_help(self) -> None:
        """Show the keys."""
        from .screens.help import HelpScreen

        chain = self.screen._binding_chain
        self.push_screen(HelpScreen(b for _, bindings in chain for _, b in bindings))


def run(settings: Settings, journal: Journal | None = None, conversation_id: str | None = None) -> None:
    """Run the app until the user quits."""

    def open_session() -> SessionLike:
        from assistant.session import Session

        return Session.open(settings)

    MullApp(open_session, journal=journal, conversation_id=conversation_id).run()
