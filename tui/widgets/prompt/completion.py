"""The list over the prompt of what the text could become."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual import on
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList

from assistant.terminal import visible

from .completing import Candidate


class Completion(OptionList, can_focus=False):
    """Shown while there is something to complete; the prompt has the keys."""

    class Chosen(Message):
        """A candidate was clicked."""

        def __init__(self, candidate: Candidate) -> None:
            super().__init__()
            self.candidate = candidate

    def __init__(self) -> None:
        super().__init__(compact=True)
        self._candidates: list[Candidate] = []
        self.display = False

    @property
    def is_open(self) -> bool:
        """Whether there is anything to take."""
        return bool(self.display)

    @property
    def candidate(self) -> Candidate | None:
        """The one that is highlighted."""
        if not self.is_open or self.highlighted is None:
            return None
        return self._candidates[self.highlighted]

    def offer(self, candidates: Sequence[Candidate]) -> None:
        """Show these, the first one highlighted; nothing closes the list."""
        if [*candidates] == self._candidates and self.is_open == bool(candidates):
            return
        self._candidates = [*candidates]
        self.clear_options()
        width = max((cell_len(visible(each.label)) for each in candidates), default=0) + 2
        for each in candidates:
            label = visible(each.label)
            line = Content(label) + Content(" " * (width - cell_len(label)))
            self.add_option(line + Content.styled(each.sentence, "$text-muted"))
        self.display = bool(candidates)
        if candidates:
            self.highlighted = 0

    def close(self) -> None:
        """Offer nothing any more."""
        self.offer(())

    @on(OptionList.OptionSelected)
    def _click(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Chosen(self._candidates[event.option_index]))
