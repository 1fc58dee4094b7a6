"""What an empty conversation shows."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from assistant.terminal import visible

EXAMPLES = ("hi", "How many r's are in strawberry?", "347 * 28 + 19")
"""Questions that the starter model can answer."""


class Example(Static, can_focus=True):
    """A question to try; Enter or a click asks it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "ask", "Ask it", id="ask_example", show=False)]

    class Asked(Message):
        """The example is to be asked."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, text: str) -> None:
        super().__init__(Content(text))
        self.text = text

    def action_ask(self) -> None:
        """Ask this question."""
        self.post_message(self.Asked(self.text))

    def on_click(self) -> None:
        """A click does what Enter does."""
        self.action_ask()


class Unfinished(Static, can_focus=True):
    """A conversation whose last answer was interrupted; Enter or a click opens it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open it", id="open_unfinished", show=False)
    ]

    class Opened(Message):
        """The conversation is to be opened."""

        def __init__(self, conversation_id: str) -> None:
            super().__init__()
            self.conversation_id = conversation_id

    def __init__(self, conversation_id: str, title: str) -> None:
        super().__init__(Content(visible(title)))
        self._conversation_id = conversation_id

    def action_open(self) -> None:
        """Open the conversation."""
        self.post_message(self.Opened(self._conversation_id))

    def on_click(self) -> None:
        """A click does what Enter does."""
        self.action_open()


class Welcome(Vertical):
    """What Mull is, which model answers, and what to ask."""

    _model = ("", "", "")

    def compose(self) -> ComposeResult:
        yield Static(Content.styled("Mull", "bold $primary"), classes="name")
        yield Static("A local assistant that thinks as hard as the question deserves.")
        yield Static(classes="model")
        yield Static("Try", classes="try")
        for text in EXAMPLES:
            yield Example(text)

    def offer(self, conversation_id: str, title: str) -> None:
        """Offer to go on with an answer that was interrupted."""
        self.mount(
            Static("An answer was interrupted when Mull ended; it can be gone on with in", classes="try"),
            Unfinished(conversation_id, title),
        )

    def show_model(self, name: str, note: str, plan: str = "") -> None:
        """Say which model answers, and how it is loaded once it is."""
        if (name, note, plan) == self._model:
            return
        self._model = (name, note, plan)
        text = "\n".join(filter(None, (visible(name), visible(note), f"{plan[:1].upper()}{plan[1:]}")))
        line = self.query_one(".model", Static)
        line.update(Content(text))
        line.display = bool(text)
