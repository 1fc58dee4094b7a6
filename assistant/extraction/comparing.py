"""Which answers are the same: one key for all spellings of an answer. Pure, bounded in time, for any thread.

* 1,000 = 1 000 = 1000.0 = $1000 = 1000 dollars = 10^3 = one thousand; 0.5 = 1/2 = \\dfrac{1}{2}.
* A percent sign is a unit, as a degree sign is: 50% = 50, and 50% is not 0.5.
* Rounded is different: 0.33 is not 1/3.
* x + 1 = 1 + x, 2\\sqrt{2} = \\sqrt8: formulas by their value (see `symbolic`), with no simplification.
* (1, 2) keeps its order; {1, 2} and a bare list of solutions 1, 2 do not.
* x = 5 is 5. "Paris." is "paris". 3:30 stays as it is.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Sequence

from assistant.extraction import forms, spelling
from assistant.extraction.finding import extract
from assistant.extraction.kinds import AnswerKind

MAX_WORDS = 12
"""A longer text is no short answer: two of them are never spelled alike by chance, so it does not vote."""
_MAX_PHRASE_CHARS = 1000
_MAX_CODE_CHARS = 50_000


def normalise(answer: str, kind: AnswerKind) -> str:
    """The key of an answer: the same for the same answer, whatever its spelling. Not for showing."""
    match kind:
        case "number" | "expression":
            return forms.key(answer, any_unit=kind == "number") or forms.as_text(answer)
        case "choice":
            letter = re.fullmatch(
                r"[\s(*]*([A-Za-z])[\s).:*]*", spelling.unwrapped(spelling.formula(answer[:80]))
            )
            return letter[1].upper() if letter else spelling.phrase(answer[:_MAX_PHRASE_CHARS])
        case "code":
            return _program(answer)
        case "text":
            return spelling.phrase(answer) if len(answer) <= _MAX_PHRASE_CHARS else forms.as_text(answer)


def same(a: str, b: str, kind: AnswerKind) -> bool:
    """Whether two answers are the same. An equivalence: it is equality of their keys."""
    return normalise(a, kind) == normalise(b, kind)


def key(text: str, kind: AnswerKind, options: Sequence[str] = ()) -> str | None:
    """The key of the final answer in a model's text; None has no vote.

    Args:
        text: the whole answer.
        kind: what sort of answer was asked for.
        options: the texts of the choices from A on, if there are any.
    """
    answer = extract(text, kind, options)
    if answer is None or (kind == "text" and len(answer.split()) > MAX_WORDS):
        return None
    return normalise(answer, kind) or None


def _program(code: str) -> str:
    """A program without comments, blank lines and the spaces between its tokens."""
    if len(code) > _MAX_CODE_CHARS:
        return code.strip()
    parts = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(code.strip() + "\n").readline):
            if token.type in {tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER}:
                continue
            parts.append(
                {tokenize.INDENT: "→", tokenize.DEDENT: "←"}.get(token.type, token.string.strip() or "\n")
            )
    except (tokenize.TokenError, SyntaxError, ValueError):
        return "\n".join(line.rstrip() for line in code.splitlines() if line.strip())
    return " ".join(parts)
