"""Questions with known answers, made up from a seed: what a model is calibrated on.

They are made afresh for each seed, so no model has seen them, and they can be as many as one likes. Five
levels; the highest asks for a dozen dependent steps, so that even a capable model is wrong on some.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal

Kind = Literal["number", "math", "text"]

_LEVELS = (1, 2, 1, 3, 2, 4, 5)
"""More easy ones: which drafts can be kept shows there."""
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NAMES = ("Ada", "Bruno", "Chloe", "Dario", "Esther", "Felix", "Greta", "Hugo", "Ines", "Jonas")
_THINGS = ("stamps", "coins", "shells", "tiles", "nails", "seeds", "tickets", "bottles")
_WORDS = ("banana", "committee", "assessment", "bookkeeper", "mississippi", "parallelogram", "onomatopoeia")


@dataclass(frozen=True, slots=True)
class Problem:
    """A question and its answer."""

    question: str
    answer: str
    type: Kind
    level: int
    """1 easy to 5 hard."""
    subject: str


def practice(n: int, seed: int = 0) -> list[Problem]:
    """`n` problems, all subjects and levels in turn; the same seed gives the same ones."""
    draw = random.Random(seed)
    names = sorted(_SUBJECTS)
    problems = []
    for i in range(n):
        subject, level = names[i % len(names)], _LEVELS[(i + i // len(names)) % len(_LEVELS)]
        question, answer, kind = _SUBJECTS[subject](draw, level)
        problems.append(Problem(question, answer, kind, level, subject))
    return problems


Made = tuple[str, str, Kind]


def _arithmetic(draw: random.Random, level: int) -> Made:
    n_digits = 1 if level == 1 else 2 if level < 4 else 3
    low, high = 10 ** (n_digits - 1) + 1, 10**n_digits - 1
    text, value = str(first := draw.randint(low, high)), first
    for step in range(1 + level // 2):
        number = draw.randint(2, 9 if step else max(9, high // (1 if level > 2 else 2)))
        sign = draw.choice("+-") if step or level < 3 else "*"
        text, value = f"{text} {sign} {number}", value * number if sign == "*" else value
        value += {"+": number, "-": -number, "*": 0}[sign]
    ask = draw.choice(("Compute {}.", "How much is {}?", "{} = ?", "{}"))
    return ask.format(text), str(value), "number"


def _stock(draw: random.Random, level: int) -> Made:
    who, thing = draw.choice(_NAMES), draw.choice(_THINGS)
    value = draw.randint(12, 20 * (level + 1))
    parts = [f"{who} has {value} {thing}."]
    for _ in range(level):
        match draw.randrange(3):
            case 0:
                n = draw.randint(2, 9 * level)
                value, part = value + n, f"{who} is given {n} more."
            case 1:
                n = draw.randint(1, max(1, min(value - 1, 15)))
                value, part = value - n, f"{who} loses {n}."
            case _:
                n, each = draw.randint(2, 3 + level), draw.randint(2, 4 + level)
                value, part = value + n * each, f"{who} buys {n} packs of {each}."
        parts.append(part)
    return f"{' '.join(parts)} How many {thing} does {who} have now?", str(value), "number"


def _percent(draw: random.Random, level: int) -> Made:
    rate = draw.choice((10, 20, 25, 50)) if level < 3 else draw.randint(2, 45)
    base = 100 * draw.randint(1, 3 * level)
    if level < 3:
        return f"How much is {rate}% of {base}?", str(base * rate // 100), "number"
    left = base * (100 - rate) // 100
    if level == 3:
        return f"A bike costs ${base} and is reduced by {rate}%. What does it cost now?", str(left), "number"
    value = Fraction(left * (100 + 10 * level), 100)
    text = f"A price of ${base} falls by {rate}% and then rises by {10 * level}%. What is it in the end?"
    return text, _number(value), "number"


def _linear(draw: random.Random, level: int) -> Made:
    x, a, b = draw.randint(2, 6 * level), draw.randint(2, 2 + 2 * level), draw.randint(1, 12 * level)
    if level < 3:
        return f"Solve {a}x + {b} = {a * x + b} for x.", str(x), "number"
    c = draw.randint(1, a - 1)
    return f"Solve {a}x - {b} = {c}x + {(a - c) * x - b}. What is x?", str(x), "number"


def _fraction(draw: random.Random, level: int) -> Made:
    a, b, c, d = (draw.randint(1, 3 + 2 * level) for _ in range(4))
    first, second = Fraction(a, b + 1), Fraction(c, (b if level < 2 else d) + 1)
    value = first + second if level < 4 else first * second - Fraction(1, d + 1)
    tail = "" if level < 4 else f" - 1/{d + 1}"
    sign = "+" if level < 4 else "*"
    question = (
        f"Give {a}/{b + 1} {sign} {c}/{(b if level < 2 else d) + 1}{tail} as a fraction in lowest terms."
    )
    return question, _number(value, decimal=False), "math"


def _weekday(draw: random.Random, level: int) -> Made:
    start, n = draw.randrange(7), draw.randint(1, (6, 12, 40, 120, 500)[level - 1])
    is_back = level > 2 and draw.random() < 0.5
    day = _DAYS[(start - n if is_back else start + n) % 7]
    text = f"{n} days ago" if is_back else f"in {n} days"
    verb = "was" if is_back else "will"
    tail = "it" if is_back else "it be"
    return f"It is {_DAYS[start]}. Which day of the week {verb} {tail} {text}?", day, "text"


def _letters(draw: random.Random, level: int) -> Made:
    word = draw.choice(_WORDS if level > 2 else ("letter", "apple", "coffee", "tomato", "little"))
    letter = draw.choice(word)
    return f'How often does the letter "{letter}" occur in "{word}"?', str(word.count(letter)), "number"


def _sequence(draw: random.Random, level: int) -> Made:
    start, step = draw.randint(1, 9), draw.randint(2, 4 + 2 * level)
    if level < 3:
        terms = [start + i * step for i in range(5)]
    elif level < 5:
        terms = [start * draw_factor**i for draw_factor in [draw.choice((2, 3))] for i in range(5)]
    else:
        terms = [start + step * i + i * i for i in range(6)]
    shown = ", ".join(map(str, terms[:-1]))
    return f"Which number comes next? {shown}, ...", str(terms[-1]), "number"


def _order(draw: random.Random, level: int) -> Made:
    names = draw.sample(_NAMES, 2 + level)
    pairs = [f"{a} is older than {b}." for a, b in pairwise(names)]
    if level > 2:
        draw.shuffle(pairs)
    which = draw.choice(("oldest", "youngest")) if level < 4 else "second oldest"
    answer = {"oldest": names[0], "youngest": names[-1], "second oldest": names[1]}[which]
    return f"{' '.join(pairs)} Who is the {which}?", answer, "text"


def _rate(draw: random.Random, level: int) -> Made:
    speed, hours = draw.randint(3, 30 * level), draw.randint(2, 3 + level)
    if level < 3:
        return (
            f"A car drives {speed} km an hour. How far does it get in {hours} hours?",
            str(speed * hours),
            "number",
        )
    other, more = draw.randint(3, 90), draw.randint(2, 6)
    km = speed * hours + other * more
    text = f"A train runs {hours} hours at {speed} km/h, then {more} hours at {other} km/h."
    if level < 5:
        return f"{text} How many km is that in all?", str(km), "number"
    question = f"{text} What was its average speed in km/h, as a fraction or whole number?"
    return question, _number(Fraction(km, hours + more), decimal=False), "math"


def _whole(draw: random.Random, level: int) -> Made:
    a, b = draw.randint(4, 20 * level), draw.randint(3, 15 * level)
    match draw.randrange(3):
        case 0:
            return (
                f"What is the greatest common divisor of {a * 3} and {b * 3}?",
                str(math.gcd(a * 3, b * 3)),
                "number",
            )
        case 1:
            return (
                f"What is the remainder when {a * b + 1} is divided by {b}?",
                str((a * b + 1) % b),
                "number",
            )
        case _:
            return f"What is the least common multiple of {a} and {b}?", str(math.lcm(a, b)), "number"


def _average(draw: random.Random, level: int) -> Made:
    n = 2 + level
    mean = draw.randint(5, 25 * level)
    numbers = [draw.randint(1, 2 * mean) for _ in range(n - 1)]
    numbers.append(n * mean - sum(numbers))
    shown = ", ".join(map(str, numbers))
    return f"What is the mean of {shown}?", str(mean), "number"


def _area(draw: random.Random, level: int) -> Made:
    a, b = draw.randint(2, 6 * level), draw.randint(2, 6 * level)
    if level < 3:
        return (
            f"A garden is {a} m long and {b} m wide. What is its area in square metres?",
            str(a * b),
            "number",
        )
    path = draw.randint(1, level)
    value = (a + 2 * path) * (b + 2 * path) - a * b
    text = f"A pond of {a} m by {b} m has a path {path} m wide all around it."
    return f"{text} What is the area of the path in square metres?", str(value), "number"


def _program(draw: random.Random, level: int) -> Made:
    start, step, n = draw.randint(1, 9), draw.randint(2, 5), draw.randint(2, 2 + level)
    body, value = (f"x = x + {step}", start)
    if level > 2:
        body = f"x = 2 * x - {step}"
    for _ in range(n):
        value = value + step if level <= 2 else 2 * value - step
    code = f"x = {start}\nfor _ in range({n}):\n    {body}\nprint(x)"
    return f"What is the output of this program?\n```python\n{code}\n```", str(value), "number"


_SUBJECTS: dict[str, Callable[[random.Random, int], Made]] = {
    "area": _area,
    "arithmetic": _arithmetic,
    "average": _average,
    "fraction": _fraction,
    "letters": _letters,
    "linear": _linear,
    "order": _order,
    "percent": _percent,
    "program": _program,
    "rate": _rate,
    "sequence": _sequence,
    "stock": _stock,
    "weekday": _weekday,
    "whole": _whole,
}


def _number(value: Fraction, decimal: bool = True) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):g}" if decimal else f"{value.numerator}/{value.denominator}"
