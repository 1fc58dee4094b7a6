"""An answer: Markdown that grows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token
from textual import on
from textual.app import ComposeResult
from textual.reactive import reactive
from textual.widget import MountError
from textual.widgets import Markdown

from assistant.terminal import visible

from .bare import add_bare_items
from .column import Column
from .formulas import add_formulas
from .sections import Section, SectionText, pieces

if TYPE_CHECKING:
    from markdown_it.rules_core import StateCore
    from textual.widgets.markdown import MarkdownStream

MOST_BLOCKS = 24
"""A section with more blocks is cut."""
PIECE = 2_000
"""So many characters are taken in at once; between pieces the keys have their turn."""

_DEFINITION = re.compile(r"^ {0,3}\[[^\]]+\]:", re.MULTILINE)


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


class AnswerText(Column):
    """Streams an answer through Textual's own Markdown stream, into sections that can rest out of sight."""

    shows_sources: reactive[bool] = reactive(False)
    """Whether formulas are shown as the model wrote them."""

    def __init__(self) -> None:
        super().__init__()
        self.has_formulas = False
        """Whether there is a formula in it."""
        self._stream: MarkdownStream | None = None
        self._is_mixed = False
        self._references: dict[str, Any] = {}
        self._parsers: dict[bool, MarkdownIt] = {}
        """By whether they leave formulas as they are; one takes longer to make than a piece to parse."""
        self.sections: list[Section] = []
        """Its parts, from top to bottom."""
        self.raw = ""
        """The text as the model wrote it."""

    def compose(self) -> ComposeResult:
        yield self._new_section()

    def _new_section(self) -> Section:
        section = Section(SectionText(self._parser_now, self._references))
        section.set_class(bool(self.sections), "-later")
        self.sections.append(section)
        return section

    def _parser_now(self) -> MarkdownIt:
        as_source = self.shows_sources
        if as_source not in self._parsers:
            self._parsers[as_source] = _parser(as_source=as_source, found_formula=self._note_formula)
        return self._parsers[as_source]

    def _note_formula(self) -> None:
        self.has_formulas = True

    def on_mount(self) -> None:
        """Follow what the conversation shows."""
        self.shows_sources = any(getattr(parent, "shows_sources", False) for parent in self.ancestors)

    async def watch_shows_sources(self) -> None:
        """Show the text anew; what streams is shown anew at its end."""
        self._is_mixed = self._stream is not None
        if self.has_formulas and not self._is_mixed:
            await self._rebuild()

    async def write(self, text: str) -> None:
        """Add text to the end."""
        if not text:
            return  # a stream that never began cannot be stopped: its cancellation would end the screen
        if self._stream is None:
            # It asks nothing but `append` of what it writes to.
            self._stream = Markdown.get_stream(cast("Markdown", self))
        self.raw += text
        self.display = True
        await self._stream.write(visible(text))

    async def append(self, markdown: str) -> None:
        """Show more, as the stream has it."""
        async with self.lock:
            for piece in pieces(markdown, PIECE):
                live = self.sections[-1].text
                await live.take(piece)
                if len(live.blocks) > MOST_BLOCKS:
                    await self._cut(live)

    async def _cut(self, live: SectionText) -> None:
        """Begin a section with the last block: what is before it does not change any more."""
        with self.app.batch_update():
            rest = await live.cut()
            self.sections[-1].settle()
            section = self._new_section()
            await self.mount(section)
            await section.text.take(rest)

    async def finish(self, text: str | None = None) -> None:
        """Show all that is still to be shown; `text` replaces the whole if it differs from it."""
        await self._stop_stream()
        is_other = text is not None and text != self.raw
        if text is not None and is_other:
            self.raw = text
            self.display = bool(text)
        if _DEFINITION.search(self.raw):
            is_other |= self._look_up_references()
        if is_other or self._is_mixed:
            await self._rebuild()
        for section in self.sections:
            await section.text.settle()
            section.settle()

    def _look_up_references(self) -> bool:
        """Learn where all links lead: a text may name them at its end. Whether any was new."""
        environment: dict[str, Any] = {}
        self._parser_now().parse(visible(self.raw), environment)
        n_before = len(self._references)
        self._references.update(environment.get("references", {}))
        return len(self._references) > n_before

    async def clear(self) -> None:
        """Take back all text."""
        await self._stop_stream()
        self.raw = ""
        self.display = False
        self._references.clear()
        await self._rebuild()

    async def _rebuild(self) -> None:
        """Show the whole text anew."""
        self._is_mixed = False
        async with self.lock:
            with self.app.batch_update():
                await self.query_children(Section).remove()
                self.sections = []
                await self.mount(self._new_section())
            await self.append(visible(self.raw))

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
