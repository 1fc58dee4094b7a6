"""How hard a question is, and of what kind, from its words alone. Pure, and done in milliseconds.

A question becomes a `Text`; each entry of `SIGNALS` measures one thing about it; a linear model, fitted by
`assistant.evaluation.fit_difficulty`, weighs the signals and the wording (hashed words and pairs of words).
The kind comes from rules where they are sure and from the same model elsewhere.

`difficulty.json` holds the words that signals and rules look for, written by hand, and the fitted weights.
A new signal is one entry in `SIGNALS`, and a new fit; a new word is one word in the data file, and a new fit.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any, Literal, cast, get_args
from zlib import crc32

from assistant.query import Query

Kind = Literal["chat", "fact", "rewrite", "creative", "maths", "code", "choice", "reasoning"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_MOST_CHARS = 1400
"""What is looked at of a long text: people ask at the beginning or at the end of what they paste."""
_WORDING_CHARS = 900
"""What the wording and the kind are taken from, at most."""
N_HEADS = 2
"""Difficulties that the model has: of plain words, and of formulas, where other words count."""
_N_TURNS_BACK = 4
"""How far a chain of follow-ups is traced to the question that it follows."""


@dataclass(frozen=True, slots=True)
class Difficulty:
    """What can be told about a query before it is answered."""

    score: float
    """0 to 1: the chance that a small model's direct answer is wrong."""
    kind: Kind
    """What is asked for."""
    signals: tuple[tuple[str, float], ...]
    """The signals that are not zero, by name, those that moved the score most first."""


@dataclass(frozen=True, slots=True)
class Text:
    """A question as the signals see it: bounded, in one Unicode form."""

    raw: str
    """The text, at most some thousand characters of it."""
    lower: str
    """The same in lower case."""
    words: tuple[str, ...]
    """Its words in lower case; of Chinese and Japanese, each character."""
    numbers: tuple[str, ...]
    """Numbers in digits, as written, without the commas of thousands."""
    sentence_ends: tuple[str, ...]
    """The marks that end its sentences."""
    counts: Mapping[str, int]
    """How often each word occurs, without the s of the plural."""
    n_chars: int
    """Characters of the whole text."""


def assess(query: Query) -> Difficulty:
    """How hard a query is and of what kind.

    A follow-up ("and times 3?") is read together with the question that it follows.
    """
    before = _question_before(query)
    text = prepare(f"{before}\n{query.text}" if before else query.text)
    values = {name: signal(text) for name, signal in SIGNALS.items()}
    model = _model()
    head = int(is_formula(text))
    score = _sigmoid(model.logit(head, values, list(wording(text))))
    kind = (_sure_kind(prepare(query.text)) if before else None) or kind_of(text)
    moved = [(name, value) for name, value in values.items() if value]
    moved.sort(key=lambda item: -abs(item[1] * model.weights[item[0]][head]))
    return Difficulty(score, kind, tuple(moved))


def kind_of(text: Text) -> Kind:
    """What a text asks for."""
    if kind := _sure_kind(text):
        return kind
    values, pieces = {name: signal(text) for name, signal in SIGNALS.items()}, list(wording(text))
    return max(KINDS, key=lambda kind: _model().logit(N_HEADS + KINDS.index(kind), values, pieces))


def prepare(text: str) -> Text:
    """A text as the signals see it; only its beginning and end where it is long."""
    n_chars = len(text)
    raw = unicodedata.normalize("NFKC", _shortened(text, _MOST_CHARS).strip())[: _MOST_CHARS + 1]
    lower = raw.lower()
    words = tuple(_WORD.findall(lower))
    counts = Counter(word.removesuffix("s") if len(word) > 3 else word for word in words)
    numbers = tuple(number.replace(",", "") for number in _NUMBER.findall(raw))
    return Text(raw, lower, words, numbers, tuple(_SENTENCE_END.findall(raw)), counts, n_chars)


def _shortened(text: str, n_chars: int) -> str:
    """A text's beginning and end, in equal parts, where it has more characters."""
    return text if len(text) <= n_chars else f"{text[: n_chars // 2]}\n{text[-n_chars // 2 :]}"


def wording(text: Text) -> Iterator[int]:
    """Hashes (32 bits) of the words and of neighbouring words."""
    # Of digits only how many there are, so that 347 and 528 are one word.
    words = [
        f"#{min(len(word), 4)}" if word.isdigit() else word
        for word in _PIECE.findall(_shortened(text.lower, _WORDING_CHARS))
    ]
    yield from {_hash(word) for word in words}
    yield from {_hash(f"{left} {right}") for left, right in pairwise(words)}


def is_formula(text: Text) -> bool:
    """Whether there is LaTeX in it."""
    return _FORMULA.search(text.raw) is not None


def _hash(piece: str) -> int:
    return crc32(piece.encode("utf-8", "replace"))


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, x))))


# The data file


@dataclass(frozen=True, slots=True)
class _Model:
    """Linear in signals and wording; the outputs are the difficulties, then the kinds."""

    bias: tuple[float, ...]
    weights: Mapping[str, tuple[float, ...]]
    """By signal, one number an output."""
    tables: tuple[tuple[float, memoryview], ...]
    """By output, a scale and one signed byte a bucket."""

    def logit(self, i: int, values: Mapping[str, float], pieces: Sequence[int]) -> float:
        """Output `i` before it becomes a probability."""
        scale, table = self.tables[i]
        by_wording = (
            scale * sum(table[piece % len(table)] for piece in pieces) / (math.sqrt(len(pieces)) or 1.0)
        )
        return (
            self.bias[i] + by_wording + sum(value * self.weights[name][i] for name, value in values.items())
        )


@cache
def _data() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("difficulty.json").read_text("utf-8")
    return cast("dict[str, Any]", json.loads(text))


@cache
def _model() -> _Model:
    """The fitted model."""
    data = _data()
    tables = tuple(
        (table["scale"], memoryview(b64decode(table["bytes"])).cast("b")) for table in data["wording"]
    )
    weights = {name: tuple(numbers) for name, numbers in data["weights"].items()}
    return _Model(tuple(data["bias"]), weights, tables)


def forget() -> None:
    """Read the data file again when it is next needed."""
    for cached in (_data, _model, _listed, _pattern):
        cached.cache_clear()


# Signals


@cache
def _listed(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of a signal: those that are found as whole words, and those that are found anywhere."""
    entries = [entry.replace("_", " ") for entry in _data()["signal words"][name].split()]
    whole = tuple(entry for entry in entries if entry.isascii() and entry.isalpha())
    return whole, tuple(entry for entry in entries if entry not in whole)


def _words(name: str) -> Callable[[Text], float]:
    """A signal: how often its words in the data file occur, on a logarithmic scale."""

    def count(text: Text) -> float:
        whole, anywhere = _listed(name)
        n = sum(text.counts.get(word, 0) for word in whole)
        return math.log1p(n + sum(text.lower.count(entry) for entry in anywhere))

    return count


def _matches(pattern: str) -> Callable[[Text], float]:
    """A signal: how often a pattern is found, on a logarithmic scale."""
    compiled = re.compile(pattern)
    return lambda text: math.log1p(sum(1 for _ in compiled.finditer(text.raw)))


def _share(first: str, last: str) -> Callable[[Text], float]:
    """A signal: the share of characters from one to another."""
    return lambda text: sum(first <= c <= last for c in text.raw) / (len(text.raw) or 1)


_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_LETTER = r"[^\W\d_]"
_FIRST_CJK = "\u3040"
_MARKS = " \t\r\n,.!?;:~'’\"“”()…-，。！？、～¿¡"
_SHORT_CHARS = 80
_NUMBER = re.compile(r"(?<![\w.])\d{1,3}(?:,\d{3})+(?:\.\d+)?|(?<![\d.])\d+(?:\.\d+)?")
_WORD = re.compile(rf"[{_CJK}]|[^\W\d_{_CJK}]+(?:['’][^\W\d_{_CJK}]+)?")
_PIECE = re.compile(rf"[{_CJK}]|\\?[^\W\d_{_CJK}]+|\d+|[^\w\s]")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[。！？]")
_FORMULA = re.compile(r"\\[a-zA-Z\[{(]|\$[^$\s]{1,60}\$")
_OPERATOR = (
    r"(?<=[\w)\]}])\s{0,3}(?:\*\*|[-+*/×÷·^−]|\\(?:times|cdot|div|pm))\s{0,3}(?=[\w(\[{\\])"
    r"|(?<=\d)\s{1,3}x\s{1,3}(?=\d)|\b(?:plus|minus|times|divided by|multiplied by)\b|[加减乘除]"
)
_SUM = re.compile(
    r"\d\s?[-+*/×÷^−=<>x]\s?[-(]?\s?[\da-z]|\d ?(?:plus|minus|times|divided by|multiplied by|mod|squared)"
    r"|\d ?[%加减乘除]|\\(?:frac|sqrt|cdot|times|int|sum|log|angle)|\$[^$]{0,80}[\\^_=]|\bhow many [a-z]'?s\b"
)
_PRODUCT = re.compile(
    r"(?<!\d)(\d{1,12})\s{0,3}(?:\*\*?|×|·|x|times|multiplied by|乘以?|\\times|\\cdot|\^)\s{0,3}(\d{1,12})"
)
_VARIABLE = re.compile(r"(?<![\\\w'’])(?:\d{0,3})([b-hj-z])(?![\w'’])")
_OPTION = re.compile(r"(?:^|[\s(（])\(?([a-e])[).:：、]\s?(?=\S)", re.MULTILINE)


def _longest_number(text: Text) -> float:
    """Digits of the longest number."""
    return float(min(12, max((len(number.replace(".", "")) for number in text.numbers), default=0)))


def _nesting(text: Text) -> float:
    """How deep brackets are nested."""
    depth = deepest = 0
    for character in text.raw:
        depth = max(0, depth + (character in "([{（") - (character in ")]}）"))
        deepest = max(deepest, depth)
    return float(min(deepest, 6))


def _products(text: Text) -> float:
    """Work in the multiplications that are written out: digits times digits."""
    return math.log1p(sum(len(left) * len(right) for left, right in _PRODUCT.findall(text.lower)))


def _story(text: Text) -> float:
    """Sentences with numbers, if there are several: a story to compute."""
    n = min(len(text.sentence_ends), len(text.numbers))
    return math.log1p(n) if n >= 2 else 0.0


def _options(text: Text) -> float:
    """Lettered options in a row, 0 where there are fewer than two."""
    letters = "".join(dict.fromkeys(_OPTION.findall(text.lower)))
    return float(len(letters)) if letters.startswith("ab") else 0.0


_LISTED = tuple(
    """number words, inequalities, figure, money, rates, units, comparisons, steps, constraints, proof,
    extremes, counting, number theory, geometry, algebra, analysis, plain computing, form of the answer,
    sums over, letters, calendar, sorting, logic, explaining, weighing, looking up, rewriting,
    inventing, code""".replace("\n   ", "").split(", ")
)
"""Signals that only count their words."""

SIGNALS: dict[str, Callable[[Text], float]] = {
    "length": lambda text: math.log1p(min(1000, text.n_chars)),
    "words": lambda text: math.log1p(min(200, len(text.words))),
    "sentences": lambda text: math.log1p(min(12, len(text.sentence_ends))),
    "line breaks": lambda text: math.log1p(text.raw.count("\n")),
    "numbers": lambda text: math.log1p(len(text.numbers)),
    "digits": lambda text: math.log1p(sum(len(number) for number in text.numbers)),
    "decimals": lambda text: math.log1p(sum("." in number for number in text.numbers)),
    "longest number": _longest_number,
    "operators": _matches(_OPERATOR),
    "products": _products,
    "powers": _matches(
        r"\^|\*\*|√|\bsqrt\b|\bsquared?\b|\bcubed?\b|\bto the power\b|\broots?\b|\d!|平方|次方"
    ),
    "nesting": _nesting,
    "variables": lambda text: float(min(6, len(set(_VARIABLE.findall(text.lower))))),
    "equations": lambda text: math.log1p(text.raw.count("=")),
    "formula commands": _matches(r"\\[a-z]+"),
    "formula variety": lambda text: float(min(10, len(set(re.findall(r"\\[a-z]+", text.raw))))),
    "story": _story,
    "names": _matches(r"(?<=[a-z,;] )[A-Z][a-z]+"),
    "options": _options,
    "small talk": lambda text: 1.0 if _is_small_talk(text) else 0.5 * _is_told(text),
    "asked to rewrite": lambda text: float(_starts("rewriting first", _without("manners", text.lower))),
    "chinese": _share("\u3400", "\u9fff"),
    "kana": _share("\u3040", "\u30ff"),
    **{name: _words(name) for name in _LISTED},
}


# Kinds


@cache
def _pattern(name: str) -> re.Pattern[str]:
    """Any of a list's words: whole words of letters, else anywhere; * is the rest of a word, _ a space."""
    entries = sorted(set(_data()["kind words"][name].split()), key=lambda entry: (-len(entry), entry))
    spelled = {entry: re.escape(entry.replace("_", " ")).replace(r"\*", r"\w*") for entry in entries}
    whole = [
        entry for entry in entries if entry[0].isalpha() and entry[0] < _FIRST_CJK and entry[-1] not in "+#"
    ]
    words = "|".join(spelled.pop(entry) for entry in whole)
    parts = [rf"(?<!{_LETTER})(?:{words})(?!{_LETTER})"] if words else []
    return re.compile("|".join(parts + list(spelled.values())))


def _has(name: str, text: str) -> bool:
    """Whether one of a list's words is in a text."""
    return _pattern(name).search(text) is not None


def _starts(name: str, text: str) -> bool:
    """Whether a text begins with one of a list's words."""
    return _pattern(name).match(text) is not None


def _without(name: str, text: str) -> str:
    """A text without a list's words, spaces and marks at its beginning."""
    rest = text.lstrip(_MARKS)
    while found := _pattern(name).match(rest):
        rest = rest[found.end() :].lstrip(_MARKS)
    return rest


def _is_small_talk(text: Text) -> bool:
    """Whether there is nothing in it but greetings, thanks, agreement and the like."""
    if not any(c.isalnum() for c in text.lower):
        return True
    said = "".join(c for c in text.lower[:100] if unicodedata.category(c)[0] not in "SC")
    return len(text.raw) <= _SHORT_CHARS and not _without("small talk", said)


def _is_told(text: Text) -> bool:
    """Whether it is a few words that ask for nothing ("I just got back from work")."""
    is_short = len(text.lower) <= _SHORT_CHARS and not text.numbers
    if _starts("about us", text.lower):
        return is_short
    return is_short and _starts("telling", text.lower) and not _has("asking", text.lower)


def _sure_kind(text: Text) -> Kind | None:
    """The kind where a rule is sure of it; the order of the rules matters."""
    lower = _shortened(text.lower, _WORDING_CHARS)
    asked = _without("manners", lower)
    is_sum, is_brief = _SUM.search(lower) is not None, len(text.sentence_ends) < 2 and len(text.words) <= 16
    rules: tuple[tuple[Kind, Callable[[], bool]], ...] = (
        ("chat", lambda: _is_small_talk(text)),
        ("choice", lambda: _options(text) >= 3),
        ("rewrite", lambda: _starts("rewriting first", asked)),
        ("code", lambda: _has("code anywhere", lower)),
        ("code", lambda: _starts("code first", asked) and _has("code then", asked[:60])),
        ("rewrite", lambda: _has("rewriting anywhere", lower)),
        ("creative", lambda: _has("creative anywhere", lower)),
        ("creative", lambda: _starts("creative first", asked) and _has("creative then", asked[:80])),
        ("reasoning", lambda: len(text.numbers) < 3 and not is_sum and _has("reasoning anywhere", lower)),
        ("maths", lambda: is_sum or _has("maths anywhere", lower)),
        ("maths", lambda: bool(text.numbers) and _has("maths with numbers", lower)),
        ("chat", lambda: _is_told(text)),
        ("fact", lambda: is_brief and (_starts("fact first", asked) or _has("fact anywhere", lower))),
    )
    return next((kind for kind, is_sure in rules if is_sure()), None)


def _question_before(query: Query) -> str:
    """The question that a follow-up leans on; empty where the query stands by itself."""
    if not _leans(query.text):
        return ""
    asked = [message.content for message in query.history if message.role == "user"][-_N_TURNS_BACK:]
    while len(asked) > 1 and _leans(asked[-1]):
        asked.pop()
    return asked[-1][:_MOST_CHARS] if asked else ""


def _leans(text: str) -> bool:
    """Whether a text looks like a follow-up."""
    is_short = len(text) <= _SHORT_CHARS
    return is_short and _starts("follow-ups", text.strip().lower()) and not _is_small_talk(prepare(text))
