"""The field that the user writes in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import TextArea

from assistant import attachments
from assistant.errors import UsageError
from assistant.query import Attachment
from assistant.terminal import visible

from ... import slash
from ...commands import bindings, parsed
from . import editor
from .completing import Candidate, Completing, completing
from .completion import Completion
from .history import PromptHistory
from .pastes import Pastes

PLACEHOLDERS = (
    "Ask anything. Enter sends, / has commands, @ adds a file, F1 helps.",
    "Ask anything. / has commands, @ adds a file, F1 helps.",
    "Ask anything. F1 helps.",
)
"""What the empty field says, ever shorter."""


class Prompt(TextArea):
    """Several lines; Enter sends, and up and down at the edge walk through what was sent before."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("prompt")]

    @dataclass
    class Submitted(Message):
        """The user sent a prompt."""

        text: str
        """The whole text, pastes unfolded."""
        attachments: tuple[Attachment, ...] = ()
        """The files that it names with an @."""

    class WentUp(Message):
        """Up was pressed on the empty field: a queued question may come back into it."""

    @dataclass
    class Paged(Message):
        """A page up or down was asked for, and not in the field itself."""

        step: int
        """-1 up, 1 down."""

    class WantsOlder(Message):
        """The walk has come to the oldest prompt that is known: `take_older` gives those before."""

    def __init__(self, completion: Completion) -> None:
        super().__init__(
            soft_wrap=True,
            compact=True,
            highlight_cursor_line=False,
            placeholder=PLACEHOLDERS[0],
        )
        self._completion = completion
        self._history = PromptHistory()
        self._pastes = Pastes()
        self._walked_from: str | None = None
        """What stood in the field when older prompts were asked for; None while none are."""

    def on_resize(self, event: events.Resize) -> None:
        """Say on the empty field what fits on its line."""
        fitting = (words for words in PLACEHOLDERS if len(words) < event.size.width)
        self.placeholder = next(fitting, PLACEHOLDERS[-1])

    # -- keys ----------------------------------------------------------------------------------------

    async def _on_key(self, event: events.Key) -> None:
        """Send and break lines in the order of the keys.

        A binding acts in the app's own time, before or after the letters that were typed around it.
        """
        if self._completion.is_for(self.completing()) and await self._steer_completion(event.key):
            event.stop()
            event.prevent_default()
            return
        if event.key == "enter" or not event.is_printable:
            active = self.screen.active_bindings.get(event.key)
            if (
                active is not None
                and active.node is self
                and active.binding.id in ("send", "newline", "editor")
            ):
                event.stop()
                event.prevent_default()
                await self.run_action(active.binding.action)

    async def _steer_completion(self, key: str) -> bool:
        """Whether the list over the prompt took the key."""
        if key == "escape":
            self._completion.close()
        elif key in ("up", "down"):
            getattr(self._completion, f"action_cursor_{key}")()
        elif key in ("tab", "enter") and (candidate := self._completion.candidate):
            if key == "enter" and candidate.text.strip() == self.text.strip():
                return False  # all is typed already: Enter sends
            self.take(candidate)
            if key == "enter" and candidate.is_final:
                await self.action_submit()
        else:
            return False
        return True

    def completing(self) -> Completing | None:
        """What the text before the cursor asks for; nothing while the walk shows what was sent before."""
        if self.text == self._history.shown or self.selection.start != self.selection.end:
            return None
        row, column = self.cursor_location
        return completing(self.document.get_line(row)[:column], is_first_line=row == 0)

    def take(self, candidate: Candidate) -> None:
        """Put a candidate in the place of what was begun."""
        if what := self.completing():
            row, column = self.cursor_location
            self._completion.close()
            self.replace(candidate.text, (row, what.start), (row, column), maintain_selection_offset=False)
            self.move_cursor((row, what.start + len(candidate.text)))

    # -- sending -------------------------------------------------------------------------------------

    async def action_submit(self) -> None:
        """Send the text or run its slash command; what is wrong with it is said, and it stays."""
        if not self.text.strip():
            return
        self._completion.close()
        try:
            if command := parsed(self.text):
                await self._run(*command)
            else:
                await self._send()
        except UsageError as error:
            slash.say(self.app, error)

    async def _run(self, word: str, argument: str) -> None:
        target = slash.resolved(self.screen, word, argument)
        self._history.add(self.text)
        self.load_text("")
        await self.app.run_action(target, self.screen)

    async def _send(self) -> None:
        text = self._pastes.unfolded(self.text)
        files, missing = await asyncio.to_thread(attachments.mentioned, self.text, Path.cwd())
        for name in missing:
            slash.say(self.app, UsageError(f"There is no file {name}: @{name} goes as text."))
        self._history.add(self.text)
        self.load_text("")
        self.post_message(self.Submitted(text, files))

    def action_newline(self) -> None:
        """Start a new line at the cursor."""
        start, end = self.selection
        self._replace_via_keyboard("\n", start, end)

    def action_edit(self) -> None:
        """Write in the user's own editor."""
        try:
            text = editor.edited(self.app, self._pastes.unfolded(self.text))
        except UsageError as error:
            slash.say(self.app, error)
        else:
            self.put(text)

    def put(self, text: str) -> None:
        """Have `text` in the field, folded if it is long, the cursor behind it."""
        self.load_text(self._pastes.folded(visible(text)))
        self.move_cursor(self.document.end)

    # -- moving and deleting -------------------------------------------------------------------------

    def action_cursor_up(self, select: bool = False) -> None:
        """Move up, or to the prompt before when on the first line."""
        if select or not self.navigator.is_first_wrapped_line(self.cursor_location):
            super().action_cursor_up(select)
        elif self.text or self._history.is_walking:
            self.recall_older()
        else:
            self.post_message(self.WentUp())

    def action_cursor_down(self, select: bool = False) -> None:
        """Move down, or to the prompt after when on the last line."""
        if select or not self.navigator.is_last_wrapped_line(self.cursor_location):
            super().action_cursor_down(select)
        else:
            self._recall(self._history.newer(self.text))

    def action_page(self, step: str) -> None:
        """Scroll the conversation by a page, or a text that is longer than the field."""
        if not self.max_scroll_y:
            self.post_message(self.Paged(int(step)))
        elif step == "-1":
            self.action_cursor_page_up()
        else:
            self.action_cursor_page_down()

    def recall_older(self) -> None:
        """Show the prompt before; where the known ones end, those of earlier conversations are asked for."""
        older = self._history.older(self.text)
        self._recall(older)
        if older is None and not self._history.is_whole and self._walked_from is None:
            self._walked_from = self.text
            self.post_message(self.WantsOlder())

    def take_older(self, texts: Sequence[str], *, is_all: bool) -> None:
        """Go on with the walk, newest first; a text that was changed meanwhile stays.

        Args:
            texts: prompts of earlier conversations.
            is_all: whether there are none before these.
        """
        self._history.is_whole = is_all
        self._history.put_before(texts)
        walked_from, self._walked_from = self._walked_from, None
        if walked_from == self.text:
            self.recall_older()

    def forgo_older(self) -> None:
        """They cannot be had at the moment."""
        self._walked_from = None

    def action_delete_left(self) -> None:
        """Delete a character, or the whole mark of a paste."""
        row, column = self.cursor_location
        n = 0 if self.selected_text else self._pastes.mark_before(self.document.get_line(row)[:column])
        if n:
            self.delete((row, column - n), (row, column))
        else:
            super().action_delete_left()

    def action_delete_right(self) -> None:
        """Delete a character, or the whole mark of a paste."""
        row, column = self.cursor_location
        n = 0 if self.selected_text else self._pastes.mark_after(self.document.get_line(row)[column:])
        if n:
            self.delete((row, column), (row, column + n))
        else:
            super().action_delete_right()

    async def _on_paste(self, event: events.Paste) -> None:
        """Put the pasted text in, escape sequences made visible and a very long text folded."""
        event.stop()
        event.prevent_default()
        text = visible(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        start, end = self.selection
        if result := self._replace_via_keyboard(self._pastes.folded(text), start, end):
            self.move_cursor(result.end_location)

    def _recall(self, text: str | None) -> None:
        if text is not None:
            self.put(text)
