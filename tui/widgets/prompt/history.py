"""The prompts that were sent, to walk through."""

from __future__ import annotations

from collections.abc import Iterable


class PromptHistory:
    """Walks older and newer prompts; the draft that the walk began with is its newest entry."""

    def __init__(self) -> None:
        self._prompts: list[str] = []
        self._draft = ""
        self._at = 0
        self.is_whole = False
        """Whether there is nothing older anywhere than what the walk knows."""

    @property
    def is_walking(self) -> bool:
        """Whether an earlier prompt is in the field."""
        return self._at < len(self._prompts)

    @property
    def shown(self) -> str | None:
        """The earlier prompt that the walk is at; None at the draft."""
        return self._prompts[self._at] if self.is_walking else None

    def add(self, text: str) -> None:
        """Remember a prompt and end the walk."""
        if not self._prompts or self._prompts[-1] != text:
            self._prompts.append(text)
        self._at = len(self._prompts)
        self._draft = ""

    def put_before(self, older: Iterable[str]) -> None:
        """Have prompts of earlier times, newest first, before the oldest; those that are there stay alone."""
        known = {text.strip() for text in self._prompts} | {""}
        new: list[str] = []
        for text in older:
            if text.strip() not in known:
                known.add(text.strip())
                new.append(text)
        self._prompts[:0] = reversed(new)
        self._at += len(new)

    def older(self, current: str) -> str | None:
        """The prompt before, given what is in the field now; None at the oldest."""
        if self._at == 0:
            return None
        self._keep(current)
        self._at -= 1
        return self._prompts[self._at]

    def newer(self, current: str) -> str | None:
        """The prompt after, or at last the draft; None if the walk is there already."""
        if self._at == len(self._prompts):
            return None
        self._keep(current)
        self._at += 1
        return self._draft if self._at == len(self._prompts) else self._prompts[self._at]

    def _keep(self, current: str) -> None:
        if self._at == len(self._prompts):
            self._draft = current
