"""Formulas in an answer's Markdown: rules for the parser, and the block that shows one."""

from __future__ import annotations

import re
from collections.abc import Callable

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from textual.content import Content
from textual.widgets.markdown import MarkdownBlock

from assistant.formulas.finding import CLOSINGS, Formula, formula_at
from assistant.formulas.readable import pieces
from assistant.terminal import visible

from .resting import Sized

BLOCK = "formula"
"""The type of the token of a formula that has lines of its own."""

_OPENING = re.compile(r"\$\$|\\\[|\\begin\{")


def add_formulas(parser: MarkdownIt, *, as_source: bool, found: Callable[[], None]) -> None:
    """Teach a parser formulas.

    Args:
        parser: the parser.
        as_source: whether they stay as the model wrote them.
        found: called for each.
    """

    def inline(state: StateInline, silent: bool) -> bool:
        formula = formula_at(state.src, state.pos) if state.src[state.pos] in "$\\" else None
        if formula is None or formula.end > state.posMax:
            return False
        if not silent:
            found()
            _push(state, formula, as_source)
        state.pos = formula.end
        return True

    def block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        begin = state.bMarks[start] + state.tShift[start]
        if state.sCount[start] - state.blkIndent >= 4 or not _OPENING.match(state.src, begin):
            return False
        last = _last_line(state, start, end)
        text = state.getLines(start, last, state.blkIndent, False).strip()
        formula = formula_at(text, 0)
        is_whole = formula is not None and len(text) - formula.end <= 1
        if not is_whole and not (formula is None and last == state.lineMax and text[:2] in CLOSINGS):
            return False
        if silent:
            return True
        state.line = last
        if formula is None or not is_whole:
            _push_open(state, text, start, last)
            return True
        found()
        token = state.push(BLOCK, "", 0)
        token.content = text if as_source else formula.source
        token.info = "source" if as_source else text[formula.end :]
        token.map = [start, last]
        return True

    parser.inline.ruler.before("escape", BLOCK, inline)
    parser.block.ruler.before(
        "fence", BLOCK, block, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )


def _last_line(state: StateBlock, start: int, end: int) -> int:
    """Behind the last line of the formula that begins at `start`: where it closes, or a blank line."""
    text = ""
    indent = min(state.blkIndent, state.sCount[start])  # it may end the paragraph of an item from outside
    for line in range(start, end):
        if state.isEmpty(line) or (line > start and state.sCount[line] < indent):
            return line
        text += state.getLines(line, line + 1, state.blkIndent, False).strip() + "\n"
        formula = formula_at(text.strip(), 0)
        if formula is not None:
            return line + 1
    return end


def _push_open(state: StateBlock, text: str, start: int, last: int) -> None:
    """A formula that is still open: one paragraph, so that no line of it becomes a list for a while."""
    token = state.push("paragraph_open", "p", 1)
    token.map = [start, last]
    token = state.push("inline", "", 0)
    token.content, token.map, token.children = text, [start, last], []
    state.push("paragraph_close", "p", -1)


def _push(state: StateInline, formula: Formula, as_source: bool) -> None:
    if as_source:
        state.push("code_inline", "code", 0).content = state.src[formula.start : formula.end]
        return
    for text, is_boxed in pieces(formula.source):
        if is_boxed:
            state.push("strong_open", "strong", 1)
        state.push("text", "", 0).content = text
        if is_boxed:
            state.push("strong_close", "strong", -1)


class FormulaBlock(Sized, MarkdownBlock):
    """A formula on lines of its own."""

    def build(self) -> FormulaBlock:
        """Show what the token holds."""
        token = self._token
        if token.info == "source":
            self.set_content(Content(visible(token.content)).stylize(".code_inline"))
            return self
        shown = [
            Content.styled(visible(text), "bold" if is_boxed else "")
            for text, is_boxed in pieces(token.content, is_display=True)
        ]
        self.set_content(Content("").join([*shown, Content(visible(token.info))]))
        return self
