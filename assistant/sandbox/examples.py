"""Calls to try a function with: the examples in its description, small inputs made from its signature. Pure.

Nothing is drawn at random: the same question gives the same calls, or votes could not be compared.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

MAX_CALLS = 24
_MAX_CHARS = 2000
_MAX_NESTING = 40
_HEAD = re.compile(r"^[ \t]*(?:async[ \t]+)?def[ \t]+(?P<name>\w+)[ \t]*\(", re.MULTILINE)
_ARROW = re.compile(
    r"\s*(?:==>|=>|-+>|➞|→|⟶|==|=(?!=)|#\s*(?:returns|=>)?"
    r"|(?:should |will |must )?(?:returns?|equals?|gives|is|be)\b:?)\s*"
)
_PROMPT = ">>> "
_OUTCOME = re.compile(r"\W*(?:the )?(?:output|result)(?: should be| is|:)\s*(?P<value>[^\n]+)", re.IGNORECASE)
"""What follows inputs that are assigned: For lst = [1] the output should be 1."""

_INTS = ("0", "1", "2", "3", "5", "10", "-1", "7", "12", "100", "-8")
_FLOATS = ("0.0", "1.5", "-2.25", "3.0", "0.1", "100.5")
_STRINGS = (
    "''",
    "'a'",
    "'abc'",
    "'Hello World'",
    "'racecar'",
    "'aab b'",
    "'12 3'",
    "'([]{})'",
    "'XyZ'",
    "'1001'",
)
_INT_LISTS = (
    "[]",
    "[1]",
    "[3, 1, 2]",
    "[5, 5, 2, 2, 9]",
    "[-1, 0, 4, -7]",
    "[1, 2, 3, 4, 5, 6]",
    "[2, 4, 8]",
)
_FLOAT_LISTS = ("[]", "[1.5]", "[2.0, 1.0, 3.5]", "[0.5, 0.5, -1.25, 7.0]")
_STRING_LISTS = ("[]", "['a']", "['b', 'a', 'cc']", "['hello', 'World', '']", "['aa', 'aa', 'abc', 'x']")
_POOLS: dict[str, Sequence[str]] = {
    "int": _INTS,
    "float": _FLOATS,
    "str": _STRINGS,
    "bool": ("True", "False"),
    "list[int]": _INT_LISTS,
    "list[float]": _FLOAT_LISTS,
    "list[str]": _STRING_LISTS,
    "list[list]": (
        "[]",
        "[[1]]",
        "[[1, 2], [3, 4]]",
        "[[], [5, 1], [2]]",
        "[[1, 2, 3], [4, 5, 6], [7, 8, 9]]",
    ),
    "dict": ("{}", "{'a': 1}", "{'b': 2, 'A': 3}", "{'x': 'y', 'z': 'w'}"),
    "tuple": ("()", "(1, 2)", "(3, 1, 2)", "(-1, 0)"),
    "set": ("set()", "{1, 2}", "{3, 1, 5}"),
}
_BY_NAME = (
    (
        "str",
        "s t text txt string str1 str2 s1 s2 word message msg sentence name pattern substring brackets date",
    ),
    ("list[str]", "strings words names strs"),
    ("list[list]", "matrix grid board lists rows graph"),
    (
        "list[int]",
        "l lst arr array nums numbers list xs values l1 l2 list1 list2 data items elements operations",
    ),
    ("dict", "d dictionary mapping counts"),
    ("list[float]", "grades prices weights scores temperatures"),
    ("float", "threshold price rate amount radius"),
    ("bool", "flag reverse"),
)
_NAMES = {name: kind for kind, names in _BY_NAME for name in names.split()}


@dataclass(frozen=True, slots=True)
class Example:
    """A call that a description shows, and what it says comes of it; both are Python expressions."""

    call: str
    expected: str


def entry_point_of(text: str) -> str | None:
    """The last function that a question or a program defines at the outermost level, or None."""
    names = [found["name"] for found in _HEAD.finditer(text) if not found[0][0].isspace()]
    return names[-1] if names else None


def program_for(question: str, code: str, entry_point: str) -> str:
    """A whole program from a model's code: it may be one, or only the body that goes on from the question.

    What stands before the function in the question (imports, other functions) is put in front.
    """
    head = next((found for found in _HEAD.finditer(question) if found["name"] == entry_point), None)
    if re.search(
        rf"^(?:async )?(?:def {re.escape(entry_point)}\b|{re.escape(entry_point)}\s*=)", code, re.MULTILINE
    ):
        return f"{question[: head.start()] if head else ''}\n{code}"
    if head is None:
        return code
    first = next((line for line in code.split("\n") if line.strip()), "")
    body = (
        code
        if first[:1] in {" ", "\t"}
        else "\n".join(f"    {line}" if line else "" for line in code.split("\n"))
    )
    return f"{question.rstrip()}\n{body}"


def examples_of(question: str, entry_point: str | None = None) -> list[Example]:
    """The calls with results that a question shows: doctests, and f(2) == 3, f(2) ➞ 3, f(2) returns 3.

    Args:
        question: the function's description.
        entry_point: the function's name; by default the last that the question defines.
    """
    name = entry_point or entry_point_of(question)
    if name is None:
        return []
    found: dict[str, Example] = {}
    for call, end in _calls(question, name):
        if (expected := _expected(question, end)) is not None:
            found.setdefault(call, Example(call, expected))
    for call, end in () if found else _assignments(question, name):
        outcome = _OUTCOME.match(question, end)
        if outcome and (expected := _literal(outcome["value"]) or _literal(outcome["value"].rstrip(" .,;"))):
            found.setdefault(call, Example(call, expected))
    return list(islice(found.values(), MAX_CALLS))


def calls_for(question: str, code: str = "", entry_point: str | None = None) -> list[str]:
    """Calls to try a program with, most telling first: examples, their variations, made-up ones.

    Args:
        question: the function's description; its examples show what inputs make sense.
        code: the program, for the signature where the question has none.
        entry_point: the function's name; by default the last that the question or else the code defines.
    """
    name = entry_point or entry_point_of(question) or entry_point_of(code)
    if name is None:
        return []
    shown = [call for call, _ in _calls(question, name)] or [call for call, _ in _assignments(question, name)]
    varied = [call for example in shown for call in _variations(example)]
    made = list(_made_up(name, _signature(question, name) or _signature(code, name), shown))
    half = (MAX_CALLS - min(len(shown), MAX_CALLS // 2)) // 2
    calls = dict.fromkeys([*shown[: MAX_CALLS // 2], *varied[:half], *made, *varied[half:]])
    return list(calls)[:MAX_CALLS]


def _calls(text: str, name: str) -> Iterator[tuple[str, int]]:
    """The calls of a function in a text that Python can read, and where each ends; not the definition."""
    text = text[: 10 * _MAX_CHARS]
    for found in islice(re.finditer(rf"(?<![\w.]){re.escape(name)}\(", text), 10 * MAX_CALLS):
        if re.search(r"\b(?:def|class)\s+$", text[max(0, found.start() - 20) : found.start()]):
            continue
        end = _closing(text, found.end() - 1)
        call = re.sub(r"\s*\n\s*(?:\.\.\. ?)?", " ", text[found.start() : end]) if end else ""
        node = _parsed(call)
        if end and isinstance(node, ast.Call) and (node.args or node.keywords) and _is_constant(node):
            yield call, end


def _assignments(text: str, name: str) -> Iterator[tuple[str, int]]:
    """Calls made of inputs that a text assigns in a row, as in n = 5, k = 3, and where each row ends."""
    parameters = [parameter for parameter, _ in _signature(text, name)]
    text = text[: 10 * _MAX_CHARS]
    for line in re.finditer(r"[^\n]+", text) if parameters else ():
        values, at = [], line.start()
        for parameter in parameters:
            found = re.compile(rf"(?<!\w){re.escape(parameter)} = (?=\S)").search(text, at, line.end())
            end = _value_end(text, found.end(), line.end()) if found else None
            if found is None or end is None or not (value := _literal(text[found.end() : end])):
                break
            values.append(value)
            at = end
        else:
            yield f"{name}({', '.join(values)})", at


def _value_end(text: str, start: int, end: int) -> int | None:
    """Where the value that begins at `start` ends."""
    if text[start] in "([{":
        return _closing(text, start)
    found = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|[-\w.]*\w").match(text, start, end)
    return found.end() if found else None


def _closing(text: str, start: int) -> int | None:
    """The index after the bracket that closes the one at `start`, quotes heeded."""
    depth, quote = 0, ""
    for at in range(start, min(len(text), start + _MAX_CHARS)):
        character = text[at]
        if quote:
            quote = "" if character == quote and text[at - 1] != "\\" else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
            if depth == 0:
                return at + 1
    return None


def _parsed(expression: str) -> ast.expr | None:
    """An expression's tree; None if it is none, or so long or deep that Python's parser might fail on it."""
    if len(expression) > _MAX_CHARS or sum(expression.count(c) for c in "([{-~") > 50 * _MAX_NESTING:
        return None
    depth = most = 0
    for character in expression:
        depth += (character in "([{") - (character in ")]}")
        most = max(most, depth)
    if most > _MAX_NESTING or re.search(r"(?:[-+~]\s*|\bnot\s+){20}", expression):
        return None
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def _is_constant(call: ast.Call) -> bool:
    """Whether no argument needs a name that only the description knows."""
    parts = [*call.args, *(keyword.value for keyword in call.keywords)]
    return not any(isinstance(node, ast.Name | ast.Starred) for part in parts for node in ast.walk(part))


def _expected(text: str, end: int) -> str | None:
    """What the text says comes of the call that ends here, as an expression."""
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    rest = text[end:line_end]
    if not rest.strip() and _PROMPT in text[text.rfind("\n", 0, end) + 1 : end]:
        following = text[line_end + 1 :].split("\n", 1)[0].strip()
        return _literal(following) if not following.startswith((">>>", "Traceback", '"""')) else None
    arrow = _ARROW.match(rest)
    if not arrow or not arrow[0].strip():
        return None
    value = rest[arrow.end() :].strip()
    ways = (value.split("#")[0].strip(), value)
    return next((found for way in ways if (found := _literal(way) or _literal(way.rstrip(" .,;")))), None)


def _literal(text: str) -> str | None:
    """The text if it is a value in Python's notation; true, false and null too."""
    text = re.sub(r"(?<=\d)\.$", "", text.strip())
    text = {"true": "True", "false": "False", "null": "None", "none": "None"}.get(text, text)
    node = _parsed(text) if text else None
    if node is None or any(isinstance(part, ast.Name | ast.Call | ast.Attribute) for part in ast.walk(node)):
        return None
    return text


def _signature(text: str, name: str) -> list[tuple[str, str]]:
    """The function's required parameters and their annotations."""
    found = next((found for found in _HEAD.finditer(text) if found["name"] == name), None)
    end = _closing(text, found.end() - 1) if found else None
    if found is None or end is None:
        return []
    parameters = text[found.end() : end - 1]
    parts = [
        part for part in _outermost(parameters) if part.strip() and not part.strip().startswith(("*", "/"))
    ]
    required = [part.partition(":") for part in parts if "=" not in part and part.strip() != "self"]
    return [(parameter.strip(), annotation.strip()) for parameter, _, annotation in required]


def _outermost(text: str) -> Iterator[str]:
    """The parts between commas outside brackets."""
    depth, start = 0, 0
    for at, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            yield text[start:at]
            start = at + 1
    yield text[start:]


def _kind(name: str, annotation: str, shown: Sequence[ast.expr]) -> str:
    """Which pool a parameter draws from: by its examples, its annotation or its name."""
    for node in shown:
        if kind := _kind_of_value(node):
            return kind
    lower = re.sub(r"\b(?:typing\.|Optional\[)|\s", "", annotation).lower().rstrip("]")
    for kind, pattern in (
        ("list[list]", r"list\[(?:list|tuple)"), ("list[str]", r"(?:list|sequence|iterable)\[str"),
        ("list[float]", r"(?:list|sequence)\[float"), ("list[int]", r"list|sequence|iterable"),
        ("dict", "dict|mapping"), ("tuple", "tuple"), ("set", "set"), ("bool", "bool"), ("float", "float"),
        ("int", "int"), ("str", "str"),
    ):  # fmt: skip
        if re.match(pattern, lower):
            return kind
    return _NAMES.get(name.lower(), "int")


def _kind_of_value(node: ast.expr) -> str | None:
    match node:
        case ast.Constant(value=bool()):
            return "bool"
        case ast.Constant(value=int() | float() | str() as value):
            return type(value).__name__
        case ast.UnaryOp(operand=operand):
            return _kind_of_value(operand)
        case ast.List(elts=[first, *_]):
            inner = _kind_of_value(first) or ""
            return {"float": "list[float]", "str": "list[str]", "int": "list[int]"}.get(inner, "list[list]")
        case ast.Dict():
            return "dict"
        case ast.Tuple():
            return "tuple"
        case ast.Set():
            return "set"
    return None


def _made_up(name: str, signature: Sequence[tuple[str, str]], shown: Sequence[str]) -> Iterator[str]:
    """Calls with small values of the right sort, a different mixture each."""
    calls = [node for call in shown if isinstance(node := _parsed(call), ast.Call)]
    if not signature and calls:
        signature = [(f"argument{i}", "") for i in range(len(calls[0].args))]
    if not signature:
        return
    columns = [[call.args[i] for call in calls if i < len(call.args)] for i in range(len(signature))]
    pools = [_POOLS[_kind(*parameter, column)] for parameter, column in zip(signature, columns, strict=True)]
    for turn in range(MAX_CALLS):
        arguments = [pool[(turn * (1 + 2 * i) + i) % len(pool)] for i, pool in enumerate(pools)]
        yield f"{name}({', '.join(arguments)})"


def _variations(call: str) -> Iterator[str]:
    """A call with one argument made a little different: half of it, twice, turned round, one more or less."""
    node = _parsed(call)
    if not isinstance(node, ast.Call):
        return
    name = ast.unparse(node.func)
    arguments = [ast.unparse(argument) for argument in node.args]
    for i, argument in enumerate(node.args):
        for other in _varied(argument):
            yield f"{name}({', '.join([*arguments[:i], other, *arguments[i + 1 :]])})"


def _varied(node: ast.expr) -> list[str]:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return []
    if isinstance(value, bool):
        return [repr(not value)]
    if isinstance(value, int | float):
        return [repr(value + 1), repr(value - 1) if value > 0 else repr(value), repr(value * 2)]
    if isinstance(value, str):
        words = [value[::-1], value[: len(value) // 2], value * 2, value[1:] + value[:1]]
        return [repr(one) for one in words if len(one) <= 200]
    if isinstance(value, list):
        lists = [value[::-1], value[: len(value) // 2], value * 2, value[1:] + value[:1]]
        return [repr(one) for one in lists if len(one) <= 200]
    return []
