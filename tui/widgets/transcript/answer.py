"""An answer: Markdown that grows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token
from textual import on
from textual.reactive import reactive
from textual.widget import MountError
from textual.widgets import Markdown
from textual.widgets.markdown import MarkdownBlock

from assistant.terminal import visible

from .bare import add_bare_items
from .formulas import BLOCK, FormulaBlock, add_formulas
from .growing import GrowingBulletList, GrowingFence, GrowingOrderedList, grown

if TYPE_CHECKING:
    from markdown_it.rules_core import StateCore
    from textual.widgets.markdown import MarkdownStream


def _parser(*, as_source: bool, found_formula: Callable[[], None]) -> MarkdownIt:
    # HTML is shown as text: a widget that renders none would drop it without a word.
    parser = MarkdownIt("gfm-like", {"html": False, "linkify": False}).disable("linkify")
    parser.core.ruler.push("mull", _keep_faithful)
    add_bare_items(parser)
    add_formulas(parser, as_source=as_source, found=found_formula)
    return parser


def _keep_faithful(state: StateCore) -> None:
    """Keep the model's line breaks, say where links lead, and show what entities such as &#8238; hid."""
    for token in state.tokens:
        if token.children is not None:
            token.children = list(_faithful(token.children))


def _faithful(children: list[Token]) -> Iterator[Token]:
    addresses: list[str] = []
    for child in children:
        if child.type == "softbreak":
            child.type = "hardbreak"
        child.content = visible(child.content)
        yield child
        if child.type == "link_open":
            addresses.append(str(child.attrs.get("href", "")))
        elif child.type == "link_close":
            yield Token("text", "", 0, content=f" ({visible(unquote(addresses.pop()))})")


_GROWING: dict[str, type[MarkdownBlock]] = {
    "bullet_list_open": GrowingBulletList,
    "ordered_list_open": GrowingOrderedList,
    "fence": GrowingFence,
    "code_block": GrowingFence,
}


class AnswerText(Markdown):
    """Streams an answer through Textual's own Markdown stream."""

    shows_sources: reactive[bool] = reactive(False)
    """Whether formulas are shown as the model wrote them."""

    def __init__(self) -> None:
        super().__init__(parser_factory=self._make_parser, open_links=False)
        self.has_formulas = False
        """Whether there is a formula in it."""
        self._stream: MarkdownStream | None = None
        self._is_mixed = False
        self.raw = ""
        """The text as the model wrote it."""

    def _make_parser(self) -> MarkdownIt:
        return _parser(as_source=self.shows_sources, found_formula=self._note_formula)

    def _note_formula(self) -> None:
        self.has_formulas = True

    def get_block_class(self, block_name: str) -> type[MarkdownBlock]:
        """Our own blocks where Textual's would be built anew for every piece."""
        return _GROWING.get(block_name) or super().get_block_class(block_name)

    def _parse_markdown(self, tokens: Iterable[Token]) -> Iterable[MarkdownBlock]:
        is_growing = self._stream is not None
        return super()._parse_markdown(grown(self, list(tokens)) if is_growing else tokens)

    def unhandled_token(self, token: Token) -> MarkdownBlock | None:
        """The block of a formula."""
        return FormulaBlock(self, token).build() if token.type == BLOCK else None

    def on_mount(self) -> None:
        """Follow what the conversation shows."""
        self.shows_sources = any(getattr(parent, "shows_sources", False) for parent in self.ancestors)

    async def watch_shows_sources(self) -> None:
        """Show the text anew; what streams is shown anew at its end."""
        self._is_mixed = self._stream is not None
        if self.has_formulas and not self._is_mixed:
            await self.update(visible(self.raw))

    async def write(self, text: str) -> None:
        """Add text to the end."""
        if not text:
            return  # a stream that never began cannot be stopped: its cancellation would end the screen
        if self._stream is None:
            self._stream = Markdown.get_stream(self)
        self.raw += text
        self.display = True
        await self._stream.write(visible(text))

    async def finish(self, text: str | None = None) -> None:
        """Show all that is still to be shown; `text` replaces the whole if it differs from it."""
        await self._stop_stream()
        if text is not None and text != self.raw:
            self.raw = text
            self.display = bool(text)
        if self.source != visible(self.raw) or self._is_mixed:
            self._is_mixed = False
            await self.update(visible(self.raw))
        else:
            for fence in self.query(GrowingFence):
                fence.settle()

    async def clear(self) -> None:
        """Take back all text."""
        await self._stop_stream()
        self.raw = ""
        self.display = False
        await self.update("")

    async def _stop_stream(self) -> None:
        if self._stream is None:
            return
        # An append that is cancelled midway lets the next one see half of its work: wait for it.
        async with self.lock:
            pass
        await self._stream.stop()
        async with self.lock:
            pass
        self._stream = None

    async def on_unmount(self) -> None:
        """End the stream's task, which would outlive the widget; what it still held has no place any more."""
        if self._stream is not None:
            with suppress(MountError):
                await self._stream.stop()

    @on(Markdown.LinkClicked)
    def _show_link(self, event: Markdown.LinkClicked) -> None:
        """Show where a link leads instead of opening it: the model wrote it, and Mull stays offline."""
        event.stop()
        address = visible(event.href)
        self.app.copy_to_clipboard(address)
        self.app.notify(address, title="Sent to the terminal's clipboard", markup=False)
