"""A run is written as it streams, and whatever goes wrong with that does not stop it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from assistant.errors import EngineDied, StoreError
from assistant.events import Event, Notice, SampleNews, Tally, VoteShare
from assistant.query import Query
from assistant.store import database
from assistant.store import journal as journal_module
from assistant.store.journal import Journal
from assistant.store.recording import Turn
from assistant.store.store import Store
from assistant.store.values import Conversation, Status
from tests.tui.scripted import answer, planned, retracted, text, thinking


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with closing(Journal(path=path)) as opened:
        yield opened


def opened(journal: Journal) -> Store:
    store = journal.store()
    assert store is not None
    return store


def kept(journal: Journal, turn: Turn) -> Conversation:
    return opened(journal).conversation(turn.conversation_id)


def state(journal: Journal, turn: Turn) -> tuple[Status, str, str]:
    """Status, thinking and text of the answer."""
    found = kept(journal, turn).messages[1]
    return found.status, found.thinking, found.content


def wait_for(journal: Journal, content: str) -> None:
    """Wait until the journal's own thread has written this."""
    store, waiting = opened(journal), threading.Event()
    for _ in range(3000):
        if any(
            message.content == content
            for summary in store.conversations()
            for message in store.conversation(summary.id).messages
        ):
            return
        waiting.wait(0.01)
    pytest.fail(f"{content!r} was not written")


def test_a_run_passes_through_and_is_kept(journal: Journal) -> None:
    events = [planned(), thinking("hm"), text("4"), text("2"), answer("42", "hm")]
    turn = Turn(Query("6 * 7?"))
    assert list(journal.recorded(iter(events), turn)) == events
    assert state(journal, turn) == ("done", "hm", "42")


def test_what_has_come_is_in_the_file_while_the_run_goes_on(journal: Journal) -> None:
    turn = Turn(Query("6 * 7?"))
    journal.store()
    run = journal.recorded(iter([thinking("hm, "), thinking("so"), text("4"), answer("42")]), turn)
    for _ in range(3):
        next(run)
    wait_for(journal, "4")
    assert state(journal, turn) == ("running", "hm, so", "4")
    list(run)


def test_what_was_taken_back_is_gone(journal: Journal) -> None:
    turn = Turn(Query("6 * 7?"))
    run = journal.recorded(iter([text("41"), retracted(), text("4")]), turn)
    for _ in run:
        pass
    assert state(journal, turn) == ("stopped", "", "4")


def test_samples_and_the_vote_are_kept(journal: Journal) -> None:
    turn = Turn(Query("6 * 7?"))
    tally = Tally(
        shares=(VoteShare(answer="42", samples=(0, 1), weight=2.0),),
        n_done=2,
        n_samples=3,
        certainty=0.9,
        is_decided=True,
    )
    news = [
        SampleNews(sample=0, state="thinking", tokens=1),
        SampleNews(sample=0, state="done", tokens=9),
    ]
    plan = planned().model_copy(update={"kind": "math", "score": 0.4, "signals": (("numbers", 0.3),)})
    list(journal.recorded(iter([plan, *news, tally, answer("42")]), turn))
    run = opened(journal).run(turn.answer_id)
    assert run is not None
    assert (run.kind, run.score, run.signals) == ("math", 0.4, (("numbers", 0.3),))
    assert [(s["stage"], s["sample"], s["state"], s["tokens"]) for s in run.samples] == [(1, 0, "done", 9)]
    assert run.tally == tally.model_dump(mode="json", exclude={"event"})
    assert [plan["strategy"] for plan in run.plans] == ["direct"]


def failing(*events: Event, error: BaseException) -> Iterator[Event]:
    yield from events
    raise error


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (EngineDied("The engine died.", "Ask again."), "failed", "The engine died. Ask again."),
        (ValueError("defect"), "failed", "ValueError: defect"),
        (KeyboardInterrupt(), "stopped", ""),
    ],
)
def test_a_run_that_fails_keeps_what_there_is(
    journal: Journal, error: BaseException, status: Status, said: str
) -> None:
    turn = Turn(Query("6 * 7?"))
    with pytest.raises(type(error)):
        list(journal.recorded(failing(text("4"), error=error), turn))
    assert state(journal, turn) == (status, "", "4")
    assert kept(journal, turn).messages[1].error == said


def test_a_run_that_is_closed_was_stopped_and_is_closed_too(journal: Journal) -> None:
    closed = []

    def run() -> Iterator[Event]:
        try:
            yield text("4")
            yield text("2")
        finally:
            closed.append(True)

    turn = Turn(Query("6 * 7?"))
    events = journal.recorded(run(), turn)
    next(events)
    events.close()
    assert closed == [True]
    assert state(journal, turn) == ("stopped", "", "4")


def test_an_answer_that_was_stopped(journal: Journal) -> None:
    turn = Turn(Query("6 * 7?"))
    list(journal.recorded(iter([text("4"), answer("4", finish_reason="stopped")]), turn))
    assert state(journal, turn)[0] == "stopped"


def test_nothing_is_kept_where_nothing_is_to_be_kept(path: Path) -> None:
    with closing(Journal(path=path, is_kept=False)) as journal:
        events = [text("42"), answer("42")]
        assert list(journal.recorded(iter(events), Turn(Query("6 * 7?")))) == events
        assert journal.store() is None
    assert list(path.parent.iterdir()) == []


# -- when it cannot be written --------------------------------------------------------------------


class Disk:
    """A disk that is as full as one likes: every connection is told how many pages there may be."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._connect = database.connect
        self._n_pages = 1 << 30
        monkeypatch.setattr(database, "connect", self._limited)

    def fill(self, store: Store) -> None:
        """Leave no room for another page."""
        self._n_pages = store._db.read(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
        self._forget(store)

    def empty(self, store: Store) -> None:
        """Make room again."""
        self._n_pages = 1 << 30
        self._forget(store)

    def _limited(self, path: Path, *, is_read_only: bool = False) -> sqlite3.Connection:
        db = self._connect(path, is_read_only=is_read_only)
        db.execute(f"PRAGMA max_page_count = {self._n_pages}")
        return db

    def _forget(self, store: Store) -> None:
        while store._db._idle:
            store._db._idle.pop().close()


def warnings(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Notice)]


def names(events: list[Event]) -> list[str]:
    return [event.model_dump()["event"] for event in events]


LONG = "word " * 10_000


def chat_on(journal: Journal, first: Turn) -> tuple[Turn, list[Event]]:
    """Two turns more, with long answers: the last one, and all events."""
    second = Turn(Query("Second?"), first.conversation_id, first.answer_id)
    events = list(journal.recorded(iter([text(LONG), answer(LONG)]), second))
    third = Turn(Query("Third?"), first.conversation_id, second.answer_id)
    return third, [*events, *journal.recorded(iter([answer(LONG)]), third)]


def test_a_full_disk_stops_saving_with_one_warning_and_the_chat_goes_on(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "RETRY_S", 0.0)
    disk, first = Disk(monkeypatch), Turn(Query("First?"))
    list(journal.recorded(iter([answer("Yes.")]), first))
    disk.fill(opened(journal))
    third, events = chat_on(journal, first)
    assert warnings(events) == [
        "Conversations cannot be saved: the disk is full. Free some space. The chat goes on, and saving is "
        "tried again."
    ]
    assert [name for name in names(events) if name != "notice"] == ["text", "answer", "answer"]
    assert names(events)[-1] == "answer"
    assert [m.content for m in kept(journal, first).messages] == ["First?", "Yes."]
    disk.empty(opened(journal))
    assert journal.flush()
    assert journal.take_news() == ["Conversations are saved again, and nothing is missing."]
    shown = [message.content for message in kept(journal, third).messages]
    assert shown == ["First?", "Yes.", "Second?", LONG, "Third?", LONG]


def test_what_could_not_be_kept_is_known_at_the_end(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, first = Disk(monkeypatch), Turn(Query("First?"))
    list(journal.recorded(iter([answer("Yes.")]), first))
    disk.fill(opened(journal))
    chat_on(journal, first)
    journal.close()
    assert journal.loss is not None
    assert str(journal.loss) == (
        "2 questions and their answers are not kept, or only in part. "
        "Conversations cannot be saved: the disk is full. Free some space."
    )


def test_nothing_is_lost_where_all_was_kept(journal: Journal) -> None:
    list(journal.recorded(iter([answer("Yes.")]), Turn(Query("First?"))))
    journal.close()
    assert journal.loss is None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of one megabyte; needs the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or sys.platform != "linux":
        pytest.skip("there is no tmpfs here")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("mounting a small file system is not allowed here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_disk_that_is_really_full(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "RETRY_S", 0.0)
    with closing(Journal(path=small_disk / "conversations.db")) as journal:
        first = Turn(Query("First?"))
        list(journal.recorded(iter([answer("Yes.")]), first))
        with (small_disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while filler.write(bytes(4096)):
                pass
        third, events = chat_on(journal, first)
        (warning,) = warnings(events)
        assert warning.startswith("Conversations cannot be saved: the disk is full.")
        assert names(events)[-1] == "answer"
        assert [m.content for m in kept(journal, first).messages] == ["First?", "Yes."]
        (small_disk / "filler").unlink()
        assert journal.flush()
        assert [m.content for m in kept(journal, third).messages][3:] == [LONG, "Third?", LONG]


def test_a_start_on_a_full_disk_reads_what_there_is(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "RETRY_S", 0.0)
    path, first = small_disk / "conversations.db", Turn(Query("First?"))
    with closing(Journal(path=path)) as journal:
        list(journal.recorded(iter([answer("Yes.")]), first))
    with (small_disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(bytes(4096)):
            pass
    with closing(Journal(path=path)) as journal:
        assert [m.content for m in journal.conversation(None).messages] == ["First?", "Yes."]
        third, events = chat_on(journal, first)
        (warning,) = warnings(events)
        assert warning.startswith("Conversations cannot be saved: the disk is full.")
        assert names(events)[-1] == "answer"
        (small_disk / "filler").unlink()
        assert journal.flush()
        assert [m.content for m in kept(journal, third).messages][3:] == [LONG, "Third?", LONG]


def test_a_locked_database_is_waited_for_and_then_done_without(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.05)
    opened(journal)
    turn = Turn(Query("6 * 7?"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        first, last = journal.recorded(iter([answer("42")]), turn)
        assert isinstance(first, Notice)
        assert first.text.startswith("Conversations cannot be saved: another program keeps them locked.")
        assert names([last]) == ["answer"]
        other.execute("ROLLBACK")
    assert journal.flush()
    assert state(journal, turn) == ("done", "", "42")


def test_a_store_that_cannot_be_opened_costs_the_record_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with closing(Journal(path=tmp_path / "data" / "conversations.db")) as journal:
        for n in range(2):
            events = list(journal.recorded(iter([answer("42")]), Turn(Query("6 * 7?"))))
            assert names(events) == ["notice", "answer"][n:]
        with pytest.raises(StoreError, match=r"The folder of conversations cannot be used: .*\. Make"):
            journal.store()


def test_what_could_not_be_saved_at_first_is_saved_when_it_can_be(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with closing(Journal(path=tmp_path / "data" / "conversations.db")) as journal:
        turn = Turn(Query("6 * 7?"))
        list(journal.recorded(iter([answer("42")]), turn))
        (tmp_path / "data").unlink()
        assert journal.flush()
        assert state(journal, turn) == ("done", "", "42")


def test_closing_saves_what_is_left(path: Path) -> None:
    journal = Journal(path=path)
    turn = Turn(Query("6 * 7?"))
    run = journal.recorded(iter([text("4"), answer("42")]), turn)
    next(run)
    turn.note(text("2"))
    journal.close()
    with closing(Store.open(path)) as store:
        assert [m.content for m in store.conversation(turn.conversation_id).messages] == ["6 * 7?", "42"]
    list(run)


def test_what_was_removed_for_good_while_it_was_written_stays_removed(journal: Journal) -> None:
    turn = Turn(Query("6 * 7?"))
    run = journal.recorded(iter([text("4"), answer("42")]), turn)
    next(run)
    journal.flush()
    opened(journal).delete(turn.conversation_id)
    opened(journal).purge()
    list(run)
    assert opened(journal).conversations(is_deleted=True) == opened(journal).conversations() == []


def test_a_file_that_goes_away_is_missed_and_another_one_begun(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "RETRY_S", 0.0)
    first = Turn(Query("First?"))
    list(journal.recorded(iter([answer("Yes.")]), first))
    second = Turn(Query("Second?"), first.conversation_id, first.answer_id)
    run = journal.recorded(iter([text("4"), text("2"), answer("42")]), second)
    next(run)
    assert journal.flush()
    for file in path.parent.iterdir():
        file.rename(file.with_name(f"moved-{file.name}"))
    events = list(run)
    assert warnings(events)[0].startswith(f"The file of conversations, {path}, was moved or removed.")
    assert names(events)[-1] == "answer"
    assert journal.flush()
    assert [message.content for message in kept(journal, second).messages] == ["Second?", "42"]
