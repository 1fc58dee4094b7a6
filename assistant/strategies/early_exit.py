"""When to ask a thinking model for its answer in the middle of its thinking, and how.

Asking at every sentence would be right too often by luck and cost a third of the tokens saved. Mull asks
where a trace *settles*: where a sentence ends on the value that an earlier sentence ended on. A calculation
that goes on ends each sentence on a new value; one that is done says its result again. Nothing here looks at
words, so it holds for any model and language.
"""

from __future__ import annotations

import re

from assistant.engine.protocol import Finished, ThinkingBudget, ThinkingEnded
from assistant.strategies.stage import Stage
from assistant.strategies.task import Judge
from assistant.strategies.track import Track

PROBE_TOKENS = 20
"""Most tokens of an answer that is asked for in mid-thinking, as in DEER (arXiv 2504.15895)."""
SURE_PROBE_TOKENS = 96
"""Most tokens of one that was sure all the way: a list or a formula may need them."""
_BOUNDARY = re.compile(r"[.!?](?=[\s\"')\]*]|$)|[。！？；]|\n+")
_NUMBERING = re.compile(r"\s*(?:\d{1,3}|[a-zA-Z])[.)]?\s*")
_MAY_GO_ON = re.compile(r"\d\.$")
"""The end of a sentence, or the point of a number whose digits are still to come."""
_MOST_BEGUN = 12
"""Characters of the next sentence that may have come with the last token of the one that settled."""
_FREE_PROBES = 3
_TOKENS_A_PROBE = 48
"""After the first few, a probe for every so many tokens of thinking: a trace full of values stays cheap."""


class Watch:
    """Reads a thinking as it grows and tells where it settles."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._sentence = ""
        self._seen: set[str] = set()
        self._refused: set[str] = set()
        self._heard: set[str] = set()
        self._told: str | None = None
        """What the sentence at hand settled on, should it end where it stands."""
        self._n_probes = 0

    def read(self, text: str, n_tokens: int) -> str | None:
        """Take in new thinking; the value that it has just settled on, if it is worth asking.

        Args:
            text: what was added.
            n_tokens: thinking tokens so far.
        """
        self._sentence += text
        settled, is_open = None, False
        while boundary := _BOUNDARY.search(self._sentence):
            sentence, rest = self._sentence[: boundary.end()], self._sentence[boundary.end() :]
            if not rest and _MAY_GO_ON.search(sentence):
                value, is_open = self._value(sentence), True
                settled = value if value in self._seen else None
                self._told = settled
                break
            self._sentence = rest
            if sentence.strip():
                settled, told = self._end(sentence), self._told
                self._told = None
                if settled == told:  # when the sentence seemed to end here
                    settled = None
        has_gone_on = not is_open and len(self._sentence.strip()) > _MOST_BEGUN
        if settled is None or has_gone_on or settled in self._refused:
            return None
        if self._n_probes >= _FREE_PROBES + n_tokens // _TOKENS_A_PROBE:
            return None
        self._n_probes += 1
        return settled

    def refuse(self, value: str, sure_of: str = "") -> None:
        """The answer that was asked for was another or not sure: do not ask again for this value.

        Args:
            value: what the thinking had settled on.
            sure_of: the other answer, if the copy was sure of it: a thinking that comes to it as well has
                settled.
        """
        self._refused.add(value)
        if sure_of:
            self._heard.add(sure_of)
            self._seen.update(self._judge.values(sure_of)[-1:])

    def has_heard(self, answer: str) -> bool:
        """Whether a copy was sure of this answer before, so that it has not changed since."""
        return answer in self._heard

    def _end(self, sentence: str) -> str | None:
        value = self._value(sentence)
        if value is None or value in self._seen:
            return value
        self._seen.add(value)
        return None

    def _value(self, sentence: str) -> str | None:
        """What a sentence ends on."""
        values = [] if _NUMBERING.fullmatch(sentence) else self._judge.values(sentence)
        return values[-1] if values else None


def probe(stage: Stage, track: Track, lead: str) -> Track | None:
    """Ask a copy of a thinking sequence for its answer, while the original waits.

    Args:
        stage: where the sequence runs.
        track: the sequence.
        lead: what the answer is made to begin with; may be empty.

    Returns:
        The copy with its answer, still running if it has more to say; None if it came to no answer in
        `PROBE_TOKENS`, or in `SURE_PROBE_TOKENS` while every token is as sure as the plan asks. The original
        is still held: whoever asks lets it go on, or drops it.
    """
    batch, judge = stage.task.batch, stage.task.judge
    batch.hold(track.seq_id)
    copy = stage.fork(track)
    batch.steer(copy.seq_id, ThinkingBudget(0))
    n_start: int | None = None
    start = 0
    while came := stage.step(0.0):
        for each, event in came:
            if each is copy and isinstance(event, ThinkingEnded):
                n_start = copy.n_tokens
                if lead:
                    batch.append(copy.seq_id, lead)
                    n_start = None
        if n_start is None and not copy.is_thinking:
            n_start, start = copy.n_tokens, len(copy.answer)
        is_over = any(each is copy and isinstance(event, Finished) for each, event in came)
        if is_complete(copy.answer) or is_over:
            if judge.key(copy.answer) is not None:
                return copy
            break
        n_asked = copy.n_tokens - n_start if n_start is not None else 0
        if n_asked > PROBE_TOKENS:
            # by the least sure token: the mean of many hides the one that is wrong
            is_sure = copy.least_probability((start, len(copy.answer))) >= stage.task.plan.gate
            if n_asked > SURE_PROBE_TOKENS or not is_sure:
                break
    stage.drop(copy)
    return None


def is_complete(answer: str) -> bool:
    """Whether a boxed result is closed: more words would not change it."""
    start = answer.rfind("\\boxed{")
    if start < 0:
        return False
    depth = 0
    for character in answer[start:]:
        depth += (character == "{") - (character == "}")
        if character == "}" and depth == 0:
            return True
    return False
