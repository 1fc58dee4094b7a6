"""How hard to try, to choose from."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from assistant.effort import LEVELS, bounds, parse

from ..widgets.marked import MarkedList
from .dialog import Dialog

SENTENCES = {
    "auto": "Mull decides for each question",
    "direct": "never think",
    "low": "a short thought at most",
    "medium": "a moderate thought or a small vote at most",
    "high": "always think, and vote where that leaves doubt",
    "max": "put every answer to a vote",
}
"""What each effort means."""


class EffortScreen(Dialog[str | None]):
    """One list for a single effort; left and right move the least, so that a pair can be had too."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+o,q", "dismiss", "Close", id="close_effort"),
        Binding("left", "floor(-1)", "Lower the least", id="effort_lower"),
        Binding("right", "floor(1)", "Raise the least", id="effort_raise"),
    ]

    def __init__(self, effort: str) -> None:
        """`effort` is the one in force; where it is none of the list, the first is marked."""
        super().__init__()
        names = list(SENTENCES)
        try:
            parsed = parse(effort)
        except ValueError:
            parsed = "auto"
        self._now = parsed
        floor, ceiling = bounds(parsed)
        self._start = names.index(parsed if parsed in SENTENCES else ceiling)
        self._floor = LEVELS.index(floor) if parsed not in SENTENCES else 0

    def compose(self) -> ComposeResult:
        with Vertical(id="effort") as page:
            page.border_title = "Effort from now on"
            page.border_subtitle = "Enter takes it · ←→ a least · Esc keeps"
            yield MarkedList(*self._options())
            yield Static(classes="least")

    def on_mount(self) -> None:
        """Mark the one in force."""
        self.query_one(OptionList).highlighted = self._start
        self._say()

    def _options(self) -> list[Option]:
        return [
            Option(Content.styled(f"{name:8}", "bold") + Content(sentence), id=name)
            for name, sentence in SENTENCES.items()
        ]

    @property
    def _chosen(self) -> str:
        """The effort that Enter takes."""
        option = self.query_one(OptionList).highlighted_option
        name = str(option.id) if option is not None else "auto"
        if not self._floor or name not in LEVELS:
            return name
        ceiling = LEVELS.index(name)
        return parse(f"{LEVELS[min(self._floor, ceiling)]}..{name}")

    @on(OptionList.OptionHighlighted)
    def _say(self) -> None:
        chosen = self._chosen
        floor, ceiling = bounds(chosen)
        least = "" if floor == ceiling else f": at least {floor}, at most {ceiling}"
        self.query_one(".least", Static).update(f"effort {chosen}{least}")

    @on(OptionList.OptionSelected)
    def _take(self) -> None:
        self.dismiss(self._chosen)

    def action_floor(self, step: int) -> None:
        """Raise or lower the least."""
        self._floor = min(max(0, self._floor + step), len(LEVELS) - 1)
        self._say()
