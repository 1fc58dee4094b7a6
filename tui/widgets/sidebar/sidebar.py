"""The conversations beside the chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from assistant.store.values import Summary

from ...commands import bindings
from ..marked import MarkedList
from .rows import Row

HINTS = "↵ open · r rename · p pin\na archive · d delete\n/ search · v archived\nu undelete · F1 helps"


class ConversationList(MarkedList):
    """One row a conversation; letters act on the marked one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("list"),
        Binding("slash", "screen.find", "Search", id="search_list", show=False),
    ]


class Sidebar(Vertical):
    """A search field over the list; who has it on the screen fills it with rows."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back", id="leave_list", show=False)]

    @dataclass
    class Typed(Message):
        """Another text stands in the search field."""

        text: str

    @dataclass
    class Chosen(Message):
        """A conversation is to be opened."""

        summary: Summary
        message_id: int | None

    class Left(Message):
        """The keys are to go back to the prompt."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Row] = []

    def compose(self) -> ComposeResult:
        yield Input(placeholder="Search conversations", select_on_focus=True, compact=True)
        yield ConversationList(markup=False)
        yield Static(classes="told")
        yield Static(HINTS, classes="hints")

    @property
    def typed(self) -> str:
        """What is looked for; empty shows the list."""
        return self.query_one(Input).value.strip()

    @property
    def has_keys(self) -> bool:
        """Whether the list has the focus, so that letters act on the marked conversation."""
        return self.query_one(ConversationList).has_focus

    @property
    def marked(self) -> Row | None:
        """The row under the cursor; None if there is none."""
        at = self.query_one(ConversationList).highlighted
        row = self._rows[at] if at is not None and at < len(self._rows) else None
        return row if row is not None and row.summary is not None else None

    def show(self, rows: Sequence[Row], told: str = "") -> None:
        """Show these rows, the cursor where it was, and a sentence where there are none."""
        if list(rows) != self._rows:
            options = self.query_one(ConversationList)
            before, at = self.marked, options.highlighted
            self._rows = list(rows)
            options.set_options(
                Option(row.text, id=row.name or None, disabled=row.summary is None) for row in rows
            )
            self._mark(before.name if before else "", at)
        line = self.query_one(".told", Static)
        line.update(Content(told))
        line.display = bool(told)

    def _mark(self, name: str, at: int | None) -> None:
        """Put the cursor on the row of that name, or near where it was."""
        options = self.query_one(ConversationList)
        names = [row.name for row in self._rows]
        if name and name in names:
            options.highlighted = names.index(name)
        elif self._rows:
            near = min(at or 0, len(names) - 1)
            after = [place for place in range(near, len(names)) if names[place]]
            options.highlighted = (after or [len(names) - 1])[0]

    def focus_list(self) -> None:
        """Give the keys to the list."""
        self.query_one(ConversationList).focus()

    def focus_search(self, text: str | None = None) -> None:
        """Give the keys to the search field, with `text` in it unless that is None."""
        field = self.query_one(Input)
        if text is not None:
            field.value = text
        field.focus()

    @on(Input.Changed)
    def _tell_typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typed(self.typed))

    @on(Input.Submitted)
    @on(OptionList.OptionSelected)
    def _choose(self, event: Message) -> None:
        event.stop()
        if (row := self.marked) is not None and row.summary is not None:
            self.post_message(self.Chosen(row.summary, row.message_id))

    def on_key(self, event: events.Key) -> None:
        """Down goes from the field to the list."""
        if event.key == "down" and self.query_one(Input).has_focus:
            self.focus_list()
            event.stop()
            event.prevent_default()

    def action_leave(self) -> None:
        """Clear the search, or else give the keys back."""
        field = self.query_one(Input)
        if field.value:
            field.value = ""
            self.focus_list()
        else:
            self.post_message(self.Left())
