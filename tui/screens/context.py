"""What fills the context, as bars, and what can be done about it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from assistant.reasons import share

from .. import figures
from ..filling import Filling
from ..meter import meter

CELLS = 30


class ContextScreen(ModalScreen[str | None]):
    """Shows the parts, and gives back the action that was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close", id="close_context"),
    ]

    def __init__(self, filling: Filling, choices: dict[str, str], note: str = "") -> None:
        """`choices` are actions with the words for them; `note` is a sentence under the bars."""
        super().__init__()
        self._filling = filling
        self._choices = choices
        self._note = note

    def compose(self) -> ComposeResult:
        with Vertical(id="context") as page:
            page.border_title = "Context"
            page.border_subtitle = "Enter chooses · Esc closes" if self._choices else "Esc closes"
            yield Static(Content("\n").join(self._lines()))
            if self._note:
                yield Static(self._note, classes="note")
            if self._choices:
                yield OptionList(*(Option(words, id=name) for name, words in self._choices.items()))

    def _lines(self) -> list[Content]:
        filling = self._filling
        parts = {
            "system": filling.system,
            "history": filling.history,
            "files": filling.files,
            "thinking": filling.thinking,
            "free": filling.free,
        }
        lines = [
            Content(f"{figures.count(filling.total)} of {figures.tokens(filling.n_ctx)}, ")
            + Content(f"{share(filling.share)}; the parts are estimates"),
            Content(""),
        ]
        for name, n_tokens in parts.items():
            bar = meter(n_tokens / filling.n_ctx if filling.n_ctx else 0.0, CELLS)
            lines.append(Content(f"{name:9}") + bar + Content(f"{figures.count(n_tokens):>9}"))
        return lines

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Give back what was chosen."""
        self.dismiss(event.option_id)
