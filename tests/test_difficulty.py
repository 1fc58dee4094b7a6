"""The difficulty estimate: laws for any text, kinds of everyday questions, and the data file that ships."""

from __future__ import annotations

import json
import math
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import difficulty
from assistant.difficulty import KINDS, N_HEADS, SIGNALS, Difficulty, assess
from assistant.query import Message, Query

TEXTS = st.text(st.characters(), max_size=300) | st.text("0123456789+-*/()^=x$\\ abc?\n", max_size=200)
SMALL_TALK = [
    "hi",
    "Hello!",
    "thanks",
    "Thank you so much!",
    "ok",
    "OK.",
    "yes",
    "bye",
    "good morning",
    "How are you?",
    "who are you",
    "What can you do?",
    "great, thanks for your help :)",
    "你好",
    "谢谢",
    "早上好！",
    "你是谁？",
    "hola",
    "gracias",
    "danke",
    "Guten Morgen",
    "Tschüss und danke",
    "bonjour",
    "merci",
    "こんにちは",
    "ありがとうございます",
]
TALK = [
    Message("user", "What is 347 * 28?"),
    Message("assistant", "9716"),
]


def score(text: str) -> float:
    return assess(Query(text)).score


def data() -> dict[str, object]:
    found = json.loads((Path(difficulty.__file__).with_suffix(".json")).read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def assert_sound(found: Difficulty) -> None:
    assert 0.0 <= found.score <= 1.0
    assert found.kind in KINDS
    assert all(name in SIGNALS and math.isfinite(value) and value for name, value in found.signals)


@given(TEXTS)
def test_any_text_has_a_score_and_a_kind(text: str) -> None:
    found = assess(Query(text))

    assert_sound(found)
    assert assess(Query(text)) == found


@given(st.sampled_from(["hi", "2 + 2", "Write a poem about autumn.", "为什么天空是蓝色的？"]), TEXTS, TEXTS)
def test_junk_around_a_question_does_no_harm(question: str, before: str, after: str) -> None:
    assert_sound(assess(Query(before + question + after)))


@given(TEXTS, TEXTS, TEXTS)
def test_any_history_does_no_harm(first: str, answer: str, text: str) -> None:
    assert_sound(assess(Query(text, (Message("user", first), Message("assistant", answer)))))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "\x00\x1b[31m\x07" * 1000,
        "\ud800",
        "👍🏽" * 10_000,
        "\u202eمرحبا" * 1000,
        "1" * 1_000_000,
        "(" * 1_000_000,
        "$" * 1_000_000,
        "a b c " * 170_000,
        "你好" * 500_000,
        "你好" * 39 + "x",
        "ok " * 26 + "x",
        "\\frac{" * 100_000,
        "ﷺ" * 10_000,
        "translate " * 100_000,
    ],
)
def test_hostile_text_is_fine(text: str) -> None:
    assert_sound(assess(Query(text)))


@pytest.mark.parametrize("text", [*"!?.", "", "👍", "\u200b", "…"])
def test_what_says_nothing_is_chat(text: str) -> None:
    found = assess(Query(text))

    assert found.kind == "chat"
    assert found.score < 0.1


@pytest.mark.parametrize("text", SMALL_TALK)
def test_small_talk_is_easy(text: str) -> None:
    found = assess(Query(text))

    assert found.kind == "chat"
    assert found.score < 0.1


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("chat", "I just got back from work."),
        ("chat", "What's your favourite song?"),
        ("chat", "Tschüss und danke"),
        ("fact", "capital of France"),
        ("fact", "What is the capital of Peru?"),
        ("fact", "Who invented the telephone?"),
        ("fact", "How many days are in a week?"),
        ("fact", "德国的首都是哪里？"),
        ("fact", "¿Cuál es la capital de Chile?"),
        ("fact", "Was ist die Hauptstadt von Polen?"),
        ("fact", "Quelle est la capitale du Japon ?"),
        ("fact", "ドイツの首都はどこですか？"),
        ("rewrite", "Translate this to French: good night"),
        ("rewrite", "Could you please summarise this text? The cat sat on the mat and slept."),
        ("rewrite", "fix the grammar: he go home"),
        ("rewrite", "Reformat as JSON: name Tom, age 4"),
        ("rewrite", "Turn this into bullet points: milk, bread, eggs"),
        ("rewrite", "How do you say 'cat' in Spanish?"),
        ("rewrite", "把这句话翻译成英文：我喜欢茶"),
        ("rewrite", "Traduce al inglés: la casa roja"),
        ("rewrite", "Übersetze ins Englische: der Hund"),
        ("rewrite", "Traduis en anglais : la maison"),
        ("rewrite", "次の文を英語に訳して：犬が好きです"),
        ("creative", "Write a poem about the sea"),
        ("creative", "tell me a story about a robot"),
        ("creative", "Give me ten name ideas for a bakery"),
        ("creative", "写一首关于春天的诗"),
        ("creative", "Escribe un poema sobre la luna"),
        ("creative", "Schreib ein Gedicht über den Herbst"),
        ("creative", "Écris une histoire sur un chat"),
        ("creative", "犬についての俳句を作って"),
        ("maths", "2+2"),
        ("maths", "What is 15% of 80?"),
        ("maths", "347 * 28 + 19"),
        ("maths", "Solve 3x + 7 = 22 for x."),
        ("maths", "How many r's are in strawberry?"),
        ("maths", "What comes next: 3, 6, 12, 24?"),
        ("maths", "Today is Monday. What day will it be 15 days from now?"),
        ("maths", "How many inches are in 34 feet?"),
        ("maths", "Tom has 3 apples and buys 4 more. How many apples does he have?"),
        ("maths", r"Compute $\frac{1}{2} + \frac{1}{3}$."),
        ("maths", "36 乘以 47 等于多少？"),
        ("maths", "¿Cuánto es 12 más 30?"),
        ("maths", "Wie viel ist 7 mal 8?"),
        ("maths", "Combien font 9 + 8 ?"),
        ("code", "Write a Python function that sorts a list."),
        ("code", "Fix this bug: def f(x) return x"),
        ("code", "What does this print?\n```python\nprint(1 + 1)\n```"),
        ("code", "SELECT name FROM users — why is this SQL slow?"),
        ("code", "用Python写一个排序函数"),
        ("choice", "Which is a fruit?\nA) carrot\nB) apple\nC) potato"),
        ("choice", "What is 2 * 3? (A) 5 (B) 6 (C) 7 (D) 8"),
        ("choice", "下面哪个是动物？ A. 桌子 B. 狗 C. 椅子 D. 书"),
        ("reasoning", "Why is the sea salty?"),
        ("reasoning", "Tom is taller than Ana. Ana is taller than Li. Who is the shortest?"),
        ("reasoning", "Compare trains and planes for a trip across Spain."),
        ("reasoning", "What are the pros and cons of solar power?"),
        ("reasoning", "Plan a weekend in Lisbon with two children."),
        ("reasoning", "A says that B lies, B says that C lies: who are the liars and who are the knights?"),
        ("reasoning", "比较一下猫和狗的优缺点"),
        ("reasoning", "Warum ist das Meer salzig?"),
    ],
)
def test_kinds(kind: str, text: str) -> None:
    assert assess(Query(text)).kind == kind


@pytest.mark.parametrize(
    "rising",
    [
        ["hi", "2+2", "347 * 28 + 19"],
        ["thanks", "What is the capital of France?", "Why is the sky blue?"],
        ["What is 3 + 4?", "What is 34 * 78?", "What is 3487 * 9178 - 384 * 92?"],
        ["2+2", "Prove that the square root of 2 is irrational."],
        [
            "Tom has 3 apples and buys 2 more. How many has he?",
            "Tom has 3 boxes of 12 apples each. He sells a third for $2 each and then buys twice as many "
            "pears as he has apples left, at $1.50 each. How much money has he lost in all?",
        ],
        [
            "What is $1 + 1$?",
            r"How many integers $n$ are there such that $\frac{n^2 + 3n}{n - 7} \le \sqrt{n}$?",
        ],
    ],
)
def test_what_takes_more_steps_scores_higher(rising: list[str]) -> None:
    scores = [score(text) for text in rising]

    assert scores == sorted(set(scores))


def test_a_long_text_to_rewrite_is_not_a_hard_question() -> None:
    text = (
        "The river rose in the night, and the people of the town left their houses and slept in the school. "
    )

    hard = "Find all primes p such that p^2 + 2 is prime, and prove it."

    assert score(f"Summarise this: {text * 40}") < score(hard)


def test_a_follow_up_is_as_hard_as_what_it_follows() -> None:
    follow_up = assess(Query("and times 3?", tuple(TALK)))

    assert follow_up.kind == "maths"
    assert follow_up.score > score("and times 3?")
    assert assess(Query("why?", tuple(TALK))).score > score("why?")


def test_a_chain_of_follow_ups_leads_back_to_the_question() -> None:
    history = (*TALK, Message("user", "why?"), Message("assistant", "Because."))

    assert assess(Query("and times 3?", history)) == assess(Query("and times 3?", tuple(TALK)))


@pytest.mark.parametrize(
    "text", ["thanks", "ok", "What is the capital of Peru?", "Write a poem about autumn."]
)
def test_what_stands_by_itself_leaves_the_history_alone(text: str) -> None:
    assert assess(Query(text, tuple(TALK))) == assess(Query(text))


def test_the_signals_that_moved_the_score_most_come_first() -> None:
    names = [name for name, _ in assess(Query("347 * 28 + 19")).signals]

    assert "products" in names[:3]
    assert len(names) == len(set(names))


def test_the_data_file_fits_the_signals() -> None:
    found = data()
    n_outputs = N_HEADS + len(KINDS)
    weights, wording, bias = found["weights"], found["wording"], found["bias"]
    assert isinstance(weights, dict)
    assert isinstance(wording, list)
    assert isinstance(bias, list)

    assert list(weights) == list(SIGNALS), "fit again: python -m assistant.evaluation.fit_difficulty"
    assert {len(numbers) for numbers in weights.values()} == {n_outputs}
    assert len(wording) == len(bias) == n_outputs
    assert Path(difficulty.__file__).with_suffix(".json").stat().st_size < 300_000


def test_every_listed_word_is_in_use() -> None:
    found = data()["signal words"]
    assert isinstance(found, dict)

    assert set(found) <= set(SIGNALS)
    assert all(len(words.split()) == len(set(words.split())) for words in found.values()), "a word twice"


def test_the_everyday_questions_are_well_formed() -> None:
    text = resources.files("assistant.evaluation").joinpath("data/everyday.jsonl").read_text("utf-8")
    rows = [json.loads(line) for line in text.splitlines()]

    assert len({row["id"] for row in rows}) == len({row["question"] for row in rows}) == len(rows) >= 300
    assert {row["kind"] for row in rows} == set(KINDS)
    assert all(0 <= row["difficulty"] <= 1 and row["split"] in ("fit", "test") for row in rows)
    assert all(("answer" in row) == ("type" in row) for row in rows)
    assert sum(row["split"] == "test" for row in rows) >= len(rows) // 2 - len(KINDS)
