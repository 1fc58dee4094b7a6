"""The sequences of one stage: adding, forking and dropping them, and stepping them together."""

from __future__ import annotations

import time
from collections.abc import Iterator

from assistant.engine.protocol import Prefilled, Request, SequenceEvent
from assistant.errors import EngineDied
from assistant.events import Answer, Prefill, SampleNews, SampleState
from assistant.strategies.task import Task
from assistant.strategies.track import Track

PATIENCE_S = 0.03
"""What nobody sees: text comes 30 times a second, and a key is heeded as fast."""

NEWS_EVERY = 16
"""Tokens after which a sequence that is not streamed is heard of again."""

Came = list[tuple[Track, SequenceEvent]]


class Stage:
    """All that is decoded for one stage of a query, and the clock."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.tracks: list[Track] = []
        """Every sequence that there ever was, dropped ones too."""
        self._live: dict[int, Track] = {}
        self._told: dict[int, int] = {}
        self._started = time.monotonic()
        self._decoding_since = self._started
        self._n_rounds = 0
        """Steps that gave tokens; the sequences of one step share them."""
        self._is_beginning = task.request.begun is not None

    @property
    def seconds(self) -> float:
        """Since the stage began."""
        return time.monotonic() - self._started

    def add(self, request: Request, n: int = 1) -> list[Track]:
        """Begin `n` sequences on one prompt."""
        seq_ids = self.task.batch.add(request, n)
        return [self._track(Track(seq_id, is_thinking=request.thinking.maximum > 0)) for seq_id in seq_ids]

    def fork(self, track: Track) -> Track:
        """A copy of a sequence as it stands; only what it adds is its own cost."""
        return self._track(track.fork(self.task.batch.fork(track.seq_id)))

    def drop(self, track: Track) -> None:
        """Stop a sequence and forget it; what it cost stays counted."""
        if self._live.pop(track.seq_id, None) is not None:
            self.task.batch.remove(track.seq_id)

    def step(self, patience_s: float = PATIENCE_S) -> Came:
        """What came of the next step, sequence by sequence; nothing once all are done or the user stops."""
        if self.task.control.is_stopped:
            return []
        try:
            events = self.task.batch.step(patience_s)
        except EngineDied:
            if self.task.control.is_stopped:  # it did not heed the stop and was ended: what was said stands
                return []
            raise
        came, before = [], {track.seq_id: track.cost for track in self._live.values()}
        for event in events:
            track = self._live.get(event.seq_id)
            if track is not None:
                track.take(event)
                came.append((track, event))
                # later rounds read their prompt while others decode, or in no time from the cache
                if isinstance(event, Prefilled) and not any(each.cost for each in self.tracks):
                    self._decoding_since = time.monotonic()
        if self._is_beginning:  # what was begun comes first, and costs no decoding
            self._is_beginning = False
            for track in self.tracks:
                track.cost = track.thinking_cost = 0
        else:
            # a call may be several steps of the engine: who went farthest was in all of them
            self._n_rounds += max((track.cost - before[track.seq_id] for track, _ in came), default=0)
        return came

    @property
    def running(self) -> set[int]:
        """Ids of the sequences that were not dropped."""
        return set(self._live)

    def steps(self, patience_s: float = PATIENCE_S) -> Iterator[Came]:
        """Step by step to the end of all sequences."""
        while came := self.step(patience_s):
            yield came

    def certainty(self, track: Track) -> float | None:
        """How probable the tokens of a sequence's final answer are, 0 to 1; None where there is none."""
        return track.mean_probability(self.task.judge.span(track.answer)) or None

    def news(self, track: Track, state: SampleState = "done") -> SampleNews:
        """How a sequence stands that is one of several."""
        self._told[track.seq_id] = track.n_tokens
        return SampleNews(
            sample=track.sample,
            state=state,
            tokens=track.n_tokens,
            answer=self.task.judge.final(track.answer),
            confidence=track.confidence,
        )

    def heard(self, came: Came) -> Iterator[Prefill | SampleNews]:
        """What to tell of a step where nothing is streamed: the prompt being read, and how each one stands.

        Args:
            came: what came of the step.
        """
        for track, event in came:
            if isinstance(event, Prefilled) and track is self.tracks[0]:
                yield Prefill(done=event.n_done, total=event.n_total, cached=event.n_cached)
        for track in self._live.values():
            n_new = track.n_tokens - self._told.get(track.seq_id, -NEWS_EVERY)
            if n_new >= NEWS_EVERY and track.n_tokens and not track.finish_reason:
                yield self.news(track, "thinking" if track.is_thinking else "answering")

    def answer(
        self,
        track: Track,
        *,
        certainty: float | None = None,
        agreement: float | None = None,
    ) -> Answer:
        """The last event: the answer of one sequence, and what all of them cost.

        Args:
            track: the sequence whose answer it is.
            certainty: how sure it is, 0 to 1, where the strategy can tell.
            agreement: the leader's share of a vote, 0 to 1.
        """
        task, usage = self.task, track.usage
        total = sum(each.cost for each in self.tracks)
        is_stopped = task.control.is_stopped
        return Answer(
            text=track.answer,
            thinking=track.thinking,
            thinking_tokens=track.n_thinking,
            completion_tokens=track.n_tokens,
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
            seconds=self.seconds,
            tokens_per_second=total / max(time.monotonic() - self._decoding_since, 1e-6),
            finish_reason=track.finish_reason or ("stopped" if is_stopped else "length"),
            strategy=task.plan.strategy,
            reason=task.plan.reason,
            thinking_end=track.end,
            mean_logprob=track.mean_logprob,
            confidence=track.confidence,
            model=task.model.name,
            context_tokens=usage.prompt_tokens + track.n_tokens,
            n_ctx=task.model.n_ctx,
            total_tokens=total,
            total_thinking_tokens=sum(each.thinking_cost for each in self.tracks),
            n_side_by_side=max(1.0, total / self._n_rounds) if self._n_rounds else 1.0,
            n_samples=max(1, len({each.sample for each in self.tracks})),
            agreement=agreement,
            certainty=certainty,
        )

    def _track(self, track: Track) -> Track:
        self.tracks.append(track)
        self._live[track.seq_id] = track
        return track
