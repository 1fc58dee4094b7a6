"""Files that cannot be used: damaged ones, newer ones, those of others. None is ever overwritten."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from assistant.errors import StoreDamaged, StoreError
from assistant.store import database
from assistant.store.store import Store
from tests.store.filling import following, said

ROOT = Path(__file__).resolve().parents[2]


def filled(path: Path, n: int = 60) -> None:
    """A database of some pages, all of it in the one file."""
    with closing(Store.open(path)) as store:
        turn = said(store, "Question", "needle " * 50)
        for i in range(n):
            turn = following(store, turn, f"Question {i}", f"Answer {i} " * 60)


def aside(path: Path) -> list[Path]:
    """What was set aside, without its companions."""
    return sorted(path.parent.glob("conversations.*-*.db"))


@pytest.mark.parametrize(
    "content", [b"This is no database. " * 400, b"\0" * 5000, b"SQLite format 3\0" + b"\xff" * 9000]
)
def test_a_file_that_is_no_database_is_set_aside(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with closing(Store.open(path)) as store:
        (kept,) = aside(path)
        assert kept.read_bytes() == content
        assert store.notes == (
            f"The file of conversations is damaged. It was set aside as {kept}, and a new one was begun; "
            f"mull history import {kept.name} brings back what can be read of it.",
        )
        said(store, "A new beginning")
    with closing(Store.open(path)) as store:
        assert store.notes == ()
        assert [s.title for s in store.conversations()] == ["A new beginning"]
    assert aside(path) == [kept]


def everything(path: Path) -> None:
    """Read all there is, as an app would in an hour."""
    with closing(Store.open(path)) as store:
        for summary in store.conversations():
            for message in store.conversation(summary.id).messages:
                store.run(message.id)
        store.search("needle")
        store.search("Answer 7")
        said(store, "One more")


@pytest.mark.parametrize("seed", range(24))
def test_damage_anywhere_is_found_set_aside_and_never_overwritten(path: Path, seed: int) -> None:
    filled(path)
    original = path.read_bytes()
    random_ = random.Random(seed)
    page = seed % (len(original) // 4096)
    begin = page * 4096 + random_.choice([0, 8, 100, random_.randrange(4000)])
    damaged = original[:begin] + random_.randbytes(96) + original[begin + 96 :]
    path.write_bytes(damaged)
    told = ""
    for _ in range(3):
        try:
            everything(path)
        except StoreDamaged as error:
            told = str(error)
            assert str(path) in told
            assert database.suspect_path(path).exists()
    for kept in aside(path):
        # what was damaged is kept as it was, but for what was written before the damage was met
        assert kept.stat().st_size >= len(original)
        assert begin == 0 or kept.read_bytes()[:16] == original[:16] or page == 0
    assert len(aside(path)) <= 1
    everything(path)


@pytest.mark.parametrize("size", [100, 4096, 9000, -4097])
def test_a_file_that_was_cut_is_set_aside(path: Path, size: int) -> None:
    filled(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:size])
    for _ in range(2):
        try:
            everything(path)
        except StoreDamaged:
            continue
    everything(path)
    (kept,) = aside(path)
    assert kept.read_bytes()[: len(whole[:size])][:100] == whole[:size][:100]


def test_damage_that_the_first_look_does_not_meet_is_dealt_with_at_the_same_start(path: Path) -> None:
    filled(path)
    content = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as db:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = 'message_unfinished'"
        page = db.execute(query).fetchone()[0]
    content[(page - 1) * 4096 : page * 4096] = random.Random(page).randbytes(4096)
    path.write_bytes(content)
    with closing(Store.open(path)) as store:
        assert len(store.notes) == len(aside(path)) == 1
        assert store.conversations() == []


def test_a_file_that_is_a_link_is_set_aside_where_it_lies(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "real.db"
    real.parent.mkdir()
    real.write_bytes(b"This is no database. " * 400)
    path.symlink_to(real)
    with closing(Store.open(path)) as store:
        assert store.path == real
        said(store, "A new beginning")
    assert len(list(real.parent.glob("real.damaged-*.db"))) == 1
    assert path.is_symlink()


def test_a_table_that_is_missing_is_damage(path: Path) -> None:
    filled(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE run")
    with closing(Store.open(path)) as store:
        assert len(store.notes) == len(aside(path)) == 1


def test_another_programs_database_is_set_aside_whole(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE recipe (name TEXT)")
        db.execute("INSERT INTO recipe VALUES ('soup')")
    with closing(Store.open(path)) as store:
        (kept,) = aside(path)
        assert store.notes == (
            f"The file of conversations is not Mull's. It was set aside as {kept}, and a new one was begun.",
        )
    with closing(sqlite3.connect(kept)) as db:
        assert db.execute("SELECT name FROM recipe").fetchall() == [("soup",)]


def test_a_newer_database_is_left_alone_and_a_file_beside_it_used(path: Path) -> None:
    filled(path, 1)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {database.VERSION + 1}")
    before = path.read_bytes()
    for n in range(2):
        with closing(Store.open(path)) as store:
            beside = path.with_name(f"conversations.v{database.VERSION}.db")
            assert store.path == beside
            assert store.notes == (
                f"The conversations in {path} were written by a newer Mull and are left as they are. Until "
                f"Mull is updated, conversations are kept in {beside.name}; mull history import brings them "
                "over then.",
            )
            assert len(store.conversations()) == n
            said(store, "Meanwhile")
    assert path.read_bytes() == before
    assert aside(path) == []


def test_a_database_that_a_newer_mull_takes_over_meanwhile_is_not_written(store: Store, path: Path) -> None:
    said(store, "Before")
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {database.VERSION + 1}")
    with pytest.raises(StoreError, match="Another version of Mull has changed the file"):
        said(store, "After")
    assert len(store.conversations()) == 1


def test_a_doubt_that_was_unfounded_changes_nothing(path: Path) -> None:
    filled(path, 1)
    database.suspect_mark(path)
    with closing(Store.open(path)) as store:
        assert (store.notes, len(store.conversations())) == ((), 1)
    assert not database.suspect_path(path).exists()
    assert aside(path) == []


READING = """
import os, sys
from pathlib import Path
from assistant.errors import StoreError
from assistant.store.store import Store
from tests.store.filling import said
if os.geteuid() == 0:
    os.setuid(65534)  # root may write anywhere
path = Path(sys.argv[1])
assert not os.access(path, os.W_OK)
store = Store.open(path)
assert store.is_read_only
print(len(store.conversations()), len(store.search("needle")))
try:
    said(store, "More")
except StoreError as error:
    print(error)
store.close()
"""


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are Unix'")
def test_what_may_only_be_read_can_be_read() -> None:
    with tempfile.TemporaryDirectory() as folder:  # others may look into it, unlike the tests' own
        path = Path(folder) / "conversations.db"
        filled(path, 1)
        path.chmod(0o444)
        path.parent.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", READING, str(path)], cwd=ROOT, capture_output=True, text=True, check=False
        )
        path.parent.chmod(0o755)
    assert done.returncode == 0, done.stderr
    n, sentence = done.stdout.splitlines()
    assert n == "1 1"
    assert sentence == (
        f"Conversations cannot be saved: they may not be written. Make {path} and its folder writable."
    )
