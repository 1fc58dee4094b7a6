"""The samples of a stage: side by side while they run, one line once they are over."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.content import Content

from ... import stage_words
from ...cards import bars, cards
from ...run_record import StageRecord
from .fold import Fold, FoldTitle, Lines

INDENT_CELLS = 2
"""As mull.tcss has it."""


class SamplesTitle(FoldTitle):
    """The line that folds and unfolds the samples."""


class SamplesPanel(Fold):
    """A vote, a search, or drafts."""

    title_type = SamplesTitle

    def __init__(self, stage: StageRecord) -> None:
        super().__init__()
        self._stage = stage
        self.set_title(stage_words.running(stage))

    def compose_body(self) -> ComposeResult:
        yield Lines(classes="cards")
        yield Lines(classes="bars")

    def on_resize(self, event: events.Resize) -> None:
        """Arrange the cards anew."""
        self._repaint()

    def update(self) -> None:
        """Something has come to the stage: show it at the next paint."""
        if self.is_live:
            self.set_title(stage_words.running(self._stage))

    def end(self) -> None:
        """The stage is over."""
        self.fold(stage_words.over(self._stage))

    def paint_body(self) -> None:
        width = self.content_size.width - INDENT_CELLS
        if width > 0:
            self.query_one(".cards", Lines).show(cards(self._stage, width))
            counted = bars(self._stage, width)
            self.query_one(".bars", Lines).show([Content(""), *counted] if counted else [])
