"""Processes that share the store, and processes that are killed in the middle of a sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from assistant.query import Query
from assistant.store import locks
from assistant.store.recording import Turn
from assistant.store.store import Store
from tests.store.filling import said

ROOT = Path(__file__).resolve().parents[2]

TALKING = """
import sys, time
from pathlib import Path
from assistant.events import AnswerDelta, ThinkingDelta
from assistant.query import Query
from assistant.store.journal import Journal
from assistant.store.recording import Turn

def run():
    n = 0
    while True:
        n += 1
        if n < 5:
            yield ThinkingDelta(text=f"thought {n} ", tokens=n, budget=9, seconds=0.1 * n)
        else:
            yield AnswerDelta(text=f"word {n} ", tokens=n)
        time.sleep(0.01)

journal = Journal(path=Path(sys.argv[1]))
for n, event in enumerate(journal.recorded(run(), Turn(Query("A long story?")))):
    print(time.time(), event.text, flush=True)
"""

WRITING = """
import sys
from pathlib import Path
from assistant.store.store import Store
from tests.store.filling import following, said

store = Store.open(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
turn = said(store, f"Writer {sys.argv[2]}")
for n in range(1, 40):
    turn = following(store, turn, f"Question {n} of {sys.argv[2]}")
    store.search("question")
    store.rename(turn.conversation_id, f"Title {n} of {sys.argv[2]}")
store.close()
"""


@contextmanager
def child(script: str, *args: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", script, *args],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def lines_until(process: subprocess.Popen[str], seconds: float) -> list[tuple[float, str]]:
    """What the process has said until it has talked for so long: when, and what."""
    lines: list[tuple[float, str]] = []
    assert process.stdout is not None
    while not lines or lines[-1][0] < lines[0][0] + seconds:
        when, _, words = process.stdout.readline().rstrip("\n").partition(" ")
        lines.append((float(when), words))
    return lines


def test_kill_9_loses_at_most_a_second_and_the_next_start_marks_what_there_is(path: Path) -> None:
    with child(TALKING, str(path)) as process:
        lines = lines_until(process, 1.7)
        process.kill()
        killed = time.time()
        assert process.stdout is not None
        rest = [line.rstrip("\n").partition(" ") for line in process.stdout if line.endswith("\n")]
        lines += [(float(when), words) for when, _, words in rest]
    with closing(Store.open(path)) as store:
        (unfinished,) = store.unfinished()
        question, answer = store.conversation(unfinished.conversation_id).messages
        assert (question.content, question.status) == ("A long story?", "done")
        assert answer.status == "interrupted"
        assert answer.thinking == "".join(words for _, words in lines if words.startswith("thought"))
        must = "".join(words for when, words in lines if words.startswith("word") and when < killed - 1.0)
        all_of_it = "".join(words for _, words in lines if words.startswith("word"))
        assert must
        assert answer.content.startswith(must)
        assert all_of_it.startswith(answer.content)
        assert (unfinished.message_id, unfinished.question_id) == (answer.id, question.id)
        assert store.search("word 5")[0].message_id == answer.id
        again = said(
            store,
            "A long story?",
            "The end.",
            conversation_id=unfinished.conversation_id,
            question_id=question.id,
        )
        assert store.unfinished() == []
        assert store.conversation(unfinished.conversation_id).messages[1].siblings == (
            answer.id,
            again.answer_id,
        )


def test_a_second_mull_leaves_the_running_answer_of_the_first_alone(path: Path) -> None:
    with child(TALKING, str(path)) as process:
        lines_until(process, 0.7)
        with closing(Store.open(path)) as store:
            (summary,) = store.conversations()
            assert store.unfinished() == []
            assert store.conversation(summary.id).messages[1].status == "running"
            process.kill()
            process.wait()
            assert store.recover() == 1
            assert len(store.unfinished()) == 1
            assert store.recover() == 0
    assert locks.leftovers(path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="only Unix stops a process")
def test_a_mull_that_stands_still_is_not_taken_for_dead(path: Path) -> None:
    with child(TALKING, str(path)) as process:
        lines_until(process, 0.7)
        os.kill(process.pid, signal.SIGSTOP)
        with closing(Store.open(path)) as store:
            assert store.unfinished() == []
        os.kill(process.pid, signal.SIGCONT)


def test_two_stores_of_one_process_do_not_take_each_other_for_dead(store: Store, path: Path) -> None:
    turn = Turn(Query("6 * 7?"))
    turn.write(store.write)
    with closing(Store.open(path)) as other:
        assert other.conversation(turn.conversation_id).messages[1].status == "running"
        store.close()
        assert other.recover() == 1


def test_processes_write_side_by_side(path: Path) -> None:
    with child(WRITING, str(path), "A") as a, child(WRITING, str(path), "B") as b:
        for process in (a, b):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in (a, b):
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        for process in (a, b):
            process.communicate(timeout=120)
            assert process.returncode == 0
    with closing(Store.open(path)) as store:
        found = {summary.title: summary for summary in store.conversations()}
        assert set(found) == {"Title 39 of A", "Title 39 of B"}
        assert {summary.n_messages for summary in found.values()} == {80}
        for title, summary in found.items():
            assert len(store.conversation(summary.id).messages) == 80
            assert len(store.search(f'"39 of {title[-1]}"')) == 2


def test_processes_begin_side_by_side(path: Path) -> None:
    script = "import sys; from pathlib import Path; from assistant.store.store import Store; " + (
        "store = Store.open(Path(sys.argv[1])); print(store.notes, store.path.name); store.close()"
    )
    path.write_bytes(b"This is no database. " * 400)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    said = sorted(process.communicate(timeout=120)[0] for process in processes)
    assert [process.returncode for process in processes] == [0] * 4
    assert said[:3] == ["() conversations.db\n"] * 3 or said[1:] == ["() conversations.db\n"] * 3
    assert len(list(path.parent.glob("*.damaged-*.db"))) == 1
