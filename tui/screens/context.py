"""What fills the context, as bars, and what can be done about it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from assistant.reasons import share

from .. import figures
from ..filling import Filling
from ..widgets.marked import MarkedList
from ..widgets.status.gauge import MARKS, colour, gauge
from .dialog import Dialog

CELLS = 38
WORDS = {
    "system": "system message",
    "history": "conversation",
    "files": "files",
    "thinking": "last thinking",
    "free": "free",
}


class ContextScreen(Dialog[str | None]):
    """Shows the parts, and gives back the action that was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close", id="close_context"),
    ]

    def __init__(self, filling: Filling, choices: dict[str, str]) -> None:
        """`choices` are actions with the words for them."""
        super().__init__()
        self._filling = filling
        self._options = MarkedList(*(Option(words, id=action) for action, words in choices.items()))
        self._options.display = bool(choices)
        self._told = Static("Looking whether memory allows a larger context …", classes="note")
        self._page = Vertical(id="context")

    def compose(self) -> ComposeResult:
        with self._page as page:
            page.border_title = "Context"
            page.border_subtitle = "Enter chooses · Esc closes" if self._options.display else "Esc closes"
            yield Static(Content("\n").join(self._lines()))
            yield self._options
            yield self._told

    def tell_larger(self, words: str, sentence: str) -> None:
        """Say whether a larger context can be had.

        Args:
            words: the choice; empty where there is none.
            sentence: what it costs, or why it cannot be had.
        """
        options = self._options
        if words:
            options.add_option(Option(words, id="larger"))
            options.display = True
            self._page.border_subtitle = "Enter chooses · Esc closes"
            if options.highlighted is None:
                options.highlighted = 0
                options.focus()
        self._told.update(sentence if not words else f"/larger: {sentence}")

    def _lines(self) -> list[Content]:
        filling = self._filling
        total = f"{figures.count(filling.total)} of {figures.tokens(filling.n_ctx)}"
        lines = [
            Content.styled(f"{share(filling.share)} full", f"bold {colour(filling)}")
            + Content.styled(f"{figures.SEPARATOR}{total}", "$foreground 60%"),
            gauge(filling, CELLS),
            Content(""),
        ]
        for name, mark in MARKS.items():
            n_tokens = getattr(filling, name)
            part = n_tokens / filling.n_ctx if filling.n_ctx else 0.0
            style = "$foreground 40%" if name == "free" else colour(filling)
            lines.append(
                Content.styled(f"{mark} ", style)
                + Content(f"{WORDS[name]:16}{figures.count(n_tokens):>12}")
                + Content.styled(f"{share(part):>8}", "$foreground 60%")
            )
        return [
            *lines,
            Content.styled("\nThe parts are estimates; their sum is the model's.", "$foreground 60%"),
        ]

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Give back what was chosen."""
        self.dismiss(event.option_id)
