"""Keeping one sequence's thinking inside its budget, and making sure that an answer follows: pure.

Budget forcing as in s1 (arXiv 2501.19393), with the end softened: near the limit the closing marker is
favoured at sentence boundaries, at the limit a hand-over sentence and the marker are forced.
Laws: thinking tokens never exceed the maximum; the thinking never swallows the tokens kept for the
answer; a turn may not end while its answer is blank.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assistant.engine.loops import LoopDetector
from assistant.engine.protocol import ThinkingBudget, ThinkingEnd
from assistant.engine.splitter import Markers, Split, Splitter

Verdict = Literal["accept", "wait", "close", "finish"]
"""What to do with a drawn token: take it, think on instead, close the thinking instead, end the turn."""

Ban = Literal["nothing", "end", "blank"]
"""What must not be drawn: nothing, the end of the turn, or anything that shows no text."""

_SENTENCE_END = (".", "!", "?", "\n", "。", "！", "？")
_SOFT_SHARE = 0.25
"""The last quarter of a budget is its soft landing."""
_ANSWER_RESERVE = 64
"""Tokens that thinking leaves for the answer, or a quarter of all where that is less."""
_BLANK_TOKENS = 8
"""Blank tokens that an answer may begin with."""


@dataclass(frozen=True, slots=True)
class ForcedLengths:
    """What forced text costs in this model's vocabulary, in tokens."""

    hand_over: int = 0
    close: int = 0
    continuation: int = 0


class Thinking:
    """The thinking and the answer of one sequence, token by token."""

    def __init__(
        self,
        markers: Markers,
        is_thinking: bool,
        budget: ThinkingBudget,
        max_tokens: int,
        lengths: ForcedLengths,
    ) -> None:
        self._markers = markers
        self._splitter = Splitter(markers, is_thinking)
        self._lengths = lengths
        self._max_tokens = max_tokens
        self._loops = LoopDetector()
        self._is_looping = False
        self._n_waits = 0
        self._undecided: list[tuple[int, bool]] = []
        """Characters of the last tokens, as far back as a marker may have begun; and whether each counts."""
        self._n_blank = 0
        self._last_char = "\n"
        self._is_cut_by_user = False
        self._is_forcing = False
        self._forced_reason: ThinkingEnd | None = None
        self.budget = budget
        self.n_completion = 0
        self.n_thinking = 0
        self.is_answer_blank = True
        self.end_reason: ThinkingEnd | None = None

    @property
    def is_thinking(self) -> bool:
        """Whether the next text belongs to the thinking channel, as far as is decided."""
        return self._splitter.is_thinking

    @property
    def is_stopped(self) -> bool:
        """Whether the text has ended the turn by itself."""
        return self._splitter.is_stopped

    @property
    def maximum(self) -> int:
        """Thinking tokens allowed, after leaving room for the answer."""
        return max(0, min(self.budget.maximum, self._max_tokens - self._n_reserved))

    @property
    def room(self) -> int:
        """Thinking tokens that may still come."""
        return self._room_after(self.n_completion, self.n_thinking)

    @property
    def has_hand_over(self) -> bool:
        """Whether the budget is long enough to afford the hand-over sentence."""
        return 0 < 4 * self._lengths.hand_over <= self.maximum

    def due(self) -> ThinkingEnd | None:
        """Why the thinking must be closed now, before another token is drawn; None while it may go on."""
        if not self.is_thinking or self._is_forcing:
            return None
        if self.room <= (self._lengths.hand_over if self.has_hand_over else 0):
            return "answer_now" if self._is_cut_by_user else "budget"
        return "loop" if self._is_looping else None

    def closing_text(self, reason: ThinkingEnd) -> tuple[str, str]:
        """Hand-over sentence and closing marker to force, and note why.

        The sentence may be empty; so is the marker where it would leave no token for the answer.
        """
        self._is_forcing = True
        self._forced_reason = reason
        if self.n_completion and self.n_completion + self._lengths.close >= self._max_tokens:
            return "", ""
        is_short = reason == "itself" or not self.has_hand_over or self.room < self._lengths.hand_over
        return "" if is_short else self._markers.hand_over, self._markers.forced_close

    def eagerness(self) -> float:
        """How strongly to favour the closing marker on the next token: 0 not at all, 1 fully."""
        if not self.is_thinking or self._last_char not in _SENTENCE_END:
            return 0.0
        limit = self.maximum - (self._lengths.hand_over if self.has_hand_over else 0)
        start = limit * (1 - _SOFT_SHARE)
        if self.n_thinking < max(start, self.budget.minimum):
            return 0.0
        return min(1.0, (self.n_thinking - start) / max(1.0, limit - start))

    def ban(self) -> Ban:
        """What the next token must not be, so that the answer does not stay blank."""
        if self.is_thinking or not self.is_answer_blank:
            return "nothing"
        # A marker that is begun now must not take all that is left.
        is_pressing = self._max_tokens - self.n_completion <= max(_BLANK_TOKENS // 2, self._lengths.close)
        return "blank" if is_pressing or self._n_blank >= _BLANK_TOKENS else "end"

    def judge(self, text: str, is_end: bool) -> Verdict:
        """What to do with a drawn token whose text is `text`."""
        if is_end:
            return "close" if self.is_thinking else "finish"
        if not self.is_thinking or not self._splitter.closes_with(text):
            return "accept"
        is_early = self.n_thinking - self._n_undecided < min(self.budget.minimum, self.maximum)
        may_wait = self._n_waits < self.budget.max_waits and not self._is_looping
        if is_early and may_wait and self.room + self._n_undecided > self._lengths.continuation:
            return "wait"
        return "accept"

    def continuation(self) -> tuple[str, int]:
        """What to write instead of the closing marker, and how many tokens of it to take back."""
        self._n_waits += 1
        n_undecided = self._n_undecided
        self._undecided.clear()
        self.n_thinking -= n_undecided
        self.n_completion -= n_undecided
        self._splitter.restart(is_thinking=True)
        return self._markers.continuation, n_undecided

    def accept(self, token: int, text: str, is_marker: bool = False) -> Split:
        """Take in a token, drawn or forced, and its text; what it adds to each channel.

        A token of the forced closing marker (`is_marker`) costs completion tokens, not thinking tokens.
        """
        was_thinking = self.is_thinking
        split = self._splitter.feed(text)
        self.n_completion += 1
        self._last_char = text[-1:] or self._last_char
        if was_thinking and not self.is_thinking:
            self._end_thinking()
        elif was_thinking:
            self._note_undecided(len(text), counts=not is_marker)
            if not is_marker:
                self._is_looping |= self._loops.feed(token, text)
                self.n_thinking += 1
        if not self.is_thinking and self.is_answer_blank:
            self._n_blank += 1
            self.is_answer_blank = not split.answer
        return split

    def ensure_closed(self) -> None:
        """After the closing text was forced: the answer begins, whatever the markers say."""
        if self.is_thinking:
            self._splitter.restart(is_thinking=False)
            self._end_thinking()

    def resume(self) -> None:
        """Go on after a text that ended the turn."""
        self._splitter.resume()

    def flush(self) -> Split:
        """The end of the turn: text that was kept back as a possible marker."""
        return self._splitter.flush()

    def steer(self, budget: ThinkingBudget) -> None:
        """Replace the budget; a maximum already reached counts as the user's wish to have the answer."""
        self._is_cut_by_user = budget.maximum <= self.n_thinking
        self.budget = budget
        if not self._is_cut_by_user:
            self._is_looping = False
            self._loops = LoopDetector()

    def allow(self, max_tokens: int, budget: ThinkingBudget) -> None:
        """Set both limits anew, for a completion that does not begin at its beginning."""
        self._max_tokens = max_tokens
        self.budget = budget

    def may_reopen(self, n_completion: int, n_thinking: int) -> bool:
        """Whether thinking on from there would have room for more than the continuation."""
        return self._room_after(n_completion, n_thinking) > self._lengths.continuation

    def reopen(self, n_completion: int, n_thinking: int) -> str:
        """Take the answer back and think on; returns the continuation to force.

        Args:
            n_completion: tokens of the completion that are kept.
            n_thinking: those of them that are thinking.
        """
        self.n_completion, self.n_thinking = n_completion, n_thinking
        self.is_answer_blank, self._n_blank = True, 0
        self._undecided.clear()
        self._is_forcing, self._forced_reason, self.end_reason = False, None, None
        self._splitter.restart(is_thinking=True)
        return self._markers.continuation

    @property
    def _n_reserved(self) -> int:
        return self._lengths.close + max(1, min(_ANSWER_RESERVE, self._max_tokens // 4))

    @property
    def _n_undecided(self) -> int:
        """Thinking tokens that may turn out to be part of a marker."""
        return sum(counts for _, counts in self._undecided)

    def _room_after(self, n_completion: int, n_thinking: int) -> int:
        return min(self.maximum - n_thinking, self._max_tokens - self._n_reserved - n_completion)

    def _note_undecided(self, n_chars: int, counts: bool) -> None:
        self._undecided.append((n_chars, counts))
        n_known = sum(n for n, _ in self._undecided) - self._splitter.n_held
        while self._undecided and n_known >= self._undecided[0][0]:
            n_known -= self._undecided.pop(0)[0]

    def _end_thinking(self) -> None:
        self.n_thinking -= self._n_undecided
        self._undecided.clear()
        self._n_blank = 0
        self.end_reason = self._forced_reason or "itself"
        self._is_forcing = False
