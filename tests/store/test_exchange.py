"""Taking conversations elsewhere and back."""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.errors import UsageError
from assistant.query import Attachment, Query
from assistant.store import database
from assistant.store.exchange import exported, imported, parsed
from assistant.store.importing import LOST, read
from assistant.store.recording import Turn
from assistant.store.store import Store
from tests.store.filling import following, said
from tests.tui.scripted import planned, text


def branching(store: Store) -> Turn:
    """A conversation with two answers, two beginnings, a file and an interrupted end."""
    first = said(store, "Read *this*.", "One", thinking="hm", files=(Attachment("a.txt", "text"),))
    following(store, first, "More?", "Much more")
    said(store, "", "Two", conversation_id=first.conversation_id, question_id=first.question_id)
    other = said(store, "Or this?", "Three", conversation_id=first.conversation_id)
    running = Turn(Query("And?"), first.conversation_id, other.answer_id)
    running.note(planned())
    running.note(text("Half an ans"))
    running.write(store.write)
    store.pin(first.conversation_id)
    store.tell_from(first.conversation_id, other.question_id)
    store.rename(first.conversation_id, "A title")
    return first


def test_all_of_it_comes_back(store: Store, tmp_path: Path) -> None:
    turn = branching(store)
    out = exported([store.whole(turn.conversation_id)])
    assert json.loads(out)["conversations"][0]["messages"][-1]["status"] == "interrupted"
    with closing(Store.open(tmp_path / "other.db")) as other:
        new, n_known = imported(other, parsed(out, "file"))
        assert (new, n_known) == ([turn.conversation_id], 0)
        assert exported([other.whole(turn.conversation_id)]) == out
        here, there = (s.conversation(turn.conversation_id) for s in (store, other))
        assert [m.content for m in there.messages] == [m.content for m in here.messages]
        assert [m.version for m in there.messages] == [m.version for m in here.messages] == [2, 1, 1, 1]
        assert [hit.role for hit in other.search("much more")] == ["assistant"]
        assert [m.content for m in there.told] == [m.content for m in here.told]
        assert there.first_sent_id == there.messages[0].id
        run = other.run(there.messages[1].id)
        assert run is not None
        assert run.answer is not None
        assert run.answer["n_ctx"] == 4096
        assert imported(other, parsed(out, "file")) == ([], 1)


def test_a_conversation_that_went_on_is_taken_in_beside_the_other(store: Store) -> None:
    turn = said(store, "First?")
    out = exported([store.whole(turn.conversation_id)])
    following(store, turn, "More?")
    (new,), n_known = imported(store, parsed(out, "file"))
    assert n_known == 0
    assert new != turn.conversation_id
    assert [s.n_messages for s in (store.find(new), store.find(turn.conversation_id))] == [2, 4]


def test_what_was_deleted_is_taken_in_again(store: Store) -> None:
    turn = said(store, "First?")
    out = exported([store.whole(turn.conversation_id)])
    store.delete(turn.conversation_id)
    (new,), _ = imported(store, parsed(out, "file"))
    assert [s.id for s in store.conversations()] == [new]


@st.composite
def conversations(draw: st.DrawFn) -> dict[str, Any]:
    """A file as somebody else may write it."""
    n = draw(st.integers(0, 6))
    when = st.datetimes().map(lambda time: f"{time.isoformat()}Z")
    return {
        "title": draw(st.text()),
        "created": draw(when),
        "updated": draw(when),
        "leaf": draw(st.none() | st.integers(0, n - 1)) if n else None,
        "messages": [
            {
                "parent": draw(st.none() | st.integers(0, place - 1)) if place else None,
                "role": draw(st.sampled_from(["user", "assistant", "system"])),
                "created": draw(when),
                "content": draw(st.text()),
                "thinking": draw(st.text()),
            }
            for place in range(n)
        ],
    }


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(conversations())
def test_whatever_has_the_shape_is_taken_in(store: Store, conversation: dict[str, Any]) -> None:
    content = {"format": "mull-conversations", "version": 1, "conversations": [conversation]}
    whole = parsed(json.dumps(content), "file")
    (new,), _ = imported(store, whole)
    first = exported([store.whole(new)])
    (again,), _ = imported(store, [w for w in parsed(first, "file") if store.delete(new)])
    second = json.loads(exported([store.whole(again)]))["conversations"][0]
    assert {**json.loads(first)["conversations"][0], "id": again} == second
    given_ = [(m["role"], m["content"]) for m in conversation["messages"]]
    assert sorted((m["role"], m["content"]) for m in second["messages"]) == sorted(given_)
    store.conversation(again)


EMPTY = {"format": "mull-conversations", "version": 1, "conversations": []}
TIME = "2026-01-01T00:00:00Z"
ONE = {"created": TIME, "updated": TIME, "messages": []}
MESSAGE = {"role": "user", "created": TIME, "content": ""}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "file is not JSON: "),
        ("[" * 100_000, "file is not JSON: "),
        ("[]", "file holds no conversations of Mull. Give a file that"),
        ('{"format": "other"}', "file holds no conversations of Mull."),
        (json.dumps({**EMPTY, "version": 2}), "file was written by a newer Mull. Update Mull"),
        (json.dumps({**EMPTY, "version": "x"}), "file is damaged at version: "),
        (json.dumps({**EMPTY, "conversations": [1]}), "file is damaged at conversations.0: "),
        (
            json.dumps({**EMPTY, "conversations": [{**ONE, "messages": [{**MESSAGE, "parent": 0}]}]}),
            "file is damaged at conversations.0: message 0 follows message 0, which comes later.",
        ),
        (
            json.dumps({**EMPTY, "conversations": [{**ONE, "leaf": 0}]}),
            "file is damaged at conversations.0: leaf is 0, and there are 0 messages.",
        ),
        (
            json.dumps({**EMPTY, "conversations": [{**ONE, "id": "../../x"}]}),
            "file is damaged at conversations.0.id: ",
        ),
        (
            json.dumps({**EMPTY, "conversations": [{**ONE, "messages": [{**MESSAGE, "created": "then"}]}]}),
            "file is damaged at conversations.0.messages.0.created: ",
        ),
    ],
)
def test_what_is_no_export_is_told_so(content: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(content, "file")
    assert str(caught.value).startswith(message)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no file"):
        read(tmp_path / "none.json")
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path)


# -- databases ------------------------------------------------------------------------------------


def filled(path: Path, n: int) -> None:
    with closing(Store.open(path)) as store:
        for i in range(n):
            turn = said(store, f"Question {i}", f"needle {i} " * 300, thinking="hm " * 200)
            following(store, turn, f"More of {i}", "much more " * 300)
        gone = said(store, "Deleted")
        store.delete(gone.conversation_id)


def test_a_database_from_elsewhere_is_read_and_left_as_it_is(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    filled(path, 3)
    before = path.read_bytes()
    whole, n_lost = read(path)
    new, _ = imported(store, whole)
    assert (len(new), n_lost) == (3, 0)
    assert {s.title for s in store.conversations()} == {f"Question {i}" for i in range(3)}
    assert path.read_bytes() == before
    assert imported(store, read(path)[0]) == ([], 3)


def spoilt(path: Path, table: str) -> None:
    """Fill the last leaf page of a table or an index with noise."""
    with closing(sqlite3.connect(path)) as db:
        try:
            (page,) = db.execute(
                "SELECT max(pageno) FROM dbstat WHERE name = ? AND pagetype = 'leaf'", (table,)
            ).fetchone()
        except sqlite3.OperationalError:
            pytest.skip("this SQLite does not tell which page belongs to what")
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = random.Random(page).randbytes(4096)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("table", "n_lost"),
    [
        ("message", 2),
        ("message_by_conversation", 0),
        ("conversation", 0),
        ("conversation_by_time", 0),
        ("sqlite_autoindex_conversation_1", 0),
        ("run", 0),
        ("attachment", 0),
        ("message_index_data", 0),
    ],
)
def test_what_can_be_read_of_a_damaged_database_comes_back(
    store: Store, tmp_path: Path, table: str, n_lost: int
) -> None:
    path = tmp_path / "other.db"
    filled(path, 60)
    spoilt(path, table)
    whole, lost = read(path)
    imported(store, whole)
    texts = [m.content for s in store.conversations() for m in store.conversation(s.id).messages]
    assert lost == texts.count(LOST) <= n_lost
    said_ = {f"needle {i} " * 300 for i in range(60)} | {f"Question {i}" for i in range(60)}
    assert len(said_ - set(texts)) <= n_lost
    # the mark of a deleted conversation may be what was lost
    assert {f"Question {i}" for i in range(2, 58)} <= {s.title for s in store.conversations()}
    assert len(whole) in ((60, 61) if table == "conversation" else (60,))


def test_a_database_that_is_not_ours_or_too_new_or_gone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE recipe (name TEXT)")
    with pytest.raises(UsageError, match="holds no conversations of Mull"):
        read(path)
    path.unlink()
    filled(path, 1)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {database.VERSION + 1}")
    with pytest.raises(UsageError, match="written by a newer Mull"):
        read(path)
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 5000)
    with pytest.raises(UsageError, match="Nothing can be read back from"):
        read(path)
