"""Telling thinking from answer in a stream of text, by the family's markers.

Markers are matched on decoded text, never on token ids, because the same marker is one token in one
vocabulary and several in the next. The result does not depend on how the text is cut into chunks.
"""

from __future__ import annotations

from dataclasses import dataclass

_QUOTES = "`'\"“‘"


@dataclass(frozen=True, slots=True)
class Markers:
    """The spellings around a family's thinking channel; all empty for a family without one."""

    open: tuple[str, ...] = ()
    """Any of these begins the thinking."""
    close: tuple[str, ...] = ()
    """Any of these ends it."""
    noise: tuple[str, ...] = ()
    """Other markup of the protocol, dropped wherever it stands."""
    stop: tuple[str, ...] = ()
    """Texts that end the turn, for templates whose turns no token ends."""
    forced_close: str = ""
    """What is written to end the thinking from outside, blank lines included."""
    hand_over: str = ""
    """The sentence that leads from a thinking cut short to the answer."""
    continuation: str = ""
    """What is written to go on thinking, such as "Wait"."""


@dataclass(frozen=True, slots=True)
class Split:
    """What a chunk of text added to each channel."""

    thinking: str = ""
    answer: str = ""


class Splitter:
    """Splits one sequence's text; `feed` chunk by chunk, then `flush` once.

    A channel starts without blank lines, and whitespace at its end is kept back until more text
    follows. A channel that goes on after the other one was heard goes on in a new paragraph. An
    opening marker counts in an answer only where nothing but spaces stands before it in its line, and
    neither marker counts there after a quotation mark: an answer may speak of `<think>`.
    """

    def __init__(self, markers: Markers, is_thinking: bool) -> None:
        self._markers = markers
        every = (*markers.open, *markers.close, *markers.noise, *markers.stop)
        self._all = tuple(marker for marker in every if marker)
        self._first = frozenset(m[0] for m in self._all)
        self.is_thinking = is_thinking
        self.is_stopped = False
        """Whether a text that ends the turn has come; what follows it is dropped."""
        self._held = ""
        self._blank = ""
        self._is_begun = False
        self._was_heard = {True: False, False: False}
        """By `is_thinking`: whether the channel has said something before it was left."""
        self._line = "\n"
        """What `_last_line` says of the text so far: enough to judge what a marker means."""

    @property
    def n_held(self) -> int:
        """Characters kept back because they may begin a marker."""
        return len(self._held)

    def feed(self, text: str) -> Split:
        """Take in the next chunk."""
        return self._take(self._held + text, is_last=False)

    def flush(self) -> Split:
        """The end of the text: what was kept back as a possible marker is text after all."""
        return self._take(self._held, is_last=True)

    def closes_with(self, text: str) -> bool:
        """Whether `text` would complete a marker that ends the thinking."""
        if not self.is_thinking:
            return False
        seen = self._held + text
        return any(close and close in seen for close in self._markers.close)

    def restart(self, is_thinking: bool) -> None:
        """Go on as if the text had just entered this channel: thinking that was begun, or a new answer."""
        self.is_thinking = is_thinking
        self.is_stopped = False
        self._held, self._blank, self._is_begun, self._line = "", "", is_thinking, "\n"
        self._was_heard[False] = False

    def resume(self) -> None:
        """Go on after a text that ended the turn."""
        self.is_stopped = False

    def _take(self, text: str, is_last: bool) -> Split:
        thinking: list[str] = []
        answer: list[str] = []
        start = 0
        while start < len(text) and not self.is_stopped:
            at, marker = self._next_marker(text, start, is_last)
            plain = self._plain(text[start:at])
            (thinking if self.is_thinking else answer).append(plain)
            start = at + len(marker)
            if not marker:
                break
            self._pass(marker)
        self._held = "" if self.is_stopped else text[start:]
        return Split("".join(thinking), "".join(answer))

    def _next_marker(self, text: str, start: int, is_last: bool) -> tuple[int, str]:
        """Position and text of the next marker; without one, where the undecided end begins and ""."""
        if self._first:
            for at in range(start, len(text)):
                if text[at] not in self._first:
                    continue
                rest = text[at:]
                if not is_last and any(m.startswith(rest) and m != rest for m in self._all):
                    return at, ""
                line = _last_line(self._line + text[start:at])
                counting = (m for m in self._all if rest.startswith(m) and self._counts(m, line))
                if whole := max(counting, key=len, default=""):
                    return at, whole
        return len(text), ""

    def _counts(self, marker: str, line: str) -> bool:
        if self.is_thinking or marker in self._markers.noise or marker in self._markers.stop:
            return True
        if marker in self._markers.open and marker not in self._markers.close:
            return not line.strip()
        return line[-1] not in _QUOTES

    def _pass(self, marker: str) -> None:
        if marker in self._markers.stop:
            self.is_stopped = True
            return
        if marker in self._markers.noise:
            self._line = "\n"
            return
        was_thinking = self.is_thinking
        if marker in self._markers.close and (was_thinking or marker not in self._markers.open):
            self.is_thinking = False
        else:
            self.is_thinking = True
        if was_thinking != self.is_thinking:
            self._was_heard[was_thinking] |= self._is_begun
            self._blank, self._is_begun = "", False
        self._line = "\n"

    def _plain(self, text: str) -> str:
        """The part of `text` that can be shown now: no blank lines first, no whitespace last."""
        if not text:
            return ""
        self._line = _last_line(self._line + text)
        text = self._blank + text
        shown = text.rstrip()
        self._blank = text[len(shown) :]
        if not shown:
            return ""
        if not self._is_begun:
            self._is_begun = True
            lead = len(shown) - len(shown.lstrip())
            shown = shown[shown.rfind("\n", 0, lead) + 1 :]
            return "\n\n" + shown if self._was_heard[self.is_thinking] else shown
        return shown


def _last_line(text: str) -> str:
    """What matters of the last line: its break and blanks, or a sign for its words and its last character."""
    line = text[text.rfind("\n") + 1 :]
    return f"_{line[-1]}" if line.strip() else f"\n{line}"
