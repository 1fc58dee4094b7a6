"""When to ask a thinking model for its answer in the middle of its thinking, and how.

Asking at every sentence would be right too often by luck and cost a third of the tokens saved. Mull asks
where a trace *settles*: where a sentence ends on the value that an earlier sentence ended on. A calculation
that goes on ends each sentence on a new value; one that is done says its result again. Nothing here looks at
words, so it holds for any model and language.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.engine.protocol import Finished, ThinkingBudget, ThinkingEnded
from assistant.strategies.stage import Stage
from assistant.strategies.task import Judge
from assistant.strategies.track import Track

PROBE_TOKENS = 24
"""Most tokens of an answer that is asked for in mid-thinking (DEER, arXiv 2504.15895, takes 20)."""
_BOUNDARY = re.compile(r"[.!?](?=[\s\"')\]*]|$)|[。！？；]|\n+")
_NUMBERING = re.compile(r"\s*(?:\d{1,3}|[a-zA-Z])[.)]?\s*")
_MOST_BEGUN = 12
"""Characters of the next sentence that may have come with the last token of the one that settled."""
_FREE_PROBES = 3
_TOKENS_A_PROBE = 48
"""After the first few, a probe for every so many tokens of thinking: a trace full of values stays cheap."""


class Watch:
    """Reads a thinking as it grows and tells where it settles.

    Args:
        judge: reads the values in a passage.
        drafted: answers that earlier stages came to: a thinking that comes to one of them has settled.
    """

    def __init__(self, judge: Judge, drafted: Sequence[str] = ()) -> None:
        self._judge = judge
        self._sentence = ""
        self._seen = {value for answer in drafted for value in judge.values(judge.final(answer))[-1:]}
        self._refused: set[str] = set()
        self._n_probes = 0

    def read(self, text: str, n_tokens: int) -> str | None:
        """Take in new thinking; the value that it has just settled on, if it is worth asking.

        Args:
            text: what was added.
            n_tokens: thinking tokens so far.
        """
        self._sentence += text
        settled = None
        while boundary := _BOUNDARY.search(self._sentence):
            sentence, self._sentence = self._sentence[: boundary.end()], self._sentence[boundary.end() :]
            if sentence.strip():
                settled = self._end(sentence)
        if settled is None or len(self._sentence.strip()) > _MOST_BEGUN or settled in self._refused:
            return None
        if self._n_probes >= _FREE_PROBES + n_tokens // _TOKENS_A_PROBE:
            return None
        self._n_probes += 1
        return settled

    def refuse(self, value: str) -> None:
        """The answer that was asked for was another or not sure: do not ask again for this value."""
        self._refused.add(value)

    def _end(self, sentence: str) -> str | None:
        if _NUMBERING.fullmatch(sentence):
            return None
        values = self._judge.values(sentence)
        if not values:
            return None
        value = values[-1]
        if value in self._seen:
            return value
        self._seen.add(value)
        return None


def probe(stage: Stage, track: Track, lead: str) -> Track | None:
    """Ask a copy of a thinking sequence for its answer, while the original waits.

    Args:
        stage: where the sequence runs.
        track: the sequence.
        lead: what the answer is made to begin with; may be empty.

    Returns:
        The copy with its answer, still running if it has more to say; None if it came to no answer in
        `PROBE_TOKENS`. The original is still held: whoever asks lets it go on, or drops it.
    """
    batch, judge = stage.task.batch, stage.task.judge
    batch.hold(track.seq_id)
    copy = stage.fork(track)
    batch.steer(copy.seq_id, ThinkingBudget(0))
    n_start: int | None = None
    while came := stage.step(0.0):
        for each, event in came:
            if each is copy and isinstance(event, ThinkingEnded):
                n_start = copy.n_tokens
                if lead:
                    batch.append(copy.seq_id, lead)
                    n_start = None
        if n_start is None and not copy.is_thinking:
            n_start = copy.n_tokens
        is_over = any(each is copy and isinstance(event, Finished) for each, event in came)
        if is_complete(copy.answer) or is_over:
            if judge.key(copy.answer) is not None:
                return copy
            break
        if n_start is not None and copy.n_tokens - n_start > PROBE_TOKENS:
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
