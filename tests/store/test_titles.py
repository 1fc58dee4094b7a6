"""What conversations are called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.store.titles import MOST_CHARS, UNTITLED, clean, title
from assistant.terminal import visible


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is 17 * 24?", "What is 17 * 24?"),
        ("  \n\nWhat is 17\t* 24?\nAnd 18?", "What is 17 * 24?"),
        ("Explain closures in Python. Use an example.", "Explain closures in Python."),
        ("Hi. How are you today?", "Hi. How are you today?"),
        ("# Report\n\ntext", "Report"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("为什么天空是蓝色的？请解释一下这个问题。", "为什么天空是蓝色的？请解释一下这个问题。"),
        ("???", "???"),
        ("", UNTITLED),
        (" \n", UNTITLED),
        ("\x1b[31mred", "␛[31mred"),
        (
            "Which of the many sorting algorithms that are known is the fastest for small lists",
            "Which of the many sorting algorithms that are known is the…",
        ),
        ("长" * 80, "长" * 59 + "…"),
    ],
)
def test_titles_by_rule(question: str, expected: str) -> None:
    assert title(question) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"Sorting Small Lists"', "Sorting Small Lists"),
        ("Title: Sorting\nbecause it is about sorting", "Sorting"),
        ("**Sorting lists**", "Sorting lists"),
        ("标题：排序", "排序"),
        ('""', ""),
        ("\n\n", ""),
        ("My plans ", "My plans"),
    ],
)
def test_titles_are_cleaned(text: str, expected: str) -> None:
    assert clean(text) == expected


@given(st.text())
def test_a_title_is_one_short_line_that_is_safe_to_show(text: str) -> None:
    for made in (title(text), clean(text)):
        assert len(made) <= MOST_CHARS
        assert "\n" not in made
        assert visible(made) == made
    assert title(text)
