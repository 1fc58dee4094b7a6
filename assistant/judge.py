"""Reading a model's answers to one query: what they come to, whether two are the same, whether they hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from assistant import answers
from assistant.answers import AnswerKind

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:/\d+)?")
_WORD = re.compile(r"\w[\w:.,/'-]*\w|\w")
_MOST_CHARS = 400
"""The end of a sentence is what counts; a passage may be long."""


class AnswerJudge:
    """A `Judge` by the words alone. Pure.

    Args:
        kind: what sort of final answer is asked for.
        options: the choices that the question offers, if it does.
    """

    def __init__(self, kind: AnswerKind, options: Sequence[str] = ()) -> None:
        self.kind = kind
        self._options = tuple(options)

    @property
    def can_vote(self) -> bool:
        """Whether answers to this query come to something that can be compared."""
        return self.kind != "code"

    @property
    def probe(self) -> str:
        """What an answer begins with that comes to the point at once."""
        return "\\boxed{" if self.kind in ("number", "expression", "choice") else ""

    def key(self, text: str) -> str | None:
        """The normal form of the final answer in a text; None if there is none."""
        return answers.key(text, self.kind, self._options)

    def final(self, text: str) -> str:
        """The final answer as a person would read it; empty if there is none."""
        return answers.extract(text, self.kind, self._options) or ""

    def span(self, text: str) -> tuple[int, int] | None:
        """Where the final answer stands in the text."""
        return answers.confidence_span(text, self.kind)

    def values(self, text: str) -> list[str]:
        """Keys of what a sentence could end on as a result: numbers where one is asked for, else words."""
        pattern = _NUMBER if self.kind in ("number", "expression") else _WORD
        return [answers.normalise(found, self.kind) for found in pattern.findall(text[-_MOST_CHARS:])[-2:]]

    def check(self, text: str) -> float | None:
        """Words alone prove nothing."""
        return None


class CodeJudge(AnswerJudge):
    """A `Judge` of programs: two are the same if they do the same, and the question's examples are run.

    Args:
        question: the user's words, with the examples.
        behaviour: the key of what a program does, or None; takes the program and the question.
        examples: the share of the question's examples that a program meets, or None without any.
    """

    def __init__(
        self,
        question: str,
        behaviour: Callable[[str, str], str | None],
        examples: Callable[[str, str], float | None],
    ) -> None:
        super().__init__("code")
        self._question = question
        self._behaviour = behaviour
        self._examples = examples
        self._keys: dict[str, str | None] = {}
        self._shares: dict[str, float | None] = {}

    @property
    def can_vote(self) -> bool:
        """By what they do."""
        return True

    def key(self, text: str) -> str | None:
        """What the program in a text does; None if there is none, or it does nothing that can be seen."""
        code = self.final(text)
        if code not in self._keys:
            self._keys[code] = self._behaviour(code, self._question) if code else None
        return self._keys[code]

    def check(self, text: str) -> float | None:
        """The share of the question's examples that the program meets."""
        code = self.final(text)
        if not code:
            return None
        if code not in self._shares:
            self._shares[code] = self._examples(code, self._question)
        return self._shares[code]
