"""Whether an answer is right."""

from __future__ import annotations

import pytest

from assistant.evaluation.datasets import Item, ItemType
from assistant.evaluation.grade import grade, is_leaked, markers_of, plain

PROGRAM = Item(
    "c",
    'import math\n\n\ndef third(x):\n    return x / 3\n\n\ndef root(x):\n    """The root of x."""\n',
    "",
    "code",
    entry_point="root",
    test="def check(candidate):\n    assert candidate(9) == 3\n    assert candidate(16) == 4\n",
)


def item(kind: ItemType, answer: str, **fields: object) -> Item:
    return Item("i", "What is it?", answer, kind, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "right", "answer", "is_right"),
    [
        ("number", "1234", "That makes 7 boxes of 5, so **1,234** in all.", True),
        ("number", "1234", "The answer is 1,234.00 dollars.", True),
        ("number", "1234", "The answer is 1235.", False),
        ("number", "1234", "I do not know.", False),
        ("number", "1234", " \n", False),
        ("math", "\\frac{1}{2}", "So it is \\boxed{0.5}.", True),
        ("math", "\\frac{1}{2}", "So it is $\\boxed{\\frac12}$.", True),
        ("math", "\\frac{1}{2}", "So it is \\boxed{2}.", False),
        ("text", "Tuesday", "tuesday.", True),
        ("text", "Tuesday", "It will be **Tuesday**.", True),
        ("text", "Tuesday", "Let me count.\n\nThe answer is Tuesday", True),
        ("text", "Tuesday", "It will be Wednesday.", False),
        ("text", "Tuesday", "Monday or Tuesday.", False),
        ("text", "0.05", "0.05", True),
        ("text", "0.05", "It costs 5", False),
        ("text", "6:01", "The film ends at 6:01.", True),
        ("text", "265, 193, -6", "265,193,-6", True),
    ],
)
def test_answers(kind: ItemType, right: str, answer: str, is_right: bool) -> None:
    assert grade(item(kind, right), answer) is is_right


@pytest.mark.parametrize(
    ("answer", "is_right"), [("B", True), ("The answer is B) blue.", True), ("A", False)]
)
def test_choices(answer: str, is_right: bool) -> None:
    question = Item("i", "Sky?\n\nA) red\nB) blue", "B", "choice", choices=("red", "blue"))
    assert grade(question, answer) is is_right
    assert grade(Item("i", question.question, "B", "choice"), answer) is is_right


@pytest.mark.parametrize(
    ("answer", "is_right"),
    [
        ("```python\ndef root(x):\n    return math.sqrt(x)\n```", True),
        ("    return math.sqrt(x)", True),
        ("```python\nimport math\n\ndef root(x):\n    return third(3 * math.sqrt(x))\n```\nDone.", True),
        ("```python\ndef root(x):\n    return 3\n```", False),
        ("```python\ndef root(x)\n```", False),
        ("I cannot.", False),
    ],
)
def test_programs_are_run(answer: str, is_right: bool) -> None:
    assert grade(PROGRAM, answer) is is_right


def test_plain_text() -> None:
    assert plain(" **New  York**!") == plain("new york") == "newyork"
    assert plain(".5") != plain("5")
    assert plain("snake_case") == "snake_case"


@pytest.mark.parametrize(
    ("text", "leaked"),
    [
        ("a <b> c | d", False),
        ("x < |y| > z", False),
        ("Well</think>4", True),
        ("4<|im_end|>", True),
        ("<｜Assistant｜>4", True),
        ("[INST]", True),
        ("<seed:think>", False),
    ],
)
def test_leaked_markers(text: str, leaked: bool) -> None:
    assert is_leaked(text) is leaked


def test_each_family_has_its_own_markers() -> None:
    assert is_leaked("<seed:think>", markers_of("seed-oss"))
    assert "</think>" in markers_of("qwen3")
    assert markers_of("llama3") == markers_of("nobody") == []
