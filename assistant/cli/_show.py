"""How the events of a run are shown: the answer on one stream, everything about it on the other."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Protocol, TextIO
from unicodedata import east_asian_width

from assistant.cli._exit_codes import exit_code
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
from assistant.reasons import share
from assistant.terminal import visible

_INDENT = "  "

_THINKING_ENDS = {
    "budget": ", ended by the limit",
    "answer_now": ", ended by you",
    "loop": ", ended as it repeated",
    "found": ", ended as the answer was found",
}


class Show(Protocol):
    """Where the events of a run go."""

    def event(self, event: Event) -> None:
        """Show what happened."""

    def error(self, error: MullError) -> None:
        """Show why there is no answer."""

    def close(self) -> None:
        """Leave the terminal in order; the run may have been cut anywhere."""


class JsonLines:
    """One event a line, in ASCII, so that neither a terminal nor a pipe's encoding can spoil it."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def event(self, event: Event) -> None:
        """Write the event's fields."""
        self._line(event.model_dump(mode="json"))

    def error(self, error: MullError) -> None:
        """Write the error as an event of its own."""
        self._line(
            {
                "event": "error",
                "message": error.message,
                "next_step": error.next_step,
                "exit_code": int(exit_code(error)),
            }
        )

    def close(self) -> None:
        """Nothing is open between two lines."""

    def _line(self, fields: Mapping[str, object]) -> None:
        # DEL is the one control character of ASCII that JSON leaves alone
        self._out.write(json.dumps(fields, separators=(",", ":")).replace("\x7f", "\\u007f") + "\n")
        self._out.flush()


class Plain:
    """Text for people and pipes.

    `out` gets the answer alone: as it is where it is data for a pipe, made visible on a terminal.
    `err` gets notices and errors, and on a terminal the plan, the thinking and the figures as well.
    """

    def __init__(self, out: TextIO, err: TextIO, environment: Mapping[str, str] = os.environ) -> None:
        self._out = out
        self._err = err
        self._out_is_terminal = out.isatty()
        self._err_is_terminal = err.isatty()
        self._columns = _columns(err)
        has_colour = self._err_is_terminal and not environment.get("NO_COLOR")
        self._has_colour = has_colour and environment.get("TERM") != "dumb"
        self._answer = ""  # what `out` got, as the model wrote it
        self._is_line_open = False  # whether what `out` got last was no line end
        self._is_streaming = True
        self._thinking = ""  # what does not fill a row yet
        self._live = ""  # the line that is rewritten in place

    def event(self, event: Event) -> None:
        """Show what happened."""
        match event:
            case Loading():
                self._rewrite(f"Loading {event.model}: {event.progress:.0%}")
            case Notice():
                self._note(event.text)
            case Planned():
                # samples that run side by side would mix: of those, only the chosen answer is shown
                self._is_streaming = event.n_samples == 1
                self._tell(f"Plan: {event.reason}")
            case Prefill():
                self._rewrite(f"Reading the prompt: {event.done} of {event.total} tokens")
            case ThinkingDelta():
                if self._is_streaming:
                    self._think(event.text)
                self._rewrite(f"Thinking: {event.tokens} of {event.budget} tokens, {event.seconds:.1f} s")
            case ThinkingDone():
                self._end_thinking()
            case AnswerDelta():
                self._end_thinking()
                if self._is_streaming:
                    self._write(event.text)
                if not (self._is_streaming and self._out_is_terminal):
                    self._rewrite(f"Answering: {event.tokens} tokens")
            case Retracted():
                self._retract()
            case SampleNews():
                self._rewrite(f"Sample {event.sample + 1}: {event.state}, {event.tokens} tokens")
            case Tally():
                self._tell(vote(event))
            case Answer():
                self._end(event)

    def error(self, error: MullError) -> None:
        """Say what is wrong and what to do."""
        self.close()
        self._err.write(f"mull: {visible(error.message)}\n")
        if error.next_step:
            self._err.write(f"      {visible(error.next_step)}\n")
        self._err.flush()

    def close(self) -> None:
        """End every line that is open."""
        self._end_thinking()
        self._clear()
        self._end_line()

    def _write(self, text: str) -> None:
        if not text:
            return
        self._clear()
        self._answer += text
        self._is_line_open = not text.endswith("\n")
        self._out.write(visible(text) if self._out_is_terminal else text)
        self._out.flush()

    def _end_line(self) -> None:
        if self._is_line_open:
            self._out.write("\n")
            self._out.flush()
            self._is_line_open = False

    def _retract(self) -> None:
        if self._answer:
            self._end_line()
            self._note("The model thinks again: the answer above is void, a new one follows.")
        self._answer = ""

    def _end(self, answer: Answer) -> None:
        self._end_thinking()
        if answer.text.startswith(self._answer):
            self._write(answer.text[len(self._answer) :])
        elif answer.text.strip() != self._answer.strip():
            self._end_line()
            self._note("The answer above is void; this is the one that counts.")
            self._answer = ""
            self._write(answer.text)
        self.close()
        if note := shortfall(answer):
            self._note(note)
        if answer.doubt:
            self._note(answer.doubt)
        self._tell(_figures(answer))

    def _think(self, text: str) -> None:
        rows, self._thinking = _rows(self._thinking + visible(text), self._columns - len(_INDENT) - 1)
        for row in rows:
            self._tell(_INDENT + row)

    def _end_thinking(self) -> None:
        if self._thinking:
            self._tell(_INDENT + self._thinking)
            self._thinking = ""

    def _note(self, text: str) -> None:
        """A line that `err` gets in every case."""
        self._begin_line()
        self._err.write(visible(text) + "\n")
        self._err.flush()

    def _tell(self, text: str) -> None:
        """A line that only a person at a terminal wants."""
        if self._err_is_terminal:
            self._begin_line()
            self._err.write(self._dim(visible(text)) + "\n")
            self._err.flush()

    def _begin_line(self) -> None:
        self._clear()
        # on a terminal both streams share the screen; a pipe's data is not for our line ends
        if self._out_is_terminal:
            self._end_line()

    def _rewrite(self, text: str) -> None:
        """Put `text` in place of the live line."""
        if self._err_is_terminal:
            line = visible(text).replace("\n", " ").replace("\t", " ")[: self._columns - 1]
            self._err.write(f"\r{self._dim(line.ljust(len(self._live)))}")
            self._err.flush()
            self._live = line

    def _clear(self) -> None:
        if self._live:
            # the whole row: the terminal may have put a ^C behind the line
            self._err.write(f"\r{' ' * (self._columns - 1)}\r")
            self._err.flush()
            self._live = ""

    def _dim(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self._has_colour else text


def _columns(stream: TextIO) -> int:
    try:
        return max(20, os.get_terminal_size(stream.fileno()).columns)
    except (OSError, ValueError):  # no terminal, or no file at all
        return 80


def _rows(text: str, width: int) -> tuple[list[str], str]:
    """The full rows of `text`, broken at spaces where there are any, and what fills no row yet."""
    rows = []
    while True:
        line, newline, rest = text.partition("\n")
        if (n := _fitting(line, width)) < len(line):
            # a space right after the row ends it as well as one inside
            cut = line.rfind(" ", 1, n + 1)
            row, text = (line[:n], text[n:]) if cut < 0 else (line[:cut], text[cut + 1 :])
            rows.append(row)
        elif newline:
            rows.append(line)
            text = rest
        else:
            return rows, text


def _fitting(line: str, width: int) -> int:
    """How many characters of `line` fit into `width` columns; at least one."""
    columns = 0
    for n, char in enumerate(line):
        columns += 2 if east_asian_width(char) in "WF" else 1
        if columns > width:
            return max(1, n)
    return len(line)


def shortfall(answer: Answer) -> str:
    """What is missing of an answer, and what to do about it; empty if it is whole."""
    match answer.finish_reason, bool(answer.text.strip()):
        case "stopped", _:
            return "Stopped."
        case "length", True:
            return "The answer is cut: it reached its limit. --max-tokens raises it."
        case "length", False:
            return "The model gave no answer before it reached its limit. --max-tokens raises it."
        case "context", True:
            return "The answer is cut: the context is full. --n-ctx raises it, or ask with less text."
        case "context", False:
            return "The model gave no answer: the context is full. --n-ctx raises it, or ask with less text."
        case _, False:
            return "The model gave no answer. Ask in other words, or with another --seed."
        case _:
            return ""


def vote(tally: Tally) -> str:
    shares = ", ".join(f"{each.answer} ({len(each.samples)})" for each in tally.shares[:4])
    end = ", decided" if tally.is_decided else ""
    return f"Vote after {tally.n_done} of {tally.n_samples}: {shares or 'no answer yet'}{end}"


def _figures(answer: Answer) -> str:
    parts = []
    if answer.thinking_tokens:
        end = _THINKING_ENDS.get(answer.thinking_end or "", "")
        parts.append(f"thinking {answer.thinking_tokens} tokens{end}")
    parts.append(f"answer {answer.completion_tokens - answer.thinking_tokens} tokens")
    if answer.total_tokens > answer.completion_tokens:
        parts.append(f"{answer.total_tokens} tokens in all")
    if answer.agreement is not None and answer.n_samples > 1:
        parts.append(f"agreement {share(answer.agreement)}")
    parts.append(f"{answer.seconds:.1f} s")
    parts.append(f"{answer.tokens_per_second:.1f} tokens/s")
    return " · ".join(parts)
