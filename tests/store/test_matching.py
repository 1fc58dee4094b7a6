"""Whatever is typed into a search is text to look for."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.store.matching import expression, occurs, short, snippet, terms

SYNTAX = st.lists(
    st.sampled_from([*"abc \"'()*:^+-{}\0\n", "AND ", "OR ", "NOT ", "NEAR(", "content:", "é", "日本"])
).map("".join)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("two words", ("two", "words")),
        ('"two words" more', ("two words", "more")),
        ('an open "quote', ("an", "open", '"quote')),
        ("same same", ("same",)),
        ('" "', ()),
        ("   ", ()),
    ],
)
def test_terms(typed: str, expected: tuple[str, ...]) -> None:
    assert terms(typed) == expected


@given(SYNTAX | st.text())
def test_the_index_is_asked_nothing_that_it_could_misunderstand(typed: str) -> None:
    wanted = terms(typed)
    asked = expression(wanted)
    assert set(short(wanted)) | {term for term in wanted if len(term) >= 3} == set(wanted)
    if asked:
        with closing(sqlite3.connect(":memory:")) as db:
            db.execute("CREATE VIRTUAL TABLE text USING fts5 (content, tokenize='trigram')")
            whole = " ".join(wanted).encode("utf-8", "replace").decode()
            db.execute("INSERT INTO text VALUES (?)", (whole,))
            found = db.execute("SELECT count(*) FROM text WHERE text MATCH ?", (asked,)).fetchone()[0]
        assert found == 1


@given(SYNTAX | st.text(), st.text())
def test_a_snippet_is_one_line_with_its_marks_inside(typed: str, text: str) -> None:
    wanted = terms(typed)
    shown = snippet(wanted, text)
    assert "\n" not in shown.text
    assert len(shown.text) <= 102 + max((len(term) for term in wanted), default=0)
    for begin, end in shown.marks:
        assert any(re.fullmatch(re.escape(term), shown.text[begin:end], re.IGNORECASE) for term in wanted)


def test_a_snippet_shows_the_match() -> None:
    text = "word " * 100 + "the needle lies here " + "word " * 100
    shown = snippet(("needle",), text)
    assert shown.text.startswith("…")
    assert shown.text.endswith("…")
    ((begin, end),) = shown.marks
    assert shown.text[begin:end] == "needle"


def test_case_does_not_matter() -> None:
    assert occurs(("ÄRGER", "да"), "Ärger? Да.")
    assert not occurs(("ärger", "nein"), "Ärger")
