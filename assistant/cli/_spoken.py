"""A run as lines that are only ever added: for screen readers, and terminals that can no more."""

from __future__ import annotations

from typing import TextIO

from assistant.cli._show import shortfall, vote
from assistant.errors import MullError
from assistant.events import (
    Answer,
    AnswerDelta,
    Event,
    Loading,
    Notice,
    Planned,
    Prefill,
    Retracted,
    SampleNews,
    Tally,
    ThinkingDelta,
    ThinkingDone,
)
from assistant.formulas.streaming import ReadableStream
from assistant.terminal import visible
from assistant.tui import figures

LONG_PROMPT_TOKENS = 512
"""A prompt of more tokens that are still to be read is worth a line."""


class Spoken:
    """Says one run on `out`: a heading before the thinking and the answer, a sentence for all else.

    Args:
        out: where it is said.
        said: what was said before in the same chat and need not be said again.
    """

    def __init__(self, out: TextIO, said: set[str] | None = None) -> None:
        self._out = out
        self._heading = ""
        self._is_line_open = False
        self._is_streaming = True
        self._readable = ReadableStream()
        self._said: set[str] = set()
        self._said_before = said if said is not None else set()
        self.answer = ""
        """What was answered so far, as the model wrote it."""
        self.thinking = ""
        """What was thought so far."""

    def event(self, event: Event) -> None:
        """Say what happened."""
        match event:
            case Loading():
                self._once(f"Loading {event.model}.")
            case Notice():
                if event.text not in self._said_before:
                    self._said_before.add(event.text)
                    self._line(event.text)
            case Planned():
                # samples that run side by side would mix: of those, only the chosen answer is said
                self._is_streaming = event.n_samples == 1
                self._line(f"Plan: {event.reason}")
            case Prefill() if event.total - event.cached > LONG_PROMPT_TOKENS:
                self._once(f"Reading {figures.tokens(event.total)}.")
            case ThinkingDelta() if event.sample == 0 and self._is_streaming:
                self.thinking += event.text
                self._begin("Thinking:")
                self._write(event.text)
            case ThinkingDone() if event.sample == 0:
                self._line(_sentence(figures.thought_title(event.tokens, event.seconds, event.reason)))
            case AnswerDelta() if event.sample == 0 and self._is_streaming:
                self._answer(event.text)
            case Retracted():
                self._retract()
            case SampleNews() if event.state == "done" and event.answer:
                self._once(f"Sample {event.sample + 1} says {event.answer}.")
            case Tally():
                self._once(f"{vote(event)}.")
            case Answer():
                self._end(event)

    def error(self, error: MullError) -> None:
        """Say what is wrong and what to do."""
        self._line(f"Error: {error.message}")
        if error.next_step:
            self._line(error.next_step)

    def close(self) -> None:
        """End every line that is open."""
        self._write(self._readable.end())
        self._break()

    def _answer(self, text: str) -> None:
        self.answer += text
        self._begin("Answer:")
        self._write(self._readable.feed(text))

    def _retract(self) -> None:
        if self.answer:
            self.close()
            self._line("Mull thinks again: the answer so far is void.")
        self.answer = ""
        self._heading = ""

    def _end(self, answer: Answer) -> None:
        if answer.text.startswith(self.answer):
            self._answer(answer.text[len(self.answer) :])
        elif answer.text.strip() != self.answer.strip():
            self.close()
            self._heading, self.answer = "", ""
            self._answer(answer.text)
        self.answer, self.thinking = answer.text, answer.thinking or self.thinking
        # `shortfall` says how it ended, and what to do about it
        cost = figures.answer_figures(answer.model_copy(update={"finish_reason": "stop"}), "")
        for line in (shortfall(answer), answer.doubt, _sentence(cost)):
            if line:
                self._line(line)

    def _begin(self, heading: str) -> None:
        if heading != self._heading:
            self._line(heading)
            self._heading = heading
            self._readable = ReadableStream()

    def _once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._line(text)

    def _line(self, text: str) -> None:
        self.close()
        self._heading = ""
        self._out.write(visible(text).replace("\n", " ") + "\n")
        self._out.flush()

    def _write(self, text: str) -> None:
        if text:
            self._out.write(visible(text))
            self._out.flush()
            self._is_line_open = not text.endswith("\n")

    def _break(self) -> None:
        if self._is_line_open:
            self._out.write("\n")
            self._out.flush()
            self._is_line_open = False


def _sentence(title: str) -> str:
    """A title of the screens as a sentence, its separators as commas."""
    words = title.replace(figures.SEPARATOR, ", ")
    return f"{words[:1].upper()}{words[1:]}."
