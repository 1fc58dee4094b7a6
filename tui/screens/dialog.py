"""What all pages over the chat have in common."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

Result = TypeVar("Result")


class Dialog(ModalScreen[Result]):
    """A page over the chat: none of the chat's keys work in it, but F1 tells which do."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "app.help", "Tell the keys", show=False, id="help"),
    ]
