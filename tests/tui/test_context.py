"""How full the context is, and what can be done about it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from assistant.tui.filling import Ratio, filling, first_to_tell, fitting, learned
from assistant.tui.screens.context import ContextScreen
from assistant.tui.widgets.room import RoomOffer
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from assistant.errors import ContextFull, EngineDied
from assistant.query import Attachment, Message
from assistant.store.exchange import exported, parsed
from assistant.store.store import Store
from assistant.store.values import StoredMessage
from tests.tui.driving import ask, prompt, shown, status
from tests.tui.keeping import (
    ask_and_wait,
    command,
    is_idle,
    keeping,
    press,
    said,
    screen,
    turns,
    until,
    versions,
)
from tests.tui.scripted import ScriptedSession, Step, answer, planned, short_run, text, thinking
from tests.tui.test_commands import notices, say


def run_of(words: str, context_tokens: int, finish_reason: Any = "stop") -> list[Step]:
    """An answer after which the context is so full."""
    end = answer(words, finish_reason=finish_reason)
    return [planned(), text(words), end.model_copy(update={"context_tokens": context_tokens})]


def offered(pilot: Pilot[None]) -> str:
    offer: Any = pilot.app.query_one(RoomOffer)
    return str(offer.visual) if offer.display else ""


FULL = ContextFull(
    "The conversation takes 5,000 tokens, and the context holds 4,096.",
    "Start a new conversation.",
    n_tokens=5000,
    n_ctx=4096,
)


async def test_nothing_is_said_while_there_is_room(path: Path) -> None:
    async with keeping(ScriptedSession(run_of("A1", 3000)), path) as pilot:
        await ask_and_wait(pilot, "q1")
        assert offered(pilot) == ""


async def test_near_the_limit_it_is_offered_to_sum_up_and_the_summary_can_be_undone(path: Path) -> None:
    first, second = "A1 " * 1200, "A2 " * 3000
    session = ScriptedSession(
        run_of(first, 1000), run_of(second, 3400), run_of("Notes.", 3500), run_of("A3", 300)
    )
    async with keeping(session, path) as pilot:
        await ask_and_wait(pilot, "q1")
        await ask_and_wait(pilot, "q2")
        await until(lambda: "83 % of the context is full" in offered(pilot))
        assert "/compact" in offered(pilot)
        await command(pilot, "/compact")
        await until(lambda: said(pilot)[1:] == ["Notes."] and is_idle(pilot))
        await until(lambda: "goes on from this summary" in shown(pilot))
        assert said(pilot)[0].startswith("Sum up our conversation")
        assert [message.content for message in session.queries[2].history] == ["q1", first, "q2", second]
        assert offered(pilot) == ""
        assert screen(pilot).filling.total < 400, "what was summed up counts no more"
        await ask_and_wait(pilot, "q3")
        assert [m.content for m in session.queries[3].history] == [said(pilot)[0], "Notes."]
        assert versions(turns(pilot)[0]) == "‹ 2/2 ›"
        await press(pilot, "ctrl+up", "ctrl+up", "ctrl+up", "ctrl+up", "left")
        await until(lambda: said(pilot) == ["q1", first, "q2", second])


async def test_a_summary_that_fails_leaves_the_conversation_as_it_was(path: Path) -> None:
    session = ScriptedSession(run_of("A1", 3400), run_of("", 200))
    async with keeping(session, path) as pilot:
        await ask_and_wait(pilot, "q1")
        await command(pilot, "/compact")
        await until(lambda: "the conversation is as it was" in shown(pilot))
        assert said(pilot) == ["q1", "A1"]


async def test_a_question_that_does_not_fit_is_asked_once_old_turns_are_left_out(path: Path) -> None:
    session = ScriptedSession(
        run_of("A1", 1500), run_of("A2", 3000), [planned(), FULL], run_of("A3", 2000), short_run("A4")
    )
    async with keeping(session, path) as pilot:
        await ask_and_wait(pilot, "q1")
        await ask_and_wait(pilot, "q2")
        await ask(pilot, "q3 " * 400)
        await until(lambda: "takes 5,000 tokens" in offered(pilot))
        await until(lambda: is_idle(pilot))
        await command(pilot, "/drop")
        await until(lambda: said(pilot)[-1] == "A3" and is_idle(pilot))
        assert "no longer told the first" in notices(pilot)
        assert [m.content for m in session.queries[3].history] in ([], ["q2", "A2"])
        await until(lambda: any(turn.has_class("-first-told") for turn in turns(pilot)))
        assert offered(pilot) == ""
        await command(pilot, "/drop none")
        await ask_and_wait(pilot, "q4")
    assert session.queries[4].history[0].content == "q1"


async def test_the_offer_follows_the_context_of_whatever_model_is_loaded(path: Path) -> None:
    session = ScriptedSession(run_of("A1", 3500)).with_context(65536)
    async with keeping(session, path) as pilot:
        await ask_and_wait(pilot, "q1")
        assert offered(pilot) == ""
        session.with_context(4096)
        screen(pilot).load_again()
        await until(lambda: "of the context is full" in offered(pilot))
        session.with_context(65536)
        screen(pilot).load_again()
        await until(lambda: is_idle(pilot) and offered(pilot) == "")


async def test_a_larger_context_that_is_loaded_leaves_the_model_ready(path: Path) -> None:
    session = ScriptedSession(run_of("A1", 3000), n_ctx_train=8192)
    async with keeping(session, path) as pilot:
        await ask_and_wait(pilot, "q1")
        assert "context ▓▓▓▓▓▓▓▓▓··· 3,000 / 4,096" in status(pilot)
        await command(pilot, "/larger")
        await until(lambda: "3,000 / 8,192" in status(pilot) and is_idle(pilot))
        assert " · ready " in status(pilot)


async def test_a_run_that_breaks_off_leaves_the_gauge_at_what_is_kept(path: Path) -> None:
    session = ScriptedSession([planned(), thinking("Hm", tokens=900), EngineDied("It died.", "Ask again.")])
    async with keeping(session, path) as pilot:
        await ask(pilot, "q1")
        await until(lambda: "It died." in shown(pilot) and is_idle(pilot))
        assert "900" not in status(pilot)


async def test_what_was_left_out_stays_so_when_the_conversation_is_opened_again(path: Path) -> None:
    session = ScriptedSession(run_of("A1 " * 400, 1500), run_of("A2", 3400), run_of("A3", 2000))
    async with keeping(session, path) as pilot:
        await ask_and_wait(pilot, "q1")
        await ask_and_wait(pilot, "q2")
        await command(pilot, "/drop")
        await until(lambda: turns(pilot)[2].has_class("-first-told"))
    with closing(Store.open(path)) as store:
        (summary,) = store.conversations()
        assert [m.content for m in store.conversation(summary.id).told] == ["q2", "A2"]
        (out,) = parsed(exported([store.whole(summary.id)]), "out")
        assert out.messages[2].id == out.first_sent_id
    session = ScriptedSession(run_of("A3", 2000), run_of("A4", 2000))
    async with keeping(session, path, conversation_id=summary.id) as pilot:
        await until(lambda: len(turns(pilot)) == 4 and turns(pilot)[2].has_class("-first-told"))
        await ask_and_wait(pilot, "q3")
        assert [m.content for m in session.queries[0].history] == ["q2", "A2"]
        await say(pilot, "/context")
        await until(lambda: isinstance(pilot.app.screen, ContextScreen))
        options = pilot.app.screen.query_one(OptionList)
        options.highlighted = options.get_option_index("drop('none')")
        await press(pilot, "enter")
        await until(lambda: not any(turn.has_class("-first-told") for turn in turns(pilot)))
        await ask_and_wait(pilot, "q4")
        assert session.queries[1].history[0].content == "q1"
    with closing(Store.open(path)) as store:
        assert store.whole(summary.id).first_sent_id is None


async def test_a_question_that_does_not_fit_is_asked_after_a_summary(path: Path) -> None:
    session = ScriptedSession(run_of("A1", 3000), [planned(), FULL], run_of("Notes.", 200), run_of("A2", 300))
    async with keeping(session, path) as pilot:
        await ask_and_wait(pilot, "q1")
        await ask(pilot, "q2")
        await until(lambda: "takes 5,000 tokens" in offered(pilot) and is_idle(pilot))
        await command(pilot, "/compact")
        await until(lambda: said(pilot)[1:] == ["Notes.", "q2", "A2"] and is_idle(pilot))
    assert [m.content for m in session.queries[2].history] == ["q1", "A1"]


async def test_what_leaves_out_turns_is_not_offered_to_a_question_that_is_too_long_by_itself(
    path: Path,
) -> None:
    session = ScriptedSession(run_of("A1", 300), [planned(), FULL])
    async with keeping(session, path) as pilot:
        await ask_and_wait(pilot, "q1")
        await ask(pilot, "long " * 3000)
        await until(lambda: "takes 5,000 tokens" in offered(pilot) and is_idle(pilot))
        assert "/context" in offered(pilot)
        assert "/compact" not in offered(pilot)
        assert "/drop" not in offered(pilot)


async def test_an_answer_that_was_cut_off_is_told(path: Path) -> None:
    async with keeping(ScriptedSession(run_of("A1", 4096, "context")), path) as pilot:
        await ask_and_wait(pilot, "q1")
        await until(lambda: "The answer was cut off" in offered(pilot))


async def test_a_larger_context_is_loaded_and_the_question_asked_again(path: Path) -> None:
    session = ScriptedSession([planned(), FULL], short_run("A1"), n_ctx_train=8192)
    async with keeping(session, path) as pilot:
        await ask(pilot, "q1")
        await until(lambda: "/larger takes 8,192 tokens for 96 MiB" in offered(pilot) and is_idle(pilot))
        assert "/compact" not in offered(pilot), "a single question leaves nothing to sum up"
        assert "/drop" not in offered(pilot)
        await command(pilot, "/larger")
        await until(lambda: "It costs 96 MiB of memory and the cache in 8 bits" in notices(pilot))
        await until(lambda: said(pilot) == ["q1", "A1"] and is_idle(pilot))
        assert "now has 8,192 tokens" in notices(pilot)
        assert " · ready " in status(pilot)
        assert offered(pilot) == ""
        assert prompt(pilot).has_focus


@pytest.mark.parametrize(
    ("n_ctx_train", "why"),
    [(4096, "was trained for 4,096 tokens of context, and has them"), (8192, "more memory than there is")],
)
async def test_a_larger_context_that_cannot_be_had_is_not_offered(
    path: Path, n_ctx_train: int, why: str
) -> None:
    session = ScriptedSession(run_of("A1", 3500), n_ctx_train=n_ctx_train, has_room=False)
    async with keeping(session, path) as pilot:
        await ask_and_wait(pilot, "q1")
        await until(lambda: "/compact" in offered(pilot) and screen(pilot).widening is not None)
        assert "/larger" not in offered(pilot)
        await say(pilot, "/context")
        await until(lambda: why in "\n".join(str(s.visual) for s in pilot.app.screen.query(Static)))
        assert "larger" not in {option.id for option in pilot.app.screen.query_one(OptionList).options}
        await press(pilot, "escape")
        await command(pilot, "/larger")
        await until(lambda: "There is no larger context. " in notices(pilot) and why in notices(pilot))
        assert said(pilot) == ["q1", "A1"]


async def test_the_panel_tells_the_parts_and_does_what_is_chosen(path: Path) -> None:
    session = ScriptedSession(run_of("A1", 3500), run_of("Notes.", 200))
    async with keeping(session, path) as pilot:
        await ask_and_wait(pilot, "q1")
        await say(pilot, "/context")
        await until(lambda: isinstance(pilot.app.screen, ContextScreen))
        page = "\n".join(str(each.visual) for each in pilot.app.screen.query(Static))
        assert "85 % full · 3,500 of 4,096 tokens" in page
        await press(pilot, "enter")
        await until(lambda: said(pilot)[1:] == ["Notes."])


def message(number: int, role: Any, content: str, file: str = "") -> StoredMessage:
    files = (Attachment("f", file),) if file else ()
    return StoredMessage(number, number - 1 or None, role, content, "", "done", 0.0, (), files)


texts = st.text(max_size=200)
turns_ = st.lists(st.tuples(texts, texts), min_size=1, max_size=12).map(
    lambda pairs: [
        message(2 * n + side + 1, ("user", "assistant")[side], pair[side])
        for n, pair in enumerate(pairs)
        for side in (0, 1)
    ]
)


@given(turns_, texts, st.integers(0, 5000), st.integers(0, 5000))
def test_the_parts_add_up_to_what_the_model_counted(
    told: list[StoredMessage], system: str, n_tokens: int, n_thinking: int
) -> None:
    ratio = learned(told, system, n_tokens, n_thinking)
    parts = filling(told, system, ratio, 4096)
    is_known = any(each.content for each in told) or bool(system)
    if is_known and n_tokens > n_thinking:
        assert abs(parts.total - n_tokens) <= 2, "but for rounding"
    assert min(parts.system, parts.history, parts.files, parts.thinking, parts.free) >= 0


@given(turns_, st.integers(0, 2000), st.floats(1, 8))
def test_what_is_left_out_is_old_and_what_is_told_fits(
    told: list[StoredMessage], n_tokens: int, chars_per_token: float
) -> None:
    ratio = Ratio(chars_per_token)
    history = [Message(each.role, each.content) for each in told]
    kept = fitting(history, n_tokens, ratio)
    assert kept == tuple(history[len(history) - len(kept) :])
    assert len(kept) % 2 == 0
    assert sum(len(each.content) for each in kept) <= n_tokens * chars_per_token
    first = first_to_tell(told, n_tokens, ratio)
    assert (first is None) == (len(told) == 2)
    if first is not None:
        rest = told[told.index(first) :]
        assert first.role == "user"
        assert first is not told[0]
        is_last = len(rest) == 2
        assert is_last or sum(len(each.content) for each in rest) <= n_tokens * chars_per_token
