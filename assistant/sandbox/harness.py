"""What runs in the child around a program whose behaviour is asked for.

Its text is sent there, so it uses the standard library only.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import math
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

_MAX_ITEMS = 2000
_MAX_DEPTH = 20
_MAX_CHARS = 80


class Endless(BaseException):
    """A call took too long; no program catches it by `except Exception`."""


class Silent(io.StringIO):
    """A stream that forgets what is printed on it."""

    def write(self, text: str) -> int:
        return len(text)


def main(asked: str) -> None:
    """Loads the program, then answers call by call on the true output, each line with its mark."""
    wanted = json.loads(asked)
    output, say = sys.stdout, wanted["mark"]
    sys.stdin, sys.stdout, sys.stderr = io.StringIO(), Silent(), Silent()

    def tell(line: str) -> None:
        output.write(f"{say}{line}\n")
        output.flush()

    names: dict[str, Any] = {"__name__": "program"}
    exec(compile(wanted["program"], "program.py", "exec"), names)
    if not callable(names.get(wanted["entry_point"])):
        return
    tell("ready")
    if wanted["test"]:
        exec(compile(wanted["test"], "test.py", "exec"), names)
        names["check"](names[wanted["entry_point"]])
        tell("passed")
        return
    for call, expected in wanted["calls"]:
        tell(result(call, expected, names, wanted["call_s"]))


def result(call: str, expected: str | None, names: dict[str, Any], call_s: float) -> str:
    """One call's result in one line."""
    try:
        value = within(call_s, lambda: canonical(eval(call, dict(names))))
    except Endless:
        return "endless"
    except BaseException as error:  # noqa: BLE001 - whatever a program raises is its answer
        return "wrong" if expected is not None else f"!{type(error).__name__}"
    if expected is None:
        is_short = len(value) <= _MAX_CHARS
        return f"={value if is_short else hashlib.sha256(value.encode('utf-8', 'replace')).hexdigest()}"
    return "right" if value == canonical(eval(expected, {})) else "wrong"


def within(seconds: float, compute: Callable[[], str]) -> str:
    """What `compute` gives, stopped after `seconds` where the system has an alarm."""
    import signal

    if not hasattr(signal, "setitimer"):
        return compute()

    def stop(*_: object) -> None:
        raise Endless

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.05)
    try:
        return compute()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def canonical(value: Any, depth: int = 0) -> str:
    """A value in one spelling: 1, 1.0 and True are equal in Python and here; sets and keys are sorted."""
    if depth > _MAX_DEPTH:
        return "..."
    match value:
        case None | str() | bytes():
            return ascii(value)
        case bool() | int():
            return hex(value)
        case float():
            if not math.isfinite(value):
                return repr(value)
            return hex(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.9g}"
        case list() | tuple():
            inner = ", ".join(canonical(one, depth + 1) for one in value[:_MAX_ITEMS])
            return f"[{inner}]{len(value)}" if isinstance(value, list) else f"({inner}){len(value)}"
        case set() | frozenset():
            return "{" + ", ".join(sorted(canonical(one, depth + 1) for one in value)) + "}"
        case dict():
            pairs = sorted(f"{canonical(k, depth + 1)}: {canonical(v, depth + 1)}" for k, v in value.items())
            return "{" + ", ".join(pairs) + "}"
        case Iterator() | range():
            return "iter" + canonical(list(itertools.islice(value, _MAX_ITEMS)), depth + 1)
    return re.sub(r"0x[0-9a-fA-F]+", "0x", ascii(value))
