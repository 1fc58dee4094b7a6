"""The conversation, oldest turn first; of a long one, only what is near the place that is read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.events import Resize
from textual.widget import MountError, Widget

from assistant.errors import MullError
from assistant.query import Attachment

from .assistant import AssistantTurn
from .column import Column
from .notice import ErrorLine, NoticeLine
from .resting import Resting, Sight, Sized
from .stored import Restore, RunsOf, n_filling, turn_for
from .turn import Turn, TurnShown
from .user import UserTurn
from .welcome import Welcome

if TYPE_CHECKING:
    from assistant.store.values import Run, StoredMessage

    from .answer import AnswerText

CHUNK = 12
"""So many stored messages are shown at once."""
MOST = 96
"""Stored turns beyond so many are put away again, at the end that is not read."""
NEAR_ROWS = 3
"""More is shown when so few rows are left to the edge of what there is."""
KEPT_ROWS = 2
"""So many rows are seen again on the next page."""
FIRST_PANES = 1.5
"""About so many heights of the pane are shown of a conversation that is opened at its end."""


class Turns(Column):
    """All that the conversation shows."""


class Transcript(Sized, VerticalScroll, can_focus=False):
    """Follows its end until the user scrolls up, and again once the user is back there."""

    shows_sources = False
    """Whether formulas are shown as the model wrote them; new answers follow it."""

    def __init__(self) -> None:
        super().__init__()
        self._stored: Sequence[StoredMessage] = ()
        """The conversation as it was opened; turns that came since are behind it."""
        self._begin = self._end = 0
        """Which part of it is shown."""
        self._is_loading = False
        self._owed = 0.0
        """Rows that a page went beyond what is shown: they follow once more of it is there."""
        # what is read back is put in place by this pane, and taken away by the screen
        self._changing = asyncio.Lock()
        self._n_opened = 0
        self._restore: Restore | None = None
        self._runs_of: RunsOf = lambda _: {}
        self._sight = Sight(self, lambda: self.turns)
        self._bar_place: tuple[float, int, int] | None = None
        """What the scroll bar was drawn for."""

    def compose(self) -> ComposeResult:
        # Never shorter than the pane: an anchored pane would push a short conversation to its bottom.
        with Turns(id="turns"):
            yield Welcome()

    def on_mount(self) -> None:
        """Follow the end."""
        self.anchor()
        self.screen.screen_layout_refresh_signal.subscribe(self, self._have_seen, immediate=True)

    def _have_seen(self, _: object) -> None:
        place = self.scroll_y, self.virtual_size.height, self.size.height
        drawn, self._bar_place = self._bar_place, place
        # Following the end, Textual moves the bar, and draws it anew only where its size is another one.
        if drawn is not None and place[0] != drawn[0] and place[1:] == drawn[1:]:
            self.vertical_scrollbar.refresh()
        self._sight.after_layout()

    def on_resize(self, event: Resize) -> None:
        """What rests has another height at another width, and there may be room for more."""
        self._sight.resized(event.size.width)
        self.call_after_refresh(self._fill)

    @on(Resting.Settled)
    def _let_rest(self) -> None:
        self._sight.look_again()

    @property
    def welcome(self) -> Welcome:
        """The welcome, which only an empty conversation shows."""
        return self.query_one(Welcome)

    @property
    def turns(self) -> list[Turn]:
        """The turns that there are, from top to bottom."""
        return list(self._turns.query_children(Turn).results(Turn))

    @property
    def shows_end(self) -> bool:
        """Whether the last turn of the conversation is among those that are shown."""
        return self._end == len(self._stored)

    @property
    def last_answer(self) -> AssistantTurn | None:
        """The last answer of the conversation, if its end is shown."""
        if not self.shows_end:
            return None
        newest_first = reversed(self._turns.children)
        return next((turn for turn in newest_first if isinstance(turn, AssistantTurn)), None)

    @property
    def has_more_before(self) -> bool:
        """Whether the conversation begins before what is shown."""
        return self._begin > 0

    def turn_of(self, message_id: int | None) -> Turn | None:
        """The turn of a message, if it is among those that are shown."""
        return next((turn for turn in self.turns if turn.message_id == message_id), None)

    async def add(self, widget: Widget) -> None:
        """Put a turn or a sentence at the end."""
        await self._turns.mount(widget)

    @property
    def _turns(self) -> Turns:
        return self.query_one("#turns", Turns)

    def page(self, step: int) -> None:
        """Scroll by so many pages, down or up, a few lines of the one before staying in sight."""
        self.release_anchor()
        self._owed += step * max(1, self.size.height - KEPT_ROWS)
        if not self._is_loading:  # else what is read is about to be put in its place, and the page follows
            self._move(self.scroll_y + self._owed)
            self._fill()

    def _move(self, to: float) -> None:
        """Scroll to a row at once, as far as rows are there."""
        at = min(max(to, 0), self.max_scroll_y)
        self.scroll_to(y=at, animate=False, immediate=True, force=True)
        self._check_anchor()  # Textual does so only where it moved: the end is followed from the end, too
        has_more = self.has_more_before if to < at else not self.shows_end
        self._owed = to - at if has_more else 0

    async def follow(self) -> None:
        """Have the end of the conversation on the screen, and what comes there."""
        await self.to_end()
        self.scroll_end(animate=False)
        self.anchor()

    async def add_user(self, text: str, attachments: tuple[Attachment, ...], *, is_queued: bool) -> UserTurn:
        """Put the user's turn at the end and scroll to it."""
        await self.to_end()
        self.welcome.display = False
        turn = UserTurn(text, attachments, is_queued=is_queued)
        await self.add(turn)
        self.anchor()
        return turn

    async def answer(self, turn: UserTurn) -> AssistantTurn:
        """Put the assistant's turn under the user's."""
        turn.leave_queue()
        answer = AssistantTurn()
        await self._turns.mount(answer, after=turn)
        return answer

    async def add_notice(self, text: str) -> None:
        """Put a sentence at the end."""
        await self.add(NoticeLine(text))

    async def add_error(self, error: MullError) -> None:
        """Put what went wrong at the end."""
        await self.add(ErrorLine(error))

    @property
    def has_formulas(self) -> bool:
        """Whether any answer has a formula."""
        return any(answer.has_formulas for answer in self._answers())

    def toggle_formulas(self) -> None:
        """Show the formulas of all answers as the model wrote them, or readable again."""
        self.shows_sources = not self.shows_sources
        for turn in self.turns:
            turn.wake()
        for answer in self._answers():
            answer.shows_sources = self.shows_sources

    def _answers(self) -> Iterator[AnswerText]:
        # by name, for its class is not imported before there is an answer
        return cast("Iterator[AnswerText]", iter(self.query("AnswerText")))

    async def clear(self) -> None:
        """Empty the conversation."""
        async with self._changing:
            await self._empty()
        self.welcome.display = True
        # At once: later it would let go of the end, which whatever is opened next is to show.
        self.scroll_home(animate=False, immediate=True)
        self.anchor()

    async def _empty(self) -> None:
        self._n_opened += 1
        self._owed = 0
        self._stored, self._begin, self._end = (), 0, 0
        await self.query("#turns > *").exclude("Welcome").remove()

    # -- what was kept -------------------------------------------------------------------------------

    async def open(
        self,
        messages: Sequence[StoredMessage],
        runs: dict[int, Run] | None,
        *,
        restore: Restore,
        runs_of: RunsOf,
        at: int | None = None,
    ) -> None:
        """Show a conversation that was kept, from the message `at` on, or else its end.

        Args:
            messages: all of the branch.
            runs: those of the answers that will be shown first, where they were read already.
            restore: fills a turn with a message.
            runs_of: gives runs by their messages' ids; it may wait for the disk, and is called in a thread.
            at: a message's id.
        """
        async with self._changing:
            await self._open(messages, runs, restore, runs_of, at)

    async def _open(
        self,
        messages: Sequence[StoredMessage],
        runs: dict[int, Run] | None,
        restore: Restore,
        runs_of: RunsOf,
        at: int | None,
    ) -> None:
        await self._empty()
        self.welcome.display = not messages
        self._stored, self._restore, self._runs_of = messages, restore, runs_of
        places = [place for place, message in enumerate(messages) if message.id == at]
        n_rows = self.size.height * FIRST_PANES
        n = CHUNK if places else n_filling(messages[-CHUNK:], self.size.width, n_rows)
        first = max(0, min(places[0] - 2 if places else len(messages), len(messages) - n))
        self._begin, self._end = first, min(first + n, len(messages))
        shown = messages[self._begin : self._end]
        if runs is None:
            runs = await asyncio.to_thread(runs_of, [message.id for message in shown])
        await self._show(shown, runs)
        self.call_after_refresh(self._fill)
        if (turn := self.turn_of(at)) is None:
            self.anchor()
            return
        self._follow_if_whole()
        self.call_after_refresh(self._reveal, turn)

    def _reveal(self, turn: Turn) -> None:
        self.release_anchor()
        self.scroll_to_widget(turn, animate=False, top=True)

    async def to_end(self) -> None:
        """Have the end of the conversation on the screen."""
        async with self._changing:
            if not self.shows_end:
                await self._to_end()

    async def _to_end(self) -> None:
        rest = self._stored[max(self._end, len(self._stored) - CHUNK) :]
        runs = await asyncio.to_thread(self._runs_of, [message.id for message in rest])
        if len(rest) < len(self._stored) - self._end:  # too far away to show what is between
            await self.query("#turns > *").exclude("Welcome").remove()
            self._begin = len(self._stored) - len(rest)
        self._end = len(self._stored)
        await self._show(rest, runs)
        self.anchor()

    async def cut_after(self, turn: Turn | None) -> None:
        """Take away what is below a turn, or everything: another branch follows it."""
        async with self._changing:
            await self._cut_after(turn)

    async def _cut_after(self, turn: Turn | None) -> None:
        if turn is None:
            await self._empty()
            return
        below = [each for each in self._turns.children if each is not self.welcome]
        for each in below[below.index(turn) + 1 :]:
            await each.remove()
        places = [place for place, each in enumerate(self._stored) if each.id == turn.message_id]
        if places:
            self._stored = self._stored[: places[0] + 1]
            self._end = min(self._end, len(self._stored))
        self.anchor()

    async def _show(
        self, messages: Sequence[StoredMessage], runs: dict[int, Run], before: Widget | None = None
    ) -> None:
        """Put stored messages at the end, or before a turn."""
        widgets = [turn_for(message) for message in messages]
        if not widgets:
            return
        await self._turns.mount_all(widgets, before=before)
        for turn, message in zip(widgets, messages, strict=True):
            if isinstance(turn, AssistantTurn) and self._restore is not None:
                with suppress(MountError):  # the app ends, and the turn is taken away meanwhile
                    await self._restore(turn, message, runs.get(message.id))
        for turn in widgets:
            self.post_message(TurnShown(turn))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Show more of the conversation where its edge comes near."""
        super().watch_scroll_y(old_value, new_value)
        self._owed = self._owed if self._is_loading else 0
        if abs(new_value - old_value) > self.size.height / 2:
            self._sight.look(new_value)  # a jump: what lies there is to be there at the next paint
        if self._is_loading or not self._stored:
            return
        if self.has_more_before and new_value < NEAR_ROWS:
            self._load(is_older=True)
        elif self._end < len(self._stored) and new_value > self.max_scroll_y - NEAR_ROWS:
            self._load(is_older=False)

    def _fill(self) -> None:
        """Show more where a page goes beyond what there is, or where all of that fits into the pane."""
        if self._is_loading or not self._stored:
            return
        is_short = self.max_scroll_y < NEAR_ROWS
        if self.has_more_before and (is_short or self._owed < 0):
            self._load(is_older=True)
        elif not self.shows_end and (is_short or self._owed > 0):
            self._load(is_older=False)

    def _load(self, *, is_older: bool) -> None:
        self._is_loading = True
        self.call_later(self._load_more, is_older=is_older)

    async def _load_more(self, *, is_older: bool) -> None:
        """Show a chunk more at one end, put away as much at the other, and keep what is read in its place."""
        async with self._changing:
            await self._load_chunk(is_older=is_older)

    async def _load_chunk(self, *, is_older: bool) -> None:
        n_opened = self._n_opened
        if is_older:
            chunk = self._stored[max(0, self._begin - CHUNK) : self._begin]
        else:
            chunk = self._stored[self._end : self._end + CHUNK]
        runs = await asyncio.to_thread(self._runs_of, [message.id for message in chunk])
        shown = self.turns
        if n_opened != self._n_opened or not shown:
            self._is_loading = False
            return
        mark = shown[0] if is_older else shown[-1]
        row = mark.virtual_region.y - self.scroll_y
        if is_older:
            self._begin -= len(chunk)
            await self._show(chunk, runs, before=mark)
        else:
            self._end += len(chunk)
            await self._show(chunk, runs)
        await self._put_away(is_older=is_older)
        self._follow_if_whole()
        self.call_after_refresh(self._hold, mark, row)

    async def _put_away(self, *, is_older: bool) -> None:
        """Take turns away that are far from what is read, unless newer ones than the stored are there."""
        n_over = self._end - self._begin - MOST
        turns = self.turns
        is_far = self.max_scroll_y > 2 * self.size.height  # a very high pane shows more than the most
        if n_over <= 0 or len(turns) > self._end - self._begin or not is_far:
            return
        self._begin, self._end = (
            (self._begin, self._end - n_over) if is_older else (self._begin + n_over, self._end)
        )
        for turn in turns[-n_over:] if is_older else turns[:n_over]:
            await turn.remove()

    def _follow_if_whole(self) -> None:
        """An end that is not the conversation's is not followed."""
        if not self.shows_end:
            self.anchor(False)
        elif not self._anchored:
            self._anchored, self._anchor_released = True, True

    def _hold(self, mark: Widget, row: float) -> None:
        if not self._anchored or self._anchor_released:  # else the end is followed, whatever came above it
            self._move(mark.virtual_region.y - row + self._owed)
        self._is_loading = False
        self.call_after_refresh(self._fill)
