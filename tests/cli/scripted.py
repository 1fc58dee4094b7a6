"""A session that follows a script, and streams that are terminals."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

from assistant.control import Control
from assistant.events import Answer, Event
from assistant.query import Query


class ScriptedSession:
    """Yields the events of its script; an exception in it is raised, and a function is called."""

    def __init__(self, *script: Event | Exception | Callable[[], None], model_note: str = "") -> None:
        self.model_note = model_note
        self.queries: list[Query] = []
        self._script = script

    def run(self, query: Query, control: Control | None = None) -> Iterator[Event]:
        """Follow the script."""
        self.queries.append(query)
        for step in self._script:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Event):
                yield step
            else:
                step()


class Terminal(io.StringIO):
    """A stream that a person reads."""

    def isatty(self) -> bool:
        """Always."""
        return True


def answer(text: str, **fields: object) -> Answer:
    """An answer with plausible figures."""
    return Answer.model_validate(
        {
            "text": text,
            "thinking": "",
            "thinking_tokens": 0,
            "completion_tokens": 3,
            "prompt_tokens": 20,
            "cached_tokens": 0,
            "seconds": 1.5,
            "tokens_per_second": 2.0,
            "finish_reason": "stop",
            "strategy": "direct",
            "reason": "a short question",
            **fields,
        }
    )
