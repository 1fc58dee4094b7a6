"""What sort of final answer a question asks for. Pure."""

from __future__ import annotations

import re
from typing import Literal

AnswerKind = Literal["number", "expression", "choice", "code", "text"]

_LABEL = r"(?:^|(?<=\s))\(?(?P<letter>[A-J])[).:．、]\)?\s+(?=\S)"
_OPTION = re.compile(_LABEL, re.MULTILINE)
_QUANTITY = re.compile(
    r"\bhow (?:many|much|old|far|long|tall|fast|heavy|often)\b|\b(?:total|sum|product|difference|average|mean"
    r"|median|number|price|cost|remainder|probability|percentage|percent|value|area|perimeter|volume|speed"
    r"|distance|salary|profit|age|fraction)\b|\b(?:calculate|compute|evaluate|work out)\b|多少|几[个只天人元]"
    r"|\bcuánt[oa]s?\b|\bwie ?viele?\b|\bcombien\b",
    re.IGNORECASE,
)
_SUM = re.compile(
    r"\d\s*(?:[-+*/×÷^%−]|\bplus\b|\bminus\b|\btimes\b|\bdivided by\b)\s*\(?-?\d", re.IGNORECASE
)
_LATEX = re.compile(r"\\[a-zA-Z]{2,}|\b[xyz]\s*(?:\^|=)|\b[a-z]\^\d|[²³√∫]")
_DOLLARS = re.compile(r"\$([^$\n]{1,120})\$")
_TWO_WORDS = re.compile(r"(?<!\\)\b[a-zA-Z]{2,}[,.]?\s+[a-zA-Z]{2,}|[,.]\s")
_FORMULA = re.compile(
    r"\b(?:express|simplify|factor|expand|solve|find all|derivative|integral|integrate|differentiate"
    r"|polynomial|in terms of|equation|vector|matrix|interval|simplest (?:form|radical)|lowest terms"
    r"|ordered (?:pair|triple)s?|exact (?:value|form)|find the primes)\b|化简|因式|解方程",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"\b(?:sort|ascending|descending|alphabetical|(?:write|spell)\b.{0,30}\bbackwards"
    r"|arrange (?:these|the (?:numbers|words|letters))"
    r"|(?:smallest|least|lowest) to (?:the )?(?:largest|biggest|greatest|highest)"
    r"|(?:largest|biggest|greatest|highest) to (?:the )?(?:smallest|least|lowest))\b",
    re.IGNORECASE,
)
_WORD_ASKED = re.compile(
    r"(?:^|,\s)\s*(?:at |on )?(?:what (?:time|day|weekday|month|is the name)|which|who|name|where)\b"
    r"|^(?:is|are|does|do|did|was|were|can|will)\b|哪|谁|是否",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.?!。？！])\s+|\n+|(?<=[。？！])")
_PROGRAM = re.compile(
    r"^\s*(?:def|class|import|from|async def)\s+\w+|```"
    r"|\b(?:write|implement|complete|create|give me|code)\b[^.?!\n]{0,60}"
    r"\b(?:function|program|script|code|class|method|algorithm|regex|query)\b|写[^。\n]{0,20}(?:函数|程序|代码)",
    re.IGNORECASE | re.MULTILINE,
)
_OUTCOME = re.compile(
    r"\bwhat (?:does|will|would|is|are|do)\b[^?\n]{0,80}"
    r"\b(?:print(?:s|ed)?|output|returns?|returned|display(?:s|ed)?|value|result)\b"
    r"|输出(?:什么|是什么|多少)|打印(?:什么|出)|的(?:输出|结果)是|返回(?:什么|值)",
    re.IGNORECASE,
)
"""What a given program does is asked, and not for a program."""
_HEAD = 4000


def kind_of(question: str, difficulty_kind: str) -> AnswerKind:
    """What sort of final answer a question asks for.

    Args:
        question: the user's words; only the first few thousand characters count.
        difficulty_kind: the kind of question as the difficulty estimate names it ("maths", "code", "choice",
            "chat" ...); it decides where the words do not.
    """
    question = question[-_HEAD:]
    is_outcome = _OUTCOME.search(question) is not None
    if difficulty_kind == "code" and not is_outcome and _PROGRAM.search(question):
        return "code"
    if len(options_of(question)) >= 2:
        return "choice"
    if difficulty_kind in {"chat", "rewrite", "creative"} or _ORDER.search(question):
        return "text"
    asked = _asked(question)
    if _FORMULA.search(question) or _is_latex(question):
        return "expression" if difficulty_kind == "maths" or _is_latex(question) else "text"
    if re.match(r"how\b", asked, re.IGNORECASE) and _QUANTITY.search(asked):
        return "number"
    if _WORD_ASKED.search(asked) and not re.search(
        r"\bhow (?:many|much|old|far|long|tall|high)\b", asked, re.IGNORECASE
    ):
        return "text"
    is_number = difficulty_kind == "maths" or _QUANTITY.search(asked) or _SUM.search(question)
    return "number" if is_number else "text"


def _asked(question: str) -> str:
    """The sentence that asks: the last with a question mark, else the last."""
    sentences = [sentence for sentence in _SENTENCE.split(question) if sentence.strip()]
    asking = [sentence for sentence in sentences if sentence.rstrip().endswith(("?", "？"))]
    return (asking or sentences or [""])[-1].strip()


def _is_latex(question: str) -> bool:
    """Whether there is a formula; two prices in dollars are none."""
    if _LATEX.search(question.replace("\\$", "")):
        return True
    pieces = _DOLLARS.findall(question.replace("\\$", ""))
    return any(not _TWO_WORDS.search(piece) and re.search(r"[a-zA-Z\\^_=]", piece) for piece in pieces)


def options_of(question: str) -> list[str]:
    """The texts of the options of a question with choices, from A on; empty where it has none."""
    question = question[-_HEAD:]
    labels = list(_OPTION.finditer(question))
    for start in range(len(labels)):
        run = labels[start:]
        letters = [found["letter"] for found in run]
        n = next((n for n, letter in enumerate(letters) if letter != chr(ord("A") + n)), len(letters))
        if n >= 2:
            ends = [found.start() for found in run[1:n]] + [run[n].start() if n < len(run) else len(question)]
            texts = [question[found.end() : end].strip() for found, end in zip(run[:n], ends, strict=True)]
            return [text.split("\n")[0].strip().rstrip(";,") for text in texts]
    return []
