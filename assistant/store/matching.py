"""From what a user types into a search to what the index is asked, and the passage to show. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

LEAST_INDEXED = 3
"""Characters that a term needs for the index, which holds trigrams; a shorter one takes every text."""
_AROUND = 50
"""Characters of a snippet on each side of the first match."""
_MOST_TERMS = 16
_TERM = re.compile(r'"([^"]+)"|(\S+)')


@dataclass(frozen=True, slots=True)
class Snippet:
    """A passage in one line, and where the terms are in it."""

    text: str
    marks: tuple[tuple[int, int], ...]
    """Beginning and end of each match in `text`, in order."""


def terms(typed: str) -> tuple[str, ...]:
    """What must all occur: words, and what stands between double quotes as it is.

    Nothing that can be typed is an operator: whatever is not text to look for is looked for as text. What
    stands behind a NUL in a text is not in the index.
    """
    found = [(quoted or word).strip() for quoted, word in _TERM.findall(typed.replace("\0", " "))]
    known = dict.fromkeys(term for term in found if term.strip('"'))
    return tuple(known)[:_MOST_TERMS]


def expression(wanted: tuple[str, ...]) -> str:
    """The terms that the index can find, as an FTS5 expression of nothing but quoted strings; may be ""."""
    quoted = ['"' + term.replace('"', '""') + '"' for term in wanted if len(term) >= LEAST_INDEXED]
    return " AND ".join(quoted)


def short(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The terms that the index cannot find."""
    return tuple(term for term in wanted if len(term) < LEAST_INDEXED)


def occurs(wanted: tuple[str, ...], text: str) -> bool:
    """Whether all terms occur, whatever their case."""
    folded = text.casefold()
    return all(term.casefold() in folded for term in wanted)


def snippet(wanted: tuple[str, ...], text: str) -> Snippet:
    """The passage around the first match; the beginning where none can be seen."""
    pattern = re.compile(
        "|".join(re.escape(term) for term in sorted(wanted, key=len, reverse=True)) or r"(?!)", re.I
    )
    first = pattern.search(text)
    begin = max(first.start() - _AROUND, 0) if first else 0
    end = min((first.end() if first else 0) + _AROUND, len(text))
    if begin and (space := text.find(" ", begin, begin + 12)) != -1:
        begin = space + 1
    passage = ("…" if begin else "") + " ".join(text[begin:end].split()) + ("…" if end < len(text) else "")
    return Snippet(passage, tuple(match.span() for match in pattern.finditer(passage)))
