"""Several samples on one prefill, in rounds, until the vote over their answers is decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from assistant.answers import Share, agreement, is_decided, leader_certainty, tally
from assistant.engine.protocol import Request
from assistant.events import Event, Notice, Tally, VoteShare
from assistant.strategies.chain_of_thought import step_by_step
from assistant.strategies.stage import Stage
from assistant.strategies.task import Task
from assistant.strategies.track import Track

FIRST_ROUND = 3
"""Samples to begin with: three that agree and are sure decide most votes."""
NEXT_ROUND = 2
SURE = 1.4
"""What the vote of a wholly sure sample weighs, as one that is not sure at all weighs 0.4. So three sure ones
that agree reach the Beta rule's 0.95, which takes four that weigh 1 (CISC, arXiv 2502.06233)."""
_WEAK = 0.8
_LEAST_JUDGED = 64
"""A sample is not given up before it has this many tokens."""


def self_consistency(task: Task) -> Iterator[Event]:
    """A majority vote (arXiv 2203.11171) that stops once it is decided (arXiv 2305.11860).

    A sample weighs by how sure it is of its answer; one that is far less confident than all that have
    ended is given up (DeepConf, arXiv 2508.15260). The answer shown is the leader's surest sample.
    """
    yield from _Vote(task).run()


class _Vote:
    def __init__(self, task: Task) -> None:
        self._task = task
        self._stage = Stage(task)
        self._tracks: list[Track] = []
        self._is_over = False
        self._thinking = task.request.thinking

    def run(self) -> Iterator[Event]:
        """All rounds, and the answer."""
        n_max = self._task.plan.n_samples
        self._add(min(FIRST_ROUND, n_max))
        for came in self._stage.steps():
            yield from self._stage.heard(came)
            ended = [track for track in self._running() if track.finish_reason]
            for track in ended:
                self._stage.drop(track)
                yield self._stage.news(track, "done")
            if ended:
                yield self._tally()
            if self._is_over or self._task.control.take_answer_now():
                break
            yield from self._grant_more()
            yield from self._give_up_weak()
            if len(self._running()) == 0 and len(self._tracks) < n_max:
                self._add(min(NEXT_ROUND, n_max - len(self._tracks)))
        for track in self._running():
            self._stage.drop(track)
            yield self._stage.news(track, "dropped")
        yield self._answer()

    def _grant_more(self) -> Iterator[Event]:
        """Let the samples that still think do so for longer, and those to come; what has ended stands."""
        more = self._task.control.take_more_tokens()
        if not more:
            return
        thinking = [track for track in self._running() if track.is_thinking]
        if not thinking:
            yield Notice(text="No sample of the vote thinks any more: ask again with a larger budget.")
            return
        so_far = max(self._thinking.maximum, *(track.n_thinking for track in thinking))
        self._thinking = replace(self._thinking, maximum=so_far + more)
        for track in thinking:
            self._task.batch.steer(track.seq_id, self._thinking)
        if self._thinking.maximum >= self._task.request.max_tokens:
            yield Notice(text="max_tokens leaves no room for more thinking than that: set a larger one.")

    def _add(self, n: int) -> None:
        request = self._request()
        for track in self._stage.add(request, n):
            track.sample = len(self._tracks)
            self._tracks.append(track)

    def _request(self) -> Request:
        task = self._task
        sampling = replace(task.vote_sampling, seed=task.request.sampling.seed + len(self._tracks))
        messages = task.request.messages if task.plan.thinking_budget else step_by_step(task.request.messages)
        return replace(task.request, sampling=sampling, messages=messages, thinking=self._thinking)

    def _running(self) -> list[Track]:
        return [track for track in self._tracks if track.seq_id in self._stage.running]

    def _ended(self) -> list[Track]:
        return [track for track in self._tracks if track.finish_reason]

    def _shares(self) -> list[Share]:
        ended = self._ended()
        weights = [SURE - 1 + (self._stage.certainty(track) or 0.0) for track in ended]
        shares = tally([self._task.judge.key(track.answer) for track in ended], weights)
        return [Share(s.key, tuple(ended[i].sample for i in s.samples), s.weight) for s in shares]

    def _tally(self) -> Tally:
        shares = self._shares()
        n_left = self._task.plan.n_samples - len(self._ended())
        self._is_over = is_decided(shares, n_left, self._task.plan.certainty, max_weight=SURE)
        return Tally(
            shares=tuple(
                VoteShare(answer=self._final(share), samples=share.samples, weight=share.weight)
                for share in shares
            ),
            n_done=len(self._ended()),
            n_samples=self._task.plan.n_samples,
            certainty=leader_certainty(shares),
            is_decided=self._is_over,
        )

    def _final(self, share: Share) -> str:
        return self._task.judge.final(self._surest(share.samples).answer)

    def _surest(self, samples: Sequence[int]) -> Track:
        return max((self._tracks[i] for i in samples), key=lambda track: track.confidence)

    def _give_up_weak(self) -> Iterator[Event]:
        """Drop samples far under the least confident of those that voted; none where all are to be heard."""
        if self._task.plan.certainty >= 1:
            return
        voted = [t for t in self._ended() if self._task.judge.key(t.answer) is not None]
        if len(voted) < 2:
            return
        least = min(track.confidence for track in voted)
        for track in self._running():
            if track.n_tokens >= _LEAST_JUDGED and track.confidence < _WEAK * least:
                self._stage.drop(track)
                yield self._stage.news(track, "dropped")

    def _answer(self) -> Event:
        shares = self._shares()
        if not shares:
            longest = max(self._tracks, key=lambda track: (bool(track.finish_reason), len(track.answer)))
            return self._stage.answer(longest, certainty=0.0)
        chosen = self._surest(shares[0].samples)
        return self._stage.answer(chosen, certainty=leader_certainty(shares), agreement=agreement(shares))
