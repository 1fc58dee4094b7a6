"""Blocks of an answer that grow in place: what is settled of them is neither built nor coloured again.

Textual builds the last block of a document anew for each piece that is appended to it. For a list of a
hundred items or a long piece of code that takes longer than a frame.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from markdown_it.token import Token
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Label, Markdown
from textual.widgets._markdown import (  # the list blocks are not exported
    MarkdownBullet,
    MarkdownBulletList,
    MarkdownList,
    MarkdownListItem,
    MarkdownOrderedList,
)
from textual.widgets.markdown import MarkdownBlock, MarkdownFence

LISTS = ("bullet_list_open", "ordered_list_open")
_SUFFIX = ". "


def without_settled(tokens: Sequence[Token], n_settled: int) -> list[Token]:
    """The tokens of a document that begins with a list, without the list's first items."""
    opening, *rest = tokens
    n_open, n_items = 0, 0
    for at, token in enumerate(rest):
        if token.type == "list_item_open" and token.level == opening.level + 1:
            n_items += 1
            if n_items > n_settled:
                return [opening, *rest[at:]]
        n_open += token.nesting
    return [*tokens]


class GrowingList(MarkdownList):
    """A list whose last item is replaced, and whose new ones are added."""

    # Styles come from the first base alone, and that is this one.
    DEFAULT_CSS = """
    GrowingList {
        margin: 0 0 1 0;
        Horizontal { height: auto; width: 1fr; }
        Vertical { height: auto; width: 1fr; }
    }
    """

    def __init__(self, markdown: Markdown, token: Token) -> None:
        super().__init__(markdown, token)
        self._first = int(token.attrs.get("start", 1))
        self._width = 0

    @property
    def n_settled(self) -> int:
        """Items that no more text can change."""
        return max(0, len(self.children) - 1)

    def compose(self) -> ComposeResult:
        yield from self._rows(0)

    async def _update_from_block(self, block: MarkdownBlock) -> None:
        if type(block) is not type(self) or not self.children:
            await super()._update_from_block(block)
            return
        n_settled = self.n_settled
        self._blocks = block._blocks
        await self.children[-1].remove()
        await self.mount_all(self._rows(n_settled))

    def _rows(self, n_before: int) -> list[Horizontal]:
        items = [block for block in self._blocks if isinstance(block, MarkdownListItem)]
        self._blocks = []
        symbols = [self._symbol(item, n) for n, item in enumerate(items, n_before)]
        self._width = max([self._width, *map(len, symbols)])
        rows = []
        for symbol, item in zip(symbols, items, strict=True):
            bullet = MarkdownBullet()
            bullet.symbol = symbol.rjust(self._width)
            rows.append(Horizontal(bullet, Vertical(*item._blocks)))
        return rows

    def _symbol(self, item: MarkdownListItem, n: int) -> str:
        return item.bullet


class GrowingBulletList(GrowingList, MarkdownBulletList):
    """A list with bullets."""


class GrowingOrderedList(GrowingList, MarkdownOrderedList):
    """A list with numbers."""

    def _symbol(self, item: MarkdownListItem, n: int) -> str:
        return f" {self._first + n}{_SUFFIX}"


@dataclass
class _Coloured:
    code: str
    content: Content
    cost_s: float
    at_s: float


class GrowingFence(MarkdownFence):
    """Code that is coloured as a whole now and then, and in between only where it is new."""

    CHUNK_LINES = 40
    """So many lines share a widget: a widget that changes is drawn as a whole, shown or not."""

    PATIENCE = 20
    """So many times as long as colouring all of it took, the new lines are coloured by themselves."""

    _last: ClassVar[dict[tuple[str, bool, bool], _Coloured]] = {}

    def __init__(self, markdown: Markdown, token: Token, code: str) -> None:
        super().__init__(markdown, token, code)
        self._chunks: list[Content] = []

    def compose(self) -> ComposeResult:
        self._chunks = self._cut(self._highlighted_code)
        for chunk in self._chunks:
            yield Label(chunk, expand=True)

    def set_content(self, content: Content) -> None:
        """Show other code: what has not changed stays as it is."""
        self._content = content
        labels = [*self.query_children(Label)]
        before, self._chunks = self._chunks, self._cut(content)
        for label, old, new in zip(labels, before, self._chunks, strict=False):
            if old.plain != new.plain or old.spans != new.spans:
                label.update(new)
        for label in labels[len(self._chunks) :]:
            label.remove()
        self.mount_all([Label(chunk, expand=True) for chunk in self._chunks[len(labels) :]])

    def settle(self) -> None:
        """Colour the whole of it: nothing more comes."""
        self._last.clear()
        self._highlighted_code = self.highlight(
            self.code, self.lexer, ansi=self.app.native_ansi_color, dark=self.app.current_theme.dark
        )
        self.set_content(self._highlighted_code)

    @classmethod
    def _cut(cls, content: Content) -> list[Content]:
        lines = content.split("\n", allow_blank=True)
        return [
            Content("\n").join(lines[at : at + cls.CHUNK_LINES])
            for at in range(0, len(lines), cls.CHUNK_LINES)
        ]

    @classmethod
    def highlight(cls, code: str, language: str, ansi: bool = False, dark: bool = False) -> Content:
        """The code in colours; a continuation of the code before costs as much as what is new of it."""
        key = (language, ansi, dark)
        last = cls._last.get(key)
        now = time.monotonic()
        if last is not None and code.startswith(last.code) and now < last.at_s + cls.PATIENCE * last.cost_s:
            if len(code) == len(last.code):
                return last.content
            settled = last.code.rfind("\n") + 1
            new = super().highlight(code[settled:], language, ansi=ansi, dark=dark)
            return last.content[:settled] + new
        content = super().highlight(code, language, ansi=ansi, dark=dark)
        cls._last[key] = _Coloured(code, content, time.monotonic() - now, now)
        return content


def grown(markdown: Markdown, tokens: Sequence[Token]) -> Iterator[Token]:
    """The tokens to build where `markdown` goes on: without what its last block has settled."""
    last = next((child for child in reversed(markdown.children) if isinstance(child, MarkdownBlock)), None)
    if isinstance(last, GrowingList) and tokens and tokens[0].type == last._token.type:
        return iter(without_settled(tokens, last.n_settled))
    return iter(tokens)
