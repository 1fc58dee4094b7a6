"""The terminal app."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import SystemCommand
from textual.binding import BindingType
from textual.filter import Monochrome, NoColor
from textual.screen import Screen
from textual.widgets import TextArea

from assistant import clipboard
from assistant.errors import UsageError
from assistant.store.journal import Journal

from . import ending, garbage, keymap, slash, taste
from .commands import COMMANDS, bindings
from .lazy_session import LazySession
from .parting import parted, tell_alt_enter
from .protocol import SessionLike
from .screens.chat import ChatScreen
from .shelf_app import ShelfApp
from .stock import Stock
from .stock import stock as make_stock
from .taste import Taste

if TYPE_CHECKING:
    from assistant.config import Settings


class MullApp(ShelfApp):
    """A conversation with a local model."""

    TITLE = "Mull"
    CSS_PATH = "mull.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app")]

    def __init__(
        self,
        session_factory: Callable[[], SessionLike],
        *,
        journal: Journal | None = None,
        conversation_id: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        wishes: Taste = Taste(),  # noqa: B008 - a frozen value
        stock: Stock | None = None,
    ) -> None:
        """`session_factory` is called in a thread after first paint; `clock` gives seconds.

        `journal` keeps the conversations, none of them if it is left out; whoever made it closes it.
        `conversation_id` is the one to go on with; None begins a new one. `stock` lists and opens other
        models; without it there is only the session's.
        """
        super().__init__()
        tell_alt_enter()
        self.journal = journal or Journal(is_kept=False)
        self.conversation_id = conversation_id
        self._session = LazySession(session_factory)
        self._clock = clock
        self._wishes = wishes
        self.stock = stock
        self._has_own_theme = False
        # NO_COLOR means no colour: Textual alone would still paint in shades of grey.
        self.no_color = bool(os.environ.get("NO_COLOR"))
        self._filters = [each for each in self._filters if not isinstance(each, Monochrome)]
        if self.no_color:
            self._filters.append(NoColor())

    def get_default_screen(self) -> Screen[None]:
        """The chat."""
        return ChatScreen(self._session, self._clock, self.journal, self.conversation_id)

    def on_mount(self) -> None:
        """Take the user's theme and keys."""
        self.theme, problem = taste.chosen_theme(self._wishes.theme, self.available_themes, self.theme)
        self._has_own_theme = True
        taken = {key for binding in TextArea.BINDINGS for key in getattr(binding, "key", "").split(",")}
        keys, problems = keymap.checked(self._wishes.keys, taken)
        self.set_keymap(keys)
        for sentence in (problem, *problems):
            if sentence:
                self.notify(sentence, severity="warning", markup=False, timeout=10)

    async def on_event(self, event: events.Event) -> None:
        """Take Escape and a key for what they are where they came as one."""
        if isinstance(event, events.Key) and event.key.startswith("alt+") and not event.is_forwarded:
            for key in parted(event, self.screen.active_bindings):
                await super().on_event(key)
        else:
            await super().on_event(event)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers: every command that can be had now."""
        for command in COMMANDS:
            if command.owner == "prompt" or command.parameters or command.id == "palette":
                continue
            for choice in command.choices or ("",):
                if slash.is_available(screen, command, choice):
                    name = f"{command.name}: {choice}" if choice else command.name
                    run = partial(self.run_action, slash.target(command, choice), screen)
                    told = command.sentence if not choice else f"/{command.word} {choice}"
                    yield SystemCommand(name, told, run)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what makes sense at the moment."""
        can = self.can_use_models(action)
        return super().check_action(action, parameters) if can is None else can

    async def action_quit(self) -> None:
        """Stop what runs and end the app."""
        await self.end(0)

    async def end(self, status: int) -> None:
        """Stop what runs and end the app with this exit status."""
        for screen in self.screen_stack:
            if isinstance(screen, ChatScreen):
                await screen.leave()
        self.exit(return_code=status)

    async def on_unmount(self) -> None:
        """Close the session without blocking the loop that its last events still need."""
        await asyncio.to_thread(self._session.close)

    def copy_to_clipboard(self, text: str) -> None:
        """Hand `text`, such as a selection, to the terminal's clipboard and to the system's."""
        super().copy_to_clipboard(text)
        copying = asyncio.to_thread(clipboard.copy, text, lambda _: None, dict(os.environ))
        self.run_worker(copying, group="clipboard", exclusive=True)

    def action_help_quit(self) -> None:
        """Ctrl+C where nothing is selected: stop what runs, as in most terminals, or say what quits."""
        screen = self.screen
        if isinstance(screen, ChatScreen) and screen.can_steer("stop"):
            screen.action_stop()
            return
        for each in screen.active_bindings.values():
            if each.binding.id == "quit":
                self.notify(f"{self.get_key_display(each.binding)} quits Mull.", markup=False)

    def action_help(self) -> None:
        """Show what can be done."""
        from .screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen))

    def action_theme(self, name: str = "") -> None:
        """Take a theme, or show all of them to choose from; the choice is kept for the next start."""
        if not name:
            self.search_themes()
        elif name in self.available_themes:
            self.theme = name
        else:
            _, problem = taste.chosen_theme(name, self.available_themes, self.theme)
            slash.say(self, UsageError(problem))

    def watch_theme(self, before: str, after: str) -> None:
        """Remember what the user chose."""
        if self._has_own_theme and before != after:
            taste.remember_theme(after)
            if self._wishes.theme not in (None, after):
                self.notify(f"The setting theme, {self._wishes.theme}, comes back at the next start.")


def run(
    settings: Callable[[], Settings],
    wishes: Taste,
    *,
    is_offline: bool = False,
    journal: Journal | None = None,
    conversation_id: str | None = None,
) -> int:
    """Run the app until the user quits; `settings` is called in threads, after first paint.

    Returns:
        The exit status.
    """

    def open_session() -> SessionLike:
        from assistant.session import Session

        return Session.open(settings())

    app = MullApp(
        open_session,
        journal=journal,
        conversation_id=conversation_id,
        wishes=wishes,
        stock=make_stock(settings, is_offline=is_offline),
    )

    garbage.begin()

    async def run_in_loop() -> None:
        with ending.on_signals(lambda status: app.call_later(app.end, status), app.journal.flush):
            await app.run_async()

    asyncio.run(run_in_loop())
    return app.return_code or 0
