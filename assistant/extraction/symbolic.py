r"""What a formula is worth: parsed by latex2sympy2_extended, evaluated by sympy at fixed points. Pure.

Two formulas are taken as equal if their values are, at points drawn from the names of their variables
(polynomial identity testing: Schwartz 1980). Nothing is simplified, so the time is bounded by the size.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from assistant.extraction.notation import NotAFormula, Token, has_angle, latex
from assistant.extraction.numbers import spelled

N_POINTS = 3
"""One with positive values alone, one with either sign, one with negative ones: √(x²) is not x."""
_WORKING_DIGITS = 50
_DIGITS = 30
"""Of a value in a key; a smaller difference is one of rounding."""
_MAX_BITS = 40_000
"""Of an exact power; a larger one is rounded."""
_MAX_POWER_OF_TWO = 10**6
"""No number beyond 2 to this is computed."""
_MAX_ARGUMENT = 10**15
"""Of a function: beyond, its digits would be lost."""
_MAX_EXPONENT = 10**5
_MAX_FACTORIAL = 3000
_LOCK = threading.Lock()
"""The parser's tables and mpmath's precision are shared by all threads, so they take turns."""

_FUNCTIONS = (
    *("exp", "log", "sin", "cos", "tan", "cot", "sec", "csc", "asin", "acos", "atan", "sinh", "cosh", "tanh"),
    *("acot", "asec", "acsc", "asinh", "acosh", "atanh", "Abs", "floor", "ceiling", "factorial"),
)
"""A function that is not here has no value."""

Expression = Any
"""An expression of sympy."""


@dataclass(frozen=True)
class _Library:
    """What is used of the two libraries."""

    sympy: Any
    parse: Any
    functions: frozenset[Any]


@cache
def _library() -> _Library:
    import sympy  # only for what is no plain number: the imports take a second
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig, latex2sympy

    config = ConversionConfig(lowercase_symbols=False)

    def parse(text: str, degrees: bool) -> Expression:
        return latex2sympy(text, convert_degrees=degrees, normalization_config=None, conversion_config=config)

    return _Library(sympy, parse, frozenset(getattr(sympy, name) for name in _FUNCTIONS))


def key(found: Sequence[Token]) -> str:
    """The key of a formula: its number, or the names of its variables and its value at each point.

    Raises:
        NotAFormula: it is none, or undefined, or too large.
    """
    with _LOCK:
        expression, names = _parsed(found)
        if expression.is_Symbol and _variables(names):
            return _variables(names)[0].removeprefix("\\")
        if not _variables(names):
            return _constant_key(_value(expression, _point(names, 0)))
        return _formula_key(expression, names, _library().sympy.Integer(1))


def difference(left: Sequence[Token], right: Sequence[Token]) -> list[Token]:
    """The tokens of left - (right)."""
    return [*left, ("sign", "-"), ("sign", "("), *right, ("sign", ")")]


def zero_key(left: Sequence[Token], right: Sequence[Token]) -> str:
    """The key of an equation: the same for all multiples of the difference of its sides.

    Raises:
        NotAFormula: as for `key`, or the sides are the same.
    """
    with _LOCK:
        expression, names = _parsed(difference(left, right))
        unit = _value(expression, _point(names, N_POINTS))
        if _text(unit) == "0":
            raise NotAFormula("0 = 0")
        return f"0={_formula_key(expression, names, unit)}"


def _parsed(found: Sequence[Token]) -> tuple[Expression, dict[str, str]]:
    """An expression, and the letters in it by the names that they stand for.

    Raises:
        NotAFormula: the parser does not take it.
    """
    text, letters = latex(found)
    library = _library()
    try:
        expression = library.parse(text, has_angle(found))
    except Exception as error:  # the parser raises bare ones for what it cannot read
        raise NotAFormula(text) from error
    if not isinstance(expression, library.sympy.Expr):
        raise NotAFormula(text)
    return expression, letters


def _formula_key(expression: Expression, names: Mapping[str, str], unit: Expression) -> str:
    found = [_at(expression, _point(names, n), unit) for n in range(N_POINTS)]
    if not any(found):
        raise NotAFormula("undefined")
    if "" not in found and len(set(found)) == 1:
        return _constant_key(_value(expression, _point(names, 0)) / unit)
    return f"f({','.join(_variables(names))})={'|'.join(found)}"


def _at(expression: Expression, point: Mapping[Any, Expression], unit: Expression) -> str:
    try:
        return _text((_value(expression, point) / unit).evalf(_WORKING_DIGITS))
    except NotAFormula:
        return ""


def _variables(names: Mapping[str, str]) -> list[str]:
    return sorted(names.keys() - {"e", "i"})


def _point(names: Mapping[str, str], point: int) -> dict[Expression, Expression]:
    """The value of each letter at a point."""
    sympy = _library().sympy
    constants = {"e": sympy.E.evalf(_WORKING_DIGITS), "i": sympy.I}
    return {
        sympy.Symbol(letter): constants[name] if name in constants else _coordinate(name, point)
        for name, letter in names.items()
    }


def _coordinate(name: str, point: int) -> Expression:
    drawn = int.from_bytes(hashlib.sha256(f"{point}:{name}".encode()).digest()[:8], "big")
    size = drawn // 2 % 1_000_003 + 300_000
    is_negative = point == 2 or (point == 1 and drawn % 2)
    return _library().sympy.Rational(-size if is_negative else size, 700_001).evalf(_WORKING_DIGITS)


def _value(expression: Expression, at: Mapping[Expression, Expression]) -> Expression:
    """The value of an expression: exact while it is rational.

    Raises:
        NotAFormula: it has none, or is too large to compute.
    """
    try:
        return _computed(expression, at)
    except (ArithmeticError, ValueError, TypeError, AttributeError, NotImplementedError) as error:
        raise NotAFormula("no value") from error


def _computed(node: Expression, at: Mapping[Expression, Expression]) -> Expression:
    if node in at:
        return at[node]
    sympy = _library().sympy
    if not node.args:
        value = node if node.is_Rational else node.evalf(_WORKING_DIGITS)
    else:
        parts = [_computed(part, at) for part in node.args]
        value = _applied(node.func, parts)
        if not value.is_Rational:
            value = value.evalf(_WORKING_DIGITS)
    if value.has(sympy.nan, sympy.zoo, sympy.oo) or value.free_symbols or _size(value) > _MAX_POWER_OF_TWO:
        raise NotAFormula("no number")
    return value


def _applied(function: Any, parts: Sequence[Expression]) -> Expression:
    """A function of numbers."""
    library = _library()
    sympy = library.sympy
    if function in {sympy.Add, sympy.Mul}:
        return function(*parts)
    if function is sympy.Pow:
        return _power(*parts)
    if function not in library.functions:
        raise NotAFormula(str(function))
    if function is sympy.factorial and abs(parts[0]) > _MAX_FACTORIAL:
        raise NotAFormula("too large")
    if function in {sympy.factorial, sympy.Abs, sympy.floor, sympy.ceiling}:
        return function(*parts)
    largest = _MAX_EXPONENT if function in {sympy.exp, sympy.sinh, sympy.cosh} else _MAX_ARGUMENT
    if any(abs(part) > largest for part in parts[:1]):
        raise NotAFormula("too large")
    return function(*(part.evalf(_WORKING_DIGITS) for part in parts))


def _power(base: Expression, exponent: Expression) -> Expression:
    if base.is_Rational and exponent.is_Integer:
        bits = max(base.p.bit_length(), base.q.bit_length()) * abs(exponent.p)
        if bits <= _MAX_BITS or base in {0, 1, -1}:
            return base**exponent
    if abs(exponent) * (abs(_size(base)) + 1) > _MAX_POWER_OF_TWO:
        raise NotAFormula("too large")
    if base.is_real and base < 0 and exponent.is_Rational and exponent.q % 2:
        root = (-base).evalf(_WORKING_DIGITS) ** exponent  # the real root of a negative number
        return -root if exponent.p % 2 else root
    return base.evalf(_WORKING_DIGITS) ** exponent.evalf(_WORKING_DIGITS)


def _size(value: Expression) -> int:
    """About the power of two that a number is near to; 0 for zero."""
    sizes = []
    for part in value.as_real_imag():
        if part.is_Rational:
            sizes.append(part.p.bit_length() - part.q.bit_length())
        elif part.is_Float and part:
            sizes.append(part._mpf_[2] + part._mpf_[3])
    return max(sizes, default=0, key=abs)


def _constant_key(value: Expression) -> str:
    if value.is_Rational:
        return spelled(Fraction(value.p, value.q))
    real, imaginary = (Fraction(str(part.evalf(_WORKING_DIGITS))) for part in value.as_real_imag())
    near = real.limit_denominator(10**9)
    tiny = max(Fraction(1), abs(real)) / 10**_DIGITS
    if abs(imaginary) <= tiny and abs(real - near) <= tiny and abs(real) < 10**_DIGITS:
        return spelled(near)
    return _text(value)


def _text(value: Expression) -> str:
    """A value in digits; of the two parts of a complex one, a part lost in rounding counts as none."""
    parts = [part.evalf(_WORKING_DIGITS) for part in value.as_real_imag()]
    tiny = max(abs(part) for part in parts) / 10**_DIGITS
    texts = [str(part.evalf(_DIGITS)) if abs(part) > max(tiny, 10.0**-_DIGITS) else "0" for part in parts]
    return texts[0] if texts[1] == "0" else f"{texts[0]}+{texts[1]}i"
