"""A conversation, as the user sees it."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from assistant.tui.app import MullApp
from assistant.tui.widgets.transcript.thinking import ThinkingTitle
from assistant.tui.widgets.transcript.user import UserTurn

from assistant.control import Control
from assistant.errors import EngineDied, ModelFileError
from assistant.events import Loading, Notice
from assistant.query import Message
from tests.tui.driving import app_for, ask, chat, footer, phase, prompt, shown, status, wait_until
from tests.tui.scripted import (
    NOTE,
    ScriptedSession,
    answer,
    planned,
    prefill,
    retracted,
    short_run,
    text,
    thinking,
    thinking_done,
)


async def test_the_first_paint_waits_neither_for_the_session_nor_for_the_model() -> None:
    opening, loading = threading.Event(), threading.Event()
    session = ScriptedSession(load=[Loading(model="m", progress=0.43), loading])

    def open_session() -> ScriptedSession:
        opening.wait()
        return session

    async with MullApp(open_session).run_test() as pilot:
        assert "A local assistant" in shown(pilot)
        opening.set()
        await wait_until(pilot, lambda: "loading 43 %" in status(pilot))
        loading.set()
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        assert session.model_name in status(pilot)
        assert NOTE in shown(pilot)


async def test_how_the_model_is_loaded_is_shown_once_it_is() -> None:
    session = ScriptedSession()
    session._info = replace(session._info, plan="context 8k, KV f16, all layers on the CPU, votes of 8")
    async with chat(session) as pilot:
        await wait_until(
            pilot, lambda: "Context 8k, KV f16, all layers on the CPU, votes of 8" in shown(pilot)
        )


async def test_an_answer_streams_and_ends_with_its_figures() -> None:
    gate = threading.Event()
    session = ScriptedSession(
        [
            planned("A greeting: answered at once."),
            text("Hel"),
            text("lo"),
            gate,
            text(" **you**"),
            answer("Hello **you**"),
        ]
    )
    async with chat(session) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: "Hello" in shown(pilot))
        assert "A greeting: answered at once." in shown(pilot)
        assert phase(pilot) == "answering"
        gate.set()
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await wait_until(pilot, lambda: "Hello you" in shown(pilot))
        assert f"450 tokens · 35.2 tokens/s · 13 s · {NOTE}" in shown(pilot)
        assert "1.6k/4.1k" in status(pilot)
        assert "A local assistant" not in shown(pilot)


async def test_the_conversation_goes_along_with_the_next_question() -> None:
    first = [planned(), thinking("Hm."), thinking_done(), text("One"), answer("One", "Hm.")]
    session = ScriptedSession(first, short_run("Two"))
    async with chat(session) as pilot:
        await ask(pilot, "first")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await ask(pilot, "second")
        await wait_until(pilot, lambda: "Two" in shown(pilot))
    assert session.queries[1].history == (Message("user", "first"), Message("assistant", "One", "Hm."))


async def test_the_prompt_being_read_is_counted() -> None:
    gate = threading.Event()
    async with chat(ScriptedSession([planned(), prefill(300, 1200), gate])) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: "reading the prompt 300/1,200" in status(pilot))


async def test_thinking_is_live_then_folded_then_opens_again() -> None:
    gate = threading.Event()
    session = ScriptedSession(
        [
            planned(),
            thinking("First I look. "),
            thinking("Then I count."),
            gate,
            thinking_done(),
            text("3"),
            answer("3"),
        ]
    )
    async with chat(session) as pilot:
        await ask(pilot, "How many?")
        await wait_until(pilot, lambda: "First I look. Then I count." in shown(pilot))
        assert "  412 / 1,024 tokens · 9 s" in shown(pilot)
        gate.set()
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        assert "thought for 412 tokens, 9 s" in shown(pilot)
        assert "First I look." not in shown(pilot)
        await pilot.press("ctrl+t")
        await wait_until(pilot, lambda: "First I look. Then I count." in shown(pilot))
        await pilot.press("ctrl+t")
        await wait_until(pilot, lambda: "First I look." not in shown(pilot))
        await pilot.click(ThinkingTitle)
        await wait_until(pilot, lambda: "First I look." in shown(pilot))
        pilot.app.query_one(ThinkingTitle).focus()
        await pilot.press("enter")
        await wait_until(pilot, lambda: "First I look." not in shown(pilot))


async def test_live_thinking_shows_its_newest_lines() -> None:
    gate = threading.Event()
    lines = "\n".join(f"line {n}" for n in range(400))
    async with chat(ScriptedSession([planned(), thinking(lines), gate])) as pilot:
        await ask(pilot, "hi")
        await wait_until(
            pilot, lambda: "line 394\nline 395\nline 396\nline 397\nline 398\nline 399" in shown(pilot)
        )
        assert "line 393" not in shown(pilot)


@pytest.mark.parametrize("key", ["escape", "ctrl+c"])
async def test_it_stops_and_keeps_what_is_there(key: str) -> None:
    session = ScriptedSession([planned(), thinking("Hm, "), threading.Event()])
    async with chat(session) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "thinking")
        assert "Stop" in footer(pilot)
        await pilot.press(key)
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        assert session.controls[0].is_stopped
        assert "stopped" in shown(pilot)
        assert "thought for 412 tokens, 9 s" in shown(pilot)
        assert "Stop" not in footer(pilot)


async def test_ctrl_c_says_what_quits_where_nothing_runs_and_nothing_is_selected() -> None:
    async with chat(ScriptedSession()) as pilot:
        await pilot.press("ctrl+c")
        assert [each.message for each in pilot.app._notifications] == ["^q quits Mull."]
        prompt(pilot).load_text("some words")
        prompt(pilot).select_all()
        await pilot.press("ctrl+c")
        await wait_until(pilot, lambda: pilot.app.clipboard == "some words")
        assert len(pilot.app._notifications) == 1
        assert prompt(pilot).text == "some words"


async def test_answer_now_reaches_the_run() -> None:
    gate = threading.Event()
    session = ScriptedSession([planned(), thinking("Hm"), gate, *short_run()[1:]])
    async with chat(session) as pilot:
        assert "Answer now" not in footer(pilot)
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "thinking")
        await wait_until(pilot, lambda: "Answer now" in footer(pilot))
        await pilot.press("ctrl+g")
        assert session.controls[0].take_answer_now()
        gate.set()
        await wait_until(pilot, lambda: phase(pilot) == "ready")


async def test_think_more_grants_tokens() -> None:
    gate = threading.Event()
    session = ScriptedSession([planned(), thinking("Hm"), gate, *short_run()[1:]])
    async with chat(session) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "thinking")
        await pilot.press("ctrl+r", "ctrl+r")
        assert session.controls[0].take_more_tokens() == 512
        gate.set()
        await wait_until(pilot, lambda: phase(pilot) == "ready")


async def test_a_model_without_thinking_is_not_offered_more_of_it() -> None:
    gate = threading.Event()
    session = ScriptedSession([planned(), text("Hm"), gate], has_thinking=False)
    async with chat(session) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "answering")
        assert "Think more" not in footer(pilot)
        await pilot.press("ctrl+r")
        assert session.controls[0].take_more_tokens() == 0


async def test_a_retracted_answer_gives_way_to_more_thinking() -> None:
    gate = threading.Event()
    session = ScriptedSession(
        [
            planned(),
            thinking("At first. "),
            thinking_done(),
            text("Wrong"),
            retracted(),
            thinking("On second look. ", tokens=500),
            gate,
            thinking_done(500),
            text("Right"),
            answer("Right", "At first. On second look. "),
        ]
    )
    async with chat(session) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: "At first. On second look." in shown(pilot))
        assert "Wrong" not in shown(pilot)
        assert "  500 / 1,024 tokens" in shown(pilot)
        gate.set()
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        assert "Right" in shown(pilot)
        assert "Wrong" not in shown(pilot)
        assert "thought for 500 tokens" in shown(pilot)


async def test_an_error_is_told_and_the_chat_goes_on() -> None:
    died = EngineDied("The engine has stopped.", "Ask again: it starts anew.")
    session = ScriptedSession([planned(), text("Half an ans"), died], short_run("Whole"))
    async with chat(session) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        assert "The engine has stopped.\nAsk again: it starts anew." in shown(pilot)
        assert "Half an ans" in shown(pilot)
        await ask(pilot, "again")
        await wait_until(pilot, lambda: "Whole" in shown(pilot))
    assert session.queries[1].history == (Message("user", "hi"), Message("assistant", "Half an ans"))


async def test_a_defect_is_told_like_an_error() -> None:
    session = ScriptedSession([planned(), ZeroDivisionError("by [b]nought[/b]")], short_run("Whole"))
    async with chat(session) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: "ZeroDivisionError: by [b]nought[/b]" in shown(pilot))
        await ask(pilot, "again")
        await wait_until(pilot, lambda: "Whole" in shown(pilot))


async def test_a_session_that_cannot_open_is_tried_again() -> None:
    session = ScriptedSession(short_run("Here I am"))
    failures = [ModelFileError("There is no such model.", "Put it there.")]

    def open_session() -> ScriptedSession:
        if failures:
            raise failures.pop()
        return session

    async with MullApp(open_session).run_test() as pilot:
        await wait_until(pilot, lambda: "There is no such model.\nPut it there." in shown(pilot))
        assert phase(pilot) == "no model"
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: "Here I am" in shown(pilot))


async def test_a_notice_is_a_line_of_the_transcript() -> None:
    session = ScriptedSession(
        [Notice(text="Safe settings [are] in use."), *short_run("Hello")],
        load=[Notice(text="Few layers fit.")],
    )
    async with chat(session) as pilot:
        assert "Few layers fit." in shown(pilot)
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: "Hello" in shown(pilot))
        assert shown(pilot).index("Safe settings [are] in use.") < shown(pilot).index("Hello")


async def test_what_is_sent_while_a_run_is_on_waits_its_turn() -> None:
    gate = threading.Event()
    session = ScriptedSession([planned(), text("One"), gate, answer("One")], short_run("Two"))
    async with chat(session) as pilot:
        await ask(pilot, "first")
        await wait_until(pilot, lambda: phase(pilot) == "answering")
        await ask(pilot, "second")
        await wait_until(pilot, lambda: "second\nqueued" in shown(pilot))
        assert len(session.queries) == 1
        gate.set()
        await wait_until(pilot, lambda: "Two" in shown(pilot))
        assert "queued" not in shown(pilot)
        assert [turn.text for turn in pilot.app.query(UserTurn)] == ["first", "second"]
        assert shown(pilot).index("One") < shown(pilot).index("second") < shown(pilot).index("Two")


async def test_what_is_sent_while_the_model_loads_waits_for_it() -> None:
    gate = threading.Event()
    session = ScriptedSession(short_run("Hello"), load=[gate])
    async with app_for(session).run_test() as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: "hi\nqueued" in shown(pilot))
        gate.set()
        await wait_until(pilot, lambda: "Hello" in shown(pilot))


async def test_the_final_text_wins_over_what_was_streamed() -> None:
    async with chat(ScriptedSession([planned(), text("A draft"), answer("The vote")])) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await wait_until(pilot, lambda: "The vote" in shown(pilot))
        assert "A draft" not in shown(pilot)


@pytest.mark.parametrize(
    ("finish_reason", "told"),
    [("length", "cut off at the token limit"), ("context", "the context is full"), ("stopped", "stopped")],
)
async def test_an_early_end_is_told(finish_reason: str, told: str) -> None:
    async with chat(ScriptedSession([planned(), text("One"), answer("One", "", finish_reason)])) as pilot:  # type: ignore[arg-type]
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        assert told in shown(pilot)


async def test_a_new_conversation_forgets_the_old_one() -> None:
    session = ScriptedSession(short_run("One"), short_run("Two"))
    async with chat(session) as pilot:
        await ask(pilot, "first")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await pilot.press("ctrl+l")
        await wait_until(pilot, lambda: "A local assistant" in shown(pilot))
        assert "One" not in shown(pilot)
        await ask(pilot, "second")
        await wait_until(pilot, lambda: "Two" in shown(pilot))
    assert session.queries[1].history == ()


async def test_a_new_conversation_in_the_middle_of_a_run_stops_it() -> None:
    session = ScriptedSession([planned(), text("One"), threading.Event()], short_run("Two"))
    async with chat(session) as pilot:
        await ask(pilot, "first")
        await wait_until(pilot, lambda: phase(pilot) == "answering")
        await pilot.press("ctrl+l")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        assert session.controls[0].is_stopped
        await ask(pilot, "second")
        await wait_until(pilot, lambda: "Two" in shown(pilot))
        assert "One" not in shown(pilot)
    assert session.queries[1].history == ()


async def test_the_last_answer_is_copied_with_nothing_hidden_in_it() -> None:
    async with chat(ScriptedSession([planned(), text("rm\x1b[8m x"), answer("rm\x1b[8m x")])) as pilot:
        assert "Copy" not in footer(pilot)
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await pilot.press("ctrl+y")
        assert pilot.app.clipboard == "rm␛[8m x"


async def test_an_example_asks_itself() -> None:
    session = ScriptedSession(short_run("Hello"))
    async with chat(session) as pilot:
        await pilot.click("Example")
        await wait_until(pilot, lambda: "Hello" in shown(pilot))
        assert pilot.app.focused is prompt(pilot)
    assert session.queries[0].text == "hi"


async def test_quitting_stops_the_run_and_closes_the_session() -> None:
    session = ScriptedSession([planned(), text("One"), threading.Event()])
    async with chat(session) as pilot:
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: phase(pilot) == "answering")
        await pilot.press("ctrl+q")
    assert session.controls[0].is_stopped
    assert session.is_closed


async def test_the_worker_shows_text_that_arrives_while_the_screen_is_busy() -> None:
    """Deltas that fall together in one frame lose nothing and keep their order."""
    pieces = [f"{n} " for n in range(500)]

    def more(_: Control) -> None:
        return None

    session = ScriptedSession([planned(), *(text(piece) for piece in pieces), more, answer("".join(pieces))])
    async with chat(session) as pilot:
        await ask(pilot, "count")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await wait_until(pilot, lambda: "".join(pieces).strip() in shown(pilot))
