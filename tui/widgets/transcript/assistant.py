"""A turn of the assistant: why, the thinking, the answer, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from assistant.errors import MullError
from assistant.terminal import visible

from ... import figures
from .answer import AnswerText
from .notice import ErrorLine, NoticeLine
from .thinking import ThinkingPanel

if TYPE_CHECKING:
    from assistant.events import Answer, AnyEvent, Planned, ThinkingDelta


class AssistantTurn(Vertical):
    """What the assistant does with one question."""

    def __init__(self) -> None:
        super().__init__()
        self._thinking = ThinkingPanel()
        self._answer = AnswerText()
        self._answer.display = False
        self._reason = Static(classes="reason")
        self._figures = Static(classes="figures")
        self._n_thinking = 0
        self._thinking_s = 0.0

    def compose(self) -> ComposeResult:
        yield self._reason
        yield self._thinking
        yield self._answer
        yield self._figures

    @property
    def answer(self) -> str:
        """The answer so far, as the model wrote it."""
        return self._answer.raw

    @property
    def thinking(self) -> str:
        """The thinking so far, as the model wrote it."""
        return self._thinking.text

    @property
    def has_thinking(self) -> bool:
        """Whether there is any thinking to open."""
        return not self._thinking.is_empty

    async def show(self, event: AnyEvent, note: str) -> None:
        """Show what one event of the run tells; `note` goes with the figures of the answer."""
        if event.event == "plan":
            self._plan(event)
        elif event.event == "thinking" and event.sample == 0:
            self._think(event)
        elif event.event == "thinking_done" and event.sample == 0:
            self._thinking.fold(figures.thought_title(event.tokens, event.seconds, event.reason))
        elif event.event == "text" and event.sample == 0:
            await self._answer.write(event.text)
        elif event.event == "retracted":
            await self._answer.clear()
            self._thinking.reopen()
        elif event.event == "answer":
            await self._end(event, note)

    def _plan(self, event: Planned) -> None:
        """Say why it will be answered so."""
        self._reason.update(Content(visible(event.reason)))
        self._reason.display = True

    def _think(self, event: ThinkingDelta) -> None:
        self._n_thinking, self._thinking_s = event.tokens, event.seconds
        title = figures.thinking_title(event.tokens, event.budget, event.seconds)
        self._thinking.grow(event.text, title)

    async def _end(self, event: Answer, note: str) -> None:
        """Settle the turn with the final text, its figures, and whether it is in doubt."""
        if event.thinking and event.thinking != self._thinking.text:
            self._thinking.replace(event.thinking)
        self._end_open_thinking()
        await self._answer.finish(event.text)
        self._show_figures(figures.answer_figures(event, note))
        if event.doubt:
            await self.mount(NoticeLine(event.doubt), after=self._answer)

    async def break_off(self, error: MullError | None) -> None:
        """Settle a turn that ended without an `Answer`; what was streamed stays."""
        self._end_open_thinking()
        await self._answer.finish()
        if error is None:
            self._show_figures(figures.FINISHED["stopped"])
        else:
            await self.mount(ErrorLine(error), after=self._answer)

    async def add_notice(self, text: str) -> None:
        """Show a sentence above what is being written."""
        await self.mount(NoticeLine(text), before=self._thinking)

    def toggle_thinking(self) -> None:
        """Open or close the thinking."""
        self._thinking.toggle()

    def _end_open_thinking(self) -> None:
        if self.has_thinking and self._thinking.is_live:
            self._thinking.fold(figures.thought_title(self._n_thinking, self._thinking_s, None))

    def _show_figures(self, text: str) -> None:
        self._figures.update(Content(visible(text)))
        self._figures.display = True
