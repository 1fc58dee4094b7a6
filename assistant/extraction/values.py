"""What a formula is worth: exactly where it is rational, else to 40 digits, at fixed points. Pure.

Two formulas are taken as equal if their values are, at points drawn from the names of their variables
(polynomial identity testing: Schwartz 1980). Nothing is simplified, so the time is bounded by the size.
"""

from __future__ import annotations

import hashlib
import math
import threading
from fractions import Fraction
from functools import cache, partial
from typing import Any

from assistant.extraction.algebra import Node
from assistant.extraction.numbers import spelled

Value = Any
"""A Fraction, or a number of mpmath where it is not rational."""

N_POINTS = 2
"""One with positive values alone, one with either sign: √(x²) is not x."""
_DIGITS = 40
_WORKING_DIGITS = 60
_MAX_BITS = 40_000
"""Of an exact number; a larger one is rounded."""
_MAX_POWER_OF_TWO = 10**6
"""No number beyond 2 to this is computed."""
_MAX_ARGUMENT = 10**30
"""Of a function: beyond, its digits would cost too much."""
_ROUNDING = 45
"""Digits at which a difference is one of rounding; an irrational number smaller than that counts as 0."""
_LOCK = threading.Lock()
"""mpmath's context changes its precision while it computes, so threads take turns."""


class NoValue(Exception):
    """The formula is undefined here, or too large to compute."""


@cache
def _mpmath() -> Any:
    import mpmath  # only where a number is irrational: the import takes 50 ms

    return mpmath


def constant_key(node: Node) -> str:
    """The key of a formula without variables.

    Raises:
        NoValue: it is undefined or too large.
    """
    value = _value(node, {})
    if isinstance(value, Fraction):
        return spelled(value)
    with _LOCK:
        rational = _rational(value)
    return spelled(rational) if rational is not None else _digits(value)


def formula_key(node: Node) -> str:
    """The key of a formula with variables: their names, and its value at each point.

    Raises:
        NoValue: it is undefined everywhere or too large.
    """
    names = sorted(variables(node))
    found = [_at(node, point, names) for point in range(N_POINTS)]
    if not any(found):
        raise NoValue
    return f"f({','.join(names)})={'|'.join(found)}"


def zero_key(node: Node) -> str:
    """The key of the equation `node` = 0: the same for all its multiples.

    Raises:
        NoValue: as for `formula_key`, or it is zero at a point drawn.
    """
    names = sorted(variables(node))
    unit = _value(node, {name: _coordinate(name, N_POINTS) for name in names})
    if unit == 0:
        raise NoValue
    key = formula_key(("/", node, ("value", unit)))
    return f"0={key}"


def _at(node: Node, point: int, names: list[str]) -> str:
    try:
        return _digits(_value(node, {name: _coordinate(name, point) for name in names}))
    except NoValue:
        return ""


def variables(node: Node) -> set[str]:
    """Names of the variables in a tree."""
    if node[0] == "v":
        return {node[1]}
    return set().union(*(variables(part) for part in node[1:] if isinstance(part, tuple)))


def _coordinate(name: str, point: int) -> Fraction:
    drawn = int.from_bytes(hashlib.sha256(f"{point}:{name}".encode()).digest()[:8], "big")
    size = Fraction(drawn // 2 % 1_000_003 + 300_000, 700_001)
    return -size if point == 1 and drawn % 2 else size


def _value(node: Node, at: dict[str, Fraction]) -> Value:
    """A tree's value.

    Raises:
        NoValue: it has none.
    """
    try:
        return _Evaluation(at).value(node)
    except (ZeroDivisionError, OverflowError, ValueError, TypeError, ArithmeticError) as error:
        raise NoValue from error


class _Evaluation:
    """Values of trees at one point."""

    def __init__(self, at: dict[str, Fraction]) -> None:
        self.at = at
        self.in_angle = False

    def value(self, node: Node) -> Value:
        match node:
            case ("n", number):
                return number
            case ("value", value):
                return value
            case ("v", name):
                return self.at[name]
            case ("c", name):
                return _constant(name)
            case ("deg", angle):
                value = self.value(angle)
                return _times(value, _over(_constant("pi"), Fraction(180))) if self.in_angle else value
            case (("sin" | "cos" | "tan" | "cot" | "sec" | "csc") as name, angle):
                outer, self.in_angle = self.in_angle, True
                value = self.value(angle)
                self.in_angle = outer
                return _function(name, value)
            case (name, *parts):
                return _OPERATIONS[name](*(self.value(part) for part in parts))
        raise NoValue


def _rounded(value: Value) -> Value:
    """A number of mpmath, whatever it was.

    Raises:
        NoValue: it is no number, or beyond all bounds.
    """
    mp = _mpmath()
    if isinstance(value, Fraction):
        value = mp.mpf(value.numerator) / value.denominator
    if not mp.isfinite(value) or (value and abs(mp.mag(value)) > _MAX_POWER_OF_TWO):
        raise NoValue
    return value


def _exact(value: Value) -> Value:
    """A Fraction as it is while it is short, else rounded."""
    if (
        isinstance(value, Fraction)
        and value.numerator.bit_length() + value.denominator.bit_length() > _MAX_BITS
    ):
        return _computed(lambda: value)
    return value


def _computed(compute: Any) -> Value:
    """What `compute` gives in mpmath, with the working precision, one thread at a time."""
    mp = _mpmath()
    with _LOCK, mp.workdps(_WORKING_DIGITS):
        return _rounded(compute())


def _constant(name: str) -> Value:
    mp = _mpmath()
    if name == "infty":
        raise NoValue
    return _computed(lambda: {"pi": +mp.pi, "e": +mp.e, "i": mp.mpc(0, 1)}[name])


def _plus(a: Value, b: Value) -> Value:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return _exact(a + b)
    return _computed(lambda: _rounded(a) + _rounded(b))


def _times(a: Value, b: Value) -> Value:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return _exact(a * b)
    return _computed(lambda: _rounded(a) * _rounded(b))


def _over(a: Value, b: Value) -> Value:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return _exact(a / b)
    return _computed(lambda: _rounded(a) / _rounded(b))


def _to_the(a: Value, b: Value) -> Value:
    if isinstance(a, Fraction) and isinstance(b, Fraction) and b.denominator == 1:
        if b == 0:
            return Fraction(1)
        size = max(a.numerator.bit_length(), a.denominator.bit_length()) * abs(b.numerator)
        if abs(b.numerator) < _MAX_POWER_OF_TWO and size <= _MAX_BITS:
            return a**b.numerator
    if isinstance(a, Fraction) and isinstance(b, Fraction) and b == Fraction(1, 2):
        return _root(a, Fraction(2))

    def compute() -> Value:
        mp = _mpmath()
        base, power = _rounded(a), _rounded(b)
        if base and abs(power) * (abs(mp.mag(base)) + 1) > _MAX_POWER_OF_TWO:
            raise NoValue
        return base**power

    return _computed(compute)


def _root(a: Value, n: Value) -> Value:
    if isinstance(a, Fraction) and n == 2 and a >= 0:
        top, bottom = math.isqrt(a.numerator), math.isqrt(a.denominator)
        if (top * top, bottom * bottom) == (a.numerator, a.denominator):
            return Fraction(top, bottom)
    if isinstance(a, Fraction) and isinstance(n, Fraction) and n.denominator == 1 and n % 2 and a < 0:
        return _times(Fraction(-1), _root(-a, n))
    return _to_the(_computed(lambda: a), _over(Fraction(1), n))


def _function(name: str, value: Value) -> Value:
    mp = _mpmath()
    functions = {
        "ln": mp.log, "log": mp.log10, "lg": mp.log10, "exp": mp.exp, "sin": mp.sin, "cos": mp.cos,
        "tan": mp.tan, "cot": mp.cot, "sec": mp.sec, "csc": mp.csc, "arcsin": mp.asin, "arccos": mp.acos,
        "arctan": mp.atan, "sinh": mp.sinh, "cosh": mp.cosh, "tanh": mp.tanh,
    }  # fmt: skip

    def compute() -> Value:
        argument = _rounded(value)
        if abs(argument) > _MAX_ARGUMENT or (name in {"exp", "sinh", "cosh"} and abs(argument) > 10**5):
            raise NoValue
        return functions[name](argument)

    return _computed(compute)


def _whole(value: Value) -> int:
    if not isinstance(value, Fraction):
        with _LOCK:
            value = _rational(value)
    if value is None or value.denominator != 1 or not 0 <= value <= 3000:
        raise NoValue
    return int(value)


def _rounding(value: Value, up: bool) -> Value:
    if not isinstance(value, Fraction):
        return Fraction(int(_computed(lambda: _mpmath().ceil(value) if up else _mpmath().floor(value))))
    return Fraction(math.ceil(value) if up else math.floor(value))


_OF_NUMBERS = ("ln", "log", "lg", "exp", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh")
_OPERATIONS: dict[str, Any] = {
    "+": _plus,
    "neg": lambda a: -a if isinstance(a, Fraction) else _computed(lambda: -a),
    "*": _times,
    "/": _over,
    "^": _to_the,
    "root": _root,
    "abs": lambda a: abs(a) if isinstance(a, Fraction) else _computed(lambda: abs(a)),
    "!": lambda a: _exact(Fraction(math.factorial(_whole(a)))),
    "binom": lambda a, b: _exact(Fraction(math.comb(_whole(a), _whole(b)))),
    "floor": lambda a: _rounding(a, up=False),
    "ceil": lambda a: _rounding(a, up=True),
    "log_": lambda a, base: _over(_function("ln", a), _function("ln", base)),
    **{name: partial(_function, name) for name in _OF_NUMBERS},
}


def _rational(value: Value) -> Fraction | None:
    """The rational number with a short denominator that this rounded value is, or None."""
    mp = _mpmath()
    with mp.workdps(_WORKING_DIGITS):
        size = max(1, abs(value))
        if abs(mp.im(value)) > size * mp.mpf(10) ** -_ROUNDING or abs(value) > mp.mpf(10) ** 40:
            return None
        real = mp.re(value)
        near = Fraction(int(mp.nint(real * 10**50)), 10**50).limit_denominator(10**9)
        error = abs(real - mp.mpf(near.numerator) / near.denominator)
        return near if error < size * mp.mpf(10) ** -_ROUNDING else None


def _digits(value: Value) -> str:
    """A value in 40 digits; of the two parts of a complex one, a part lost in rounding counts as none."""

    def compute() -> str:
        mp = _mpmath()
        number = _rounded(value)
        tiny = max(abs(number) * mp.mpf(10) ** -_ROUNDING, mp.mpf(10) ** -50)
        parts = [part if abs(part) > tiny else mp.mpf(0) for part in (mp.re(number), mp.im(number))]
        real, imaginary = (mp.nstr(part, _DIGITS) for part in parts)
        return f"{real}" if not parts[1] else f"{real}+{imaginary}i"

    mp = _mpmath()
    with _LOCK, mp.workdps(_WORKING_DIGITS):
        return compute()
