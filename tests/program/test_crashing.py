"""The real program and its model's process, killed in the middle of an answer."""

from __future__ import annotations

import re
import signal

from tests.program.terminal import Program
from tests.program.test_chatting import PATIENT, STORY


def test_an_answer_outlives_kill_9_and_is_gone_on_with() -> None:
    with Program(*PATIENT) as mull:
        mull.wait("· ready")
        mull.ask(STORY)
        mull.wait("Once upon a time, in a land far, far away", "there was a brave", "knight named")
        mull.wait("Sir Edward was")
        mull.signal(signal.SIGKILL)
        mull.end()
    with Program(*PATIENT, "-c") as mull:
        mull.wait(
            re.escape(STORY), "Once upon a time, in a land", "unfinished|interrupted", "Continue", "· ready"
        )
        mull.press("ctrl+n")
        mull.wait("Once upon a time, in a land far, far away", r"tokens/s", "· ready", gone="Continue")


def test_a_dead_model_is_told_in_a_sentence_and_the_question_is_answered() -> None:
    with Program(*PATIENT) as mull:
        mull.wait("· ready")
        mull.ask("347 * 28 + 19")
        mull.wait(r"▾ thinking ━+ +\d\d / ")
        mull.kill_model()
        mull.wait(r"The model's process was killed from outside, .*\. Ask again", "· no model", gone="Stop")
        mull.ask("/again")
        mull.wait(r"The answer is 9735\.", "· ready")
