"""Noticing that a text goes round in circles: pure and incremental."""

from __future__ import annotations

import re
from collections import Counter

_SENTENCE_END = re.compile(r"(?<=[.!?\n。！？])\s*")
_MIN_SENTENCE_CHARS = 24
_SENTENCE_REPEATS = 4
_SENTENCES_IN_A_ROW = 3
_TAIL = 384
"""Tokens of the end that are searched for a period."""
_CHECK_EVERY = 16
_MIN_PERIODIC_TOKENS = 48
_MIN_PERIODS = 4


class LoopDetector:
    """Says when a text repeats itself so much that nothing new will come.

    Two signs: three sentences in a row (of 24 characters or more, without regard to case and spacing)
    that were each said three times before, or an end of the text that is one passage four times or
    more over at least 48 tokens.
    """

    def __init__(self) -> None:
        self._sentences: Counter[str] = Counter()
        self._open = ""
        self._tokens: list[int] = []
        self._n_stale = 0
        """Sentences in a row that had been said often before."""
        self._is_looping = False

    def feed(self, token: int, text: str) -> bool:
        """Take in a token and its text; whether the text is looping by now."""
        self._tokens.append(token)
        self._open += text
        if _SENTENCE_END.search(text):
            *ended, self._open = _SENTENCE_END.split(self._open)
            for sentence in ended:
                self._count(sentence)
        if len(self._tokens) % _CHECK_EVERY == 0:
            tail = self._tokens[-_TAIL:]
            period = shortest_period(tail)
            self._is_looping |= period > 0
        return self._is_looping

    def _count(self, sentence: str) -> None:
        words = " ".join(sentence.casefold().split())
        if len(words) >= _MIN_SENTENCE_CHARS:
            self._sentences[words] += 1
            is_stale = self._sentences[words] >= _SENTENCE_REPEATS
            self._n_stale = self._n_stale + 1 if is_stale else 0
            self._is_looping |= self._n_stale >= _SENTENCES_IN_A_ROW


def shortest_period(tokens: list[int]) -> int:
    """The shortest p such that the end of `tokens` is one passage of p tokens, over and over; 0 if none.

    The repeated end must span four periods and 48 tokens. The prefix function of the reversed
    tokens finds it in one pass.
    """
    backwards = tokens[::-1]
    border = [0] * len(backwards)
    for i in range(1, len(backwards)):
        k = border[i - 1]
        while k and backwards[i] != backwards[k]:
            k = border[k - 1]
        border[i] = k + 1 if backwards[i] == backwards[k] else 0
        length, period = i + 1, i + 1 - border[i]
        if length >= _MIN_PERIODIC_TOKENS and length >= _MIN_PERIODS * period:
            return period
    return 0
