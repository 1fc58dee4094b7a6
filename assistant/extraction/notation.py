r"""A formula's tokens, and its spelling for the library's LaTeX parser. Pure.

The parser wants strict LaTeX: \frac{1}{2} for \frac12, a product's sign where it would else read a function
or a mixed number. What is not on the lists here never reaches it: no environment, sum, integral or matrix.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

Token = tuple[str, str]
"""Its sort (number, name, command, sign or row) and its spelling."""

MAX_TOKENS = 120
MAX_BRACKETS = 36
"""And functions, of an answer: at each, the parser looks ahead for several rules: tens of milliseconds."""
MAX_PARSED_TOKENS = 50
"""Of one expression."""
MAX_PARSED_BRACKETS = 10
MAX_DEPTH = 5
"""Of brackets, arguments and exponents in one another."""
MAX_DIGITS = 400
_LONGEST_PRODUCT = 3
"""Letters side by side that may be a product, as in abc; more are a word."""

_TOKEN = re.compile(
    r"(?P<number>\d+(?:\.\d+)?|\.\d+)|(?P<command>\\[a-zA-Z]+|\\[{}])|(?P<word>[a-zA-Z]+)"
    r"|(?P<sign><=|>=|!=|[-+*/^_(){}\[\]|,;=<>!&'])|(?P<row>\\\\)",
    re.ASCII,
)
_OF_ANGLES = frozenset({"sin", "cos", "tan", "cot", "sec", "csc"})
_FUNCTIONS = _OF_ANGLES | {"arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "ln", "log", "lg", "exp"}
_LETTERS = frozenset(
    re.findall(
        r"\w+",
        "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho"
        " sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega ell",
    )
)
_WORDS = {"pi": r"\pi", "infinity": r"\infty", "inf": r"\infty", "infty": r"\infty", "theta": r"\theta"}
_WORDS |= {"alpha": r"\alpha", "beta": r"\beta", "and": ",", "or": ",", "union": r"\cup", "in": r"\in"}
_OPEN = {"(": ")", "[": "]", "{": "}", r"\{": r"\}", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil"}
_SIGNS = {
    "+": "+",
    "-": "-",
    "*": r"\cdot ",
    r"\cdot": r"\cdot ",
    r"\times": r"\cdot ",
    "/": "/",
    r"\div": "/",
}


_POOL = "abcfghjklmnpqrstuvwxyz"


class NotAFormula(Exception):
    """The text is no formula that is known here."""


def tokens(text: str) -> Sequence[Token]:
    """The text's tokens.

    Raises:
        NotAFormula: there is something else in it, or too much.
    """
    found: list[Token] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = _TOKEN.match(text, at)
        if not match or len(match[0]) > MAX_DIGITS:
            raise NotAFormula(text)
        at = match.end()
        sort, value = match.lastgroup or "", match[0]
        if sort == "word":
            found.extend(_word(value))
        elif value == r"\text":
            raise NotAFormula(text)
        else:
            found.append((sort, value))
    return _bounded(found, MAX_TOKENS, MAX_BRACKETS)


def _bounded(found: Sequence[Token], n_tokens: int, n_brackets: int) -> Sequence[Token]:
    n = sum(value in _OPEN or value == "|" or value[1:] in _FUNCTIONS for _, value in found)
    if len(found) > n_tokens or n > n_brackets:
        raise NotAFormula("too long")
    return found


def _word(word: str) -> list[Token]:
    if word in _FUNCTIONS or word == "sqrt":
        return [("command", f"\\{word}")]
    if word == "abs":
        return [("command", r"\abs")]
    if word.lower() in _WORDS:
        sign = _WORDS[word.lower()]
        return [("command" if sign.startswith("\\") else "sign", sign)]
    if len(word) <= _LONGEST_PRODUCT:
        return [("name", letter) for letter in word]
    for name in ("sqrt", "sin", "cos", "tan", "pi"):
        before, found, after = word.partition(name)
        if found and len(before) <= 1 and len(after) <= 1:
            return [*_word(before), *_word(name), *_word(after)] if before or after else []
    raise NotAFormula(word)


def is_name(found: Sequence[Token]) -> bool:
    """Whether these tokens are one variable."""
    sort, value = found[0]
    is_letter = sort == "name" or value[1:] in _LETTERS
    return len(found) == 1 and is_letter and value not in {"e", "i"}


def has_angle(found: Sequence[Token]) -> bool:
    """Whether a degree sign among these tokens is that of an angle, and no unit of the answer."""
    return any(value[1:] in _OF_ANGLES for _, value in found)


def latex(found: Sequence[Token]) -> tuple[str, dict[str, str]]:
    """The tokens of one expression in strict LaTeX, and the letter in it that stands for each name.

    Raises:
        NotAFormula: they are none, or so many that the parser would take long.
    """
    letters: dict[str, str] = {}
    spelled = _Speller(_bounded(found, MAX_PARSED_TOKENS, MAX_PARSED_BRACKETS), 0, letters).all()
    if len(letters) > len(_POOL):
        raise NotAFormula("too many names")
    return spelled, letters


class _Speller:
    """Spells tokens from left to right; what is in brackets by a speller of its own."""

    def __init__(self, found: Sequence[Token], depth: int, letters: dict[str, str]) -> None:
        if depth > MAX_DEPTH or not found:
            raise NotAFormula("too deep, or empty")
        self.tokens, self.depth, self.letters = found, depth, letters
        self.at = 0
        self.before = ""
        """What the last factor was: number, frac, other; nothing after an operation's sign."""

    def peek(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("", "")

    def all(self) -> str:
        parts = []
        while self.at < len(self.tokens):
            parts.append(self.part())
        return "".join(parts)

    def part(self) -> str:
        """The next factor, sign or exponent."""
        value = self.peek()[1]
        if value in _SIGNS:
            self.at += 1
            self.before = ""
            return _SIGNS[value]
        if value == "^":
            return self.power()
        if value in {"!", r"\circ"}:
            self.at += 1
            return "!" if value == "!" else r"^{\circ}"
        if value == "|":
            self.at += 1
            self.before = ""
            return "|"
        before = self.before
        spelled = self.factor()
        return f"{self.sign(before)}{spelled}"

    def sign(self, before: str) -> str:
        """The product's sign, but for a mixed number: the parser would read 2(3) as 5, 1/2x as 1/(2x)."""
        now = self.before
        if not before:
            return ""
        if now == "number":
            raise NotAFormula("a number behind a factor")
        return " " if (before, now) == ("number", "frac") else r"\cdot "

    def factor(self) -> str:
        sort, value = self.peek()
        if value in _OPEN:
            self.before = "other"
            opening, closing = (value, _OPEN[value]) if value.startswith(r"\l") else ("(", ")")
            return f"{opening} {self.bracket()} {closing}"
        self.at += 1
        if sort == "number":
            self.before = "number"
            return _number(value)
        if value == r"\pi":
            self.before = "other"
            return r"\pi "
        if sort == "name" or value[1:] in _LETTERS:
            return self.name(value)
        return self.command(value[1:])

    def command(self, name: str) -> str:
        self.before = "frac" if name == "frac" else "other"
        if name == "frac":
            return rf"\frac{{{self.argument()}}}{{{self.argument()}}}"
        if name == "binom":
            n, k = self.argument(), self.argument()
            return rf"\frac{{({n})!}}{{({k})!\cdot ({n}-({k}))!}}"
        if name == "sqrt":
            root = f"[{self.bracket()}]" if self.peek()[1] == "[" else ""
            return rf"\sqrt{root}{{{self.argument()}}}"
        if name == "abs":
            return f"|{self.argument()}|"
        if name not in _FUNCTIONS:
            raise NotAFormula(name)
        return f"\\{'log' if name == 'lg' else name}{self.base()}{self.power()}{self.applied()}"

    def power(self) -> str:
        if self.peek()[1] != "^":
            return ""
        self.at += 1
        return f"^{{{self.exponent()}}}"

    def applied(self) -> str:
        """The argument of a function: a bracket, or the factors up to the next function or sign."""
        if self.peek()[1] in _OPEN:
            return f"( {self.argument()} )"
        start, bars = self.at, 0
        inner = _Speller(self.tokens, self.depth + 1, self.letters)
        inner.at = start
        parts = []
        while (value := inner.peek()[1]) and (inner.at == start or not self.is_end(value, bars)):
            bars += value == "|"
            parts.append(inner.part())
        self.at = inner.at
        self.before = "other"
        return f"( {''.join(parts)} )"

    @staticmethod
    def is_end(value: str, bars: int) -> bool:
        return bars % 2 == 0 and (value in _SIGNS or value in _OPEN or value[1:] in _FUNCTIONS)

    def base(self) -> str:
        """The base of a logarithm."""
        if self.peek()[1] != "_":
            return ""
        self.at += 1
        return f"_{{{self.argument()}}}"

    def name(self, value: str) -> str:
        """A letter for a name: the parser has meanings of its own for d, e, i, I, gamma and f(x)."""
        self.before = "other"
        if self.peek()[1] == "_":
            self.at += 1
            start = self.at
            if self.peek()[0] == "number":
                self.at += 1
            else:
                self.argument()
            value += "_" + "".join(part for _, part in self.tokens[start : self.at] if part not in "{}")
        letter = self.letters.setdefault(value, _POOL[len(self.letters) % len(_POOL)])
        return f"{letter} "

    def bracket(self) -> str:
        """What is in the bracket that opens here."""
        opening, start = self.peek()[1], self.at + 1
        depth = 0
        while self.at < len(self.tokens):
            value = self.peek()[1]
            depth += (value == opening) - (value == _OPEN[opening])
            self.at += 1
            if not depth:
                return _Speller(self.tokens[start : self.at - 1], self.depth + 1, self.letters).all()
        raise NotAFormula("an open bracket")

    def argument(self) -> str:
        r"""What a command applies to: a group, a command with its own, or one sign; \frac12 takes digits."""
        sort, value = self.peek()
        if value in {"{", "(", "[", r"\{"}:
            return self.bracket()
        inner = _Speller(self.tokens, self.depth + 1, self.letters)
        inner.at = self.at
        if sort == "number" and len(value) > 1 and "." not in value:
            self.tokens = [*self.tokens[: self.at], ("number", value[1:]), *self.tokens[self.at + 1 :]]
            return value[0]
        if not sort or sort == "sign":
            raise NotAFormula("no argument")
        spelled = inner.factor()
        self.at = inner.at
        return spelled

    def exponent(self) -> str:
        sort, value = self.peek()
        if value in {"+", "-"}:
            self.at += 1
            return f"{value}{self.exponent()}"
        if sort == "number":
            self.at += 1
            spelled = _number(value)
        else:
            spelled = self.argument()
        if self.peek()[1] == "^":
            self.at += 1
            inner = _Speller(self.tokens, self.depth + 1, self.letters)
            inner.at = self.at
            spelled = f"({spelled})^{{{inner.exponent()}}}"
            self.at = inner.at
        return spelled


def _number(text: str) -> str:
    """A number exactly: the parser would read a decimal as a binary one."""
    whole, point, part = text.partition(".")
    return rf"\frac{{{int(whole + part)}}}{{{10 ** len(part)}}}" if point else text
