"""Leaving a thinking that has come to its answer."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.control import Control
from assistant.events import AnswerDelta, Event, Probed, Retracted, ThinkingDelta, ThinkingDone
from assistant.judge import AnswerJudge
from assistant.strategies.early_exit import Watch, is_complete
from tests.engine.replay import Replay
from tests.strategies.running import SURE, answer_of, run

FOUND = "3 x 4 = 12. So it is 12. "
DOUBTS = "Let me check that again and again. Once more, 12. And then 12 it is. "
SCRIPT = f"{FOUND}{DOUBTS}\n</think>\n\nThe answer is \\boxed{{12}}."


def thinker(after_cut: str, script: str = SCRIPT) -> Replay:
    engine = Replay(script)
    engine.runner.after_cut = lambda _request, _i: after_cut
    return engine


def probes(events: list[Event]) -> list[Probed]:
    return [event for event in events if isinstance(event, Probed)]


def shown(events: list[Event]) -> str:
    assert not any(isinstance(event, Retracted) for event in events)
    return "".join(event.text for event in events if isinstance(event, AnswerDelta))


def test_it_leaves_where_the_thinking_settles() -> None:
    engine = thinker("The answer is \\boxed{12}.")
    events = run(
        engine, "extended_thinking", think=300, early_exit=True, gate=SURE, lead="The answer is \\boxed{"
    )
    answer = answer_of(events)
    assert answer.text == shown(events) == "The answer is \\boxed{12}."
    assert answer.thinking == FOUND.strip()
    assert answer.thinking_end == "found"
    (ended,) = (event for event in events if isinstance(event, ThinkingDone))
    assert (ended.reason, ended.tokens) == ("found", answer.thinking_tokens)
    (probe,) = probes(events)
    assert (probe.answer, probe.is_exit) == ("12", True)
    assert probe.confidence == pytest.approx(0.905, abs=0.01)
    assert answer.total_tokens < len(SCRIPT)
    assert engine._cache.n_idle == engine.runner.n_slots


def test_without_words_of_its_own_the_model_finds_them_itself() -> None:
    """The copy was made to say \\boxed{ and no more: its answer would be bare, so it is forgotten."""
    events = run(thinker("\\boxed{12}"), "extended_thinking", think=300, early_exit=True, gate=SURE)
    assert [probe.is_exit for probe in probes(events)] == [True]
    answer = answer_of(events)
    assert (answer.text, answer.thinking_end) == ("\\boxed{12}", "found")
    assert answer.total_tokens > answer.completion_tokens


@pytest.mark.parametrize(
    ("after_cut", "gate"), [("The answer is \\boxed{12}.", 0.95), ("It is \\boxed{7}.", SURE)]
)
def test_an_unsure_or_other_answer_lets_it_think_on(after_cut: str, gate: float) -> None:
    events = run(thinker(after_cut), "extended_thinking", think=300, early_exit=True, gate=gate)
    answer = answer_of(events)
    assert answer.thinking == (FOUND + DOUBTS).strip()
    assert (answer.text, answer.thinking_end) == ("The answer is \\boxed{12}.", "itself")
    assert [probe.is_exit for probe in probes(events)] == [False], "it is not asked twice for one value"
    assert answer.total_tokens > answer.completion_tokens, "the probe is counted"


def test_a_thinking_that_does_not_settle_is_not_asked() -> None:
    script = "3 + 4 = 7. 7 + 5 = 12. 12 + 1 = 13.\n</think>\n\nThe answer is \\boxed{13}."
    events = run(thinker("\\boxed{13}", script), "extended_thinking", think=300, early_exit=True, gate=SURE)
    assert not probes(events)
    assert answer_of(events).thinking_end == "itself"


def settles(text: str) -> list[str]:
    """The values on which a thinking settles that comes character by character."""
    watch, found = Watch(AnswerJudge("number")), []
    for i, character in enumerate(text):
        value = watch.read(character, i)
        if value is not None:
            found.append(value)
            watch.refuse(value)
    return found


def test_the_point_of_a_number_ends_no_sentence() -> None:
    assert settles("133 / 2 = 66.5. So 66.5 it is. It is 66.5. ") == ["66.5"]
    assert settles("132 / 2 = 66. And then 66.5. So it is 66. ") == ["66"]


def test_it_does_not_wait_for_the_next_word() -> None:
    watch = Watch(AnswerJudge("number"))
    assert watch.read("The numbers come to 60 + 6 = 66.", 20) is None
    assert watch.read(" So the answer that I was asked for is 66.", 30) == "66"


def test_what_the_copy_was_sure_of_counts_as_seen() -> None:
    watch = Watch(AnswerJudge("number"))
    read = [watch.read(text, 0) for text in ("60 x 60 = 3600. ", "68 x 68 = 4624. ", "That is 4624. ")]
    assert read == [None, None, "4624"]
    assert not watch.has_heard("68")
    watch.refuse("4624", sure_of="68")
    assert watch.read("So it is 68. ", 0) == "68"
    assert watch.has_heard("68")


@pytest.mark.parametrize(("probability", "is_left"), [(0.95, True), (0.5, False)])
def test_a_long_answer_is_heard_out_while_it_is_sure(probability: float, is_left: bool) -> None:
    numbers = ", ".join(map(str, range(10, 25)))
    script = f"First {numbers}. Once more: {numbers}. Again.\n</think>\n\nIt is \\boxed{{{numbers}}}."
    engine = thinker(f"It is \\boxed{{{numbers}}}.", script)
    engine.runner.logprob = math.log(probability)
    events = run(
        engine,
        "extended_thinking",
        kind="expression",
        think=600,
        early_exit=True,
        gate=SURE,
        lead="It is \\boxed{",
    )
    assert [probe.is_exit for probe in probes(events)] == [is_left]
    assert answer_of(events).text == f"It is \\boxed{{{numbers}}}."


def test_stop_in_mid_probe_keeps_the_thinking() -> None:
    control = Control()
    engine = thinker("The answer is \\boxed{12}.")

    def act(event: Event) -> None:
        if isinstance(event, ThinkingDelta) and event.tokens >= len(FOUND) - 1:
            control.stop()

    events = run(engine, "extended_thinking", think=300, early_exit=True, gate=SURE, control=control, act=act)
    answer = answer_of(events)
    assert (answer.finish_reason, answer.text) == ("stopped", "")
    assert answer.thinking.startswith("3 x 4 = 12.")


@given(st.lists(st.integers(0, 999), min_size=1, max_size=8, unique=True), st.integers(1, 7))
def test_only_what_was_said_before_settles(values: list[int], n_pieces: int) -> None:
    """However the text is cut into tokens."""
    text = " ".join(f"Then there are {value}." for value in values)
    again = f" So there are {values[0]}.\n"
    watch = Watch(AnswerJudge("number"))
    came = [watch.read(text[i : i + n_pieces], i) for i in range(0, len(text), n_pieces)]
    assert not any(came)
    came = [watch.read(again[i : i + n_pieces], 100) for i in range(0, len(again), n_pieces)]
    assert [value for value in came if value] == [str(values[0])]


def test_numbering_and_decimals_are_no_sentences() -> None:
    watch = Watch(AnswerJudge("number"))
    assert not any(
        watch.read(piece, 0) for piece in ("1. b. 1. a. ", "2.", "5 and 3.", "5 make 6.", "0 now. ")
    )


def test_a_trace_full_of_values_is_asked_seldom() -> None:
    watch = Watch(AnswerJudge("number"))
    asked = 0
    for i in range(200):
        value = watch.read(f"It is {i % 100}.\n", i)
        if value is not None:
            asked += 1
            watch.refuse(value)
    assert asked <= 3 + 200 // 48 + 1


@given(st.text("ab{}\\boxed", max_size=40))
def test_complete_needs_a_closed_box(text: str) -> None:
    assert is_complete("\\boxed{" + text.replace("{", "").replace("}", "") + "}")
    if "\\boxed{" not in text:
        assert not is_complete(text)
