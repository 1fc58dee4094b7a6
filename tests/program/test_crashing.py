"""The real program and its model's process, killed in the middle of an answer."""

from __future__ import annotations

import re
import signal
import sqlite3
from contextlib import closing

from assistant import paths
from tests.program.driving import Start
from tests.program.terminal import Program
from tests.program.test_chatting import PATIENT, SPEED, STORY


def written() -> str:
    """All that the database holds of answers at the moment, read beside the program that writes it."""
    path = paths.conversations()
    if not path.exists():
        return ""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        has_table = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'message'").fetchone()
        rows = database.execute("SELECT content FROM message") if has_table else ()
        return "".join(text for (text,) in rows)


def test_an_answer_outlives_kill_9_and_is_gone_on_with(program: Start) -> None:
    with program(*PATIENT) as mull:
        mull.wait("· ready")
        mull.ask(STORY)
        mull.wait("Once upon a time, in a land far")
        # what came within the last second may be lost, and a fast machine has then hardly begun
        mull.wait_until(lambda: "Once upon a time, in a land far" in written(), "a kept answer")
        mull.signal(signal.SIGKILL)
        mull.end()
    with program(*PATIENT, "-c") as mull:
        mull.wait(
            re.escape(STORY),
            "Once upon a time, in a land far",
            "unfinished|interrupted",
            "Continue",
            "· ready",
        )
        mull.press("ctrl+n")
        mull.wait("Once upon a time, in a land far, far away", SPEED, "· ready", gone="Continue")


def test_a_dead_model_is_told_in_a_sentence_and_the_question_is_answered() -> None:
    with Program(*PATIENT) as mull:
        mull.wait("· ready")
        mull.ask("347 * 28 + 19")
        mull.wait(r"▾ thinking ━+ +\d\d / ")
        mull.kill_model()
        mull.wait(r"The model's process was killed from outside, .*\. Ask again", "· no model", gone="Stop")
        mull.ask("/again")
        mull.wait(r"The answer is 9735\.", "· ready")
