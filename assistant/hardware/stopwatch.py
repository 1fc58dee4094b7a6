"""Timing a model step by step, so that it can be left at any moment and gone on with later."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from statistics import median
from typing import Final

from assistant.engine.protocol import (
    Batch,
    Delta,
    Engine,
    Finished,
    ModelInfo,
    Prefilled,
    Request,
    SequenceEvent,
    ThinkingBudget,
)
from assistant.errors import MullError
from assistant.hardware.speed import with_point
from assistant.limits import SpeedCurve
from assistant.query import Message

PROMPT: Final = 0
"""Stands among the numbers of sequences for the reading of a prompt."""
_SIZES: Final = (1, 2, 4, 8)
_WORDS: Final = (
    "river stone lamp green seven window paper cloud bread north table winter garden bottle music horse "
    "silver bridge apple letter summer engine forest pencil island button mirror copper village planet"
)
_MORE: Final = " And these are some more words that follow:"
_MIN_PREFILL_TOKENS: Final = 16
"""Fewer tokens tell nothing of how fast a prompt is read."""
_PIECE_S: Final = 0.4
"""One number of sequences is timed for so long, in seconds, or for the fewest steps."""
_TIMED_STEPS: Final = 12
_FEW_STEPS: Final = 3
_MOST_STEPS: Final = 40
"""Steps for one number of sequences, untimed ones included."""

Clock = Callable[[], float]


def missing(curve: SpeedCurve, model: ModelInfo) -> tuple[int, ...]:
    """What was not timed on purpose yet: numbers of sequences that the model can have, and `PROMPT`."""
    wanted = (PROMPT, *(n for n in _SIZES if n <= max(model.n_seq_max, 1)))
    return tuple(n for n in wanted if n not in curve.measured)


def measuring(
    engine: Engine,
    known: SpeedCurve,
    history: Sequence[Message] = (),
    clock: Clock = time.perf_counter,
) -> Generator[SpeedCurve, None, None]:
    """Time what is missing: a made-up prompt, and a few steps of 1, 2, 4 and 8 sequences.

    After each step of the engine it yields what is known by now, and may be closed; a later call with that
    curve goes on there. An engine that fails or is interrupted ends it; whoever asks the engine next is
    told of its failure.

    Args:
        engine: a loaded model; this takes the place of the batch that is open, if one is.
        known: what is known already.
        history: the conversation that is in the cache; it is gone on with, so that it stays there.
        clock: seconds that only grow.
    """
    with suppress(MullError), engine.batch() as batch:
        stopwatch = _Stopwatch(batch, known, missing(known, engine.model), clock)
        for _ in stopwatch.run(_request(engine.model, history)):
            yield stopwatch.curve


class _Stopwatch:
    """One measurement; each `yield` of its generators is a step of the engine."""

    def __init__(self, batch: Batch, curve: SpeedCurve, wanted: Sequence[int], clock: Clock) -> None:
        self.curve = curve
        """What is known by now."""
        self._batch = batch
        self._wanted = wanted
        self._clock = clock
        self._counts: dict[int, int] = {}
        """Completion tokens by sequence."""
        self._is_over = False

    def run(self, request: Request) -> Iterator[None]:
        """Measure; `curve` tells what came of it."""
        if not self._wanted:
            return
        yield from self._read_prompt(request)
        for n in self._wanted:
            if n == PROMPT:
                continue
            if self._is_over:
                return
            first = next(iter(self._counts))
            while len(self._counts) < n:
                self._counts[self._batch.fork(first)] = self._counts[first]
            yield from self._time_steps(n)

    def _read_prompt(self, request: Request) -> Iterator[None]:
        (seq_id,) = self._batch.add(request)
        self._counts[seq_id] = 0
        began = self._clock()
        while not self._is_over and not self._counts[seq_id]:
            events = self._batch.step()
            took = self._clock() - began
            for event in events:
                # the last token of a prompt may come by itself, at the price of a step
                if isinstance(event, Prefilled) and event.n_done >= event.n_total - 1:
                    self._note_prompt(event.n_done - event.n_cached, took)
            self._take(events)
            yield

    def _note_prompt(self, n_read: int, took_s: float) -> None:
        if PROMPT in self.curve.measured or PROMPT not in self._wanted:
            return
        if n_read >= _MIN_PREFILL_TOKENS and took_s > 0:
            self.curve = replace(self.curve, prefill=n_read / took_s, measured=(PROMPT, *self.curve.measured))

    def _time_steps(self, n: int) -> Iterator[None]:
        """Time some steps that compute one token for each of `n` sequences; the first is not timed."""
        times: list[float] = []
        until = self._clock() + _PIECE_S
        is_even = False
        for _ in range(_MOST_STEPS):
            began = self._clock()
            events = self._batch.step()
            now = self._clock()
            if events and is_even and now > began:
                times.append(now - began)
            is_even = self._take(events)
            is_known = len(times) >= _FEW_STEPS and now >= until
            if self._is_over or is_known or len(times) == _TIMED_STEPS:
                break
            yield
        if len(times) < (_FEW_STEPS if n > 1 else 1):
            self._is_over = True  # a model that hardly says anything will not say more in company
        else:
            known = with_point(self.curve, n, n / median(times))
            self.curve = replace(known, measured=tuple(sorted({*known.measured, n})))
        yield

    def _take(self, events: Sequence[SequenceEvent]) -> bool:
        """Take in a step; whether each sequence has one token to compute in the next."""
        is_even = len(events) == len(self._counts)
        for event in events:
            if isinstance(event, Delta):
                is_even &= event.completion_tokens == self._counts[event.seq_id] + 1
                self._counts[event.seq_id] = event.completion_tokens
            else:
                is_even = False
            if isinstance(event, Finished):
                if event.reason == "stop":
                    self._batch.append(event.seq_id, _MORE)
                else:
                    self._is_over = True
        self._is_over |= not events
        return is_even


def _request(model: ModelInfo, history: Sequence[Message]) -> Request:
    """A prompt that no conversation begins like, and no other measurement."""
    words = _WORDS.split()
    random.shuffle(words)
    text = f"{' '.join(words)}. Go on with these words until there are five hundred, and say nothing else."
    return Request(
        messages=(*history, Message("user", text)),
        sampling=model.sampling,
        thinking=ThinkingBudget(0),
        max_tokens=len(_SIZES) * _MOST_STEPS,
    )
