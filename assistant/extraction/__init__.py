"""Final answers: what sort is asked for, finding one in a text, telling whether two are the same. Pure."""

from assistant.extraction.comparing import key, normalise, same
from assistant.extraction.finding import confidence_span, extract
from assistant.extraction.kinds import AnswerKind, kind_of, options_of

__all__ = [
    "AnswerKind",
    "confidence_span",
    "extract",
    "key",
    "kind_of",
    "normalise",
    "options_of",
    "same",
]
