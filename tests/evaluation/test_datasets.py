"""Reading data files: Mull's own and the published ones, and what is said of a bad line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import UsageError
from assistant.evaluation.datasets import Item, last_boxed, load

OWN = {"id": "a", "question": "2 + 2?", "answer": "4", "type": "number"}
GSM8K = {
    "question": "Ann has 3 boxes. How many?",
    "answer": "She has <<1000+234=1234>>1,234 boxes.\n#### 1,234",
}
MATH = {
    "problem": "What is $1/2$?",
    "level": "Level 5",
    "type": "Algebra",
    "solution": "It is \\boxed{1}, no, $\\boxed{\\frac{1}{2}}$.",
}
MATH_500 = {
    "problem": "What is it?",
    "solution": "\\boxed{7}",
    "answer": "\\left( 3, \\frac{\\pi}{2} \\right)",
    "subject": "Precalculus",
    "level": 2,
    "unique_id": "test/precalculus/807.json",
}
HUMAN_EVAL = {
    "task_id": "HumanEval/0",
    "prompt": 'def one():\n    """One."""\n',
    "canonical_solution": "    return 1\n",
    "test": "def check(candidate):\n    assert candidate() == 1\n",
    "entry_point": "one",
}


def lines(path: Path, *objects: Any) -> Path:
    path.write_text("".join(f"{json.dumps(each)}\n" for each in objects), encoding="utf-8")
    return path


def one(tmp_path: Path, fields: Any) -> Item:
    (item,) = load([lines(tmp_path / "data.jsonl", fields)])
    return item


def test_our_own_format(tmp_path: Path) -> None:
    assert one(tmp_path, {**OWN, "level": 3, "subject": "sums"}) == Item(
        "a", "2 + 2?", "4", "number", "data.jsonl", level=3, subject="sums"
    )


def test_a_number_may_be_a_number(tmp_path: Path) -> None:
    item = one(tmp_path, {**OWN, "id": 5, "answer": 4})
    assert (item.id, item.answer) == ("5", "4")


def test_gsm8k(tmp_path: Path) -> None:
    item = one(tmp_path, GSM8K)
    assert (item.id, item.answer, item.type) == ("data-1", "1234", "number")
    assert item.question == GSM8K["question"]


def test_math(tmp_path: Path) -> None:
    item = one(tmp_path, MATH)
    assert (item.id, item.answer, item.type) == ("data-1", "\\frac{1}{2}", "math")
    assert (item.level, item.subject) == (5, "Algebra")
    assert one(tmp_path, {**MATH, "level": "Level ?"}).level is None


def test_math_500(tmp_path: Path) -> None:
    item = one(tmp_path, MATH_500)
    assert (item.id, item.answer, item.level) == (MATH_500["unique_id"], MATH_500["answer"], 2)
    assert item.subject == "Precalculus"


@pytest.mark.parametrize("name", ["HumanEval.jsonl.gz", "HumanEval.jsonl"])
def test_human_eval_packed_or_not(tmp_path: Path, name: str) -> None:
    path = lines(tmp_path / name, HUMAN_EVAL)
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(path.read_bytes()))
    (item,) = load([path])
    assert (item.id, item.type, item.entry_point) == ("HumanEval/0", "code", "one")
    assert (item.question, item.test) == (HUMAN_EVAL["prompt"], HUMAN_EVAL["test"])


def test_a_math_problem_in_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "1.json"
    path.write_text(json.dumps(MATH, indent=4), encoding="utf-8")
    assert load([path])[0].answer == "\\frac{1}{2}"
    path.write_text(json.dumps([OWN, MATH]), encoding="utf-8")
    assert [item.type for item in load([path])] == ["number", "math"]
    lines(path, OWN, {**OWN, "id": "b"})
    assert [item.id for item in load([path])] == ["a", "b"]


@pytest.mark.parametrize(
    ("choices", "answer"),
    [
        (["red", "blue"], "B"),
        (["red", "blue"], 1),
        (["red", "blue"], "blue"),
        ({"A": "red", "B": "blue"}, "B"),
        ({"1": "red", "2": "blue"}, "2"),
    ],
)
def test_choices_stand_below_the_question(tmp_path: Path, choices: Any, answer: Any) -> None:
    item = one(
        tmp_path, {"question": "Sky?", "answer": answer, "type": "choice", "choices": choices, "id": "c"}
    )
    assert item.question == "Sky?\n\nA) red\nB) blue"
    assert (item.answer, item.choices) == ("B", ("red", "blue"))


def test_ids_are_made_unique(tmp_path: Path) -> None:
    first, second = lines(tmp_path / "x.jsonl", OWN, OWN), lines(tmp_path / "y.jsonl", OWN, OWN, OWN)
    found = load([first, second])
    assert [item.id for item in found] == ["a", "x/a", "y/a", "y/a#2", "y/a#3"]
    assert [item.index for item in found] == list(range(5))
    assert [item.source for item in found] == ["x.jsonl"] * 2 + ["y.jsonl"] * 3


def test_a_limit_draws_the_same_questions_every_time_and_keeps_their_seeds(tmp_path: Path) -> None:
    path = lines(tmp_path / "x.jsonl", *({**OWN, "id": str(i)} for i in range(100)))
    drawn = load([path], 10)
    assert drawn == load([path], 10)
    assert len(drawn) == 10
    assert [item.index for item in drawn] == sorted(int(item.id) for item in drawn)
    assert max(item.index for item in drawn) > 50
    assert load([path], 100) == load([path], 1000) == load([path])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "is not valid JSON"),
        ("[]", "is not a JSON object"),
        ('{"question": "?", "answer": "4"}', 'has no "type"'),
        ('{"question": "?", "type": "number"}', 'has no "answer"'),
        ('{"question": " ", "answer": "4", "type": "number"}', 'has no "question"'),
        ('{"question": "?", "answer": "4", "type": "essay"}', 'has the type "essay", which is none of'),
        ('{"question": "?", "answer": "#### "}', 'has no number after "####"'),
        ('{"problem": "?", "solution": "4"}', "has no \\boxed{...} in its solution"),
        ('{"problem": "?", "solution": "\\\\boxed{4"}', "has no \\boxed{...}"),
        ('{"task_id": "t", "prompt": "p", "test": "t"}', 'has no "entry_point"'),
        ('{"question": "?", "type": "code", "entry_point": "f"}', 'has no "test"'),
        ('{"question": "?", "answer": "C", "type": "choice", "choices": ["x"]}', "none of its choices"),
        ('{"question": "?", "answer": "A", "type": "choice", "choices": 3}', "neither a list nor an object"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(f"{json.dumps(OWN)}\n\n{line}\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load([path])
    assert caught.value.message.startswith(f"{path}:3 ")
    assert message in caught.value.message
    assert caught.value.next_step


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n", "holds no questions"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"\x1f\x8b\x08broken", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        load([path])


def test_a_file_that_is_not_there_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no file"):
        load([tmp_path / "none.jsonl"])
    with pytest.raises(UsageError, match="is a folder"):
        load([tmp_path])


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("\\boxed{a{b}{c{d}}}.", "a{b}{c{d}}"),
        ("\\boxed 5$", "5"),
        ("\\fbox{5}", "5"),
        ("\\boxed{1} \\boxed{2}", "2"),
        ("none", None),
        ("\\boxed{", None),
    ],
)
def test_the_last_boxed_answer(text: str, answer: str | None) -> None:
    assert last_boxed(text) == answer
