"""The strategies on a scripted engine, alone and behind a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from assistant.config import Settings
from assistant.control import Control
from assistant.engine.options import LoadOptions
from assistant.engine.process import Loaded
from assistant.engine.protocol import Sampling
from assistant.errors import ContextFull, UsageError
from assistant.events import (
    Answer,
    AnswerDelta,
    Event,
    Notice,
    Planned,
    Prefill,
    Retracted,
    ThinkingDelta,
    ThinkingDone,
)
from assistant.judge import AnswerJudge
from assistant.plans import Plan
from assistant.query import Query
from assistant.session import Session
from assistant.strategies import STRATEGIES
from assistant.strategies.task import Task
from tests.engine.replay import Replay
from tests.engine.running import ask

SCRIPT = "Three by four, that is.\n</think>\n\nTwelve legs."
ENDLESS = "".join(f"{i} and {i * i}, " for i in range(200))
QUERY = Query("How many legs have three cats?")
ONE_SEQUENCE = ("direct", "chain_of_thought", "extended_thinking", "beam_search")
"""Strategies whose last sequence may stay for the conversation to go on from."""


class LoadedReplay(Replay):
    """A scripted engine that needs no loading."""

    is_loaded = True
    asks_for_less = False
    options = LoadOptions("scripted.gguf")
    pid = None

    def load(self) -> Iterator[Loaded]:
        """Nothing to do."""
        return iter(())


def session(engine: LoadedReplay, **wishes: Any) -> Session:
    return Session(Settings(**wishes), engine, "scripted")


def during(events: Iterator[Event], is_time: Callable[[Event], bool], act: Callable[[], None]) -> list[Event]:
    """All events; `act` once, right after the first of which `is_time` says so."""
    told: list[Event] = []
    is_done = False
    for event in events:
        told.append(event)
        if not is_done and is_time(event):
            is_done = True
            act()
    assert is_done, f"it was never time to act: {told}"
    return told


def text_of(events: list[Event]) -> str:
    """The answer as a front end shows it: what came after the last retraction."""
    text = ""
    for event in events:
        if isinstance(event, Retracted):
            text = ""
        elif isinstance(event, AnswerDelta):
            text += event.text
    return text


def answer_of(events: list[Event]) -> Answer:
    """The last event; there is one answer and nothing after it."""
    (answer,) = (event for event in events if isinstance(event, Answer))
    assert events[-1] is answer
    assert answer.text == text_of(events)
    assert answer.thinking == "".join(event.text for event in events if isinstance(event, ThinkingDelta))
    return answer


def kinds(events: list[Event]) -> list[type[Event]]:
    """The kinds of events in order, each run of one kind once."""
    return [type(b) for a, b in zip([None, *events], events, strict=False) if type(a) is not type(b)]


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_ends_with_its_answer(name: str) -> None:
    engine = Replay(SCRIPT if name == "extended_thinking" else "Twelve legs.")
    plan = Plan(name, "Because.", 200, n_samples=2)
    request = ask(QUERY.text, think=100 if name == "extended_thinking" else 0, max_tokens=200)
    with engine.batch() as batch:
        task = Task(request, plan, batch, Control(), engine.model, AnswerJudge("text"), Sampling())
        events = list(STRATEGIES[name](task))
        assert engine._cache.n_idle == engine.runner.n_slots or name in ONE_SEQUENCE
    (answer,) = (event for event in events if isinstance(event, Answer))
    assert events[-1] is answer
    assert (answer.text, answer.finish_reason) == ("Twelve legs.", "stop")
    assert (answer.strategy, answer.reason) == (name, "Because.")
    assert answer.total_tokens >= answer.completion_tokens == len(SCRIPT if answer.thinking else answer.text)
    assert not [event for event in events if isinstance(event, Planned)]


def test_a_run_tells_plan_prompt_thinking_and_answer_in_order() -> None:
    events = list(session(LoadedReplay(SCRIPT), think=100).run(QUERY))
    assert kinds(events) == [Planned, Prefill, ThinkingDelta, ThinkingDone, AnswerDelta, Answer]
    answer = answer_of(events)
    assert (answer.thinking, answer.text) == ("Three by four, that is.", "Twelve legs.")
    assert (answer.thinking_end, answer.thinking_tokens) == ("itself", len("Three by four, that is.\n"))
    assert answer.completion_tokens == len(SCRIPT)
    assert answer.context_tokens == answer.prompt_tokens + len(SCRIPT)


def test_without_thinking_there_is_no_thinking() -> None:
    events = list(session(LoadedReplay("Twelve legs."), think="off").run(QUERY))
    assert kinds(events) == [Planned, Prefill, AnswerDelta, Answer]
    assert answer_of(events).thinking_end is None


def test_stop_keeps_what_was_written() -> None:
    control = Control()
    running = session(LoadedReplay(SCRIPT), think=100).run(QUERY, control)
    answer = answer_of(during(running, lambda event: isinstance(event, AnswerDelta), control.stop))
    assert answer.finish_reason == "stopped"
    assert answer.text == "T"
    assert answer.thinking == "Three by four, that is."


def test_stop_while_it_thinks() -> None:
    control = Control()
    running = session(LoadedReplay(SCRIPT), think=100).run(QUERY, control)
    answer = answer_of(during(running, lambda event: isinstance(event, ThinkingDelta), control.stop))
    assert (answer.finish_reason, answer.text, answer.thinking) == ("stopped", "", "T")


def test_a_stopped_session_answers_the_next_question() -> None:
    engine = LoadedReplay(SCRIPT)
    one = session(engine, think=100)
    control = Control()
    control.stop()
    assert answer_of(list(one.run(QUERY, control))).finish_reason == "stopped"
    assert answer_of(list(one.run(QUERY))).text == "Twelve legs."


def test_answer_now_cuts_the_thinking() -> None:
    control = Control()
    running = session(LoadedReplay(ENDLESS), think=300, max_tokens=40).run(QUERY, control)
    events = during(
        running, lambda event: isinstance(event, ThinkingDelta) and event.tokens >= 10, control.answer_now
    )
    answer = answer_of(events)
    assert answer.thinking_end == "answer_now"
    assert answer.thinking_tokens == 10
    assert answer.text.strip()


def test_answer_now_while_it_answers_changes_nothing() -> None:
    control = Control()
    running = session(LoadedReplay(SCRIPT), think=100).run(QUERY, control)
    events = during(running, lambda event: isinstance(event, AnswerDelta), control.answer_now)
    assert answer_of(events).text == "Twelve legs."


def test_think_more_while_it_thinks() -> None:
    control = Control()
    running = session(LoadedReplay(ENDLESS), think=50, max_tokens=300).run(QUERY, control)
    events = during(running, lambda event: isinstance(event, ThinkingDelta), lambda: control.think_more(60))
    answer = answer_of(events)
    assert answer.thinking_tokens == 110
    assert not [event for event in events if isinstance(event, Retracted)]


def test_think_more_while_it_answers_takes_the_answer_back() -> None:
    control = Control()
    running = session(LoadedReplay(ENDLESS), think=50, max_tokens=300).run(QUERY, control)
    events = during(running, lambda event: isinstance(event, AnswerDelta), lambda: control.think_more(60))
    assert kinds(events).count(Retracted) == 1
    answer = answer_of(events)
    assert answer.thinking_tokens == 110
    assert answer.text
    assert [event.reason for event in events if isinstance(event, ThinkingDone)] == ["budget", "budget"]


def test_more_thinking_is_used_though_the_model_was_done() -> None:
    control = Control()
    running = session(LoadedReplay(SCRIPT), think=100, max_tokens=300).run(QUERY, control)
    events = during(running, lambda event: isinstance(event, AnswerDelta), lambda: control.think_more(60))
    answer = answer_of(events)
    assert answer.thinking == "Three by four, that is." + "\nWait" * 3, "once reopened, then put off twice"
    assert answer.text == "Twelve legs."


def test_more_thinking_where_there_can_be_none_is_said() -> None:
    control = Control()
    running = session(LoadedReplay(SCRIPT), think="off", max_tokens=300).run(QUERY, control)
    events = during(running, lambda event: isinstance(event, AnswerDelta), lambda: control.think_more(60))
    assert [event.text for event in events if isinstance(event, Notice)] == [
        "Thinking is off for this answer: ask again with thinking on."
    ]
    assert not [event for event in events if isinstance(event, Retracted)]


@pytest.mark.parametrize("kind", [Planned, Prefill, ThinkingDelta, AnswerDelta])
def test_closing_the_run_ends_the_computing(kind: type[Event]) -> None:
    engine = LoadedReplay(SCRIPT, n_batch=8)
    one = session(engine, think=100)
    running = one.run(QUERY)
    for event in running:
        if isinstance(event, kind):
            break
    before = engine.runner.n_decoded
    assert before < len(SCRIPT) + 100
    running.close()  # type: ignore[attr-defined]
    assert list(running) == []
    assert engine.runner.n_decoded == before
    assert engine._cache.n_idle == engine.runner.n_slots
    assert answer_of(list(one.run(QUERY))).text == "Twelve legs."


def test_nothing_is_computed_that_nobody_asks_for() -> None:
    engine = LoadedReplay(SCRIPT)
    running = session(engine).run(QUERY)
    assert engine.runner.n_decoded == 0
    next(running)
    assert engine.runner.n_decoded == 0


def test_a_context_that_is_nearly_full_is_told() -> None:
    engine = LoadedReplay(ENDLESS, n_ctx=100)
    events = list(session(engine, think="off", max_tokens=500).run(QUERY))
    (notice,) = (event for event in events if isinstance(event, Notice))
    room = 100 - answer_of(events).prompt_tokens
    assert notice.text.startswith(f"The conversation leaves {room} tokens of the context of 100")
    assert answer_of(events).finish_reason == "context"


def test_a_question_too_long_for_the_context_is_refused() -> None:
    with pytest.raises(ContextFull):
        list(session(LoadedReplay("Yes", n_ctx=100)).run(Query("x" * 100)))


def test_an_empty_question_is_refused() -> None:
    with pytest.raises(UsageError):
        list(session(LoadedReplay("Yes")).run(Query("  ")))
