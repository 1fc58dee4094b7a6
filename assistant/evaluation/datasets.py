"""The questions of an evaluation, read from files: Mull's own lines and the original files of GSM8K, MATH
and HumanEval, recognised by their fields.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from assistant.errors import UsageError

ItemType = Literal["number", "math", "choice", "code", "text"]

_TYPES = ("number", "math", "choice", "code", "text")
_FORMATS = (
    'Lines of Mull\'s own need "question", "answer" and "type"; those of GSM8K, MATH and HumanEval are read '
    "as published."
)


@dataclass(frozen=True, slots=True)
class Item:
    """One question and what tells whether an answer is right."""

    id: str
    """Unique in an evaluation."""
    question: str
    """What is asked, word for word; choices stand below it."""
    answer: str
    """The right answer; for code a solution, which is not looked at."""
    type: ItemType
    source: str = ""
    """The file's name."""
    index: int = 0
    """Place among all questions of the evaluation's files, which its seed depends on."""
    level: int | None = None
    """1 easy to 5 hard, where the file says so."""
    subject: str = ""
    entry_point: str = ""
    """Code: the function that the tests call."""
    test: str = ""
    """Code: a program that defines `check(candidate)`."""
    choices: tuple[str, ...] = ()
    """Choice: the texts to choose from, A first; empty where only the question has them."""


class _Wrong(Exception):
    """What is wrong with a line, in words."""


def load(paths: Sequence[Path], limit: int | None = None) -> list[Item]:
    """The questions of these files, in order.

    Args:
        paths: files of one JSON object a line, .json files of one object or a list, either gzipped or not.
        limit: how many to draw, the same ones every time; all if left out or not fewer.

    Raises:
        UsageError: a file cannot be read, or a line is wrong; it names file and line.
    """
    items: list[Item] = []
    seen: set[str] = set()
    for path in paths:
        n_before = len(items)
        for item in _items(path):
            unique = _unique(item.id, path, seen)
            seen.add(unique)
            items.append(replace(item, id=unique, index=len(items)))
        if len(items) == n_before:
            raise UsageError(f"{path} holds no questions.", "Name a file with one JSON object a line.")
    if limit is not None and limit < len(items):
        # the same for every seed of the model, so that seeds can be compared
        chosen = sorted(random.Random(0).sample(range(len(items)), limit))
        items = [items[i] for i in chosen]
    return items


def _unique(name: str, path: Path, seen: set[str]) -> str:
    if name not in seen:
        return name
    stem = path.name.partition(".")[0]
    candidates = (f"{stem}/{name}" if n == 1 else f"{stem}/{name}#{n}" for n in range(1, len(seen) + 2))
    return next(candidate for candidate in candidates if candidate not in seen)


def _items(path: Path) -> Iterator[Item]:
    for number, line in _lines(path):
        try:
            fields = json.loads(line)
        except ValueError as error:
            raise UsageError(f"{path}:{number} is not valid JSON: {error}.", _FORMATS) from None
        try:
            yield _item(fields, f"{path.name.partition('.')[0]}-{number}", path.name)
        except _Wrong as wrong:
            raise UsageError(f"{path}:{number} {wrong}.", _FORMATS) from None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The file's objects as text, each with the number of its line."""
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.", "Check the name of the data file.") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder.", "Name its files.") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text (byte {error.start}).", _FORMATS) from None
    except (OSError, EOFError) as error:
        raise UsageError(f"{path} cannot be read: {error}.", "Name a file that you may read.") from None
    if path.name.removesuffix(".gz").endswith(".json"):
        try:
            whole = json.loads(text)
        except ValueError:
            pass  # lines, whatever the name says
        else:
            parts = whole if isinstance(whole, list) else [whole]
            yield from ((number, json.dumps(part)) for number, part in enumerate(parts, 1))
            return
    yield from ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def _item(fields: Any, name: str, source: str) -> Item:
    if not isinstance(fields, dict):
        raise _Wrong("is not a JSON object")
    if "task_id" in fields and "prompt" in fields:
        return _from_human_eval(fields, source)
    if "problem" in fields:
        return _from_math(fields, name, source)
    if "type" not in fields and "####" in str(fields.get("answer", "")):
        return _from_gsm8k(fields, name, source)
    return _own(fields, name, source)


def _own(fields: dict[str, Any], name: str, source: str) -> Item:
    kind = _text(fields, "type")
    if kind not in _TYPES:
        raise _Wrong(f'has the type "{kind}", which is none of {", ".join(_TYPES)}')
    question, choices = _text(fields, "question"), _choices(fields.get("choices"))
    if choices:
        lines = (f"{_letter(i)}) {text}" for i, text in enumerate(choices.values()))
        question = "\n".join([question, "", *lines])
    is_code = kind == "code"
    return Item(
        id=_name(fields.get("id"), name),
        question=question,
        answer=_name(fields.get("answer"), "") if is_code else _right(fields, choices),
        type=cast("ItemType", kind),
        source=source,
        level=_level(fields.get("level")),
        subject=str(fields.get("subject") or ""),
        entry_point=_text(fields, "entry_point") if is_code else "",
        test=_text(fields, "test") if is_code else "",
        choices=tuple(choices.values()),
    )


def _from_gsm8k(fields: dict[str, Any], name: str, source: str) -> Item:
    answer = _text(fields, "answer").rpartition("####")[2].strip().replace(",", "")
    if not answer:
        raise _Wrong('has no number after "####" in its answer')
    return Item(_name(fields.get("id"), name), _text(fields, "question"), answer, "number", source)


def _from_math(fields: dict[str, Any], name: str, source: str) -> Item:
    answer = fields.get("answer")
    if answer is None:
        answer = last_boxed(_text(fields, "solution"))
        if answer is None:
            raise _Wrong("has no \\boxed{...} in its solution")
    return Item(
        _name(fields.get("unique_id") or fields.get("id"), name),
        _text(fields, "problem"),
        str(answer),
        "math",
        source,
        level=_level(fields.get("level")),
        subject=str(fields.get("type") or fields.get("subject") or ""),
    )


def _from_human_eval(fields: dict[str, Any], source: str) -> Item:
    return Item(
        _text(fields, "task_id"),
        _text(fields, "prompt"),
        str(fields.get("canonical_solution") or ""),
        "code",
        source,
        entry_point=_text(fields, "entry_point"),
        test=_text(fields, "test"),
    )


def last_boxed(text: str) -> str | None:
    """What stands in the last \\boxed{...} of a solution; None if there is none or it does not close."""
    start = max(text.rfind("\\boxed"), text.rfind("\\fbox"))
    if start < 0:
        return None
    rest = text[start:].partition("box" if text.startswith("\\fbox", start) else "boxed")[2]
    if not rest.startswith("{"):  # \boxed 5
        word = re.match(r"\s+([^\s$]+)", rest)
        return word[1] if word else None
    depth = 0
    for i, character in enumerate(rest):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return rest[1:i]
    return None


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    if isinstance(value, bool | list | dict) or value is None or not str(value).strip():
        raise _Wrong(f'has no "{key}"')
    return str(value)


def _name(value: object, otherwise: str) -> str:
    return otherwise if value is None or value == "" else str(value)


def _level(value: object) -> int | None:
    """A number, or the number in "Level 5"; None where there is none."""
    digits = re.search(r"\d+", str(value))
    return int(digits[0]) if digits and not isinstance(value, bool) else None


def _choices(value: object) -> dict[str, str]:
    """Choices by the name that the file gives them: a list's by their letters."""
    if isinstance(value, list):
        value = {_letter(i): text for i, text in enumerate(value)}
    if value is not None and not isinstance(value, dict):
        raise _Wrong('has "choices" that are neither a list nor an object')
    if value and len(value) > 26:
        raise _Wrong("has more than 26 choices")
    return {str(name): str(text) for name, text in (value or {}).items()}


def _right(fields: dict[str, Any], choices: dict[str, str]) -> str:
    """The right answer; of choices its letter, whether the file gives a name, a place from 0, or the text."""
    answer = _text(fields, "answer")
    if not choices:
        return answer
    if answer in choices:
        return _letter(list(choices).index(answer))
    if isinstance(fields["answer"], int) and 0 <= fields["answer"] < len(choices):
        return _letter(fields["answer"])
    if answer in choices.values():
        return _letter(list(choices.values()).index(answer))
    raise _Wrong("has an answer that is none of its choices")


def _letter(i: int) -> str:
    return chr(ord("A") + i)
