"""A number with a full stop is an answer and no list: Markdown takes "30." for an item without words."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

_EMPTY = ("list_item_open", "list_item_close")
_LISTS = ("ordered_list_open", "bullet_list_open")


def add_bare_items(parser: MarkdownIt) -> None:
    """Teach a parser that a list of a single empty item is a paragraph."""
    parser.core.ruler.after("block", "bare_items", _rewrite)


def _rewrite(state: StateCore) -> None:
    tokens, kept = state.tokens, []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        types = tuple(each.type for each in tokens[at + 1 : at + 4])
        if token.type in _LISTS and types == (*_EMPTY, token.type.replace("open", "close")):
            kept += _paragraph(token, tokens[at + 1])
            at += 4
        else:
            kept.append(token)
            at += 1
    state.tokens = kept


def _paragraph(whole: Token, item: Token) -> list[Token]:
    """The tokens of a paragraph of the item's mark alone."""
    words = Token("inline", "", 0, map=whole.map, level=whole.level + 1, block=True, children=[])
    words.content = f"{item.info}{item.markup}"
    return [
        Token("paragraph_open", "p", 1, map=whole.map, level=whole.level, block=True),
        words,
        Token("paragraph_close", "p", -1, level=whole.level, block=True),
    ]
