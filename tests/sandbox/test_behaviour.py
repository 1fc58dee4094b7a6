"""Telling programs apart by what they do, and running the tests that come with a question."""

from __future__ import annotations

import pytest

from assistant.sandbox import (
    Example,
    agreement_key,
    calls_for,
    examples_of,
    examples_share,
    fingerprint,
    passes,
    program_for,
    run_python,
)

QUESTION = '''from typing import List


def shift(text: str, by: int) -> str:
    return text[by:] + text[:by]


def largest(numbers: List[int], default: int = 0) -> int:
    """Return the largest number, or the default where there is none.
    >>> largest([1, 3, 2])
    3
    >>> largest([])
    0
    """
'''
BODY = "    return max(numbers, default=default)\n"
OTHER = "def largest(numbers, default=0):\n    best = default\n    for i, n in enumerate(numbers):\n"
OTHER += "        best = n if i == 0 or n > best else best\n    return best\n"
WRONG = "def largest(numbers, default=0):\n    return numbers[-1] if numbers else default\n"
TEST = "def check(candidate):\n    assert candidate([1, 3, 2]) == 3\n    assert candidate([], 5) == 5\n"


def test_equal_behaviour_has_one_key() -> None:
    calls = calls_for(QUESTION)
    one = fingerprint(BODY, "largest", calls, question=QUESTION)
    assert one is not None
    assert fingerprint(OTHER, "largest", calls, question=QUESTION) == one
    assert fingerprint(WRONG, "largest", calls, question=QUESTION) not in {one, None}
    assert agreement_key(OTHER, QUESTION) == one == agreement_key(BODY, QUESTION)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("0.1 + 0.2", "0.3", True),
        ("1", "1.0", True),
        ("{3, 1, 2}", "set([2, 3, 1])", True),
        ("{'b': 1, 'a': 2}", "{'a': 2, 'b': 1}", True),
        ("[1, 2]", "(1, 2)", False),
        ("'1'", "1", False),
        ("None", "0", False),
        ("'a' * 500", "'a' * 501", False),
        ("(i for i in range(3))", "iter([0, 1, 2])", True),
        ("object()", "object()", True),
        ("[object()]", "[object()]", True),
        ("float('nan')", "float('nan')", True),
        ("(print('noise'), x)[1]", "x", True),
        ("10**5000", "10**5001", False),
    ],
)
def test_values_count_as_they_compare(one: str, other: str, is_same: bool) -> None:
    keys = [fingerprint(f"def f(x): return {value}", "f", ["f(1)", "f(2)"]) for value in (one, other)]
    assert None not in keys
    assert (keys[0] == keys[1]) is is_same


def test_errors_count_by_their_type() -> None:
    def key(error: str) -> str | None:
        return fingerprint(f"def f(x):\n    if x > 1: raise {error}\n    return x", "f", ["f(1)", "f(2)"])

    assert key("ValueError('a')") == key("ValueError('b')") != key("KeyError('a')")


@pytest.mark.parametrize(
    "code",
    [
        "def g(x): return x",
        "def f(x) return x",
        "raise SystemExit",
        "import nothing_of_the_kind\ndef f(x): return x",
        "def f(x): return missing",
        "f = 5",
        "while True: pass\ndef f(x): return x",
        "",
    ],
)
def test_a_program_that_gives_no_value_has_no_vote(code: str) -> None:
    assert fingerprint(code, "f", ["f(1)", "f(2)"], timeout_s=1.5) is None


def test_no_calls_no_vote() -> None:
    assert fingerprint("def f(x): return x", "f", []) is None
    assert agreement_key("print(1)", "Say hello") is None


def test_one_endless_call_does_not_hide_the_others() -> None:
    code = "def f(x):\n    while x == 2: pass\n    return x"
    calls = ["f(1)", "f(2)", "f(3)"]
    key = fingerprint(code, "f", calls, timeout_s=1.0)
    assert key is not None
    assert key != fingerprint("def f(x): return x", "f", calls)


def test_programs_are_whole_or_go_on_from_the_question() -> None:
    for code in (BODY, OTHER, BODY.strip(), "\n" + BODY, f"{QUESTION}{BODY}"):
        assert passes(program_for(QUESTION, code, "largest"), TEST, "largest")
    assert not passes(program_for(QUESTION, WRONG, "largest"), TEST, "largest")
    uses_the_question = (
        "def largest(numbers: List[int], default: int = 0) -> int:\n    assert shift('ab', 1) == 'ba'\n"
    )
    assert passes(program_for(QUESTION, uses_the_question + BODY, "largest"), TEST, "largest")


@pytest.mark.parametrize(
    "code",
    [
        "def largest(numbers, default=0): raise SystemExit(0)",
        "import os\ndef largest(numbers, default=0): os._exit(0)",
        "import sys\nsys.exit(0)",
        "def largest(numbers, default=0):\n    while True: pass",
        "print('passed')",
        "def largest(numbers, default=0):\n    print('passed')\n    return None",
    ],
)
def test_ending_early_is_not_passing(code: str) -> None:
    assert not passes(code, TEST, "largest", timeout_s=1.5)


def test_examples_of_a_docstring() -> None:
    assert examples_of(QUESTION) == [Example("largest([1, 3, 2])", "3"), Example("largest([])", "0")]
    assert examples_share(BODY, QUESTION) == examples_share(OTHER, QUESTION) == 1.0
    assert examples_share(WRONG, QUESTION) == 0.5
    assert examples_share("    return None", QUESTION) == 0.0
    assert examples_share("    x = 1", "Write a program") is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("f(2) == 3", "3"),
        ("f(2) = 3", "3"),
        ("f(2) -> 3", "3"),
        ("f(2) ➞ [1, 2]", "[1, 2]"),
        ("f(2) => true", "True"),
        ("f(2) ==> 'a'  # because", "'a'"),
        ("f(2) returns 3.", "3"),
        ("f(2) should return False.", "False"),
        ("f(2)  # 3", "3"),
        (">>> f(2)\n    'x'", "'x'"),
        ("For x = 2 the output should be 3", "3"),
        ("Input: x = 2\n    Output: 3", "3"),
        ("f(2) does something", None),
        (">>> f(2)\n    Traceback (most recent call last):", None),
        ("call f(y) == 3", None),
    ],
)
def test_examples_in_many_notations(line: str, expected: str | None) -> None:
    found = examples_of(f'def f(x):\n    """Something.\n    {line}\n    """\n')
    assert found == ([] if expected is None else [Example("f(2)", expected)])


def test_calls_begin_with_the_examples_and_go_on_from_them() -> None:
    calls = calls_for(QUESTION)
    assert calls[:2] == ["largest([1, 3, 2])", "largest([])"]
    assert "largest([2, 3, 1])" in calls
    assert len(calls) == len(set(calls)) >= 8
    assert calls == calls_for(QUESTION)


@pytest.mark.parametrize(
    ("head", "call"),
    [
        ("def f(n: int):", "f(0)"),
        ("def f(values: list[float]):", "f([2.0, 1.0, 3.5])"),
        ("def f(words: List[str]):", "f(['b', 'a', 'cc'])"),
        ("def f(s):", "f('racecar')"),
        ("def f(arr, k):", "f([1], 3)"),
        ("def f(x: Optional[str] = None, *, y=1): ", None),
        ("def f(flag: bool, d: dict):", "f(True, {'a': 1})"),
        ("def f(grid: List[List[int]]):", "f([[1, 2], [3, 4]])"),
        ("def f():", None),
    ],
)
def test_calls_are_made_from_the_signature(head: str, call: str | None) -> None:
    calls = calls_for(f"{head}\n    ...")
    assert call in calls if call else calls == []
    assert calls_for("What is it?", f"{head}\n    ...") == calls


def test_hostile_descriptions_take_no_time() -> None:
    for text in (
        "def f(" * 2000,
        "def f(x):\n" + "f(" * 5000,
        "def f(x):\nf(" + "[" * 1500 + "]" * 1500 + ")",
    ):
        calls_for(text)
        examples_of(text)
    assert run_python("print(1)").stdout == "1\n"
