"""What a program does: a key for votes between programs, published tests, the examples of its description."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from pathlib import Path

from assistant.sandbox.examples import Example, calls_for, entry_point_of, examples_of, program_for
from assistant.sandbox.run import run_python

_CALL_S = 1.0
"""Seconds for one call; what takes longer counts as endless."""
_HARNESS = Path(__file__).with_name("harness.py")


def fingerprint(
    code: str, entry_point: str, calls: Sequence[str], timeout_s: float = 5.0, question: str = ""
) -> str | None:
    """A key of what a program's function answers to these calls; programs that agree have the same.

    Values count as Python's == has it, floats to 9 digits, errors by their type. None, no vote, if the
    function is missing, the program fails before it is called, or no call gives a value.

    Args:
        code: the program, or with `question` also a mere body.
        entry_point: the function's name.
        calls: expressions, as `calls_for` makes them.
        timeout_s: seconds for all of it; a call that is not reached counts as endless.
        question: what the program answers; what stands before the function there is put in front.
    """
    program = program_for(question, code, entry_point) if question else code
    results = _results(program, entry_point, [(call, None) for call in calls], timeout_s)
    if not results or not any(result.startswith("=") for result in results):
        return None
    return hashlib.sha256("\n".join(results).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def passes(code: str, test: str, entry_point: str, timeout_s: float = 10.0) -> bool:
    """Whether a whole program passes a published test: one that defines check(candidate), as HumanEval's do.

    Args:
        code: the program; `program_for` makes it of a body.
        test: the test's own code.
        entry_point: the function that it tests.
        timeout_s: seconds for all of it.
    """
    return _results(code, entry_point, [], timeout_s, test) == ["passed"]


def examples_share(code: str, question: str, timeout_s: float = 5.0) -> float | None:
    """The share of the question's own examples that a program gets right, 0 to 1; None without any."""
    name = entry_point_of(question)
    examples: list[Example] = examples_of(question)
    if name is None or not examples:
        return None
    program = program_for(question, code, name)
    results = _results(program, name, [(one.call, one.expected) for one in examples], timeout_s)
    return sum(result == "right" for result in results) / len(examples)


def agreement_key(code: str, question: str, timeout_s: float = 5.0) -> str | None:
    """`fingerprint` on the calls that `calls_for` finds for a question; None if it finds none."""
    name = entry_point_of(question) or entry_point_of(code)
    calls = calls_for(question) or calls_for(question, code)
    return fingerprint(code, name, calls, timeout_s, question) if name and calls else None


def _results(
    program: str, entry_point: str, calls: Sequence[tuple[str, str | None]], timeout_s: float, test: str = ""
) -> list[str]:
    """A line for each call, in one child process: "=value", "!ErrorType", "endless", "right" or "wrong".

    Empty if the program failed before its first call.
    """
    mark = secrets.token_hex(8)
    asked: dict[str, object] = {
        "program": program,
        "entry_point": entry_point,
        "calls": calls,
        "test": test,
        "mark": mark,
    }
    asked |= {"call_s": min(_CALL_S, timeout_s / 2)}
    harness = _HARNESS.read_text(encoding="utf-8")
    ran = run_python(f"{harness}\nmain({json.dumps(json.dumps(asked))})\n", timeout_s)
    lines = [line[len(mark) :] for line in ran.stdout.splitlines() if line.startswith(mark)]
    if not lines or lines[0] != "ready":
        return []
    results = lines[1:]
    return results + ["endless"] * (len(calls) - len(results))
