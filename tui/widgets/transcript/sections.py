"""The parts of an answer: Markdown that grows at its end, and of which only the end is parsed again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Markdown
from textual.widgets.markdown import MarkdownBlock

from .fence import GrowingFence
from .formulas import BLOCK, FormulaBlock
from .lists import OPEN_ITEMS, GrowingBulletList, GrowingList, GrowingOrderedList
from .paragraph import GrowingParagraph
from .resting import Bare, Resting
from .table import DrawnTable

_NUMBER = re.compile(r"\d{1,9}")
_MARK = re.compile(r"\d{1,9}[.)]")
_LISTS = ("bullet_list_open", "ordered_list_open")

_GROWING: dict[str, type[MarkdownBlock]] = {
    "paragraph_open": GrowingParagraph,
    "bullet_list_open": GrowingBulletList,
    "ordered_list_open": GrowingOrderedList,
    "table_open": DrawnTable,
    "fence": GrowingFence,
    "code_block": GrowingFence,
}


class SectionText(Bare, Markdown):
    """Consecutive blocks of an answer."""

    def __init__(self, parser: Callable[[], MarkdownIt], environment: dict[str, Any]) -> None:
        """`environment` holds what the parser knows of the whole answer, such as where references lead."""
        super().__init__(open_links=False)
        self._parser = parser
        self._environment = environment
        self.text = ""
        """Its Markdown."""
        self._last = 0
        """Where the last block begins, in characters."""
        self._resume = 0
        """From where on text may still change what is shown, in characters."""
        self._opening = ""
        """What has to stand before that for it to be read as what it is."""
        self._n_open = 1
        """So many blocks at the end may yet become one."""

    @property
    def blocks(self) -> list[MarkdownBlock]:
        """What is shown."""
        return [child for child in self.children if isinstance(child, MarkdownBlock)]

    def get_block_class(self, block_name: str) -> type[MarkdownBlock]:
        """Our own blocks where Textual's would be built anew for every piece."""
        return _GROWING.get(block_name) or super().get_block_class(block_name)

    def unhandled_token(self, token: Token) -> MarkdownBlock | None:
        """The block of a formula."""
        return FormulaBlock(self, token).build() if token.type == BLOCK else None

    async def take(self, markdown: str) -> None:
        """Add Markdown to the end."""
        self.text += markdown
        async with self.lock:
            open_blocks = self.blocks[-self._n_open :]
            last = open_blocks[0] if open_blocks else None
            opening, begin = self._opening, self._resume
            tokens = self._parse(opening + self.text[begin:])
            goes_on = last is not None and _continues(last, tokens)
            if not goes_on and begin != self._last:
                opening, begin = "", self._last
                tokens = self._parse(self.text[begin:])
            self._note_end(tokens, opening, begin)
            if goes_on and last is not None and len(open_blocks) == 1 and _goes_on_as_words(last, tokens):
                last.build_from_token(tokens[1])
                return
            blocks = list(self._parse_markdown(tokens))
            if not blocks:
                return
            with self.app.batch_update():
                for block in open_blocks[1:]:
                    await block.remove()
                if last is not None and goes_on:
                    await last._update_from_block(blocks.pop(0))
                elif last is not None:
                    await last.remove()
                if blocks and self.is_attached:  # it may have been taken away meanwhile
                    await self.mount_all(blocks)

    def _parse(self, source: str) -> list[Token]:
        return self._parser().parse(source, {"references": dict(self._environment)})

    def _note_end(self, tokens: Sequence[Token], opening: str, begin: int) -> None:
        """Note where the last block begins, and from where on it is to be parsed again."""
        begins = [n for n, token in enumerate(tokens) if token.level == 0 and token.map is not None]
        if not begins:
            return
        self._n_open = 1 + _may_be_item(tokens, begins)
        at = begins[-self._n_open]
        lines = (opening + self.text[begin:]).split("\n")

        def place(line: int) -> int:
            return begin - len(opening) + sum(len(each) + 1 for each in lines[:line])

        token = tokens[at]
        first = _line(token)
        if first or not begin > self._last:
            self._last = place(first)
        self._opening, self._resume = "", self._last
        if token.type in _LISTS:
            starts = [each for each in tokens[at:] if _is(each, "list_item_open", token.level + 1)]
            self._resume = place(_line(starts[-OPEN_ITEMS:][0]))
        elif token.type == "table_open":
            rows = [each for each in tokens[at:] if each.type == "tr_open" and _line(each) > first + 1]
            if rows:
                self._resume = place(_line(rows[-1]))
                self._opening = "\n".join(lines[first : first + 2]) + "\n"

    async def cut(self) -> str:
        """Give away the last block: nothing that is left can change any more; returns its Markdown."""
        async with self.lock:
            rest, self.text = self.text[self._last :], self.text[: self._last]
            for block in self.blocks[-self._n_open :]:
                await block.remove()
        return rest

    async def settle(self) -> None:
        """Nothing more comes."""
        for fence in self.query(GrowingFence):
            await fence.settle()

    def text_select_all(self) -> None:
        """Select the whole answer, of which this is a part."""
        answer = self.parent.parent if self.parent is not None else None
        if isinstance(answer, Widget):
            answer.text_select_all()


class Section(Bare, Resting):
    """A part of an answer that rests where nobody sees it."""

    def __init__(self, text: SectionText) -> None:
        super().__init__()
        self.text = text

    def compose(self) -> ComposeResult:
        yield self.text


def _may_be_item(tokens: Sequence[Token], begins: Sequence[int]) -> bool:
    """Whether the last block is a number behind a list: "2" is about to become "2. the next item"."""
    if len(begins) < 2:
        return False
    before, last = begins[-2:]
    is_behind = tokens[before].type == "ordered_list_open" or _is_words(tokens[before:], _MARK)
    return is_behind and _is_words(tokens[last:], _NUMBER)


def _is_words(tokens: Sequence[Token], pattern: re.Pattern[str]) -> bool:
    return tokens[0].type == "paragraph_open" and pattern.fullmatch(tokens[1].content) is not None


def _line(token: Token) -> int:
    return token.map[0] if token.map is not None else 0


def _is(token: Token, kind: str, level: int) -> bool:
    return token.type == kind and token.level == level


def _continues(last: MarkdownBlock, tokens: Sequence[Token]) -> bool:
    """Whether the last block shown is the one that the tokens begin with."""
    return bool(tokens) and (
        last._token.type == tokens[0].type if isinstance(last, GrowingList | DrawnTable) else True
    )


def _goes_on_as_words(last: MarkdownBlock, tokens: Sequence[Token]) -> bool:
    """Whether all that has changed are the words of a paragraph."""
    return isinstance(last, GrowingParagraph) and len(tokens) == 3 and tokens[0].type == "paragraph_open"


def pieces(text: str, n_characters: int) -> Iterator[str]:
    """A text in pieces that end with a line, of about so many characters."""
    begin = 0
    while len(text) - begin > n_characters:
        end = text.rfind("\n", begin, begin + n_characters) + 1
        if end <= begin:
            end = begin + n_characters
        yield text[begin:end]
        begin = end
    if begin < len(text):
        yield text[begin:]
