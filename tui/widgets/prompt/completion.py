"""The list over the prompt of what the text could become."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual import on
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import OptionList

from assistant.terminal import visible

from ..marked import MarkedList
from .completing import Candidate, Completing


def end_of(text: str, n_cells: int) -> str:
    """A text that is too long for so many cells, without its beginning."""
    over = cell_len(text) - n_cells
    if over <= 0 or n_cells <= 0:
        return text
    at = 0
    while at < len(text) and cell_len(text[:at]) < over + 1:
        at += 1
    return f"…{text[at:]}"


class Completion(MarkedList, can_focus=False):
    """Shown while there is something to complete; the prompt has the keys."""

    class Chosen(Message):
        """A candidate was clicked."""

        def __init__(self, candidate: Candidate) -> None:
            super().__init__()
            self.candidate = candidate

    def __init__(self) -> None:
        super().__init__(compact=True)
        self._candidates: list[Candidate] = []
        self._what: Completing | None = None
        self._cut_at = 0
        self.display = False

    @property
    def is_open(self) -> bool:
        """Whether there is anything to take."""
        return bool(self.display)

    def is_for(self, what: Completing | None) -> bool:
        """Whether the list is open and fits what is typed now: keys may come faster than the list."""
        return self.is_open and what is not None and what == self._what

    @property
    def candidate(self) -> Candidate | None:
        """The one that is highlighted."""
        if not self.is_open or self.highlighted is None:
            return None
        return self._candidates[self.highlighted]

    def offer(self, what: Completing | None, candidates: Sequence[Candidate]) -> None:
        """Show what `what` could become, the first one highlighted; nothing closes the list."""
        self._what = what
        if [*candidates] == self._candidates and self.is_open == bool(candidates):
            return
        self._candidates = [*candidates]
        self.display = bool(candidates)
        self._fill()
        if candidates:
            self.highlighted = 0

    def on_resize(self) -> None:
        """Cut what is too long anew."""
        if self.is_open and self._room != self._cut_at:
            highlighted = self.highlighted
            self._fill()
            self.highlighted = highlighted

    @property
    def _room(self) -> int:
        """Cells that a line may have, a scroll bar beside it or not."""
        parent = self.parent
        around = self.styles.gutter.width + self.styles.margin.width + self.styles.scrollbar_size_vertical
        padding = self.get_component_styles("option-list--option").padding.width
        return parent.size.width - around - padding if isinstance(parent, Widget) else 0

    def _fill(self) -> None:
        """Show the candidates, of a path too long its end: that is where the name is."""
        self._cut_at = self._room
        self.clear_options()
        width = max((cell_len(visible(each.label)) for each in self._candidates), default=0) + 2
        for each in self._candidates:
            label = visible(each.label)
            if each.sentence:
                blanks = Content(" " * (width - cell_len(label)))
                self.add_option(Content(label) + blanks + Content.styled(each.sentence, "$text-muted"))
            else:
                self.add_option(Content(end_of(label, self._cut_at)))

    def close(self) -> None:
        """Offer nothing any more."""
        self.offer(None, ())

    @on(OptionList.OptionSelected)
    def _click(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Chosen(self._candidates[event.option_index]))
