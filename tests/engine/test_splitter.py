"""Thinking and answer out of one stream of text, for the markers of several real families."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assistant.catalog.families import load_families
from assistant.engine.markers import markers
from assistant.engine.splitter import Markers, Splitter

FAMILIES = ("starter", "qwen3", "gpt-oss", "gemma4", "mistral-reasoning", "seed-oss")
STOPS = ("<|im_end|>", "\nUser:")
QUOTES = "`'\"“‘"
QWEN = markers(load_families()["qwen3"])
GPT_OSS = markers(load_families()["gpt-oss"])

of_families = st.sampled_from(
    [markers(load_families()[name], stop) for name in FAMILIES for stop in ((), STOPS)] + [Markers()]
)


def spellings(of: Markers) -> list[str]:
    return [*of.open, *of.close, *of.noise, *of.stop]


@st.composite
def texts(draw: st.DrawFn, of: Markers) -> str:
    """Markers, whole and broken, among quotes, white space and words."""
    whole = spellings(of) or ["<think>"]
    broken = st.builds(
        lambda marker, n, is_start: marker[:n] if is_start else marker[n:],
        st.sampled_from(whole),
        st.integers(1, 12),
        st.booleans(),
    )
    plain = st.sampled_from(
        [*QUOTES, "\n", "\n\n", " ", "\t", "    ", "So", "2 < 3", "é", "思考。", "🙂", "<", "["]
    )
    parts = st.one_of(st.sampled_from(whole), plain, plain, broken)
    return "".join(draw(st.lists(parts, max_size=24)))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Markers, bool, str]:
    """Markers, whether the text begins within the thinking, and the text."""
    of = draw(of_families)
    return of, draw(st.booleans()), draw(texts(of))


def split(of: Markers, is_thinking: bool, *chunks: str) -> tuple[str, str]:
    """Thinking and answer of a text that comes in these chunks."""
    splitter = Splitter(of, is_thinking)
    parts = [*(splitter.feed(chunk) for chunk in chunks), splitter.flush()]
    return "".join(part.thinking for part in parts), "".join(part.answer for part in parts)


def cut(text: str, places: list[int]) -> list[str]:
    ends = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[a:b] for a, b in pairwise(ends)]


def expected(of: Markers, is_thinking: bool, text: str) -> tuple[str, str]:
    """What the rules say, by regular expressions over the whole text."""
    conditions = [
        *((marker, rf"(?<![{QUOTES}])") for marker in of.close),
        *((marker, r"(?:\A|(?<=\n))[^\S\n]*") for marker in of.open),
        *((marker, "") for marker in (*of.noise, *of.stop)),
    ]
    longest_first = sorted(conditions, key=lambda pair: -len(pair[0]))
    in_thinking = re.compile("|".join(re.escape(marker) for marker, _ in longest_first) or "(?!)")
    in_answer = re.compile("|".join(before + re.escape(m) for m, before in longest_first) or "(?!)")
    runs: list[tuple[bool, str]] = [(is_thinking, "")]
    while True:
        now, run = runs[-1]
        match = (in_thinking if now else in_answer).search(text)
        found = match[0].lstrip(" \t") if match else ""
        runs[-1] = (now, run + text[: match.start() if match else len(text)])
        if match is None or found in of.stop:
            break
        text = text[match.end() :]
        after = now if found in of.noise else found in of.open
        if after != now:
            runs.append((after, ""))
    shown = [(now, re.sub(r"\A\s*\n", "", run).rstrip()) for now, run in runs]
    return tuple(
        "\n\n".join(run for now, run in shown if now == channel and run) for channel in (True, False)
    )  # type: ignore[return-value]


@settings(deadline=None)
@given(cases(), st.lists(st.integers(0, 400), max_size=12))
def test_the_chunks_make_no_difference(case: tuple[Markers, bool, str], places: list[int]) -> None:
    of, is_thinking, text = case
    whole = split(of, is_thinking, text)
    assert split(of, is_thinking, *cut(text, places)) == whole
    assert split(of, is_thinking, *text) == whole, "character by character"


@settings(deadline=None)
@given(cases())
@example((GPT_OSS, False, "Yes.<|channel|>commentary<|message|>No."))
def test_every_marker_goes_and_nothing_else(case: tuple[Markers, bool, str]) -> None:
    of, is_thinking, text = case
    assert split(of, is_thinking, text) == expected(of, is_thinking, text)


@settings(deadline=None)
@given(of_families, st.booleans(), st.data())
def test_words_between_markers_all_arrive_in_order(
    of: Markers, is_thinking: bool, data: st.DataObject
) -> None:
    steady = replace(of, stop=())
    parts = [*(spellings(steady) or ["-"]), "\n", "\n\n  ", " "]
    gaps = data.draw(st.lists(st.sampled_from(parts), max_size=20))
    words = [f"w{i}." for i in range(len(gaps))]
    text = "".join(gap + word for gap, word in zip(gaps, words, strict=True))
    thinking, answer = split(steady, is_thinking, text)
    assert sorted(re.findall(r"w\d+\.", thinking + answer)) == sorted(words), text
    for channel in (thinking, answer):
        numbers = [int(number) for number in re.findall(r"w(\d+)", channel)]
        assert numbers == sorted(numbers), f"out of order: {channel!r}"


@settings(deadline=None)
@given(cases())
def test_no_more_is_kept_back_than_could_become_a_marker(case: tuple[Markers, bool, str]) -> None:
    of, is_thinking, text = case
    splitter = Splitter(of, is_thinking)
    longest = max(map(len, spellings(of)), default=1)
    for character in text:
        splitter.feed(character)
        assert splitter.n_held < longest


@settings(deadline=None)
@given(cases())
def test_only_what_closes_with_foresees_ends_the_thinking(case: tuple[Markers, bool, str]) -> None:
    of, is_thinking, text = case
    splitter = Splitter(of, is_thinking)
    for character in text:
        was_thinking, closes = splitter.is_thinking, splitter.closes_with(character)
        splitter.feed(character)
        assert splitter.is_thinking or not was_thinking or closes


EXAMPLES = {
    "thinking, then the answer": (QWEN, True, "Hm.\n</think>\n\nYes.", "Hm.", "Yes."),
    "the model opens its thinking itself": (QWEN, False, "<think>\nHm.\n</think>\n\nYes.", "Hm.", "Yes."),
    "an empty block": (QWEN, False, "<think>\n\n</think>\n\nYes.", "", "Yes."),
    "a second opening within the thinking": (QWEN, True, "<think>Hm.</think>Yes.", "Hm.", "Yes."),
    "no end": (QWEN, True, "Hm, hm", "Hm, hm", ""),
    "half a marker at the end is text": (QWEN, True, "Hm.</think>Yes </thi", "Hm.", "Yes </thi"),
    "a stray end in the answer": (QWEN, False, "Yes.\n</think>\nIndeed.", "", "Yes.\n\nIndeed."),
    "inline code in the answer": (
        QWEN,
        False,
        "Use `<think>` and `</think>`.",
        "",
        "Use `<think>` and `</think>`.",
    ),
    "quotes in the answer": (QWEN, False, 'Say "</think>" or “<think>”.', "", 'Say "</think>" or “<think>”.'),
    "an opening within a line": (QWEN, False, "The tag <think> begins it.", "", "The tag <think> begins it."),
    "a quoted end in the thinking ends it": (QWEN, True, "the `</think>` tag", "the `", "` tag"),
    "an indented answer": (
        QWEN,
        True,
        "Hm.</think>\n\n    code()\n    more()\n",
        "Hm.",
        "    code()\n    more()",
    ),
    "blank lines within the answer": (QWEN, False, "\n\na\n\n\nb\n\n", "", "a\n\n\nb"),
    "gpt-oss": (
        GPT_OSS,
        False,
        "<|channel|>analysis<|message|>Two and two.<|end|><|start|>assistant"
        "<|channel|>final<|message|>4<|return|>",
        "Two and two.",
        "4",
    ),
    "gpt-oss with a preamble": (
        GPT_OSS,
        False,
        "<|channel|>analysis<|message|>Add. <|end|><|start|>assistant<|channel|>commentary<|message|>I add. "
        "<|end|><|start|>assistant<|channel|>analysis<|message|>4.<|end|><|start|>assistant"
        "<|channel|>final<|message|>It is 4.<|return|>",
        "Add. I add. 4.",
        "It is 4.",
    ),
    "gpt-oss that goes on after its answer": (
        GPT_OSS,
        True,
        "Hm.<|end|><|start|>assistant<|channel|>final<|message|>4<|end|><|start|>assistant"
        "<|channel|>analysis<|message|>Done.<|end|>",
        "Hm.\n\nDone.",
        "4",
    ),
    "gpt-oss with a constrained answer": (
        GPT_OSS,
        True,
        'Hm.<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>{"a": 1}<|return|>',
        "Hm.",
        '{"a": 1}',
    ),
    "a text that ends the turn": (
        replace(QWEN, stop=STOPS),
        True,
        "Hm.</think>Yes.\nUser: and?",
        "Hm.",
        "Yes.",
    ),
    "nothing like a text that ends the turn": (
        replace(QWEN, stop=STOPS),
        False,
        "See\nUserland.",
        "",
        "See\nUserland.",
    ),
    "no markers at all": (Markers(), False, "\n<think>Yes</think>", "", "<think>Yes</think>"),
}


@pytest.mark.parametrize(("of", "is_thinking", "text", "thinking", "answer"), EXAMPLES.values(), ids=EXAMPLES)
def test_examples(of: Markers, is_thinking: bool, text: str, thinking: str, answer: str) -> None:
    assert split(of, is_thinking, *text) == (thinking, answer)


def test_nothing_comes_after_a_text_that_ends_the_turn() -> None:
    splitter = Splitter(replace(QWEN, stop=STOPS), is_thinking=False)
    assert splitter.feed("Yes.<|im_end|>And more.").answer == "Yes."
    assert splitter.is_stopped
    assert splitter.feed("Even more.") == splitter.flush()
