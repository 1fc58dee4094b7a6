"""Text that grows is wrapped as if it had been there at once, and stands still above its newest line."""

from __future__ import annotations

from assistant.tui.wrapping import GrowingLines
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

texts = st.text(alphabet="ab \n漢-", max_size=60)
widths = st.integers(2, 12)


def wrapped(chunks: list[str], width: int) -> list[str]:
    lines = GrowingLines(width, 1000)
    for chunk in chunks:
        lines.add(chunk)
    return list(lines.lines)


@given(st.lists(texts, max_size=8), widths)
def test_no_line_is_too_wide_and_no_word_is_lost(chunks: list[str], width: int) -> None:
    lines = wrapped(chunks, width)
    assert all(cell_len(line.rstrip()) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join("".join(chunks).split())


@given(st.lists(texts, min_size=1, max_size=8), texts, widths)
def test_what_stands_above_the_newest_line_never_changes(chunks: list[str], more: str, width: int) -> None:
    before = wrapped(chunks, width)[:-1]
    assert wrapped([*chunks, more], width)[: len(before)] == before


@given(st.lists(st.text(alphabet="ab \n", max_size=20), max_size=6), widths)
def test_the_size_of_the_pieces_does_not_matter_where_words_fit(chunks: list[str], width: int) -> None:
    text = "".join(chunks)
    if all(len(word) <= width for word in text.split()):
        assert wrapped(chunks, width) == wrapped([text], width)


def test_only_the_last_lines_are_kept() -> None:
    lines = GrowingLines(10, 3)
    lines.add("one\ntwo\nthree\nfour")
    assert lines.lines == ["two", "three", "four"]
