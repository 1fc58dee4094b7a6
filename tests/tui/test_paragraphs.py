"""A paragraph that draws its own lines looks, and is copied, as Textual has it."""

from __future__ import annotations

import asyncio
import string

from assistant.tui.widgets.transcript.drawn import wrapped
from assistant.tui.widgets.transcript.paragraph import GrowingParagraph
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it.token import Token
from textual.app import App, ComposeResult
from textual.content import Content
from textual.geometry import Offset
from textual.selection import SELECT_ALL, Selection
from textual.widgets import Markdown
from textual.widgets._markdown import MarkdownParagraph

LETTERS = string.ascii_letters + "äßは漢🙂" + "   -/.,"
WORDS = st.text(LETTERS, max_size=120)


class Page(App[None]):
    """The same words in both kinds of paragraph."""

    CSS = "Markdown { margin: 0; padding: 0; } Screen { overflow: hidden; }"

    def compose(self) -> ComposeResult:
        yield Markdown()

    async def on_mount(self) -> None:
        markdown = self.query_one(Markdown)
        token = Token("paragraph_open", "p", 1)
        await markdown.mount(GrowingParagraph(markdown, token), MarkdownParagraph(markdown, token))


def contents(pieces: list[tuple[str, bool]]) -> list[Content]:
    """The text as it grows by pieces, some of them bold."""
    grown = [Content("")]
    for text, is_bold in pieces:
        grown.append(grown[-1] + (Content.styled(text, "bold") if is_bold else Content(text)))
    return grown


async def both(pieces: list[tuple[str, bool]], width: int, *, at_once: bool) -> list[list[object]]:
    """The cells of each kind, and what is copied of it and of its middle line."""
    app = Page()
    found: list[list[object]] = []
    async with app.run_test(size=(width, 60)) as pilot:
        shown = list(app.query(MarkdownParagraph))
        for content in contents(pieces)[-1:] if at_once else contents(pieces):
            for each in shown:
                each.set_content(content)
            await pilot.pause()
        middle = Selection(Offset(1, 0), Offset(2, max(0, shown[0].size.height - 1)))
        for each in shown:
            lines = each.render_lines(each.size.region)
            cells = [[(c, s and s.bold) for text, s, _ in line for c in text] for line in lines]
            assert each.size.height == len(lines)
            found.append([cells, (each.get_selection(SELECT_ALL) or ("", ""))[0]])
        ours = shown[0].get_selection(middle)
        assert ours is None or not ours[0] or ours[0] in contents(pieces)[-1].plain
    return found


@settings(deadline=None)
@given(st.text(LETTERS + "\n", max_size=120), st.integers(2, 40))
@example("Aは A", 2)
def test_its_lines_put_together_are_the_text(text: str, width: int) -> None:
    put_together = ""
    for line in wrapped(Content(text), width, Content("")):
        put_together += line.content.plain + ("\n" if line.joint is None else line.joint)
    assert [line.rstrip() for line in put_together.split("\n")[:-1]] == [
        line.rstrip() for line in text.split("\n")
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(WORDS, st.booleans()), max_size=6), st.integers(5, 40))
def test_it_looks_and_is_copied_the_same(pieces: list[tuple[str, bool]], width: int) -> None:
    (ours, copied), (theirs, whole) = asyncio.run(both(pieces, width, at_once=False))
    assert ours == theirs
    assert str(copied).rstrip() == str(whole).rstrip()
