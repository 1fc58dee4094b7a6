"""The conversation, oldest turn first."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widget import Widget

from assistant.errors import MullError
from assistant.query import Attachment

from .answer import AnswerText
from .assistant import AssistantTurn
from .notice import ErrorLine, NoticeLine
from .user import UserTurn
from .welcome import Welcome


class Transcript(VerticalScroll, can_focus=False):
    """Follows its end until the user scrolls up, and again once the user is back there."""

    shows_sources = False
    """Whether formulas are shown as the model wrote them; new answers follow it."""

    def compose(self) -> ComposeResult:
        # Never shorter than the pane: an anchored pane would push a short conversation to its bottom.
        with Vertical(id="turns"):
            yield Welcome()

    def on_mount(self) -> None:
        """Follow the end."""
        self.anchor()

    @property
    def welcome(self) -> Welcome:
        """The welcome, which only an empty conversation shows."""
        return self.query_one(Welcome)

    async def add(self, widget: Widget) -> None:
        """Put a turn or a sentence at the end."""
        await self._turns.mount(widget)

    @property
    def _turns(self) -> Vertical:
        return self.query_one("#turns", Vertical)

    async def add_user(self, text: str, attachments: tuple[Attachment, ...], *, is_queued: bool) -> UserTurn:
        """Put the user's turn at the end and scroll to it."""
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
        return any(answer.has_formulas for answer in self.query(AnswerText))

    def toggle_formulas(self) -> None:
        """Show the formulas of all answers as the model wrote them, or readable again."""
        self.shows_sources = not self.shows_sources
        for answer in self.query(AnswerText):
            answer.shows_sources = self.shows_sources

    async def clear(self) -> None:
        """Empty the conversation."""
        await self.query("#turns > *").exclude("Welcome").remove()
        self.welcome.display = True
        self.scroll_home(animate=False)
        self.anchor()
