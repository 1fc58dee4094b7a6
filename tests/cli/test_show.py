"""What goes to standard output and what to standard error, to the letter."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable

import pytest

from assistant.cli._show import JsonLines, Plain, Show
from assistant.errors import ModelFileError
from assistant.events import (
    AnswerDelta,
    Event,
    Loading,
    Notice,
    Planned,
    Prefill,
    Retracted,
    ThinkingDelta,
    ThinkingDone,
)
from tests.cli.scripted import Terminal, answer


def plan(n_samples: int = 1) -> Planned:
    return Planned(
        strategy="direct", reason="a short question", thinking_budget=64, n_samples=n_samples, max_tokens=1088
    )


def thinking(text: str, tokens: int) -> ThinkingDelta:
    return ThinkingDelta(text=text, tokens=tokens, budget=64, seconds=0.5)


RUN: tuple[Event, ...] = (
    Loading(model="starter", progress=0.5),
    Notice(text="Only 2 GB are free."),
    plan(),
    Prefill(done=20, total=20, cached=0),
    thinking("Six times seven\nis", 5),
    thinking(" 42.", 8),
    ThinkingDone(reason="itself", tokens=8, seconds=0.6),
    AnswerDelta(text="It is ", tokens=10),
    AnswerDelta(text="42\x1b[2J.", tokens=12),
    answer(
        "It is 42\x1b[2J.",
        thinking_tokens=8,
        completion_tokens=12,
        thinking="Six times seven\nis 42.",
        seconds=0.9,
    ),
)


def feed(show: Show, events: Iterable[Event]) -> None:
    for event in events:
        show.event(event)


def streams(terminals: str) -> tuple[io.StringIO, io.StringIO]:
    return (
        Terminal() if "out" in terminals else io.StringIO(),
        Terminal() if "err" in terminals else io.StringIO(),
    )


def shown(terminals: str, *events: Event, environment: dict[str, str] | None = None) -> tuple[str, str]:
    """What `out` and `err` get, where `terminals` names those that a person reads."""
    out, err = streams(terminals)
    feed(Plain(out, err, environment or {"NO_COLOR": "1"}), events)
    return out.getvalue(), err.getvalue()


def screen(text: str) -> list[str]:
    """The rows that a terminal shows in the end: a carriage return goes back to the row's start."""
    rows = []
    for line in text.split("\n"):
        row = ""
        for part in line.split("\r"):
            row = part + row[len(part) :]
        rows.append(row.rstrip())
    return rows


def test_a_pipe_gets_the_answer_as_it_is_and_errors_get_only_notices() -> None:
    assert shown("", *RUN) == ("It is 42\x1b[2J.\n", "Only 2 GB are free.\n")


def test_a_person_at_both_gets_everything_and_nothing_that_drives_the_terminal() -> None:
    out, err = shown("out err", *RUN)
    assert out == "It is 42␛[2J.\n"
    assert screen(err) == [
        "Only 2 GB are free.",
        "Plan: a short question",
        "  Six times seven",
        "  is 42.",
        "thinking 8 tokens · answer 4 tokens · 0.9 s · 2.0 tokens/s",
        "",
    ]


def test_the_live_line_is_rewritten_in_place() -> None:
    _, err = shown("out err", Loading(model="m", progress=0.5), Prefill(done=5, total=20, cached=0), plan())
    loading, reading = "Loading m: 50%", "Reading the prompt: 5 of 20 tokens"
    assert err == f"\r{loading}\r{reading}\r{' ' * 79}\rPlan: a short question\n"


def test_a_person_who_sends_the_answer_elsewhere_sees_it_grow() -> None:
    out, err = shown("err", *RUN[:-1])
    assert out == "It is 42\x1b[2J."
    assert screen(err)[-1] == "Answering: 12 tokens"


def test_a_person_who_reads_only_the_answer_gets_it_visible() -> None:
    assert shown("out", *RUN) == ("It is 42␛[2J.\n", "Only 2 GB are free.\n")


def test_thinking_is_dim_where_there_is_colour() -> None:
    _, err = shown("out err", thinking("Hm.\n", 1), environment={"TERM": "xterm"})
    assert err.startswith("\x1b[2m  Hm.\x1b[0m\n")


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_there_is_no_escape_sequence_where_colour_is_not_wanted(environment: dict[str, str]) -> None:
    out, err = shown("out err", *RUN, environment=environment)
    assert "\x1b" not in out + err


def test_no_escape_sequence_goes_down_a_pipe() -> None:
    _, err = shown("out", *RUN, environment={"TERM": "xterm"})
    assert "\x1b" not in err


def test_thinking_cannot_drive_the_terminal() -> None:
    _, err = shown("err", thinking("\x1b]0;x\x07\r\u202e\n", 1))
    assert screen(err)[0] == "  ␛]0;x␇␍⟨U+202E⟩"


def test_long_thinking_is_broken_at_spaces() -> None:
    _, err = shown(
        "err", thinking("word " * 30 + "x" * 100, 31), ThinkingDone(reason="loop", tokens=31, seconds=1)
    )
    rows = screen(err)
    assert rows[0] == "  " + " ".join(["word"] * 15)
    assert max(map(len, rows)) <= 79
    assert "".join(rows).replace(" ", "") == "word" * 30 + "x" * 100


def test_wide_characters_fill_two_columns() -> None:
    _, err = shown("err", thinking("数" * 50, 50), ThinkingDone(reason="loop", tokens=50, seconds=1))
    assert screen(err)[:2] == ["  " + "数" * 38, "  " + "数" * 12]


def test_an_answer_that_ends_its_line_gets_no_empty_one() -> None:
    assert shown("", AnswerDelta(text="4\n", tokens=1), answer("4\n"))[0] == "4\n"


def test_text_that_no_delta_brought_is_printed_at_the_end() -> None:
    assert shown("", plan(), AnswerDelta(text="4", tokens=1), answer("42"))[0] == "42\n"
    assert shown("", plan(), answer("42"))[0] == "42\n"


def test_of_several_samples_only_the_chosen_answer_is_printed() -> None:
    out, err = shown(
        "err",
        plan(n_samples=2),
        ThinkingDelta(text="one way", tokens=2, budget=64, seconds=0.1, sample=1),
        AnswerDelta(text="41", tokens=1),
        AnswerDelta(text="42", tokens=1, sample=1),
        answer("42"),
    )
    assert out == "42\n"
    assert screen(err) == ["Plan: a short question", "answer 3 tokens · 1.5 s · 2.0 tokens/s", ""]


def test_a_retracted_answer_ends_its_line_and_is_spoken_of() -> None:
    out, err = shown(
        "",
        plan(),
        AnswerDelta(text="41", tokens=1),
        Retracted(),
        AnswerDelta(text="42", tokens=3),
        answer("42"),
    )
    assert out == "41\n42\n"
    assert err == "The model thinks again: the answer above is void, a new one follows.\n"


def test_an_answer_that_differs_from_its_deltas_is_printed_whole() -> None:
    out, err = shown("", plan(), AnswerDelta(text="41", tokens=1), answer("42"))
    assert out == "41\n42\n"
    assert err == "The answer above is void; this is the one that counts.\n"


def test_a_notice_breaks_the_answer_on_a_terminal_but_not_in_a_pipe() -> None:
    events = (
        AnswerDelta(text="4", tokens=1),
        Notice(text="Hot."),
        AnswerDelta(text="2", tokens=2),
        answer("42"),
    )
    assert shown("", *events) == ("42\n", "Hot.\n")
    assert shown("out", *events) == ("4\n2\n", "Hot.\n")


@pytest.mark.parametrize(
    ("text", "reason", "note"),
    [
        ("4", "length", "The answer is cut: it reached its limit. --max-tokens raises it."),
        ("", "length", "The model gave no answer before it reached its limit. --max-tokens raises it."),
        ("4", "context", "The answer is cut: the context is full. --n-ctx raises it, or ask with less text."),
        (
            "",
            "context",
            "The model gave no answer: the context is full. --n-ctx raises it, or ask with less text.",
        ),
        (" \n", "stop", "The model gave no answer. Ask in other words, or with another --seed."),
        ("4", "stopped", "Stopped."),
    ],
)
def test_what_is_missing_of_an_answer_is_said(text: str, reason: str, note: str) -> None:
    assert shown("", answer(text, finish_reason=reason))[1] == f"{note}\n"


def test_how_the_thinking_ended_is_among_the_figures() -> None:
    _, err = shown(
        "err",
        answer("4", thinking_tokens=64, completion_tokens=66, thinking_end="budget", finish_reason="stop"),
    )
    assert err == "thinking 64 tokens, ended by the limit · answer 2 tokens · 1.5 s · 2.0 tokens/s\n"


def test_an_error_stands_on_its_own_line() -> None:
    out, err = streams("err")
    show = Plain(out, err, {"NO_COLOR": "1"})
    feed(show, [plan(), thinking("so", 1), AnswerDelta(text="4", tokens=1)])
    show.error(ModelFileError("The file \x1b is cut short.", "Get it again."))
    assert out.getvalue() == "4\n"
    assert screen(err.getvalue()) == [
        "Plan: a short question",
        "  so",
        "mull: The file ␛ is cut short.",
        "      Get it again.",
        "",
    ]


def test_json_is_one_event_a_line_and_the_answer_the_last() -> None:
    out = io.StringIO()
    feed(JsonLines(out), RUN)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    kinds = "loading notice plan prefill thinking thinking thinking_done text text answer"
    assert [line["event"] for line in lines] == kinds.split()
    assert lines == [event.model_dump(mode="json") for event in RUN]
    assert lines[-1]["text"] == "It is 42\x1b[2J."


def test_json_is_printable_ascii_whatever_the_model_writes() -> None:
    out = io.StringIO()
    text = "é\x1b\x7f\x9b\u202e\ud800\u2028"
    JsonLines(out).event(AnswerDelta(text=text, tokens=1))
    line = out.getvalue()
    assert line.endswith("\n")
    assert line[:-1].isascii()
    assert line[:-1].isprintable()
    assert json.loads(line)["text"] == text


def test_an_error_is_an_event_in_json() -> None:
    out = io.StringIO()
    JsonLines(out).error(ModelFileError("There is no such file.", "Check its name."))
    assert out.getvalue() == (
        '{"event":"error","message":"There is no such file.","next_step":"Check its name.","exit_code":3}\n'
    )
