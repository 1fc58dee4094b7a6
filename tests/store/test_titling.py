"""A title by the model: one line of few words in the question's language, or none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.store.titles import MOST_CHARS, clean
from assistant.store.titling import proper

ENGLISH = "Why is the sky blue, and what colour is it on Mars?"
GERMAN = "Warum ist der Himmel blau, und wie ist das auf dem Mars?"


@pytest.mark.parametrize(
    ("text", "question", "title"),
    [
        ("Colours of the sky", ENGLISH, "Colours of the sky"),
        ('"Colours of the Sky."\n', ENGLISH, "Colours of the Sky"),
        ("Title: Colours of the sky", ENGLISH, "Colours of the sky"),
        ("**Colours of the sky**", ENGLISH, "Colours of the sky"),
        ("Der Himmel und seine Farben", GERMAN, "Der Himmel und seine Farben"),
        ("Himmel: Blau", GERMAN, "Himmel: Blau"),
        ("天空的颜色", "为什么天空是蓝色的？", "天空的颜色"),
        ("Python 装饰器", "Python 的装饰器是什么？", "Python 装饰器"),
        ("空はなぜ青いのか", "なぜ空は青いのですか？", "空はなぜ青いのか"),
        ("C++ move semantics", "Explain move semantics in C++", "C++ move semantics"),
        ("| Sky |", ENGLISH, "Sky"),
        ("2 + 2", "2 + 2", ""),
    ],
)
def test_a_proper_title_is_taken(text: str, question: str, title: str) -> None:
    assert proper(text, question) == title


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n \n",
        "Colours of the sky\nand of Mars",
        "Here is a title for our conversation: Colours",
        "Sure! Colours of the sky",
        "I cannot title this.",
        "The title is Colours",
        "This conversation is about the sky",
        "The sky is blue because air scatters short waves more than long ones",
        "<b>Colours</b>",
        "Colours `of` the sky",
        "{\"title\": \"Sky\"}",
        "Colours:",
        "...",
        "x" * 200,
        "Der Himmel und die Farben",
        "天空的颜色",
        "Цвета неба",
    ],
)  # fmt: skip
def test_what_is_none_is_not(text: str) -> None:
    assert proper(text, ENGLISH) == ""


def test_a_language_that_cannot_be_told_is_no_fault() -> None:
    assert proper("Sky colour physics", GERMAN) == "Sky colour physics"


@given(text=st.text(max_size=200), question=st.text(max_size=200))
def test_whatever_is_written_a_title_is_short_and_clean(text: str, question: str) -> None:
    title = proper(text, question)
    assert len(title) <= MOST_CHARS
    assert "\n" not in title
    assert not title or clean(title)
    assert len(title.split()) < 10
