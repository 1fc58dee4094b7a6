"""Going on with a conversation, and what a front end pays for having a journal."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from assistant.errors import UsageError
from assistant.query import Query
from assistant.store.journal import Journal
from assistant.store.recording import Turn
from assistant.store.store import Store
from tests.store.filling import following, said

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
