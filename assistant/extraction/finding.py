"""The final answer in what a model wrote, and where it stands. Pure; it looks at the end of a long text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assistant.extraction import spelling
from assistant.extraction.kinds import AnswerKind

_TAIL = 20_000
"""Characters of a text that are looked at, its last ones: a final answer stands at the end."""
_MAX_SHORT_WORDS = 12
_MAX_BOXES = 20
"""The last ones; more are no list of solutions."""
_BOX = re.compile(r"\\f?boxed\s*(?=\{)")
_CUE = re.compile(
    r"(?:\banswer\b(?:\s+(?:is|are|would be|must be|should be|equals))?|####|\bfinal result\b(?:\s+is)?"
    r"|答案(?:是|为)?|答(?=[:：])|\brespuesta\b(?:\s+es)?|\bréponse\b(?:\s+est)?|\bAntwort\b(?:\s+(?:ist|lautet))?"
    r"|ответ)[ \t]*(?P<colon>[:：=]?)[ \t]*(?:\*\*)?[ \t]*[:：]?[ \t]*\n{0,2}[ \t]*(?P<answer>[^\s.][^\n]*)",
    re.IGNORECASE,
)
_FIRM = re.compile(r"\b(?:is|are|be|equals|es|est|ist|lautet)\b|是|为|####", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<![A-Z])[.!?](?=\s+[A-Z\"'(]|\s*$)|。")
_BOLD = re.compile(r"\*\*(?P<answer>[^*\n]{1,200})\*\*")
_MATHS = re.compile(
    r"\$\$(?P<a>[^$]{1,500})\$\$|\$(?P<b>[^$\n]{1,300})\$|\\\((?P<c>.{1,300}?)\\\)|\\\[(?P<d>.{1,500}?)\\\]",
    re.DOTALL,
)
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.])[-−]?(?:[\\$€£¥]\s?){0,3}(?:[-−]?\\[dt]?frac\s*(?:\{-?\d+\}|\d)\s*(?:\{\d+\}|\d)"
    r"|\d[\d,]*(?:\{,\}\d{3})*(?:\.\d+)?(?:\s*/\s*\d+|:\d+)?|\.\d+)(?:\s?\\?%)?"
    r"|[零〇一二两三四五六七八九十百千万亿]{2,}"
)
_WORD = re.compile(r"(?<!\\)\b[a-zA-Z]{2,}\b")
_CURRENCY = re.compile(r"(?:\\?\$\s?|[€£¥]\s?)*")
_FENCE = re.compile(r"^[ \t]*(```+|~~~+)[ \t]*([\w+#.-]*)[^\n]*\n", re.MULTILINE)
_LOOKS_LIKE_CODE = re.compile(r"^\s*(?:def |class |import |from \w[\w.]* import |async def |@\w)")
_DEFINES = re.compile(r"^[ \t]*(?:async def|def|class)\s", re.MULTILINE)
_YES_NO = re.compile(
    r"\s*(?:\*\*)?(?P<answer>yes|no)(?:\*\*)?(?=\s*[,.!;:—–]|\s*$)(?!\.\s*\d)", re.IGNORECASE
)
_LETTER_LAST = re.compile(r"\(([A-J])\)|(?<![\w'])\*{0,2}([B-J])(?![\w'’])|(?<![\w'])(A)(?=[).:*]|\s*$)")
_LETTER_FIRST = re.compile(
    r"[\s*(\[{$\\]*(?:(?:option|choice|letter|text|answer)\b[\s{(*:]*)*([A-Ja-j])(?=[\s).:,*\]}$]|$)",
    re.IGNORECASE,
)
_JOINT = re.compile(r"[\s$,;\\)(\].!]*(?:and|or)?[\s$,;\\)(\[.!]*(?:[a-z]\s*=\s*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """An answer, and the part of the text that says it."""

    answer: str
    start: int
    end: int

    def within(self, start: int, end: int, text: str) -> Found:
        """A part of this one, by its place in the text, without surrounding spaces."""
        while start < end and text[start].isspace():
            start += 1
        while end > start and text[end - 1].isspace():
            end -= 1
        return Found(text[start:end], start, end)


def extract(text: str, kind: AnswerKind, options: Sequence[str] = ()) -> str | None:
    r"""The final answer in a model's text, as it is spelled there; None where there is none.

    In this order: the last \boxed{...}, what follows the last "answer is" or ####, then what the kind looks
    like: the last number, formula or bold words, an option's letter or text, the last block of code that
    defines something, a short text as a whole.

    Args:
        text: the whole answer.
        kind: what sort of answer was asked for.
        options: the texts of the choices from A on; the answer is then a letter, also where the text names
            the option in words.
    """
    found = find(text, kind, options)
    return None if found is None else found.answer


def confidence_span(text: str, kind: AnswerKind, options: Sequence[str] = ()) -> tuple[int, int] | None:
    """Where in `text` the final answer stands, in characters, start and end; None where there is none."""
    found = find(text, kind, options)
    return None if found is None else (found.start, found.end)


def find(text: str, kind: AnswerKind, options: Sequence[str] = ()) -> Found | None:
    """The final answer and its place."""
    skipped = max(0, len(text) - _TAIL) if kind != "code" else 0
    tail = text[skipped:]
    found = _of_kind(tail, kind, options)
    if found is None or not found.answer:
        return None
    return Found(found.answer, found.start + skipped, found.end + skipped)


def _of_kind(text: str, kind: AnswerKind, options: Sequence[str]) -> Found | None:
    if kind == "code":
        return _code(text)
    if kind == "choice":
        return _choice(text, options)
    if boxed := _boxed(text):
        return boxed
    if kind == "text":
        return _text(text)
    cue = _cue(text)
    if kind == "number":
        return (cue and _number_in(text, cue)) or _last_number(text)
    return (cue and _formula_in(text, cue)) or _last_formula(text)


def _boxed(text: str) -> Found | None:
    """The last box that is closed; boxes side by side on its line are one list."""
    boxes: list[tuple[int, int, int]] = []
    for opening in reversed(list(_BOX.finditer(text))[-_MAX_BOXES:]):
        start = opening.end() + 1
        end = _closing(text, start)
        if end is None or not text[start:end].strip():
            continue
        if boxes and not _is_joint(text[end + 1 : boxes[-1][0]]):
            break
        boxes.append((opening.start(), start, end))
    if not boxes:
        return None
    boxes.reverse()
    answer = ", ".join(text[start:end].strip() for _, start, end in boxes)
    return Found(answer, boxes[0][1], boxes[-1][2])


def _is_joint(between: str) -> bool:
    return len(between) <= 20 and "\n" not in between and _JOINT.fullmatch(between) is not None


def _closing(text: str, start: int) -> int | None:
    depth = 1
    for at in range(start, min(len(text), start + 5000)):
        if text[at] == "\\" or (
            text[at] in "{}" and at and text[at - 1] == "\\" and text[at - 2 : at] != "\\\\"
        ):
            continue
        depth += (text[at] == "{") - (text[at] == "}")
        if depth == 0:
            return at
    return None


def _cue(text: str) -> Found | None:
    """What follows the last words that announce an answer, up to the end of the sentence."""
    for cue in reversed(list(_CUE.finditer(text))):
        if cue["colon"] or _FIRM.search(cue[0][: cue.start("answer") - cue.start()]):
            start, end = cue.span("answer")
            stop = _SENTENCE_END.search(text, start, end)
            whole = Found("", start, end)
            return whole.within(start, stop.start() if stop else end, text)
    return None


def _number_in(text: str, cue: Found) -> Found | None:
    """The number that an announced answer gives: the first after the last equals sign."""
    start = max(text.rfind("=", cue.start, cue.end) + 1, cue.start)
    for begin in dict.fromkeys((start, cue.start)):
        if number := _NUMBER.search(text, begin, cue.end):
            return _as_number(number)
    return None


def _last_number(text: str) -> Found | None:
    last = None
    for bold in _BOLD.finditer(text[-600:]):
        last = bold
    if last:
        offset = max(0, len(text) - 600)
        inside = list(_NUMBER.finditer(text, offset + last.start("answer"), offset + last.end("answer")))
        if inside:
            return _as_number(inside[-1])
    numbers = list(_NUMBER.finditer(text))
    return _as_number(numbers[-1]) if numbers else None


def _as_number(found: re.Match[str]) -> Found:
    """A number without the dollar sign before it."""
    start = found.start() + len(_CURRENCY.match(found[0])[0])  # type: ignore[index]  # it may match nothing
    return Found(found.string[start : found.end()], start, found.end())


def _formula_in(text: str, cue: Found) -> Found | None:
    """The formula that an announced answer gives, or all of it if it is short."""
    pieces = list(_maths(text, cue.start, cue.end))
    if len(pieces) == 1:
        return pieces[0]
    if pieces:
        return cue.within(pieces[0].start, pieces[-1].end, text)
    start, end = cue.start, cue.end
    while start < end and text[start] in "*: ":
        start += 1
    while end > start and text[end - 1] in "* .":
        end -= 1
    if len(_WORD.findall(text[start:end])) <= _MAX_SHORT_WORDS // 2 or text[start:end].startswith("\\begin"):
        return cue.within(start, end, text)
    return _number_in(text, cue)


def _maths(text: str, start: int, end: int) -> Iterator[Found]:
    whole = Found("", start, end)
    for found in _MATHS.finditer(text, start, end):
        name = found.lastgroup or "a"
        yield whole.within(*found.span(name), text)


def _last_formula(text: str) -> Found | None:
    """The last formula: what its last equals sign gives, if it has a chain of them."""
    whole = Found("", 0, len(text))
    if formulas := list(_maths(text, max(0, len(text) - 3000), len(text))):
        last = formulas[-1]
        chain = [found.start() for found in re.finditer(r"(?<![<>!])=", last.answer)]
        start = last.start + (chain[-1] + 1 if len(chain) > 1 else 0)
        return whole.within(start, last.end, text)
    bold = list(_BOLD.finditer(text))
    if bold and len(bold[-1]["answer"].split()) <= _MAX_SHORT_WORDS:
        return whole.within(*bold[-1].span("answer"), text)
    stripped = text.strip()
    if stripped and "\n" not in stripped and len(stripped.split()) <= _MAX_SHORT_WORDS:
        return whole.within(0, len(text), text)
    return _last_number(text)


def _choice(text: str, options: Sequence[str]) -> Found | None:
    """The letter of the choice; its place is that of the letter, or of the option's text."""
    for said in (_boxed(text), _cue(text), *_short(text)):
        if said and (found := _letter_in(text, said, options) or _option_in(text, said, options)):
            return found
    whole = Found("", 0, len(text))
    letters = [found for found in _LETTER_LAST.finditer(text) if _is_option(found[0], options)]
    if letters:
        group = letters[-1].lastindex or 1
        return whole.within(*letters[-1].span(group), text)
    return _option_in(text, Found(text, 0, len(text)), options)


def _is_option(letter: str, options: Sequence[str]) -> bool:
    return not options or ord(letter.strip("*()")) - ord("A") < len(options)


def _short(text: str) -> list[Found]:
    """The first line and the last bold words, where an answer stands that is not announced."""
    lines = text.strip().split("\n")
    whole = Found("", 0, len(text))
    start = text.find(lines[0])
    found = (
        [whole.within(start, start + len(lines[0]), text)] if len(lines) == 1 or len(lines[0]) < 40 else []
    )
    bold = list(_BOLD.finditer(text))
    return found + ([whole.within(*bold[-1].span("answer"), text)] if bold else [])


def _letter_in(text: str, said: Found, options: Sequence[str]) -> Found | None:
    found = _LETTER_FIRST.match(text, said.start, said.end)
    if not found:
        return None
    letter = found[1].upper()
    rest = text[found.end() : said.end]
    is_word = letter in "AI" and re.match(r"\s+[a-z]", rest) is not None
    is_bare_lower = found[1].islower() and rest.strip(" ).}*$]") != ""
    if is_word or is_bare_lower or (options and ord(letter) - ord("A") >= len(options)):
        return None
    return Found(letter, found.start(1), found.end(1))


def _option_in(text: str, said: Found, options: Sequence[str]) -> Found | None:
    """The one option whose words stand in what is said; none if two do, unless one contains the other."""
    named: list[tuple[int, int, int]] = []
    for n, option in enumerate(options):
        words = [re.escape(word) for word in spelling.plain_characters(option).strip(" .").split()[:30]]
        if words and (hits := list(_as_words(words).finditer(text, said.start, said.end))):
            named.append((n, *hits[-1].span()))
    named = [a for a in named if not any(b != a and b[1] <= a[1] and a[2] <= b[2] for b in named)]
    if len(named) != 1:
        return None
    n, start, end = named[0]
    return Found(chr(ord("A") + n), start, end)


def _as_words(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile(r"(?<!\w)" + r"\s+".join(words) + r"(?!\w)", re.IGNORECASE)


def _code(text: str) -> Found | None:
    """The last block that defines a function or class, else the last; an open one reaches to the end."""
    blocks: list[tuple[int, int]] = []
    at = 0
    while opening := _FENCE.search(text, at):
        fence = re.compile(rf"^[ \t]*{re.escape(opening[1])}[ \t]*$", re.MULTILINE)
        closing = fence.search(text, opening.end())
        end = closing.start() if closing else len(text)
        blocks.append((opening.end(), end))
        if not closing:
            break
        at = closing.end()
    if not blocks:
        return _lines(text, 0, len(text)) if _LOOKS_LIKE_CODE.match(text) else None
    defining = [block for block in blocks if _DEFINES.search(text, *block)]
    blocks = [block for block in blocks if text[slice(*block)].strip()]
    blocks = defining or blocks
    return _lines(text, *blocks[-1]) if blocks else None


def _lines(text: str, start: int, end: int) -> Found:
    """A block without the blank lines around it; its indentation stays."""
    body = text[start:end]
    skipped = len(body) - len(body.lstrip("\n\r"))
    body = body[skipped:].rstrip()
    return Found(body, start + skipped, start + skipped + len(body))


def _text(text: str) -> Found | None:
    """A short answer: what is announced, yes or no in front, all of a short text, the last bold words."""
    whole = Found("", 0, len(text))
    if (cue := _cue(text)) and len(cue.answer.split()) <= _MAX_SHORT_WORDS:
        return cue.within(cue.start, cue.end, text)
    if yes_no := _YES_NO.match(text):
        return whole.within(*yes_no.span("answer"), text)
    if text.strip() and len(text.split()) <= _MAX_SHORT_WORDS:
        return whole.within(0, len(text), text)
    last_paragraph = text.rstrip().rfind("\n\n") + 1
    bold = list(_BOLD.finditer(text, last_paragraph))
    if bold and len(bold[-1]["answer"].split()) <= _MAX_SHORT_WORDS:
        return whole.within(*bold[-1].span("answer"), text)
    return None
