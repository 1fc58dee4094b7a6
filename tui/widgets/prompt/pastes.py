"""Long pastes, each shown as one short mark: a text field wraps character by character."""

from __future__ import annotations

import re

from assistant.errors import UsageError

FOLDED_CHARACTERS = 20_000
"""A longer paste is folded."""

FOLDED_LINES = 200
"""So is one of more lines."""

_MARK = re.compile(r"\[paste (\d+): [^\[\]\n]*\]")
_BEGINNING = re.compile(r"\[paste (\d+)\b")


class Pastes:
    """The folded pastes of one prompt, by their marks."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def folded(self, text: str) -> str:
        """`text` as it is, or its mark if it is long."""
        n_lines = text.count("\n") + 1
        if len(text) <= FOLDED_CHARACTERS and n_lines <= FOLDED_LINES:
            return text
        for mark, known in self._texts.items():
            if known == text:
                return mark
        lines = "1 line" if n_lines == 1 else f"{n_lines:,} lines"
        mark = f"[paste {len(self._texts) + 1}: {_size(len(text))}, {lines}]"
        self._texts[mark] = text
        return mark

    def unfolded(self, text: str) -> str:
        """`text` with each mark replaced by what it stands for.

        Raises:
            UsageError: a mark was changed, so that its paste would be lost.
        """
        parts, at = [], 0
        for found in _MARK.finditer(text):
            if (paste := self._texts.get(found[0])) is not None:
                parts += [self._checked(text[at : found.start()]), paste]
                at = found.end()
        return "".join([*parts, self._checked(text[at:])])

    def mark_before(self, line: str) -> int:
        """How many characters the mark has that `line` ends with; 0 if it ends with none."""
        return next((len(f[0]) for f in _MARK.finditer(line) if f.end() == len(line) and self._is_ours(f)), 0)

    def mark_after(self, line: str) -> int:
        """How many characters the mark has that `line` begins with; 0 if it begins with none."""
        found = _MARK.match(line)
        return len(found[0]) if found and self._is_ours(found) else 0

    def _is_ours(self, found: re.Match[str]) -> bool:
        return found[0] in self._texts

    def _checked(self, text: str) -> str:
        for found in _BEGINNING.finditer(text):
            if any(mark.startswith(f"{found[0]}:") for mark in self._texts):
                raise UsageError(
                    f"The mark of paste {found[1]} was changed, so its text would be lost.",
                    "Undo the change with Ctrl+Z, or delete the mark.",
                )
        return text


def _size(n_characters: int) -> str:
    if n_characters < 1000:
        return f"{n_characters} characters"
    if n_characters < 1_000_000:
        return f"{n_characters / 1000:.0f} kB"
    return f"{n_characters / 1_000_000:.1f} MB"
