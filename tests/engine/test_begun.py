"""Going on with a completion that was interrupted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.engine.scripted import THINK
from assistant.engine.splitter import Markers
from assistant.errors import ContextFull
from assistant.query import Message
from tests.engine.replay import Replay
from tests.engine.running import ask, complete

THINKING = "Three cats have four legs each.\n\nThat makes twelve."
ANSWER = "Twelve: **3 * 4 = 12**.\n\n- cats: 3\n- legs: 12"
SCRIPT = f"{THINKING}\n</think>\n\n{ANSWER}"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(THINKING) + len(ANSWER)))
def test_what_was_cut_anywhere_comes_to_the_same_end(cut: int) -> None:
    # a whole character of space at the end of what there is would have been kept back
    begun = Message("assistant", ANSWER[: max(0, cut - len(THINKING))].rstrip(), THINKING[:cut].rstrip())
    request = replace(ask("How many legs?", think=200, max_tokens=400), begun=begun)
    (run,) = complete(Replay(SCRIPT), request)
    assert (run.thinking, run.answer, run.reason) == (THINKING, ANSWER, "stop")


@pytest.mark.parametrize("cut", [0, 1, 10, len(ANSWER) - 1])
def test_without_thinking(cut: int) -> None:
    request = replace(
        ask("How many legs?", think=0, max_tokens=400), begun=Message("assistant", ANSWER[:cut].rstrip())
    )
    (run,) = complete(Replay(ANSWER, markers=Markers()), request)
    assert (run.thinking, run.answer, run.reason) == ("", ANSWER, "stop")


def test_the_limits_are_for_what_follows() -> None:
    request = replace(ask("How many legs?", think=0, max_tokens=5), begun=Message("assistant", ANSWER[:20]))
    (run,) = complete(Replay(ANSWER, markers=Markers()), request)
    assert (run.answer, run.reason) == (ANSWER[:25].rstrip(), "length")
    long = " ".join(str(n * n) for n in range(300))
    request = replace(
        ask("How many legs?", think=100, max_tokens=300), begun=Message("assistant", "", long[:240])
    )
    (run,) = complete(Replay(f"{long}\n</think>\n\n{ANSWER}"), request)
    assert run.thinking.startswith(long[:300])
    assert len(run.thinking) <= 240 + 100
    assert [end.reason for end in run.ended] == ["budget"]
    assert run.answer


def test_what_was_begun_must_fit_too() -> None:
    begun = Message("assistant", "word " * 100)
    with Replay("word " * 200, n_ctx=256).batch() as batch, pytest.raises(ContextFull):
        batch.add(replace(ask("How many?", max_tokens=400), begun=begun))


def test_a_model_without_thinking_goes_on_with_the_answer_alone() -> None:
    begun = Message("assistant", ANSWER[:9], THINKING)
    request = replace(ask("How many legs?", think=0, max_tokens=400), begun=begun)
    (run,) = complete(Replay(ANSWER, markers=Markers()), request)
    assert (run.thinking, run.answer) == ("", ANSWER)
    assert THINK.open
