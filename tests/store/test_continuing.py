"""Going on with a conversation, and what a front end pays for having a journal."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.cli import ask as ask_command
from assistant.config import Settings
from assistant.control import Control
from assistant.engine.scripted import scripted_engine
from assistant.errors import UsageError
from assistant.events import Answer, AnswerDelta, Event, Planned
from assistant.learning import Learning
from assistant.pipeline import Pipeline
from assistant.query import Attachment, Message, Query
from assistant.store.journal import Journal
from assistant.store.recording import Turn
from assistant.store.store import Store
from assistant.store.values import asked_again
from tests.store.filling import following, said
from tests.tui.scripted import answer, text, thinking

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with closing(Journal(path=path)) as opened:
        yield opened


def test_the_last_conversation_is_gone_on_with(journal: Journal) -> None:
    store = journal.store()
    assert store is not None
    first, second = said(store, "First?"), said(store, "Second?")
    assert journal.conversation(None).summary.id == second.conversation_id
    assert journal.conversation(first.conversation_id[:7]).summary.title == "First?"
    last = following(store, first, "More?")
    before = journal.conversation(None)
    assert before.leaf_id == last.answer_id
    turn = Turn.after(before, Query("And more?"))
    turn.end("stopped")
    turn.write(store.write)
    after = store.conversation(first.conversation_id)
    assert [message.content for message in after.messages if message.role == "user"] == [
        "First?",
        "More?",
        "And more?",
    ]


def test_a_turn_after_nothing_begins_a_conversation() -> None:
    turns = [Turn.after(None, Query("First?")) for _ in range(2)]
    assert turns[0].conversation_id != turns[1].conversation_id


def test_there_may_be_none_to_go_on_with(journal: Journal) -> None:
    with pytest.raises(UsageError) as caught:
        journal.conversation(None)
    assert str(caught.value) == (
        "There is no conversation to go on with. Ask without --continue to begin one."
    )
    store = journal.store()
    assert store is not None
    gone = said(store, "First?")
    store.delete(gone.conversation_id)
    with pytest.raises(UsageError, match="There is no conversation to go on with"):
        journal.conversation(None)
    with pytest.raises(UsageError) as caught:
        journal.conversation(gone.conversation_id)
    assert str(caught.value) == (
        'The conversation "First?" was deleted. To undo that, write "mull history restore '
        f'{gone.conversation_id}".'
    )


def test_nothing_is_gone_on_with_where_nothing_is_kept(path: Path) -> None:
    with (
        closing(Journal(path=path, is_kept=False)) as journal,
        pytest.raises(UsageError, match="history is off"),
    ):
        journal.conversation(None)
    assert not path.exists()


def test_a_journal_costs_the_first_paint_nothing() -> None:
    script = (
        "import sys; from assistant.store.journal import Journal; import assistant.store.recording; "
        "Journal(); print(sorted({'sqlite3', 'pydantic', 'json.tool', 'html'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout == "[]\n"


def interrupted(store: Store, before: Turn | None = None) -> Turn:
    """A turn whose process was killed."""
    conversation = store.conversation(before.conversation_id) if before else None
    turn = Turn.after(conversation, Query("Why?", attachments=(Attachment("a.txt", "text"),)))
    turn.note(thinking("Because of"))
    turn.note(text("It is so be"))
    turn.write(store.write)
    turn.end("interrupted")
    turn.write(store.write)
    return turn


def test_an_unfinished_answer_is_asked_for_again(journal: Journal) -> None:
    store = journal.store()
    assert store is not None
    first = said(store, "First?", "Yes.")
    turn = interrupted(store, first)
    conversation = journal.conversation(None)
    before = (Message("user", "First?"), Message("assistant", "Yes."))
    query = asked_again(conversation, turn.answer_id, is_continued=True)
    assert query == Query(
        "Why?",
        history=before,
        attachments=(Attachment("a.txt", "text"),),
        begun=Message("assistant", "It is so be", "Because of"),
    )
    assert asked_again(conversation, turn.answer_id) == replace(query, begun=None)
    again = Turn.again(conversation, turn.answer_id, query)
    again.note(answer("It is so because."))
    again.write(store.write)
    after = store.conversation(turn.conversation_id)
    assert [message.content for message in after.messages] == ["First?", "Yes.", "Why?", "It is so because."]
    assert after.messages[-1].siblings == (turn.answer_id, again.answer_id)
    assert after.messages[2].attachments == (Attachment("a.txt", "text"),)
    assert store.unfinished() == []


def test_the_command_line_knows_what_to_ask(journal: Journal) -> None:
    store = journal.store()
    assert store is not None
    first = said(store, "First?", "Yes.")
    with pytest.raises(UsageError, match="no unfinished answer to go on with"):
        ask_command._turn(journal.conversation(None), Query(""))
    query, turn = ask_command._turn(journal.conversation(None), Query("More?", system="Be brief."))
    assert (query.text, len(query.history), query.system) == ("More?", 2, "Be brief.")
    assert turn.conversation_id == first.conversation_id
    cut = interrupted(store, first)
    query, turn = ask_command._turn(journal.conversation(None), Query("", system="Be brief."))
    assert (query.text, query.system) == ("Why?", "Be brief.")
    assert query.begun == Message("assistant", "It is so be", "Because of")
    assert turn.question_id == cut.question_id
    assert ask_command._turn(None, Query("New?"))[0] == Query("New?")


def begun_events(query: Query, script: str) -> list[Event]:
    settings = Settings(seed=1, time=600)
    engine = scripted_engine(lambda _request, _i: script)
    with engine.batch() as batch:
        return list(Pipeline(settings, engine.model, Learning()).run(query, batch, Control()))


def test_an_answer_goes_on_where_it_stopped() -> None:
    script = "It is three\n</think>\n\nThe answer is 12, as 3 * 4 = 12."
    query = Query("How many legs?", begun=Message("assistant", "The answer is 1", "It is three"))
    events = begun_events(query, script)
    plans = [event for event in events if isinstance(event, Planned)]
    assert [plan.reason for plan in plans] == ["Going on where the answer was interrupted."]
    last = events[-1]
    assert isinstance(last, Answer)
    assert (last.thinking, last.text) == ("It is three", "The answer is 12, as 3 * 4 = 12.")
    assert last.total_tokens == len("2, as 3 * 4 = 12.")
    told = "".join(event.text for event in events if isinstance(event, AnswerDelta))
    assert told == last.text


def test_a_thinking_goes_on_where_it_stopped() -> None:
    thoughts = "Each cat has four legs, so three have twelve."
    query = Query("Prove that it is 12.", begun=Message("assistant", "", thoughts[:20]))
    last = begun_events(query, f"{thoughts}\n</think>\n\nIt is 12.")[-1]
    assert isinstance(last, Answer)
    assert (last.thinking, last.text, last.stages) == (thoughts, "It is 12.", ("extended_thinking",))


def test_the_command_line_goes_on_with_a_conversation(own_home: Path) -> None:
    def mull(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "assistant", *arguments],
            capture_output=True,
            text=True,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    few = ("--effort", "direct", "--max-tokens", "4")
    assert mull("ask", *few, "-c", "And now?").returncode == 2
    first = mull("ask", *few, "--seed", "1", "What is 2 + 2?")
    assert first.returncode == 0, first.stderr
    second = mull("ask", *few, "-c", "And 3 + 3?")
    assert second.returncode == 0, second.stderr
    assert mull("ask", *few, "--history", "off", "Forget this.").returncode == 0
    with closing(Store.open()) as store:
        (summary,) = store.conversations()
        messages = store.conversation(summary.id).messages
        assert [(m.role, m.status) for m in messages] == [("user", "done"), ("assistant", "done")] * 2
        assert (messages[0].content, messages[2].content) == ("What is 2 + 2?", "And 3 + 3?")
        assert messages[1].content.strip() == first.stdout.strip()
        runs = [store.run(messages[n].id) for n in (1, 3)]
        assert runs[0] is not None
        assert runs[1] is not None
        assert runs[0].answer is not None
        assert runs[1].answer is not None
        assert runs[1].answer["prompt_tokens"] > runs[0].answer["prompt_tokens"]
