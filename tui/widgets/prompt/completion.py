"""The list over the prompt of what the text could become."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual import on
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList

from assistant.terminal import visible

from ..marked import MarkedList
from .completing import Candidate, Completing


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
        self.clear_options()
        width = max((cell_len(visible(each.label)) for each in candidates), default=0) + 2
        for each in candidates:
            label = visible(each.label)
            line = Content(label)
            if each.sentence:
                line += Content(" " * (width - cell_len(label))) + Content.styled(
                    each.sentence, "$text-muted"
                )
            self.add_option(line)
        self.display = bool(candidates)
        if candidates:
            self.highlighted = 0

    def close(self) -> None:
        """Offer nothing any more."""
        self.offer(None, ())

    @on(OptionList.OptionSelected)
    def _click(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Chosen(self._candidates[event.option_index]))
