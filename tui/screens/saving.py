"""Saving a code block to a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static

from assistant.codeblocks import CodeBlock
from assistant.files import write_whole
from assistant.terminal import visible

from ..widgets.marked import MarkedList
from .dialog import Dialog

SHOWN_LINES = 6


class SaveScreen(Dialog[None]):
    """Asks which block goes to which file, and never writes over one without being told to."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Cancel", id="cancel_save"),
    ]

    def __init__(self, blocks: Sequence[CodeBlock], name: str = "") -> None:
        super().__init__()
        self._blocks = blocks
        self._block = blocks[-1]
        self._name = name
        self._may_replace: Path | None = None

    def compose(self) -> ComposeResult:
        page = Vertical(id="save")
        page.border_title = "Save code"
        page.border_subtitle = "Enter saves, Esc cancels"
        with page:
            if len(self._blocks) > 1:
                blocks = MarkedList(*(_title(block, n) for n, block in enumerate(self._blocks, 1)))
                blocks.highlighted = len(self._blocks) - 1
                yield blocks
            yield Static(classes="code")
            yield Input(self._name or self._block.file_name, placeholder="a file name", select_on_focus=False)
            yield Static(classes="told")

    def on_mount(self) -> None:
        """Have the name under the cursor."""
        self.query_one(Input).focus()
        self._show_block()

    def _show_block(self) -> None:
        lines = visible(self._block.text).rstrip("\n").split("\n")
        rest = len(lines) - SHOWN_LINES
        shown = lines[:SHOWN_LINES] + ([f"… {rest} more lines"] if rest > 0 else [])
        self.query_one(".code", Static).update(Content("\n".join(line[:200] for line in shown)))

    @on(OptionList.OptionHighlighted)
    def _choose(self, event: OptionList.OptionHighlighted) -> None:
        before, self._block = self._block, self._blocks[event.option_index]
        field = self.query_one(Input)
        if field.value == before.file_name:
            field.value = self._block.file_name
        self._show_block()

    @on(OptionList.OptionSelected)
    def _name_it(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _forget_permission(self) -> None:
        self._may_replace = None
        self._tell("")

    @on(Input.Submitted)
    def _save(self) -> None:
        name = self.query_one(Input).value.strip()
        if not name:
            self._tell("A name is needed.")
            return
        try:
            path = Path.cwd() / Path(name).expanduser()
            if path.is_dir():
                self._tell(f"{name} is a folder: add a name to it.")
            elif path.exists() and path != self._may_replace:
                self._may_replace = path
                self._tell(f"{name} exists. Enter again replaces it; another name keeps it.")
            else:
                _write(path, self._block.text.encode("utf-8", errors="replace"))
                self.app.notify(f"Saved as {visible(str(path))}.", markup=False)
                self.dismiss()
        except (OSError, ValueError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or error
            self._tell(f"{name} cannot be written: {reason}. Choose another place.")

    def _tell(self, text: str) -> None:
        line = self.query_one(".told", Static)
        line.update(Content(visible(text)))
        line.display = bool(text)


def _write(path: Path, content: bytes) -> None:
    """Make the file, or replace it, whole or not at all; an old one's rights stay."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        mode = path.stat().st_mode
        write_whole(path.resolve(), content)
        path.chmod(mode)


def _title(block: CodeBlock, n: int) -> Content:
    first = visible(block.text).strip().split("\n")[0][:60]
    return Content(f"{n}  {visible(block.language) or 'text'}  {first}")
