"""Finding the final answer in a model's text and its place, and what sort a question asks for."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.answers import AnswerKind, confidence_span, extract, key, kind_of, options_of, same

KINDS: tuple[AnswerKind, ...] = get_args(AnswerKind)
CITIES = ["Paris", "New York", "York", "Rome"]


def balanced(text: str) -> str:
    """The text without what would close a box or open another."""
    return "".join(c for c in text if c not in "{}\\").strip()


INSIDE = st.recursive(
    st.text(max_size=8).map(balanced),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: "{" + "".join(parts) + "}") | inner,
    max_leaves=6,
).filter(lambda text: bool(text.strip()) and text == text.strip())


@given(st.text(max_size=40).map(balanced), INSIDE, st.text(max_size=40).map(balanced))
def test_what_is_boxed_is_the_answer(before: str, inside: str, after: str) -> None:
    for kind in ("number", "expression", "text"):
        assert extract(f"{before} \\boxed{{{inside}}} {after}", kind) == inside


@given(st.text(max_size=400), st.sampled_from(KINDS), st.lists(st.text(max_size=10), max_size=4))
def test_any_text_can_be_searched(text: str, kind: AnswerKind, options: list[str]) -> None:
    answer = extract(text, kind, options)
    span = confidence_span(text, kind, options)
    assert (answer is None) is (span is None)
    if answer is not None and span is not None:
        start, end = span
        assert 0 <= start < end <= len(text)
        assert kind == "choice" or text[start:end] == answer


WORDED = st.sampled_from(
    [
        "The answer is {}.",
        "So, 3 + 4 = 7 and 7 * 2 = 14. Therefore, the final answer is: {}",
        "**Answer:** {}",
        "Answer: **{}**",
        "The final answer is **{}**.",
        "#### {}",
        "We get 12 first.\n\nFinal Answer: ${}$",
        r"Thus \[\boxed{{{}}}\] as 5 of 6 know.",
        "Da 3 > 2, ist die Antwort: {}",
        "所以答案是{}。",
        "La respuesta es {}.",
        "First 17, then 4.\n\nThe answer is\n{}",
        "There are 3 boxes with 5 each, so **{}** in all.",
        "After 2 steps we have {}",
    ]
)


@given(WORDED, st.integers(-99999, 99999))
def test_a_number_is_found_however_it_is_announced(words: str, n: int) -> None:
    text = words.format(n)
    assert key(text, "number") == str(n)
    start, end = confidence_span(text, "number") or (0, 0)
    assert text[start:end] == str(n)


@settings(deadline=None)  # the first formula loads the library
@given(
    WORDED.filter(lambda words: "boxes" not in words and "steps" not in words),
    st.sampled_from([r"\frac{\sqrt{3}}{2}", "2x + 1", "(1, 2)", r"3\pi", "x^2+y^2=13", r"\sqrt{5}", "-1, 2"]),
)
def test_a_formula_is_found_however_it_is_announced(words: str, formula: str) -> None:
    found = extract(words.format(formula), "expression")
    assert found is not None
    assert same(found, formula, "expression"), found


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The answer is 1,234.5 dollars.", "1234.5"),
        ("She pays $5 and $6, which is $11.", "11"),
        ("The answer is 3 + 4 = 7.", "7"),
        ("The answer is 12 eggs in 3 boxes.", "12"),
        ("Answer: -3", "-3"),
        ("The answer is −3.", "-3"),
        (r"so it is \boxed{42} and \boxed{ }", "42"),
        (r"\boxed{4} ... no, wait: \boxed{5}", "5"),
        (r"\boxed{\text{12}}", "12"),
        (r"\boxed{12 \text{ dollars}}", "12"),
        (r"\fbox{7}", "7"),
        (r"It is \boxed{7}, or \boxed{8", "7"),
        (r"$x=\boxed{2}$ or $x=\boxed{-3}$", "{-3; 2}"),
        ("The answer is $\\frac{3}{4}$", "0.75"),
        ("x = 1/3", "1/3"),
        ("a total of **20** apples", "20"),
        ("The total is\n\n**Total: 20 apples**", "20"),
        ("答案：三百二十", "320"),
        ("It starts at 3:30", "3:30"),
        ("no number here", None),
        ("", None),
    ],
)
def test_numbers(text: str, answer: str | None) -> None:
    assert key(text, "number") == answer


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("B.", "B"),
        ("(B)", "B"),
        ("b)", "B"),
        ("**B**", "B"),
        ("B. New York", "B"),
        ("The answer is B.", "B"),
        ("The correct answer is (B) New York", "B"),
        ("Answer: B", "B"),
        (r"\boxed{B}", "B"),
        (r"\boxed{\text{(B)}}", "B"),
        ("Option B is right, as A is too far south.", "B"),
        ("A is wrong and C is wrong, so it must be (B)", "B"),
        ("The answer is option B", "B"),
        ("New York", "B"),
        ("The answer is New York.", "B"),
        ("I think it is **New York**", "B"),
        ("It is york", "C"),
        ("The answer is a city that I don't know", None),
        ("I am not sure.", None),
        ("E", None),
        ("", None),
    ],
)
def test_choices(text: str, letter: str | None) -> None:
    assert key(text, "choice", CITIES) == letter


def test_choices_without_their_texts() -> None:
    assert key("I'd say (C).", "choice") == "C"
    assert key("A", "choice") == "A"
    assert key("A good question", "choice") is None


def test_the_place_of_a_choice_is_what_names_it() -> None:
    text = "The answer is New York."
    start, end = confidence_span(text, "choice", CITIES) or (0, 0)
    assert text[start:end] == "New York"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Here:\n```python\ndef f():\n    return 1\n```\nUse:\n```\nf()\n```", "def f():\n    return 1"),
        ("```\nx = 1\n```\nor\n```\nx = 2\n```", "x = 2"),
        ("```python\ndef f():\n    return 1", "def f():\n    return 1"),
        ("```python\n    return 1\n```", "    return 1"),
        ("~~~py\nprint('```')\n~~~", "print('```')"),
        ("def f():\n    return 1\n", "def f():\n    return 1"),
        ("I cannot write code.", None),
        ("```\n\n```", None),
    ],
)
def test_code(text: str, code: str | None) -> None:
    assert extract(text, "code") == code


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Paris", "Paris"),
        ("The capital of France is hard to forget. The answer is Paris.", "Paris"),
        ("Yes, because all of them are red and none of those in the box is of another colour.", "Yes"),
        ("No. 5 in the list, as far as I can see after having looked at all of them twice.", None),
        ("First we compare all of their ages, one by one, down the list.\n\nThe oldest is **Mia**.", "Mia"),
        (r"\boxed{\text{Friday}}", r"\text{Friday}"),
        ("There is much to be said on this subject, and I shall now say some of it at length.", None),
        ("", None),
    ],
)
def test_words(text: str, answer: str | None) -> None:
    assert extract(text, "text") == answer


@pytest.mark.parametrize(
    ("question", "difficulty_kind", "kind"),
    [
        ("What is 12 * 7?", "maths", "number"),
        ("Anna has 3 apples for $2 each and sells 2 for $5. How much money has she?", "maths", "number"),
        ("Solve $x^2 - 5x + 6 = 0$.", "maths", "expression"),
        (r"Simplify $\frac{2x}{4}$", "maths", "expression"),
        ("Express 0.125 as a fraction in lowest terms.", "maths", "expression"),
        ("Which city is the capital?\nA) Paris\nB) Rome\nC) Oslo", "choice", "choice"),
        ("Which city is the capital?\nA) Paris\nB) Rome\nC) Oslo", "fact", "choice"),
        ("Write a function that adds two numbers", "code", "code"),
        ("def add(a, b):\n    '''Adds.'''\n", "code", "code"),
        ("What does a closure do in Python?", "code", "text"),
        ("What is the capital of France?", "fact", "text"),
        ("Who is the oldest: Mia is older than Lena?", "reasoning", "text"),
        ("Sort in descending order: 3, 1, 2", "maths", "text"),
        ("It is 11:41. What time is it in 5 hours?", "maths", "text"),
        ("Write a poem about the number 7", "creative", "text"),
        ("小明有3个苹果，又买了5个，一共有多少个？", "maths", "number"),
        ("How many legs has a spider?", "fact", "number"),
        ("", "chat", "text"),
    ],
)
def test_what_is_asked_for(question: str, difficulty_kind: str, kind: AnswerKind) -> None:
    assert kind_of(question, difficulty_kind) == kind


@pytest.mark.parametrize(
    ("question", "options"),
    [
        ("Which?\nA) Paris\nB) Rome", ["Paris", "Rome"]),
        ("Which? (A) Paris (B) Rome, Italy (C) Oslo", ["Paris", "Rome, Italy", "Oslo"]),
        ("Which?\nA. 67.3\nB. 67.4\n\nExpress your answer as A or B.", ["67.3", "67.4"]),
        ("I live in Plan A. It is nice.", []),
        ("no options", []),
    ],
)
def test_options(question: str, options: list[str]) -> None:
    assert options_of(question) == options


@given(st.text(max_size=200), st.text(max_size=10))
def test_any_question_has_a_kind(question: str, difficulty_kind: str) -> None:
    assert kind_of(question, difficulty_kind) in KINDS
