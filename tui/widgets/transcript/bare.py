"""Marks without words are seen: Markdown takes "30." for an empty item, "#" for an empty heading."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

_EMPTY = ("list_item_open", "list_item_close")
_LISTS = ("ordered_list_open", "bullet_list_open")


def add_bare_items(parser: MarkdownIt) -> None:
    """Teach a parser that an empty heading or quote, or a list of a single empty item, is a paragraph."""
    parser.core.ruler.after("block", "bare_items", _rewrite)


def _rewrite(state: StateCore) -> None:
    tokens, kept = state.tokens, []
    at = 0
    while at < len(tokens):
        mark, n_taken = _bare(tokens, at)
        kept += _paragraph(tokens[at], mark) if mark else [tokens[at]]
        at += n_taken
    state.tokens = kept


def _bare(tokens: list[Token], at: int) -> tuple[str, int]:
    """The mark that stands alone at this place, empty if none does, and how many tokens it takes."""
    token = tokens[at]
    rest = tokens[at + 1 : at + 4]
    types = tuple(each.type for each in rest)
    if token.type in _LISTS and types == (*_EMPTY, token.type.replace("open", "close")):
        return f"{rest[0].info}{rest[0].markup}", 4
    if token.type == "heading_open" and not rest[0].content:
        return token.markup, 3
    if token.type == "blockquote_open" and types[:1] == ("blockquote_close",):
        return token.markup, 2
    return "", 1


def _paragraph(whole: Token, mark: str) -> list[Token]:
    """The tokens of a paragraph of the mark alone."""
    words = Token("inline", "", 0, map=whole.map, level=whole.level + 1, block=True, children=[])
    words.content = mark
    return [
        Token("paragraph_open", "p", 1, map=whole.map, level=whole.level, block=True),
        words,
        Token("paragraph_close", "p", -1, level=whole.level, block=True),
    ]
