"""A session on a scripted engine that answers with one or several samples, for the tests of evaluations."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from assistant.config import Settings
from assistant.control import Control
from assistant.engine.protocol import (
    Batch,
    Delta,
    Finished,
    ModelInfo,
    Request,
    Sampling,
    ThinkingBudget,
)
from assistant.errors import MullError
from assistant.evaluation.datasets import Item
from assistant.events import Answer, Event
from assistant.query import Message, Query
from tests.cli.scripted import answer
from tests.engine.replay import Replay


def items(n: int, **fields: Any) -> list[Item]:
    """Questions 0 to n - 1, whose answers are their numbers."""
    return [
        Item(f"q{i}", f"Say {i}.", str(i), "number", **{"source": "a.jsonl", "index": i, **fields})
        for i in range(n)
    ]


def say(request: Request, i: int) -> str:
    """Thinks for a while that depends on the question, and says its number.

    A fork is numbered by its sequence, which others in the batch move: all but the first speak alike.
    """
    number = "".join(c for c in request.messages[-1].content if c.isdigit())
    thought = "x" * (3 + int(number) % 7 + 2 * min(i, 1))
    return f"{thought}</think>\n\n{number}" if request.thinking.maximum else number


class Asking:
    """A session; `samples` of the settings are drawn, forked from one half of the way where they are even.

    Args:
        script: what the model says.
        breaks: is called with each query's text before it is answered, and may raise.
    """

    def __init__(
        self,
        script: Callable[[Request, int], str] = say,
        breaks: Callable[[str], None] = lambda _: None,
        n_seq_max: int = 8,
        n_ctx: int = 4096,
    ) -> None:
        self.engine = Replay(script, n_seq_max=n_seq_max, n_ctx=n_ctx)
        self.asked: list[str] = []
        self.seeds: list[int | None] = []
        self.profile = 0
        self._breaks = breaks

    @property
    def model(self) -> ModelInfo | None:
        return self.engine.model

    def close(self) -> None:
        """Nothing to give back."""

    def measure(self, control: Control) -> None:
        """Nothing is to be learned of a script."""

    def load(self) -> Iterator[Event]:
        return iter(())

    @contextlib.contextmanager
    def engine_batch(self) -> Iterator[Batch]:
        with self.engine.batch() as batch:
            yield batch

    def profile_dump(self) -> dict[str, Any]:
        return {"n": self.profile}

    def profile_restore(self, dump: dict[str, Any]) -> None:
        self.profile = dump["n"]

    def run(
        self, query: Query, *, settings: Settings | None = None, batch: Batch | None = None
    ) -> Iterator[Event]:
        assert settings is not None
        self.asked.append(query.text)
        self.seeds.append(settings.seed)
        self._breaks(query.text)
        n = int(getattr(settings, "samples", 0)) or 1
        think = settings.think if isinstance(settings.think, int) else 0
        request = Request((Message("user", query.text),), Sampling(), ThinkingBudget(think), 1000)
        with batch if batch is not None else self.engine.batch() as own:
            yield told(own, request, n)
        self.profile += 1


def told(batch: Batch, request: Request, n: int) -> Answer:
    """The answer of the first sample, with the tokens of all and a word on what each said."""
    seq_ids = batch.add(request, n)
    texts: dict[int, str] = dict.fromkeys(seq_ids, "")
    tokens: dict[int, tuple[int, int]] = {}
    is_forked = False
    while events := batch.step():
        for event in events:
            assert event.seq_id in texts, "an event of another run"
            if isinstance(event, Delta):
                texts[event.seq_id] += event.answer
            elif isinstance(event, Finished):
                tokens[event.seq_id] = (event.usage.completion_tokens, event.usage.thinking_tokens)
        if n > 1 and not is_forked and texts[seq_ids[0]]:
            is_forked = True  # as a probe does; what it is a copy of depends on nobody else
            fork = batch.fork(seq_ids[0])
            texts[fork] = texts[seq_ids[0]]
    return answer(
        texts[seq_ids[0]],
        completion_tokens=tokens[seq_ids[0]][0],
        total_tokens=sum(t for t, _ in tokens.values()),
        total_thinking_tokens=sum(t for _, t in tokens.values()),
        reason=" | ".join(texts.values()),
    )


def raising(*errors: MullError | BaseException | None) -> Callable[[str], None]:
    """Raises these in turn, one a call, and then nothing more."""
    left: list[MullError | BaseException | None] = list(errors)

    def breaks(_text: str) -> None:
        if left and (error := left.pop(0)) is not None:
            raise error

    return breaks


def numbers(texts: Sequence[str]) -> list[int]:
    """The numbers of questions."""
    return [int("".join(c for c in text if c.isdigit())) for text in texts]
