"""Lists of an answer: each run of plain items is one drawn block, and only the last item grows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from markdown_it.token import Token
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Markdown
from textual.widgets._markdown import (  # the list blocks are not exported
    MarkdownBullet,
    MarkdownBulletList,
    MarkdownList,
    MarkdownListItem,
    MarkdownOrderedList,
    MarkdownParagraph,
)
from textual.widgets.markdown import MarkdownBlock

from .drawn import Drawn, Line, wrapped
from .resting import Bare

_SUFFIX = ". "

OPEN_ITEMS = 2
"""So many items at the end of a list are parsed again for each piece, for one without words is no list."""


@dataclass(slots=True, eq=False)
class Item:
    """A plain item: paragraphs, and lists of plain items."""

    symbol: str
    parts: list[Content | list[Item]]
    drawn: tuple[tuple[int, int], list[Line]] | None = field(default=None)

    def lines(self, width: int, n_symbol: int) -> list[Line]:
        """Its lines, the symbol `n_symbol` cells wide."""
        key = (width, n_symbol)
        if self.drawn is None or self.drawn[0] != key:
            self.drawn = (key, [*self._lines(width, n_symbol)])
        return self.drawn[1]

    def _lines(self, width: int, n_symbol: int) -> Iterator[Line]:
        lead = Content.styled(self.symbol.rjust(n_symbol), ".bullet")
        indent = Content(" " * n_symbol)
        for part in self.parts or [Content("")]:
            if isinstance(part, Content):
                yield from wrapped(part, width, lead)
            else:
                yield from _nested(part, width, lead)
            lead = indent


def _nested(items: Sequence[Item], width: int, lead: Content) -> Iterator[Line]:
    """A list in an item; `lead` stands before its first line."""
    margin = lead.cell_length
    indent = Content(" " * margin)
    for item in items:
        for line in item.lines(max(1, width - margin), _widest(items)):
            yield Line(lead + line.content, line.margin and line.margin + margin, line.joint)
            lead = indent


def _widest(items: Sequence[Item]) -> int:
    return max((len(item.symbol) for item in items), default=0)


class ListText(Drawn):
    """Plain items that follow each other."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"bullet"}
    DEFAULT_CSS = """
    ListText > .bullet { color: $text-primary; }
    ListText:light > .bullet { color: $text-secondary; }
    """

    def __init__(self, markdown: Markdown, token: Token, items: list[Item], n_symbol: int) -> None:
        super().__init__(markdown, token)
        self.items = items
        self._n_symbol = n_symbol
        self._lines: tuple[int, list[Line]] | None = None

    def lines(self, width: int) -> Sequence[Line]:
        if self._lines is None or self._lines[0] != width:
            self._lines = (width, [line for item in self.items for line in item.lines(width, self._n_symbol)])
        return self._lines[1]

    def change(self, n_same: int, items: Sequence[Item], n_symbol: int) -> None:
        """Keep the first `n_same` items, and put others behind them."""
        same = self.items[:n_same] if n_symbol == self._n_symbol else []
        width = self.content_size.width
        n_lines = sum(len(item.lines(width, n_symbol)) for item in same) if width else 0
        self.items[n_same:] = items
        self._n_symbol, self._lines = n_symbol, None
        self.redraw(n_lines)


class GrowingList(Bare, MarkdownList):
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
        self._n_symbol = 0
        self._n_items = 0
        self._n_settled = 0

    def compose(self) -> ComposeResult:
        items = self._taken(self)
        self._n_symbol = max((len(self._symbol(item, n)) for n, item in enumerate(items)), default=0)
        self._settle(len(items))
        yield from self._widgets(items, 0)

    async def _update_from_block(self, block: MarkdownBlock) -> None:
        if type(block) is not type(self) or not self._n_items:
            await super()._update_from_block(block)
            return
        n_settled, items = self._n_settled, self._taken(block)
        symbols = [self._symbol(item, n) for n, item in enumerate(items, n_settled)]
        n_symbol = max([self._n_symbol, *map(len, symbols)])
        gone, n_same = self._last(self._n_items - n_settled)
        plain: list[Item] = []
        if isinstance(gone[-1], ListText):
            while items and is_plain(items[0]):
                plain.append(_plain(items.pop(0), symbols[len(plain)]))
            if n_same or plain:
                gone.pop().change(n_same, plain, n_symbol)
        for widget in gone:
            await widget.remove()
        self._settle(len(symbols))
        self._widen(n_symbol)
        await self.mount_all(self._widgets(items, n_settled + len(plain)))

    def _last(self, n_items: int) -> tuple[list[Any], int]:
        """The widgets of the last items, from the last one up, and how many more items the uppermost has."""
        widgets = []
        for widget in reversed(self.children):
            widgets.append(widget)
            n_items -= len(widget.items) if isinstance(widget, ListText) else 1
            if n_items <= 0:
                break
        return widgets, -n_items

    def _settle(self, n_new: int) -> None:
        """Items came in the place of the open ones; that many of them are not parsed again."""
        self._n_items = self._n_settled + n_new
        self._n_settled += max(0, n_new - OPEN_ITEMS)

    def _widen(self, n_symbol: int) -> None:
        """Have room for longer numbers."""
        if n_symbol == self._n_symbol:
            return
        self._n_symbol = n_symbol
        for child in self.children:
            if isinstance(child, ListText):
                child.change(len(child.items), (), n_symbol)
            else:
                bullet = child.query_one(MarkdownBullet)
                bullet.symbol = bullet.symbol.strip().ljust(2).rjust(n_symbol)
                bullet.refresh(layout=True)

    @staticmethod
    def _taken(block: MarkdownBlock) -> list[MarkdownListItem]:
        items = [item for item in block._blocks if isinstance(item, MarkdownListItem)]
        block._blocks = []
        return items

    def _widgets(self, items: Sequence[MarkdownListItem], n_before: int) -> list[Widget]:
        widgets: list[Widget] = []
        for n, item in enumerate(items, n_before):
            symbol = self._symbol(item, n)
            last = widgets[-1] if widgets else None
            if not is_plain(item):
                bullet = MarkdownBullet()
                bullet.symbol = symbol.rjust(self._n_symbol)
                widgets.append(Horizontal(bullet, Vertical(*item._blocks)))
            elif isinstance(last, ListText):
                last.items.append(_plain(item, symbol))
            else:
                widgets.append(ListText(self._markdown, item._token, [_plain(item, symbol)], self._n_symbol))
        return widgets

    def _symbol(self, item: MarkdownListItem, n: int) -> str:
        return item.bullet


class GrowingBulletList(GrowingList, MarkdownBulletList):
    """A list with bullets."""


class GrowingOrderedList(GrowingList, MarkdownOrderedList):
    """A list with numbers."""

    def _symbol(self, item: MarkdownListItem, n: int) -> str:
        return f" {self._first + n}{_SUFFIX}"


def is_plain(item: MarkdownListItem) -> bool:
    """Whether nothing but text and lists of text is in it."""
    return all(
        isinstance(block, MarkdownParagraph)
        or (isinstance(block, GrowingList) and all(is_plain(each) for each in _items(block)))
        for block in item._blocks
    )


def _items(block: GrowingList) -> list[MarkdownListItem]:
    return [item for item in block._blocks if isinstance(item, MarkdownListItem)]


def _plain(item: MarkdownListItem, symbol: str) -> Item:
    return Item(
        symbol,
        [
            [_plain(each, block._symbol(each, n)) for n, each in enumerate(_items(block))]
            if isinstance(block, GrowingList)
            else block._content
            for block in item._blocks
        ],
    )
