"""A turn of the assistant: why, the thinking, the answer, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from assistant.errors import MullError
from assistant.terminal import visible

from ... import figures, stage_words
from ...meter import metered
from ...progress import Progress
from ...run_record import RunRecord, StageRecord
from .fold import MARK_CELLS, Fold
from .notice import ErrorLine, NoticeLine
from .resting import Resting
from .samples import SamplesPanel
from .thinking import ThinkingPanel
from .turn import Turn

if TYPE_CHECKING:
    from assistant.events import Answer, AnyEvent, Planned, ThinkingDelta

    from .answer import AnswerText


def answer_text() -> AnswerText:
    """An empty answer. What shows Markdown takes long to import, and first paint needs none of it."""
    from .answer import AnswerText

    return AnswerText()


class AssistantTurn(Turn):
    """What the assistant does with one question.

    `show` takes in an event, `paint` shows what has come; the latter is called once a frame.
    """

    def __init__(self) -> None:
        super().__init__()
        self.record = RunRecord()
        """What the run has told so far."""
        self._plan = Static(classes="reason")
        self._reading = Static(classes="reading")
        self._thinking = ThinkingPanel()
        self._panels: list[SamplesPanel] = []
        self._samples: SamplesPanel | None = None
        self._answer: AnswerText = answer_text()
        self._answer.display = False
        self._figures = Static(classes="figures")
        self._last_thought: ThinkingDelta | None = None

    def compose_body(self) -> ComposeResult:
        yield self._plan
        yield self._reading
        yield self._thinking
        yield self._answer
        yield self._figures

    def parts(self) -> Sequence[Resting]:
        """The sections of its answer."""
        return self._answer.sections

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
        """Whether there is any thinking, or a vote or a search, to open."""
        return bool(self._folds())

    async def show(self, event: AnyEvent, note: str) -> None:
        """Take in one event of the run; `note` goes with the figures of the answer."""
        drafts = self.record.stage
        self.record.take(event)
        if event.event == "plan":
            await self._begin_stage(event)
            if drafts is not None and drafts.plan.strategy == "draft_agreement" and drafts.samples:
                panel = self._new_panel(drafts)
                await self.body.mount(panel, before=self._thinking)
                panel.end()
        elif event.event == "thinking" and event.sample == 0:
            self._last_thought = event
            self._thinking.grow(event.text)
        elif event.event == "thinking_done" and event.sample == 0:
            self._thinking.fold(figures.thought_title(event.tokens, event.seconds, event.reason))
        elif event.event == "text" and event.sample == 0:
            self._answer.remove_class("-provisional")
            self._end_samples()
            await self._answer.write(event.text)
        elif event.event == "retracted":
            await self._answer.clear()
            if self.has_own_thinking:
                self._thinking.reopen()
        elif event.event == "answer":
            await self._end(event, note)

    def paint(self, progress: Progress) -> None:
        """Show what has come; `progress` knows how long it will take."""
        self._paint_reading(progress)
        if self._last_thought is not None and self._thinking.is_live:
            room = max(0, self.body.content_size.width - MARK_CELLS)
            self._thinking.set_title(_thinking_title(self._last_thought, progress.left_s, room))
        if self._samples is not None:
            self._samples.update()
        for fold in self._folds():
            fold.paint()

    @property
    def has_own_thinking(self) -> bool:
        """Whether the thinking shown belongs to the stage that is on."""
        stage = self.record.stage
        return not self._thinking.is_empty and (stage is None or not stage.is_side_by_side)

    def _folds(self) -> list[Fold]:
        # kept and not queried: that would walk all of a long answer, every frame
        return [fold for fold in (*self._panels, self._thinking) if fold.display]

    def _new_panel(self, stage: StageRecord) -> SamplesPanel:
        panel = SamplesPanel(stage)
        self._panels.append(panel)
        return panel

    async def _begin_stage(self, event: Planned) -> None:
        """Say what will be done and why, and make room for its samples."""
        self._plan.update(stage_words.plan_line(event))
        self._plan.display = True
        self._end_samples()
        self._end_open_thinking()
        # an answer of the stage before may not be the last word
        self._answer.set_class(bool(self.answer), "-provisional")
        stage = self.record.stage
        if stage is not None and stage.is_side_by_side:
            self._samples = self._new_panel(stage)
            await self.body.mount(self._samples, before=self._answer)

    def _paint_reading(self, progress: Progress) -> None:
        prefill = self.record.prefill
        is_reading = progress.phase == "reading" and prefill is not None and prefill.done < prefill.total
        if is_reading and prefill is not None:
            said = figures.reading_figures(prefill.done, prefill.total, progress.left_s)
            share = prefill.done / prefill.total
            line = metered("reading the prompt", share, said, self.body.content_size.width)
            self._reading.update(line, layout=False)
        self._reading.display = is_reading

    def _end_samples(self) -> None:
        if self._samples is not None and self._samples.is_live:
            self._samples.end()

    async def _end(self, event: Answer, note: str) -> None:
        """Settle the turn with the final text, its figures, and whether it is in doubt."""
        self._reading.display = False
        self._end_samples()
        self._end_open_thinking()
        if event.thinking and event.thinking != self._thinking.text:
            self._thinking.replace(event.thinking)
            self._thinking.fold(f"the sample shown thought for {figures.tokens(event.thinking_tokens)}")
        self._answer.remove_class("-provisional")
        await self._answer.finish(event.text)
        self.show_figures(figures.answer_figures(event, note))
        if event.doubt:
            await self.body.mount(NoticeLine(event.doubt), after=self._answer)
        self.settle()

    async def break_off(self, error: MullError | None) -> None:
        """Settle a turn that ended without an `Answer`; what was streamed stays."""
        self._reading.display = False
        self._end_samples()
        self._end_open_thinking()
        self._answer.remove_class("-provisional")
        await self._answer.finish()
        if error is None:
            self.show_figures(figures.FINISHED["stopped"])
        else:
            await self.body.mount(ErrorLine(error), after=self._answer)
        self.settle()

    async def begin_again(self) -> None:
        """Forget what was shown: the same question is answered anew."""
        self.record = RunRecord()
        self.is_settled = False
        self.wake()
        self._last_thought = None
        self._samples = None
        self._panels = []
        await self.query("SamplesPanel, NoticeLine, ErrorLine").remove()
        self._thinking.clear()
        await self._answer.clear()
        self._figures.display = False

    async def add_notice(self, text: str, *, at_end: bool = False) -> None:
        """Show a sentence above what is being written, or under all."""
        self.wake()
        await self.body.mount(NoticeLine(text), before=None if at_end else self._thinking)

    def toggle_thinking(self) -> None:
        """Open the thinking and the samples, or fold what of them is open."""
        self.wake()
        folds = self._folds()
        is_any_open = any(fold.is_open for fold in folds)
        for fold in reversed(folds):
            if fold.is_open == is_any_open:
                fold.toggle()

    def _end_open_thinking(self) -> None:
        last = self._last_thought
        if last is not None and self._thinking.is_live:
            self._thinking.fold(figures.thought_title(last.tokens, last.seconds, None))

    def show_figures(self, text: str) -> None:
        """Show a line under the answer."""
        self.wake()
        self._figures.update(Content(visible(text)))
        self._figures.display = True


def _thinking_title(thought: ThinkingDelta, left_s: float | None, width: int) -> Content:
    said = figures.thinking_figures(thought.tokens, thought.budget, thought.seconds, left_s)
    share = thought.tokens / thought.budget if thought.budget else None
    return metered("thinking", share, said, width)
