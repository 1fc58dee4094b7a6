"""Numbers in the spellings that people and models use, exactly: digits, fractions, words, Chinese. Pure."""

from __future__ import annotations

import re
from fractions import Fraction

MAX_DIGITS = 2000
"""A longer number is not read as one: its arithmetic would cost more than a vote may."""
_MAX_PLACES = 12

_WHOLE = r"(?:\d{1,3}(?:,\d{3})+|\d{1,3}(?: \d{3})+|\d{1,3}(?:\.\d{3}){2,}|\d+)"
_DECIMAL = rf"(?:{_WHOLE}(?:\.\d*)?|\.\d+)"
_TIMES_TEN = (
    r"(?:\s*(?:\\times|\\cdot|\*|x)\s*10\s*\^\s*(?:\{\s*(?P<power>[+-]?\d+)\s*\}|(?P<power1>[+-]?\d+)))"
)
_PLAIN = re.compile(
    rf"(?P<sign>[+-]?)\s*(?P<number>{_DECIMAL})(?:[eE](?P<exponent>[+-]?\d+)|{_TIMES_TEN})?"
    rf"|(?P<fsign>[+-]?)\s*(?:(?P<mixed>\d+)\s+)?(?P<top>{_WHOLE})\s*/\s*(?P<bottom>{_WHOLE})"
    r"|(?P<lsign>[+-]?)\s*(?P<lmixed>\d+)?\s*\\frac\s*(?:\{\s*(?P<ltop>-?\d+)\s*\}|(?P<ltop1>\d))"
    r"\s*(?:\{\s*(?P<lbottom>-?\d+)\s*\}|(?P<lbottom1>\d))"
)
_ONES = tuple(
    re.findall(
        r"\w+",
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
        " sixteen seventeen eighteen nineteen",
    )
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905
_WORDS = {word: n for n, word in enumerate(_ONES)} | {word: 10 * n for n, word in enumerate(_TENS, 2)}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
_CHINESE = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
_CHINESE_SCALES = {"十": 10, "百": 100, "千": 1000}
_CHINESE_GROUPS = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}


def exact(text: str) -> Fraction | None:
    """The number that this text spells in digits, or None; the text has gone through `spelling.formula`."""
    if len(text) > MAX_DIGITS or not (found := _PLAIN.fullmatch(text.strip())):
        return None
    part = found.groupdict()
    if part["number"]:
        return _decimal(part)
    if part["top"]:
        whole, top, bottom, sign = part["mixed"], part["top"], part["bottom"], part["fsign"]
    else:
        whole, sign = part["lmixed"], part["lsign"]
        top, bottom = part["ltop"] or part["ltop1"], part["lbottom"] or part["lbottom1"]
    divisor = _whole(bottom)
    if divisor == 0:
        return None
    value = int(whole or 0) + Fraction(_whole(top), divisor)
    return -value if sign == "-" else value


def _decimal(part: dict[str, str | None]) -> Fraction | None:
    number = str(part["number"]).replace(",", "").replace(" ", "").rstrip(".")
    if number.count(".") > 1:
        number = number.replace(".", "")
    power = int(part["exponent"] or part["power"] or part["power1"] or 0)
    if abs(power) > MAX_DIGITS:
        return None
    value = Fraction(number) * Fraction(10) ** power
    return -value if part["sign"] == "-" else value


def _whole(text: str) -> int:
    return int(re.sub(r"[,. ]", "", text))


def in_words(text: str) -> Fraction | None:
    """The whole number that English words or Chinese numerals spell, or None."""
    text = text.strip().casefold()
    if not text or len(text) > 100:
        return None
    negative = re.match(r"(?:minus|negative|负|負)\s*", text)
    body = text[negative.end() :] if negative else text
    value = _chinese(body) if not body.isascii() else _english(body)
    return None if value is None else Fraction(-value if negative else value)


def _english(text: str) -> int | None:
    total = current = 0
    words = [word for word in re.split(r"[\s-]+", text) if word != "and"]
    for n, word in enumerate(words):
        if word in _WORDS and (
            current % 100 == 0 or (_WORDS[word] < 10 and current % 100 in _WORDS.values())
        ):
            if current % 100 and (current % 100 < 20 or not _WORDS[word]):
                return None
            current += _WORDS[word]
        elif word == "hundred" and (current or n == 0):
            current = max(current, 1) * 100
        elif word in _SCALES and (current or n == 0):
            total, current = total + max(current, 1) * _SCALES[word], 0
        else:
            return None
    return total + current if words else None


def _chinese(text: str) -> int | None:
    if len(text) > 1 and all(character in _CHINESE for character in text):
        return int("".join(str(_CHINESE[character]) for character in text))
    total = group = digit = 0
    last_scale = 0
    for character in text:
        if character in _CHINESE:
            digit, last_scale = _CHINESE[character], last_scale if _CHINESE[character] else 0
        elif scale := _CHINESE_SCALES.get(character):
            group, digit, last_scale = group + (digit or 1) * scale, 0, scale
        elif scale := _CHINESE_GROUPS.get(character):
            total, group, digit, last_scale = total + (group + digit) * scale, 0, 0, scale
        else:
            return None
    return total + group + digit * (last_scale // 10 if last_scale >= 100 and digit else 1)


def spelled(value: Fraction) -> str:
    """The one spelling of a number: whole, or a decimal that ends soon, else a fraction in lowest terms."""
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > 3 * MAX_DIGITS:
        return f"{value.numerator:#x}/{value.denominator:#x}"
    if 10**_MAX_PLACES % value.denominator == 0:
        whole, part = divmod(abs(value) * 10**_MAX_PLACES, 10**_MAX_PLACES)
        decimals = f"{int(part):0{_MAX_PLACES}d}".rstrip("0")
        return f"{'-' if value < 0 else ''}{whole}{'.' if decimals else ''}{decimals}"
    return str(value)
