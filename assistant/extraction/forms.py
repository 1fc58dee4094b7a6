"""The key of a mathematical answer: a number, a formula, a list, a point, an interval, an equation. Pure.

Order counts inside brackets and not in a list of solutions or in a union. A unit, a currency and a percent
sign are dropped, as the published graders of MATH do: the question has named them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from assistant.extraction import numbers, spelling, symbolic
from assistant.extraction.notation import NotAFormula, Token, is_name, tokens

MAX_CHARS = 600
"""A longer answer is compared as text."""

_UNIT_WORDS = (
    "dollars? cents? usd eur gbp euros? pounds? degrees? radians? percent units? square cubic sq feet foot ft"
    " inch inches yards? yd miles? mph mm cm km meters? metres? kilometers? centimeters? kg grams? lbs? oz"
    " ounces? ml liters? litres? gallons? seconds? secs? minutes? mins? hours? hrs? days? weeks? months?"
    " years? points? ways? people times per hour each integers? digits?"
).replace(" ", "|")
_CURRENCY = re.compile(r"[€£¥₹]|\b(?:USD|EUR|GBP|RMB)\b|元|人民币")
_UNIT_TEXT = re.compile(r"(?<=[\d})!a-z])\s*\\text\s*\{(?P<unit>[^{}]*)\}\s*(?:\^\s*\{?\s*[23]\s*\}?)?")
_UNIT_TAIL = re.compile(rf"(?<=[\d)}}\s])\s*(?:%|(?:\b(?:{_UNIT_WORDS})\b[.^23\s/]*)+)$", re.IGNORECASE)
_ANY_TAIL = re.compile(
    r"(?<=\d)(?:\s+|(?=[^\W\d_]{2}))(?!\\|and\b|or\b|times\b|x\b)[^\W\d_][^\d\\=<>+*/^()\[\]{}]*$"
)
_WORDS_TAIL = re.compile(r"(?<=[\d}])(?:\s+(?!and\b|or\b)[^\W\d_]{3,})+$")
_BASE = re.compile(r"([0-9A-F.]+)\s*_\s*\{?\s*(\d+)\s*\}?")
_MATRIX = re.compile(r"\\begin\s*\{\w?matrix\}(.*?)\\end\s*\{\w?matrix\}", re.DOTALL)
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_REPEATING = re.compile(r"(\d*\.\d*)\\overline\s*\{(\d+)\}")
_RELATIONS = {
    "<": "<",
    ">": ">",
    "<=": "<=",
    ">=": ">=",
    r"\le": "<=",
    r"\ge": ">=",
    r"\lt": "<",
    r"\gt": ">",
}
_UNEQUAL = {"=", *_RELATIONS}


def key(answer: str, any_unit: bool) -> str | None:
    """The key of an answer in mathematical notation; None if it is not in any that is known.

    Args:
        answer: the answer as written.
        any_unit: whether words after a number are its unit, whatever they are.
    """
    if len(answer) > MAX_CHARS:
        return None
    text = _without_units(spelling.formula(answer), any_unit)
    number = numbers.exact(text)
    if number is None and text.replace("-", "").isalpha():
        number = numbers.in_words(text)
    if number is None and any_unit:
        number = numbers.in_words(text)
    if number is not None:
        return numbers.spelled(number)
    if base := _BASE.fullmatch(text):
        return f"{base[1].lstrip('0') or '0'}_{base[2]}"
    return _formula(text)


def _formula(text: str) -> str | None:
    try:
        if matrix := _MATRIX.fullmatch(text):
            return _matrix(matrix[1])
        if not re.search(r"[(\[]", text):
            text = _GROUPED.sub(lambda found: found[0].replace(",", ""), text)
        text = _REPEATING.sub(_repeating, text)
        if re.fullmatch(r"[a-zA-Z]{2,}", text):
            return None
        found = tokens(text)
        return _alternatives(found) if found else None
    except NotAFormula:
        return None


def _without_units(text: str, any_unit: bool) -> str:
    text = _CURRENCY.sub(" ", text)
    text = _UNIT_TEXT.sub(lambda found: _unit(found["unit"]), text)
    text = " ".join(spelling.unwrapped(text).split())
    text = text.rstrip(".,;: ").removeprefix(r"\approx").strip()
    while (shorter := _UNIT_TAIL.sub("", text).strip()) != text and shorter:
        text = shorter
    if any_unit:
        text = _ANY_TAIL.sub("", text.rstrip("! ")).strip()
    elif (number := _WORDS_TAIL.sub("", text)) != text and numbers.exact(number) is not None:
        text = number
    while text.endswith(r"\circ") and not re.search(r"\\(?:sin|cos|tan|cot|sec|csc)", text):
        text = text.removesuffix(r"\circ").strip()
    return text


def _unit(words: str) -> str:
    return " , " if words.strip(" ,") in {"and", "or"} else " "


def _repeating(found: re.Match[str]) -> str:
    r"""0.\overline{3} as a fraction."""
    head, cycle = found[1], found[2]
    whole, _, part = head.partition(".")
    if len(cycle) > 50 or len(part) > 50:
        raise NotAFormula(found[0])
    top = int((whole + part or "0") + cycle) - int(whole + part or "0")
    return rf"\frac{{{top}}}{{{(10 ** len(cycle) - 1) * 10 ** len(part)}}}"


def _matrix(body: str) -> str:
    rows = [split(row, "&") for row in split(tokens(body), "\\\\") if row]
    cells = [[_alternatives(cell) for cell in row] for row in rows]
    if all(len(row) == 1 for row in cells):
        return f"({', '.join(row[0] for row in cells)})"
    return f"[{'; '.join(', '.join(row) for row in cells)}]"


def split(found: Sequence[Token], *separators: str) -> list[list[Token]]:
    """The tokens between separators that stand outside all brackets."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in found:
        value = token[1]
        depth += (value in {"(", "[", "{", r"\{"}) - (value in {")", "]", "}", r"\}"})
        if depth == 0 and value in separators:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _alternatives(found: Sequence[Token]) -> str:
    """A list of solutions, in any order; a solution alone is itself."""
    parts = [part for part in split(found, ",", ";") if part]
    if not parts:
        raise NotAFormula("nothing")
    if len(parts) == 1:
        return _one(parts[0])
    named = [_named(part) for part in parts]
    names = {name for name, _ in named}
    keys = [
        _one(part) if len(names) == 1 else (f"{name}=" if name else "") + _one(part) for name, part in named
    ]
    return _set(keys)


def _set(keys: Sequence[str]) -> str:
    inner = [one for key in keys for one in (key[1:-1].split("; ") if _is_set(key) else [key])]
    return inner[0] if len(inner) == 1 else f"{{{'; '.join(sorted(inner))}}}"


def _is_set(key: str) -> bool:
    return key.startswith("{") and key.endswith("}")


def _named(part: list[Token]) -> tuple[str, list[Token]]:
    """The name on the left of x = 5, and the right; no name, and all, elsewhere."""
    sides = split(part, "=")
    if len(sides) == 2 and sides[0] and sides[1] and all(_is_label(token) for token in sides[0]):
        return "".join(value for _, value in sides[0]), sides[1]
    return "", part


def _is_label(token: Token) -> bool:
    sort, value = token
    return sort == "name" or value in {"(", ")", "_", ","} or (sort == "command" and value not in _RELATIONS)


def _one(part: list[Token]) -> str:
    parts = split(part, r"\cup")
    if len(parts) > 1:
        return " ∪ ".join(sorted(_one(one) for one in parts))
    part = split(part, r"\in")[-1]
    if any(value in _UNEQUAL for _, value in part):
        return _related(part)
    if not part:
        raise NotAFormula("nothing")
    first, last = part[0][1], part[-1][1]
    if first == r"\{" and last == r"\}" and len(split(part)) == 1 and _is_enclosed(part):
        return _set(sorted({_one(one) for one in split(part[1:-1], ",") if one}))
    if first in "([" and last in ")]" and _is_enclosed(part):
        inner = split(part[1:-1], ",")
        if len(inner) > 1:
            return f"{first}{', '.join(_one(one) for one in inner)}{last}"
    if any(value in {r"\pm", r"\mp"} for _, value in part):
        return _set([_value(_with_sign(part, sign)) for sign in "+-"])
    return _value(part)


def _is_enclosed(part: Sequence[Token]) -> bool:
    """Whether the first bracket is closed by the last token."""
    depth = 0
    for n, (_, value) in enumerate(part):
        depth += (value in {"(", "[", "{", r"\{"}) - (value in {")", "]", "}", r"\}"})
        if depth == 0:
            return n == len(part) - 1
    return False


def _with_sign(part: Sequence[Token], sign: str) -> list[Token]:
    other = "-" if sign == "+" else "+"
    signs = {r"\pm": sign, r"\mp": other}
    return [("sign", signs[value]) if value in signs else (sort, value) for sort, value in part]


def _value(part: list[Token]) -> str:
    values = [value for _, value in part]
    if values in ([r"\infty"], ["+", r"\infty"], ["-", r"\infty"]):
        return "-∞" if values[0] == "-" else "∞"
    if values == [r"\emptyset"]:
        return "{}"
    if is_name(part):
        return values[0].removeprefix("\\")
    number = numbers.exact(" ".join(values))
    return symbolic.key(part) if number is None else numbers.spelled(number)


def _related(part: list[Token]) -> str:
    """The key of an equation or of inequalities."""
    relations = [value for _, value in part if value in _UNEQUAL]
    sides = split(part, *_UNEQUAL)
    if len(sides) != len(relations) + 1 or not all(sides):
        raise NotAFormula("a relation without a side")
    if set(relations) != {"="}:
        return _interval(sides, [_RELATIONS.get(relation, "=") for relation in relations])
    if len(sides) > 2:
        return _one(sides[-1])
    left, right = sides
    if all(_is_label(token) for token in left):
        return _one(right)
    if len(right) == 1 and right[0][0] == "name":
        return _one(left)
    return symbolic.zero_key(left, right)


def _interval(sides: list[list[Token]], relations: list[str]) -> str:
    """x > 3 as (3, ∞), 1 < x <= 3 as (1, 3]."""
    if relations[0] in {">", ">="}:
        sides, relations = sides[::-1], [r.replace(">", "<") for r in relations[::-1]]
    if any(relation not in {"<", "<="} for relation in relations) or len(sides) > 3:
        raise NotAFormula("relations that differ")
    is_name = [len(side) == 1 and side[0][0] == "name" for side in sides]
    if len(sides) == 3 and is_name == [False, True, False]:
        low, high, ends = _one(sides[0]), _one(sides[2]), relations
    elif is_name == [True, False]:
        low, high, ends = "-∞", _one(sides[1]), ["<", relations[0]]
    elif is_name == [False, True]:
        low, high, ends = _one(sides[0]), "∞", [relations[0], "<"]
    elif len(sides) == 2:
        return f"{relations[0]}{symbolic.key(symbolic.difference(*sides))}"
    else:
        raise NotAFormula("bounds of what is no variable")
    return f"{'[' if ends[0] == '<=' else '('}{low}, {high}{']' if ends[1] == '<=' else ')'}"


def as_text(answer: str) -> str:
    """The key of an answer in no known notation: its characters, without spaces and settings."""
    if len(answer) > MAX_CHARS:
        return "#" + hashlib.sha256("".join(answer.split()).encode("utf-8", "surrogatepass")).hexdigest()
    text = spelling.unwrapped(spelling.formula(answer))
    return re.sub(r"\\(?=[a-zA-Z])|\s+", " ", text).casefold().strip()
