"""Conversations: the list, the tree, deleting and searching."""

from __future__ import annotations

import stat
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.errors import StoreError, UsageError
from assistant.query import Attachment, Message, Query
from assistant.store.ids import ALPHABET, conversation_id, message_id
from assistant.store.recording import Turn
from assistant.store.store import Store
from assistant.store.values import history
from tests.store.filling import following, said


def test_a_turn_is_kept(store: Store, path: Path) -> None:
    turn = said(store, "What is 6 * 7?", "42", thinking="six sevens", files=(Attachment("a.txt", "text"),))
    store.close()
    with closing(Store.open(path)) as again:
        (summary,) = again.conversations()
        question, answer = again.conversation(summary.id).messages
    assert (summary.id, summary.title, summary.n_messages) == (turn.conversation_id, "What is 6 * 7?", 2)
    assert (question.id, question.content, question.attachments) == (
        turn.question_id,
        "What is 6 * 7?",
        (Attachment("a.txt", "text"),),
    )
    assert (answer.id, answer.parent_id, answer.content, answer.thinking) == (
        turn.answer_id,
        turn.question_id,
        "42",
        "six sevens",
    )
    assert (answer.status, answer.n_completion, answer.seconds) == ("done", 450, 12.8)


def test_the_run_is_kept(store: Store) -> None:
    turn = said(store, "6 * 7?", "42")
    run = store.run(turn.answer_id)
    assert run is not None
    assert run.answer is not None
    assert (run.status, run.answer["strategy"], run.answer["n_ctx"]) == ("done", "direct", 4096)
    assert "text" not in run.answer
    assert store.run(turn.question_id) is None


def test_branches(store: Store) -> None:
    first = said(store, "6 * 7?", "41")
    again = said(store, "6 * 7?", "42", conversation_id=first.conversation_id, question_id=first.question_id)
    shown = store.conversation(first.conversation_id).messages
    assert [m.content for m in shown] == ["6 * 7?", "42"]
    assert shown[1].siblings == (first.answer_id, again.answer_id)
    assert (shown[0].version, shown[1].version) == (1, 2)
    later = following(store, again, "Sure?")
    edited = said(store, "7 * 7?", "49", conversation_id=first.conversation_id)
    assert [m.content for m in store.conversation(first.conversation_id).messages] == ["7 * 7?", "49"]
    back = store.switch(first.conversation_id, first.question_id)
    assert back.leaf_id == later.answer_id
    assert back.messages[0].siblings == (first.question_id, edited.question_id)
    assert [m.content for m in store.switch(first.conversation_id, first.answer_id).messages] == [
        "6 * 7?",
        "41",
    ]
    with pytest.raises(UsageError, match="no such message"):
        store.switch(first.conversation_id, 5)


def test_history_is_what_the_model_is_told(store: Store) -> None:
    file = Attachment("a.txt", "text")
    first = said(store, "Read this.", "Done.", thinking="hm", files=(file,))
    failed = following(store, first, "And now?", "  ")
    last = following(store, failed, "Again?", "Yes.")
    messages = store.conversation(last.conversation_id).messages
    assert len(messages) == 6
    assert history(messages) == (
        Message("user", Query("Read this.", attachments=(file,)).messages()[0].content),
        Message("assistant", "Done.", "hm"),
        Message("user", "Again?"),
        Message("assistant", "Yes."),
    )


def test_the_order_of_the_list(store: Store) -> None:
    turns = [said(store, f"Question {n}") for n in range(4)]
    ids = [turn.conversation_id for turn in turns]
    assert [s.id for s in store.conversations()] == ids[::-1]
    following(store, turns[0], "More")
    assert store.latest() == store.find(ids[0])
    store.pin(ids[1])
    store.archive(ids[2])
    assert [s.id for s in store.conversations()] == [ids[1], ids[0], ids[3]]
    assert [s.id for s in store.conversations(is_archived=True)] == [ids[2]]
    assert [s.id for s in store.conversations(limit=1, offset=1)] == [ids[0]]
    store.pin(ids[1], False)
    store.archive(ids[2], False)
    assert len(store.conversations()) == 4


def test_deleting_can_be_undone_until_it_is_purged(store: Store) -> None:
    kept, gone = said(store, "Keep this needle"), said(store, "Delete this needle", "needle")
    assert store.delete(gone.conversation_id)
    assert not store.delete(gone.conversation_id)
    assert [s.id for s in store.conversations()] == [kept.conversation_id]
    assert {hit.conversation.id for hit in store.search("needle")} == {kept.conversation_id}
    assert [s.id for s in store.conversations(is_deleted=True)] == [gone.conversation_id]
    assert store.latest() == store.find(kept.conversation_id)
    assert store.restore(gone.conversation_id)
    assert not store.restore(gone.conversation_id)
    assert {hit.conversation.id for hit in store.search("needle")} == {
        kept.conversation_id,
        gone.conversation_id,
    }
    store.delete(gone.conversation_id)
    assert store.purge(older_than_s=60) == 0
    assert store.purge(conversation_id=kept.conversation_id) == 0
    assert store.purge() == 1
    assert store.conversations(is_deleted=True) == []
    assert store.run(gone.answer_id) is None
    assert store.search("delete") == []


def test_what_was_purged_is_not_in_the_file(store: Store, path: Path) -> None:
    for n in range(20):
        turn = said(store, f"xylophone {n}", "xylophone " * 500, thinking="xylophone")
        store.delete(turn.conversation_id)
    said(store, "Something else")
    store.purge()
    store.close()
    assert b"xyl" not in b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_what_was_deleted_long_ago_is_purged_at_the_start(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = said(store, "old"), said(store, "new")
    store.delete(old.conversation_id)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 29 * 86400)
    store.delete(new.conversation_id)
    monkeypatch.setattr(time, "time", lambda: now + 31 * 86400)
    with closing(Store.open(path)) as again:
        assert [s.id for s in again.conversations(is_deleted=True)] == [new.conversation_id]


def test_titles(store: Store) -> None:
    turn = said(store, "What is 6 * 7?")
    conversation = turn.conversation_id
    assert store.rename(conversation, '"Multiplying"', by="model")
    assert store.find(conversation).title == "Multiplying"
    assert store.rename(conversation, " My sum\n")
    assert not store.rename(conversation, "Better", by="model")
    assert not store.rename(conversation, "  ")
    assert (store.find(conversation).title, store.find(conversation).title_by) == ("My sum", "user")
    following(store, turn, "And 6 * 8?")
    assert store.find(conversation).title == "My sum"


def test_a_conversation_is_found_by_the_beginning_of_its_id(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = iter(["abcd0000", "abce0000", "b%_00000"])
    monkeypatch.setattr("assistant.store.ids.conversation_id", lambda: next(names))
    for n in range(3):
        said(store, f"Question {n}")
    assert store.find("abcd").id == "abcd0000"
    assert store.find(" ABCE0000 ").id == "abce0000"
    with pytest.raises(UsageError) as caught:
        store.find("abc")
    assert str(caught.value) == (
        'More than one conversation begins with "abc": abce0000, abcd0000. Write more of it.'
    )
    for prefix in ("", "x", "%", "abcd00000"):
        with pytest.raises(UsageError, match="There is no conversation"):
            store.find(prefix)
    with pytest.raises(UsageError, match="There is no conversation"):
        store.conversation("abcd")


def test_search_looks_into_everything(store: Store) -> None:
    turn = said(
        store,
        "Was weiß ÄRGER? 天空为什么是蓝色的",
        "Rayleigh scattering",
        thinking="the sky, да",
        files=(Attachment("notizen.txt", "secret"),),
    )
    said(store, "Something else", "entirely")
    store.rename(turn.conversation_id, "Colours")
    roles = {
        typed: [hit.role for hit in store.search(typed)]
        for typed in (
            *("colour", "ärger", "天空", "蓝", "rayleigh SCATTER", "the sky", "ДА", "notizen", "tizen.t"),
            *("scattering else", "sky rayleigh", "100%", "_", ""),
        )
    }
    assert roles == {
        "colour": [None],
        "ärger": ["user"],
        "天空": ["user"],
        "蓝": ["user"],
        "rayleigh SCATTER": ["assistant"],
        "the sky": ["assistant"],
        "ДА": ["assistant"],
        "notizen": ["user"],
        "tizen.t": ["user"],
        "scattering else": [],
        "sky rayleigh": ["assistant"],
        "100%": [],
        "_": [],
        "": [],
    }


def test_a_running_answer_is_found_once_it_is_whole(store: Store) -> None:
    turn = Turn(Query("Where?"))
    turn.write(store.write)
    assert store.search("needle") == []
    turn.end("stopped")
    turn.write(store.write)
    done = said(store, "Where?", "A needle.", conversation_id=turn.conversation_id)
    assert [hit.message_id for hit in store.search("needle")] == [done.answer_id]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(min_size=1), begin=st.integers(0, 60), length=st.integers(1, 20))
def test_whatever_was_said_is_found_by_any_part_of_it(
    store: Store, text: str, begin: int, length: int
) -> None:
    turn = said(store, text, "noted")
    kept = store.conversation(turn.conversation_id).messages[0].content
    part = kept[begin % len(kept) :][:length]
    # SQLite's index reads a text up to its first NUL, which no keyboard and hardly a file has
    if '"' not in part and "\0" not in kept and part.strip():
        found = {hit.message_id for hit in store.search(f'"{part}"', limit=10_000)}
        assert turn.question_id in found


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.characters()) | st.text(alphabet=list("\"'*():^+-{}\\/ ANDORNOTab,;%_\0")))
def test_no_search_fails(store: Store, typed: str) -> None:
    if store.latest() is None:
        said(store, "a AND b OR NOT c", 'She said "a b" (twice)')
    store.search(typed)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.characters()))
def test_any_text_can_be_kept(store: Store, text: str) -> None:
    turn = said(store, text, text, thinking=text, files=(Attachment(text, text),))
    question, answer = store.conversation(turn.conversation_id).messages
    expected = text.encode("utf-8", "replace").decode()
    assert question.content == answer.content == answer.thinking == expected
    assert question.attachments == (Attachment(expected, expected),)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are Unix'")
def test_nobody_else_can_read_it(store: Store, path: Path) -> None:
    turn = Turn(Query("secret"))
    turn.write(store.write)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert {f"{path.name}{end}" for end in ("", "-wal", "-shm")} < set(modes)
    assert set(modes.values()) == {0o600}


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are Unix'")
def test_a_file_that_others_could_read_is_closed_to_them(store: Store, path: Path) -> None:
    store.close()
    path.chmod(0o644)
    with closing(Store.open(path)) as again:
        said(again, "secret")
        assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


def test_many_threads_share_a_store(store: Store) -> None:
    errors: list[BaseException] = []

    def talk(n: int) -> None:
        try:
            turn = said(store, f"Question {n}")
            for m in range(5):
                turn = following(store, turn, f"Question {n}.{m}")
                store.search("question")
            assert len(store.conversation(turn.conversation_id).messages) == 12
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(store.conversations()) == 8


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match="are closed"):
        store.conversations()


def test_ids() -> None:
    names = {conversation_id() for _ in range(1000)}
    assert len(names) == 1000
    assert all(len(name) == 8 and set(name) <= set(ALPHABET) for name in names)
    numbers = [message_id() for _ in range(1000)]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] < 1 << 62
