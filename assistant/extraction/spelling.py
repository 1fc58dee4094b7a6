"""One spelling for what is written in many: Unicode, LaTeX's spacing and fonts, Markdown's emphasis. Pure."""

from __future__ import annotations

import re
import unicodedata

_MINUS = str.maketrans(dict.fromkeys("−–—‐‑‒﹣－", "-"))
_SIGNS = {
    "×": r"\times ", "⋅": r"\cdot ", "·": r"\cdot ", "÷": r"\div ", "±": r"\pm ", "∓": r"\mp ",
    "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "∞": r"\infty ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ",
    "π": r"\pi ", "θ": r"\theta ", "√": r"\sqrt ", "°": r"^\circ ", "≈": r"\approx ", "∅": r"\emptyset ",
    "，": ",", "；": ";", "：": ":", "。": ".", "、": ",", "⁄": "/", "∕": "/",
}  # fmt: skip
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
_SUPERSCRIPT_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]+")
_VULGAR = re.compile("(?<=\\d)(?=[¼-¾⅐-⅞])")
_SPACES = re.compile(r"(?<!\\)\\[,!;:> ]|\\(?:quad|qquad|thinspace|displaystyle|limits)(?![a-zA-Z])|[~\s]+")
_SIZES = re.compile(r"\\(?:left|right|bigl?|bigr|Bigl?|Bigr)(?![a-zA-Z])\.?")
_ALIASES = {
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "leq": "le", "geq": "ge", "neq": "ne",
    "leqslant": "le", "geqslant": "ge",
    "lbrace": "{", "rbrace": "}", "mbox": "text", "textbf": "text", "textit": "text",
    "textrm": "text", "mathrm": "text", "mathbf": "text", "mathit": "text", "operatorname": "text",
    "mathsf": "text", "boldsymbol": "text", "bf": "text", "lvert": "|", "rvert": "|", "vert": "|",
    "dbinom": "binom", "tbinom": "binom", "degree": "circ", "bmatrix": "pmatrix", "infinity": "infty",
}  # fmt: skip
_COMMAND = re.compile(r"\\([a-zA-Z]+)")
_GROUPING = re.compile(r"(?<=\d)(?:\{,\}|,\\!)(?=\d)")
_BOLD = re.compile(r"(?<!\S)\*\*(?=\S)(.*?\S)\*\*(?!\w)", re.DOTALL)
_EMPHASIS = re.compile(r"\*\*|__|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)|`")
_ARTICLE = re.compile(r"^(?:the|an?)\s+(?=\S)")
_AND = re.compile(r"\s*(?:[,;、]\s*(?:and|or)?|(?<=\s)(?:and|or|&)(?=\s))\s*")
_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?![\w])")


def plain_characters(text: str) -> str:
    """Full-width forms, any script's digits, minus signs, fractions and powers of one character as ASCII."""
    if text.isascii():
        return text
    text = _VULGAR.sub(" ", text.translate(_MINUS))
    text = _SUPERSCRIPT_RUN.sub(lambda run: "^{" + run[0].translate(_SUPERSCRIPTS) + "}", text)
    text = "".join(_SIGNS.get(c, c) for c in text)
    text = unicodedata.normalize("NFKC", text).translate(_MINUS)
    return "".join(_SIGNS.get(c) or _digit(c) for c in text)


def _digit(character: str) -> str:
    if character.isascii():
        return character
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)


def formula(text: str) -> str:
    """A formula without what only sets it: spacing, sizes, fonts, dollar signs, Markdown, a full stop."""
    text = _BOLD.sub(r"\1", _GROUPING.sub("", plain_characters(text)))
    text = _COMMAND.sub(lambda found: _alias(found[1]), text)
    text = _SIZES.sub(" ", text)
    text = re.sub(r"\\[()\[\]]", " ", text)
    text = text.replace("\\$", "$").replace("\\%", "%").replace("$", " ").replace("**", "^")
    text = re.sub(r"\^\s*\{?\s*\\circ\s*\}?", r"\\circ ", text)
    text = _SPACES.sub(" ", text.replace("`", " "))
    return text.strip().rstrip(".?;,: ").lstrip(":= ").strip()


def _alias(command: str) -> str:
    alias = _ALIASES.get(command, command)
    return alias if alias == "|" else f"\\{alias}"


def unwrapped(text: str) -> str:
    r"""The text without `\text{...}` around its parts."""
    for _ in range(3):
        text, n = _TEXT.subn(r" \1 ", text)
        if not n:
            break
    return text


def phrase(text: str) -> str:
    """A short answer in words, in one form: no case, article, punctuation, emphasis; lists without "and"."""
    text = plain_characters(text)
    text = unwrapped(_COMMAND.sub(lambda found: _alias(found[1]), text))
    text = _EMPHASIS.sub("", text).replace("$", " ").replace("\\", " ")
    text = _NUMBER.sub(lambda found: _round_number(found[0]), text)
    text = _AND.sub(" ", " ".join(text.casefold().split()))
    text = re.sub(r"[\"'“”‘’«»„()\[\]{}]|(?<!\d)[.!?:](?!\d)|[.!?:](?!\d)|(?<!\w)[.!?:]", "", text)
    return _ARTICLE.sub("", " ".join(text.split()))


def _round_number(number: str) -> str:
    """1,000.50 as 1000.5, where the commas are those of thousands."""
    if "," in number and not re.fullmatch(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?", number):
        return number
    number = number.replace(",", "")
    whole, point, part = number.partition(".")
    sign, whole = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    part = part.rstrip("0")
    return f"{sign}{whole.lstrip('0') or '0'}{'.' + part if point and part else ''}"
