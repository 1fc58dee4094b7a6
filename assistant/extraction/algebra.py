"""A formula as a tree: LaTeX and plain notation, read by a small parser with limits on size and depth. Pure.

A node is a tuple: ("n", number), ("v", name), ("c", constant), (operator, node ...).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

Node = tuple[Any, ...]
Token = tuple[str, str]
"""Its sort (number, name, command, text or sign) and its spelling."""

MAX_TOKENS = 300
MAX_DEPTH = 40

_TOKEN = re.compile(
    r"(?P<number>\d+(?:\.\d+)?|\.\d+)|(?P<command>\\[a-zA-Z]+|\\[{}])|(?P<word>[a-zA-Z]+)"
    r"|(?P<sign><=|>=|!=|[-+*/^_(){}\[\]|,;=<>!&'])|(?P<row>\\\\)"
)
FUNCTIONS = frozenset(
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh ln log lg exp sqrt abs".split()  # noqa: SIM905
)
_CONSTANTS = {"pi": "pi", "e": "e", "i": "i", "infty": "infty"}
_WORDS = {"pi": r"\pi", "infinity": r"\infty", "inf": r"\infty", "infty": r"\infty", "theta": r"\theta"}
_WORDS |= {"alpha": r"\alpha", "beta": r"\beta", "and": ",", "or": ",", "union": r"\cup", "in": r"\in"}
_LETTERS = frozenset(
    re.findall(
        r"\w+",
        "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho"
        " sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega ell",
    )
)
_LONGEST_PRODUCT = 3
"""Letters side by side that may be a product, as in abc; more are a word."""


class NotAFormula(Exception):
    """The text is no formula that this parser knows."""


def tokens(text: str) -> list[Token]:
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
        if not match or len(found) >= MAX_TOKENS:
            raise NotAFormula(text)
        at = match.end()
        sort, value = match.lastgroup or "", match[0]
        if sort == "word":
            found.extend(_word(value))
        elif sort == "command" and value == r"\text":
            raise NotAFormula(text)
        else:
            found.append((sort, value))
    return found


def _word(word: str) -> list[Token]:
    if word in FUNCTIONS:
        return [("command", f"\\{word}")]
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


def tree(found: list[Token]) -> Node:
    """The tokens of one expression as a tree.

    Raises:
        NotAFormula: they are no expression.
    """
    parser = _Parser(found)
    node = parser.sum()
    if parser.at != len(found):
        raise NotAFormula(str(found[parser.at]))
    return node


_OPEN = {"(": ")", "[": "]", "{": "}", r"\{": r"\}"}
_STARTS = frozenset(_OPEN)


class _Parser:
    """Recursive descent over tokens; every rule takes what it can and leaves the rest."""

    def __init__(self, found: list[Token]) -> None:
        self.tokens = found
        self.at = 0
        self.depth = 0
        self.in_bars = 0

    def peek(self, ahead: int = 0) -> Token:
        at = self.at + ahead
        return self.tokens[at] if at < len(self.tokens) else ("", "")

    def take(self, value: str = "") -> Token:
        token = self.peek()
        if not token[0] or (value and token[1] != value):
            raise NotAFormula(f"{token[1]!r} where {value or 'more'!r} was expected")
        self.at += 1
        return token

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotAFormula("too deep")
        node: Node | None = None
        while node is None or self.peek()[1] in {"+", "-"}:
            sign = self.take()[1] if self.peek()[1] in {"+", "-"} else "+"
            term = self.product()
            term = ("neg", term) if sign == "-" else term
            node = term if node is None else ("+", node, term)
        self.depth -= 1
        return node

    def product(self) -> Node:
        node = self.power(signed=True)
        while True:
            value = self.peek()[1]
            if value in {"*", r"\cdot", r"\times"}:
                self.take()
                node = ("*", node, self.power(signed=True))
            elif value in {"/", r"\div"}:
                self.take()
                node = ("/", node, self.power(signed=True))
            elif self._starts_factor():
                node = self._side_by_side(node)
            else:
                return node

    def _side_by_side(self, node: Node) -> Node:
        """Two factors without a sign: a product, or a mixed number as in 6 3/4."""
        is_whole = node[0] == "n" and node[1].denominator == 1 and self.peek(-1)[0] == "number"
        if is_whole and self.peek()[1] == r"\frac":
            factor = self.power()
            is_mixed = factor[0] == "/" and factor[1][0] == factor[2][0] == "n"
            return ("+" if is_mixed else "*", node, factor)
        if self.peek()[0] == "number":
            if not (is_whole and self.peek(1)[1] == "/" and self.peek(2)[0] == "number"):
                raise NotAFormula("two numbers side by side")
            top, _, bottom = self.take(), self.take(), self.take()
            return ("+", node, ("/", _number(top[1]), _number(bottom[1])))
        return ("*", node, self.power())

    def _starts_factor(self) -> bool:
        sort, value = self.peek()
        if sort in {"number", "name"} or value in _STARTS:
            return True
        if value == "|":
            return not self.in_bars
        return sort == "command" and (
            value[1:] in FUNCTIONS or value[1:] in _LETTERS or value[1:] in _OTHERS or value[1:] in _CONSTANTS
        )

    def power(self, signed: bool = False) -> Node:
        if signed and self.peek()[1] in {"+", "-"}:
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise NotAFormula("too deep")
            sign = self.take()[1]
            inner = self.power(signed=True)
            self.depth -= 1
            return ("neg", inner) if sign == "-" else inner
        node = self.base()
        while True:
            value = self.peek()[1]
            if value == "^":
                self.take()
                node = ("^", node, self._exponent())
            elif value == "!":
                self.take()
                node = ("!", node)
            elif value == r"\circ":
                self.take()
                node = ("deg", node)
            elif value == "'":
                raise NotAFormula("a derivative")
            else:
                return node

    def _exponent(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotAFormula("too deep")
        sign = self.take()[1] if self.peek()[1] in {"+", "-"} else "+"
        node = self.base()
        if self.peek()[1] == "^":
            self.take()
            node = ("^", node, self._exponent())
        self.depth -= 1
        return ("neg", node) if sign == "-" else node

    def base(self) -> Node:
        sort, value = self.peek()
        if sort == "number":
            return _number(self.take()[1])
        if sort == "name":
            return self._name(self.take()[1])
        if value in _OPEN:
            return self._bracket(value)
        if value == "|":
            return self._bars()
        if sort != "command":
            raise NotAFormula(value)
        name = self.take()[1][1:]
        if name in FUNCTIONS:
            return self._function(name)
        if name in _OTHERS:
            return _OTHERS[name](self)
        return self._name(name)

    def _bracket(self, opening: str) -> Node:
        self.take(opening)
        bars, self.in_bars = self.in_bars, 0
        node = self.sum()
        self.in_bars = bars
        self.take(_OPEN[opening])
        return node

    def _bars(self) -> Node:
        self.take("|")
        self.in_bars += 1
        node = self.sum()
        self.in_bars -= 1
        self.take("|")
        return ("abs", node)

    def _name(self, name: str) -> Node:
        if self.peek()[1] == "_":
            self.take()
            return ("v", f"{name}_{self._subscript()}")
        if name in _CONSTANTS:
            return ("c", _CONSTANTS[name])
        if len(name) > 1 and name not in _LETTERS:
            raise NotAFormula(name)
        return ("v", name)

    def _subscript(self) -> str:
        if self.peek()[1] != "{":
            return self.take()[1]
        self.take("{")
        parts = []
        while self.peek()[1] != "}":
            parts.append(self.take()[1])
        self.take("}")
        return "".join(parts)

    def argument(self, single_digit: bool = False) -> Node:
        r"""What a command applies to: a group, or one token; \frac12 takes one digit at a time."""
        sort, value = self.peek()
        if value == "{":
            return self._bracket("{")
        if single_digit and sort == "number" and len(value) > 1:
            self.tokens[self.at] = ("number", value[1:])
            return _number(value[0])
        return self.base()

    def _function(self, name: str) -> Node:
        power: Node | None = None
        if name == "sqrt":
            root: Node = ("n", Fraction(2))
            if self.peek()[1] == "[":
                root = self._bracket("[")
            return ("root", self.argument(), root)
        base: Node | None = None
        if self.peek()[1] == "_":
            self.take()
            base = self.argument()
        if self.peek()[1] == "^":
            self.take()
            power = self._exponent()
        node: Node = (name, self._applied()) if base is None else ("log_", self._applied(), base)
        return node if power is None else ("^", node, power)

    def _applied(self) -> Node:
        """The argument of a function written without brackets: the factors up to the next function."""
        if self.peek()[1] in _STARTS or self.peek()[1] == "|":
            return self.base()
        sign = self.take()[1] if self.peek()[1] == "-" else ""
        node = self.power()
        while self._starts_factor() and self.peek()[1][1:] not in FUNCTIONS and self.peek()[1] not in _STARTS:
            node = self._side_by_side(node)
        return ("neg", node) if sign else node

    def fraction(self) -> Node:
        top = self.argument(single_digit=True)
        return ("/", top, self.argument(single_digit=True))

    def binomial(self) -> Node:
        top = self.argument(single_digit=True)
        return ("binom", top, self.argument(single_digit=True))

    def rounded(self, name: str) -> Node:
        node = self.sum()
        self.take(rf"\r{name}")
        return (name, node)


_OTHERS: dict[str, Callable[[_Parser], Node]] = {
    "frac": _Parser.fraction,
    "binom": _Parser.binomial,
    "lfloor": lambda parser: parser.rounded("floor"),
    "lceil": lambda parser: parser.rounded("ceil"),
}


def _number(text: str) -> Node:
    return ("n", Fraction(text))
