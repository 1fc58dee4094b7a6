"""One sentence in the transcript that comes from Mull itself."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from assistant.errors import MullError
from assistant.terminal import visible


class NoticeLine(Static):
    """Something that the user should know."""

    def __init__(self, text: str) -> None:
        super().__init__(Content(visible(text)))


class ErrorLine(Static):
    """What went wrong and what to do next."""

    def __init__(self, error: MullError) -> None:
        message = Content.styled(visible(error.message), "$text-error")
        step = Content(f"\n{visible(error.next_step)}" if error.next_step else "")
        super().__init__(message + step)
