"""The conversations that are kept: the list of them, and which one is open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from textual import events, on, work
from textual.reactive import reactive

from assistant import paths
from assistant.errors import MullError, UsageError
from assistant.terminal import visible
from assistant.wording import prompt

from .. import slash, taste
from ..conversation import OpenConversation, Read, read
from ..lazy_session import LazySession
from ..restoring import restore
from ..widgets.prompt.prompt import Prompt
from ..widgets.sidebar import rows
from ..widgets.sidebar.sidebar import Sidebar
from ..widgets.transcript.transcript import CHUNK, Transcript
from ..widgets.transcript.turn import Turn, TurnShown
from ..widgets.transcript.welcome import Unfinished
from .steering import SteeringScreen

if TYPE_CHECKING:
    from assistant.store.journal import Journal
    from assistant.store.store import Store
    from assistant.store.values import Run, Summary
    from assistant.store.values import Unfinished as UnfinishedAnswer

ASKED_PAGE = 100
"""Questions of earlier conversations that the prompt is given at a time."""
SHORT = 30
"""Rows of a terminal in which the welcome stands closer together, so that its first line is seen."""

WIDE = 100
"""Columns from which on the list stands beside the chat; in fewer it lies over it."""
MOST_ROWS = 500
"""Conversations in the list; the search finds older ones."""
REFRESH_S = 3.0
"""The list is looked at this often, in seconds, for another Mull may have changed it."""


class KeepingScreen(SteeringScreen):
    """Shows the list and opens conversations; the store is only touched in threads."""

    is_list_open: reactive[bool] = reactive(False)

    def __init__(
        self,
        session: LazySession,
        clock: Callable[[], float],
        journal: Journal,
        conversation_id: str | None = None,
    ) -> None:
        super().__init__(session, clock)
        self._journal = journal
        self._first_id = conversation_id
        self._talk = OpenConversation()
        self._shows_archived = False
        self._list_wish = taste.remembered("list")
        self._has_failed = False
        self._asked_before: int | None = None
        """The oldest question that the prompt has been given."""

    async def leave(self) -> None:
        """Stop the run and let go of its turn."""
        raise NotImplementedError

    async def clear(self) -> None:
        """Begin a new conversation."""
        raise NotImplementedError

    def begin_talk(self, talk: OpenConversation) -> None:
        """Another conversation is open from now on."""
        self._talk = talk

    def has_settled(self, error: MullError | None = None) -> None:
        """An answer has come to its end, or failed with an error."""
        self._refresh_list()

    def begin_keeping(self) -> None:
        """After the first paint: open what is to be opened, and the list if it is to be seen."""
        if not self._journal.is_kept:
            return
        if self._first_id is not None:
            self._read(self._first_id, None)
        else:
            self._at_store(lambda store: store.unfinished(), self._tell_unfinished)
        self._place_list()
        self._refresh_list()
        self.set_interval(REFRESH_S, self._look_again)

    # -- the store -----------------------------------------------------------------------------------

    @work(thread=True, exit_on_error=False, group="store")
    def _at_store(self, ask: Callable[[Store], Any], then: Callable[[Any], object] | None = None) -> None:
        """Have a thread ask the store, and `then` take the result in the screen's own time."""
        try:
            store = self._journal.store()
            result = ask(store) if store is not None else None
        except MullError as error:
            self.call_later(self._fail, error)
            return
        self.call_later(self._has_worked)
        if then is not None and store is not None:
            self.call_later(then, result)

    async def _fail(self, error: MullError) -> None:
        """Say what is wrong; of what goes on being wrong, only once."""
        self.query_one(Prompt).forgo_older()
        if isinstance(error, UsageError):
            slash.say(self.app, error)
        elif not self._has_failed:
            self._has_failed = True
            await self._tell_news()
            self.query_one(Sidebar).show((), visible(str(error)))
            await self.query_one(Transcript).add_notice(f"{error} The chat goes on.")

    async def _has_worked(self) -> None:
        self._has_failed = False
        await self._tell_news()

    async def _tell_news(self) -> None:
        if self._control is None:  # else they come among the run's events
            for sentence in self._journal.take_news():
                await self.query_one(Transcript).add_notice(sentence)

    @on(Prompt.WantsOlder)
    def _recall_older(self) -> None:
        """Give the prompt what was asked in earlier conversations, a page at a time."""
        if not self._journal.is_kept:
            self.query_one(Prompt).take_older((), is_all=True)
            return
        before = self._asked_before
        self._at_store(lambda store: store.asked(ASKED_PAGE, before), self._take_asked)

    def _take_asked(self, asked: list[tuple[int, str]]) -> None:
        if asked:
            self._asked_before = asked[-1][0]
        summing_up = prompt("summary")
        texts = [text for _, text in asked if text != summing_up]
        self.query_one(Prompt).take_older(texts, is_all=len(asked) < ASKED_PAGE)

    def _tell_unfinished(self, unfinished: list[UnfinishedAnswer]) -> None:
        if unfinished and self._talk.is_empty:
            last = unfinished[0]
            self.query_one(Transcript).welcome.offer(last.conversation_id, last.title)

    @on(Unfinished.Opened)
    def _open_unfinished(self, event: Unfinished.Opened) -> None:
        self._read(event.conversation_id, None)

    # -- the list ------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """Beside the chat where there is room, else over it."""
        self.set_class(event.size.width >= WIDE, "-wide")
        self.set_class(event.size.height < SHORT, "-short")
        if self._journal.is_kept:
            self._place_list()

    @property
    def _is_wide(self) -> bool:
        return self.size.width >= WIDE

    def _place_list(self) -> None:
        """In a wide terminal the list is there as it was left; at first, once there is something to list."""
        if self._is_wide:
            has_some = paths.conversations().exists()
            self.is_list_open = self._list_wish == "shown" or (not self._list_wish and has_some)
        elif not self.query_one(Sidebar).has_focus_within:
            self.is_list_open = False

    def watch_is_list_open(self, is_open: bool) -> None:
        """Show the list or hide it."""
        self.query_one(Sidebar).display = is_open
        if is_open:
            self._refresh_list()

    def _look_again(self) -> None:
        if self.is_list_open and not self.query_one(Sidebar).typed:
            self._refresh_list()

    def _refresh_list(self) -> None:
        """Fill the list with what is kept, or with what is looked for."""
        if not self.is_list_open:
            return
        typed, is_archived = self.query_one(Sidebar).typed, self._shows_archived

        def listed(store: Store) -> tuple[list[Summary], bool]:
            summaries = store.conversations(is_archived=is_archived, limit=MOST_ROWS)
            return summaries, bool(summaries or store.conversations(is_archived=not is_archived, limit=1))

        if typed:
            self._at_store(lambda store: store.search(typed), lambda hits: self._show_hits(typed, hits))
        else:
            self._at_store(listed, lambda found: self._show_list(*found))

    def _show_list(self, summaries: list[Summary], has_any: bool) -> None:
        sidebar = self.query_one(Sidebar)
        if sidebar.typed:
            return
        told = "" if summaries else "Nothing is kept yet."
        if self._shows_archived:
            told = f"{'Archived' if summaries else 'Nothing is archived'}; v shows the others."
        elif has_any and not summaries:
            told = "All are archived; v shows them."
        elif len(summaries) == MOST_ROWS:
            told = "Older ones: search."
        sidebar.show(list(rows.listed(summaries, self._talk.id, datetime.now())), told)
        for summary in summaries:
            if summary.id == self._talk.id:
                self._talk.title = summary.title

    def _show_hits(self, typed: str, hits: list[Any]) -> None:
        sidebar = self.query_one(Sidebar)
        if sidebar.typed == typed:
            sidebar.show(list(rows.found(hits, self._talk.id)), "" if hits else "Nothing was found.")

    @on(Sidebar.Typed)
    def _search(self) -> None:
        self._refresh_list()

    @on(Sidebar.Left)
    def _leave_list(self) -> None:
        if not self._is_wide:
            self.is_list_open = False
        self.query_one(Prompt).focus()

    @on(Sidebar.Chosen)
    def _choose(self, event: Sidebar.Chosen) -> None:
        if event.summary.id == self._talk.id and event.message_id is None:
            self._leave_list()
        else:
            self._read(event.summary.id, event.message_id)

    def action_sidebar(self) -> None:
        """Open the list and give it the keys; hide it if it has them, or is only to be looked at."""
        sidebar = self.query_one(Sidebar)
        self.is_list_open = not self.is_list_open
        if self._is_wide:
            self._list_wish = "shown" if self.is_list_open else "hidden"
            taste.remember("list", self._list_wish)
        if self.is_list_open:
            sidebar.focus_list()
        else:
            self.query_one(Prompt).focus()

    def action_find(self, words: str = "") -> None:
        """Search in all conversations."""
        self.is_list_open = True
        self.query_one(Sidebar).focus_search(words or None)

    def action_archived(self) -> None:
        """List the archived conversations, or the others again."""
        self._shows_archived = not self._shows_archived
        self.is_list_open = True
        self._refresh_list()

    # -- opening -------------------------------------------------------------------------------------

    @work(thread=True, exclusive=True, exit_on_error=False, group="read")
    def _read(self, conversation_id: str, at: int | None) -> None:
        try:
            self.call_later(self._show_read, read(self._journal, conversation_id, CHUNK, at))
        except MullError as error:
            self.call_later(self._fail, error)

    async def _show_read(self, found: Read) -> None:
        """Leave the conversation that is open, and show the one that was read."""
        if not self._is_wide:
            self.is_list_open = False
        self.query_one(Prompt).focus()
        await self.clear()
        self.begin_talk(found.conversation)
        await self.show_talk(found.runs, found.at)
        if found.at is not None and (turn := self.query_one(Transcript).turn_of(found.at)) is not None:
            turn.focus(scroll_visible=False)
        self._refresh_list()

    async def show_talk(self, runs: dict[int, Run] | None = None, at: int | None = None) -> None:
        """Show the open conversation anew, from the message `at` on, or else its end."""
        transcript = self.query_one(Transcript)
        shown = self._talk.dialogue.shown
        await transcript.open(shown, runs, restore=restore, runs_of=self._runs_of, at=at)
        self.refresh_bindings()

    def _runs_of(self, message_ids: Any) -> dict[int, Run]:
        """How answers came about, from the store; called in a thread."""
        try:
            store = self._journal.store()
            return store.runs(message_ids) if store is not None else {}
        except MullError:
            return {}

    @on(TurnShown)
    def _show_versions(self, event: TurnShown) -> None:
        self.mark_turn(event.turn)

    def mark_turn(self, turn: Turn) -> None:
        """Say at a turn which of its versions it is."""
        if turn.is_attached and turn.message_id is not None and turn.message_id in self._talk.dialogue:
            versions = self._talk.dialogue.versions(turn.message_id)
            turn.show_versions(versions.index(turn.message_id) + 1, len(versions))

    def action_open(self, name: str = "") -> None:
        """Open the conversation of that id or title; the last one without a name."""
        self._at_store(
            lambda store: _named(store, name, self._talk.id), lambda found: self._read(found, None)
        )


def _named(store: Store, name: str, but: str | None) -> str:
    """The id of the conversation that is meant.

    Raises:
        UsageError: none fits.
    """
    if not name:
        for summary in store.conversations(limit=2):
            if summary.id != but:
                return summary.id
        raise UsageError("There is no other conversation.", "")
    try:
        return store.find(name).id
    except UsageError:
        if hits := store.search(name, 1):
            return hits[0].conversation.id
        raise UsageError(f'There is no conversation with "{name}" in it.', "F6 lists them.") from None
