"""When a text goes round in circles, and when it only looks like it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.engine.loops import LoopDetector, shortest_period

PIECE = re.compile(r"\s*\w+|\s*[^\w\s]|\s+")


def looping_after(text: str) -> int | None:
    """How many tokens it took to notice a loop, with words and signs for tokens; None if it never did."""
    detector = LoopDetector()
    ids: dict[str, int] = {}
    for n, piece in enumerate(PIECE.findall(text), 1):
        if detector.feed(ids.setdefault(piece, len(ids)), piece):
            return n
    return None


SPELLING = (
    'The word is "strawberry". Let me spell it out letter by letter.\n'
    "1. s. 2. t. 3. r: yes, 1. 4. a. 5. w. 6. b. 7. e. 8. r: yes, 2. 9. r: yes, 3. 10. y.\n"
    "So far three. Now again with Mississippi.\n"
    "M - i - s - s - i - s - s - i - p - p - i\n"
    "1. m. 2. i: yes, 1. 3. s. 4. s. 5. i: yes, 2. 6. s. 7. s. 8. i: yes, 3. 9. p. 10. p. 11. i: yes, 4.\n"
)
ARITHMETIC = (
    "".join(f"{i} * 17 = {i * 17}, plus {i} is {i * 18}.\n" for i in range(1, 25))
    + "".join(f"{a} + {a} = {a + a}, " for a in (2**i for i in range(20)))
    + "The sum is 1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 9 + 10 + 11 + 12 + 13 + 14 + 15 + 16 + 17 + 18 = 171."
)
NUMBERED = "".join(
    f"{i}. **{name}**: a river in {land}, {length} km long.\n"
    for i, (name, land, length) in enumerate(
        [
            ("Rhine", "Germany", 1230),
            ("Loire", "France", 1006),
            ("Tagus", "Spain", 1007),
            ("Po", "Italy", 652),
            ("Elbe", "Germany", 1094),
            ("Ebro", "Spain", 930),
            ("Rhone", "France", 812),
            ("Tiber", "Italy", 406),
        ],
        1,
    )
)
TABLE = "| city | January | April | July | October |\n|---|---|---|---|---|\n" + "".join(
    f"| {name} | {a} | {a + 9} | {a + 18} | {a + 10} |\n"
    for name, a in [
        ("Oslo", -4),
        ("Rome", 8),
        ("Bern", 0),
        ("Cork", 6),
        ("Lodz", -2),
        ("Graz", -1),
        ("Nice", 9),
    ]
)
TRUTH_TABLE = "| p | q | r | p and q or r |\n|---|---|---|---|\n" + "".join(
    f"| {p} | {q} | {r} | {(p and q) or r} |\n"
    for p in (True, False)
    for q in (True, False)
    for r in (True, False)
)
CODE = (
    "def area(shape):\n"
    + "".join(
        f'    if shape.kind == "{kind}":\n        return {formula}\n'
        for kind, formula in [
            ("square", "shape.a ** 2"),
            ("circle", "pi * shape.r ** 2"),
            ("rectangle", "shape.a * shape.b"),
            ("triangle", "shape.a * shape.h / 2"),
            ("trapezoid", "(shape.a + shape.c) * shape.h / 2"),
        ]
    )
    + "    raise ValueError(shape.kind)\n\n\n"
    + "".join(f"assert area(Shape('square', a={a})) == {a * a}\n" for a in range(8))
)
SECOND_THOUGHTS = (
    "There are 12 apples and 5 pears. Wait, the question says 5 plums. So 12 + 5 = 17.\n"
    "Hmm, let me check that. 12 + 5 is 17, yes. But is a plum a fruit? Yes. So 17 it is.\n"
    "Wait, maybe the apples were eaten. It says that 3 were eaten. So 12 - 3 = 9, and 9 + 5 = 14.\n"
    "Let me check that. 9 + 5 = 14. Yes. So the answer is 14.\n"
)


@pytest.mark.parametrize(
    "text",
    [SPELLING, ARITHMETIC, NUMBERED, TABLE, TRUTH_TABLE, CODE, SECOND_THOUGHTS],
    ids=["spelling", "arithmetic", "numbered list", "table", "truth table", "code", "second thoughts"],
)
def test_no_alarm_on_regular_text_that_gets_on(text: str) -> None:
    n = looping_after(text)
    assert n is None, f"taken for a loop at {''.join(PIECE.findall(text)[:n])[-80:]!r}"


def test_a_sentence_said_over_and_over_is_a_loop() -> None:
    sentence = "I should count the letters once more. "
    between = ["So there are two.", "Or are there?", "The word is long.", "Yes.", "No?"]
    assert looping_after(sentence.join(["First. ", *between])) is None, "five times is not yet a loop"
    assert looping_after(sentence.join(["First. ", *between, ""])) is not None


def test_a_line_that_comes_back_among_new_ones_is_no_loop() -> None:
    drafts = "".join(
        f"for i in range(len(numbers)):\n    total += numbers[i] ** {n}  # draft {n}\n" for n in range(9)
    )
    assert looping_after(drafts) is None


def test_case_and_spacing_do_not_hide_a_repeated_sentence() -> None:
    text = (
        "Let me count the letters again.  let me COUNT the letters again.\n"
        "Let me count\tthe letters again. LET me count the letters  again.\n"
        "LET ME COUNT THE LETTERS AGAIN. Let me  count the letters again.\n"
    )
    assert looping_after(text) is not None


def test_chinese_sentences_are_sentences() -> None:
    assert looping_after("让我们再一次仔细地检查这个问题的答案是不是真的正确无误的。" * 6) is not None


def test_short_sentences_may_come_back() -> None:
    steps = [f"Step {i}: yes. So {i} it is, and {i * i} is its square. Fine.\n" for i in range(12)]
    assert looping_after("".join(steps)) is None


@pytest.mark.parametrize("passage", ["ha ", "on and on, ", "and so the number is even and "])
def test_a_passage_without_sentences_over_and_over_is_a_loop(passage: str) -> None:
    assert looping_after("We know that " + passage * 90) is not None


@settings(deadline=None)
@given(st.lists(st.text("ab. \n", max_size=12), max_size=40), st.integers(1, 5))
def test_once_looping_is_always_looping(texts: list[str], times: int) -> None:
    detector = LoopDetector()
    said = [detector.feed(hash(text), text) for text in texts * times]
    assert said == sorted(said)


def naive_period(tokens: list[int]) -> int:
    """The definition: the shortest p whose passage fills the last 48 tokens and the last 4 p of them."""
    for p in range(1, len(tokens) // 4 + 1):
        n = max(48, 4 * p)
        if n <= len(tokens) and all(tokens[-i] == tokens[-i - p] for i in range(1, n - p + 1)):
            return p
    return 0


small_tokens = st.integers(0, 2)


@settings(deadline=None)
@given(st.lists(small_tokens, max_size=120))
def test_the_shortest_period_of_any_tokens(tokens: list[int]) -> None:
    assert shortest_period(tokens) == naive_period(tokens)


@settings(deadline=None)
@given(
    st.lists(small_tokens, max_size=30),
    st.lists(small_tokens, min_size=1, max_size=40),
    st.integers(1, 60),
    st.integers(0, 39),
)
def test_the_shortest_period_of_tokens_that_end_in_circles(
    start: list[int], passage: list[int], times: int, rest: int
) -> None:
    tokens = start + passage * min(times, 400 // len(passage)) + passage[:rest]
    assert shortest_period(tokens) == naive_period(tokens)
