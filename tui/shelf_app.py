"""The app's part that has to do with models: the first start, the Models screen, fetching and switching."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message

from assistant.errors import UsageError
from assistant.terminal import visible

from . import slash
from .fetch import Fetch
from .lazy_session import LazySession
from .screens.chat import ChatScreen
from .stock import Stock
from .switching import switched
from .widgets.models.fetch_line import FetchLine
from .widgets.models.offer import Offer
from .widgets.status.status import StatusLine
from .widgets.transcript.welcome import Welcome

if TYPE_CHECKING:
    from assistant.catalog.first_start import FirstStart
    from assistant.catalog.shelf import Item
    from assistant.engine.protocol import ModelInfo


@dataclass
class FetchNews(Message):
    """Something is new of a fetch."""

    fetch: Fetch


@dataclass
class FirstStartFound(Message):
    """What the first start offers is known."""

    first: FirstStart


class ShelfApp(App[None]):
    """Fetches one model at a time, and has the chat switch between models."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # Both have another meaning in the chat, at times at which the offer is not there.
        Binding("ctrl+g", "take_offer", "Fetch it", id="take_offer"),
        Binding("escape", "leave_offer", "Starter model", id="leave_offer"),
    ]

    stock: Stock | None = None
    """None has no models beside the one that answers."""
    fetch: Fetch | None = None
    """The one that is on, or was the last."""
    _session: LazySession

    def on_mount(self) -> None:
        """See whether there is something to offer, once the first paint is done."""
        if self.stock is not None:
            self.call_after_refresh(self._look_for_offer)

    async def on_unmount(self) -> None:
        """Stop fetching; what has come is kept."""
        if self.fetch is not None:
            self.fetch.stop()

    @property
    def model(self) -> ModelInfo | None:
        """The model that answers; None until one is loaded."""
        return self._session.model

    @property
    def _chat(self) -> ChatScreen:
        return next(screen for screen in self.screen_stack if isinstance(screen, ChatScreen))

    def can_use_models(self, action: str) -> bool | None:
        """Whether an action makes sense at the moment; None if it is none of these."""
        if action == "models":
            return self.stock is not None
        if action == "cancel_fetch":
            return self.is_fetching
        if action in ("take_offer", "leave_offer"):
            offer = self._offer
            return offer is not None and (action == "leave_offer" or offer.can_fetch)
        return None

    # -- the first start -----------------------------------------------------------------------------

    @work(thread=True, exit_on_error=False, group="offer")
    def _look_for_offer(self) -> None:
        assert self.stock is not None
        if first := self.stock.first():
            self.post_message(FirstStartFound(first))

    @on(FirstStartFound)
    async def _show_offer(self, message: FirstStartFound) -> None:
        from assistant.catalog.shown import note_shown

        welcome = self._chat.query_one(Welcome)
        if welcome.display:
            await welcome.mount(Offer(message.first), before=".try")
            note_shown()
            self._chat.refresh_bindings()

    @property
    def _offer(self) -> Offer | None:
        """The offer, if it is to be seen."""
        if not isinstance(self.screen, ChatScreen):
            return None
        offers = self.screen.query(Offer)
        return offers.first() if offers and self.screen.query_one(Welcome).display else None

    async def action_take_offer(self) -> None:
        """Fetch the model that suits this machine, and use it once it is here."""
        if (offer := self._offer) is not None and (advice := offer.first.advice) is not None:
            from assistant.catalog.shelf import offered

            await offer.remove()
            self.begin_fetch(offered(advice), is_for_use=True)

    async def action_leave_offer(self) -> None:
        """Go on with the starter model."""
        if (offer := self._offer) is not None:
            await offer.remove()
            self._chat.refresh_bindings()

    # -- fetching ------------------------------------------------------------------------------------

    @property
    def is_fetching(self) -> bool:
        """Whether a model is on its way."""
        return self.fetch is not None and not self.fetch.is_over

    def is_fetched(self, name: str) -> bool:
        """Whether the model of that name is on its way."""
        return self.fetch is not None and not self.fetch.is_over and self.fetch.item.name == name

    def begin_fetch(self, item: Item, *, is_for_use: bool = False) -> None:
        """Fetch a model; one at a time."""
        if self.fetch is not None and not self.fetch.is_over:
            self.notify(
                f"{visible(self.fetch.item.title)} is still on its way: one at a time.",
                severity="warning",
                markup=False,
            )
            return
        is_offline = self.stock is not None and self.stock.is_offline
        self.fetch = Fetch(item, self._tell, is_offline=is_offline, is_for_use=is_for_use)
        self._show_fetch()
        self.fetch.start()

    def _tell(self, fetch: Fetch) -> None:
        """Called in the fetch's thread."""
        self.post_message(FetchNews(fetch))

    @on(FetchNews)
    async def _take_news(self, message: FetchNews) -> None:
        fetch = message.fetch
        if fetch is not self.fetch:
            return
        self._show_fetch()
        if not fetch.is_over:
            return
        self.fetch = None
        title = visible(fetch.item.title)
        if fetch.error is not None:
            self.notify(
                visible(f"{fetch.item.title} was not fetched. {fetch.error}"),
                severity="error",
                markup=False,
                timeout=20,
            )
        elif fetch.entry is None:
            self.notify(f"{title}: stopped. What has come is kept; F7 goes on with it.", markup=False)
        elif fetch.is_for_use:
            self.switch(fetch.entry.name)
        else:
            self.notify(f"{title} is here. /models {fetch.entry.name} uses it.", markup=False, timeout=10)
        self._changed()

    def _show_fetch(self) -> None:
        chat = self._chat
        if not chat.query(StatusLine):
            return  # the app is ending: a stopped fetch tells of it while the widgets go
        if not chat.query(FetchLine):
            chat.query_one("#composer").mount(FetchLine("/cancel"), before=chat.query_one(StatusLine))
        for screen in self.screen_stack:
            for line in screen.query(FetchLine):
                line.follow(self.fetch)
        chat.refresh_bindings()

    def action_cancel_fetch(self) -> None:
        """Stop fetching; what has come is kept."""
        if self.fetch is not None:
            self.fetch.stop()
            self._show_fetch()

    # -- models --------------------------------------------------------------------------------------

    def action_models(self, name: str = "") -> None:
        """Show all models, or use the one of that name."""
        if self.stock is None:
            return
        if name:
            self.switch(name)
            return
        from .screens.models import ModelsScreen

        if isinstance(self.screen, ModelsScreen):
            self.screen.dismiss()
        else:
            self.push_screen(ModelsScreen(self.stock))

    def switch(self, name: str) -> None:
        """Have another model answer from now on; the conversation stays."""
        stock = self.stock
        if stock is None:
            return
        from assistant.catalog import installed

        if name != installed.STARTER and installed.find(name) is None:
            slash.say(self, UsageError(f'There is no model "{name}" here.', "F7 lists them."))
            return
        load = partial(switched, self._session, partial(stock.open, name), name)
        self._chat.load(load, partial(self._has_switched, name, self.model))

    def _has_switched(self, name: str, before: ModelInfo | None) -> None:
        from .screens.models import ModelsScreen

        now = self.model
        was_loaded = now is not None and (
            before is None or (now.path, now.name) != (before.path, before.name)
        )
        for screen in self.screen_stack:
            if isinstance(screen, ModelsScreen):
                screen.has_loaded(now.name if now and was_loaded else name, is_done=was_loaded)
        self._changed()

    def _changed(self) -> None:
        """What is here, or what answers, is another now."""
        from .screens.models import ModelsScreen

        for screen in self.screen_stack:
            if isinstance(screen, ModelsScreen):
                screen.look()
