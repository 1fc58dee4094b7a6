"""Code in an answer that grows in place: what is settled of it is neither laid out nor coloured again."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from markdown_it.token import Token
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Label, Markdown
from textual.widgets.markdown import MarkdownBlock, MarkdownFence

from .resting import Sized

LONG_LINES = 200
"""Longer code is coloured in a thread at its end."""


@dataclass
class _Coloured:
    code: str
    content: Content
    cost_s: float
    at_s: float


class Chunk(Sized, Label):
    """Some lines of code."""


class GrowingFence(Sized, MarkdownFence):
    """Code of which only the last lines are coloured while it grows, and the whole once it is over."""

    CHUNK_LINES = 40
    """So many lines share a widget: a widget that changes is drawn as a whole, shown or not."""

    PATIENCE = 20
    """So many times as long as colouring the last lines took, only what is new is coloured."""

    def __init__(self, markdown: Markdown, token: Token, code: str) -> None:
        super().__init__(markdown, token, code)
        self._chunks: list[Content] = []
        self._n_done = 0
        """Characters of the code that lie in chunks which are full."""
        self._last: _Coloured | None = None

    @classmethod
    def highlight(cls, code: str, language: str, ansi: bool = False, dark: bool = False) -> Content:
        """The code without colours: Textual asks for this before it is known what of it is new."""
        return Content(code)

    def compose(self) -> ComposeResult:
        self._chunks = self._cut(self._coloured(self.code))
        self._n_done = sum(len(chunk) + 1 for chunk in self._chunks[:-1])
        for chunk in self._chunks:
            yield Chunk(chunk, expand=True)

    async def _update_from_block(self, block: MarkdownBlock) -> None:
        if not isinstance(block, GrowingFence):
            await super()._update_from_block(block)
            return
        if not block.code.startswith(self.code[: self._n_done]) or block.lexer != self.lexer:
            self._n_done, self._last = 0, None
        self._copy_context(block)
        n_full = self.code[: self._n_done].count("\n") // self.CHUNK_LINES
        before = self._chunks[n_full - 1].plain + "\n" if n_full else ""
        grown = self._grown(before + self.code[self._n_done :])[len(before) :]
        self._show([*self._chunks[:n_full], *self._cut(grown)])

    def _show(self, chunks: list[Content]) -> None:
        """Show other code: what has not changed stays as it is."""
        labels = [*self.query_children(Label)]
        before, self._chunks = self._chunks, chunks
        self._n_done = sum(len(chunk) + 1 for chunk in chunks[:-1])
        for label, old, new in zip(labels, before, chunks, strict=False):
            if old is not new and (old.plain != new.plain or old.spans != new.spans):
                label.update(new, layout=_size(old) != _size(new))
        for label in labels[len(chunks) :]:
            label.remove()
        self.mount_all([Chunk(chunk, expand=True) for chunk in chunks[len(labels) :]])

    async def settle(self) -> None:
        """Colour the whole of it: nothing more comes."""
        if len(self._chunks) < 2 and self._last is None:
            return
        if self.code.count("\n") > LONG_LINES:
            content = await asyncio.to_thread(self._coloured, self.code)
        else:
            content = self._coloured(self.code)
        self._last = None
        self._show(self._cut(content))

    def notify_style_update(self) -> None:
        """Take the colours of another theme."""
        MarkdownBlock.notify_style_update(self)
        if self._chunks:
            self._last = None
            self._show(self._cut(self._coloured(self.code)))

    @classmethod
    def _cut(cls, content: Content) -> list[Content]:
        lines = content.split("\n", allow_blank=True)
        return [
            Content("\n").join(lines[at : at + cls.CHUNK_LINES])
            for at in range(0, len(lines), cls.CHUNK_LINES)
        ]

    def _coloured(self, code: str) -> Content:
        dark, ansi = self.app.current_theme.dark, self.app.native_ansi_color
        return super().highlight(code, self.lexer, ansi=ansi, dark=dark)

    def _grown(self, code: str) -> Content:
        """The last lines in colours; most often only what is new of them is looked at."""
        last, now = self._last, time.monotonic()
        if last is not None and code.startswith(last.code) and now < last.at_s + self.PATIENCE * last.cost_s:
            settled = last.code.rfind("\n") + 1
            return last.content[:settled] + self._coloured(code[settled:])
        content = self._coloured(code)
        self._last = _Coloured(code, content, time.monotonic() - now, now)
        return content


def _size(content: Content) -> tuple[int, int]:
    return content.plain.count("\n"), content.cell_length
