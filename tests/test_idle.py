"""What is done while nobody asks ends at once, keeps what it has, and never raises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from assistant import idle
from assistant.config import Settings
from assistant.control import Control
from assistant.engine.local import LocalBatch, LocalEngine
from assistant.engine.options import LoadOptions
from assistant.engine.process import Loaded as News
from assistant.engine.protocol import ModelInfo, Request
from assistant.engine.runner import DecodeStatus, Piece, Prompt
from assistant.engine.scripted import ScriptedRunner, scripted_model
from assistant.errors import OutOfMemory
from assistant.events import Planned
from assistant.hardware.speed import SpeedStore
from assistant.learning import Learning
from assistant.limits import SpeedCurve
from assistant.query import Message, Query
from assistant.session import Session
from tests.engine.running import ask, completion

TALK = (Message("user", "Why is the sky blue?"), Message("assistant", "Air scatters blue light most."))
LARGE = replace(scripted_model(), n_params=4 * 10**9)


class Watched(ScriptedRunner):
    """Stops a control while its n-th batch is computed, and counts those after it."""

    def __init__(self, say: str, info: ModelInfo = LARGE, stop_at: int = -1) -> None:
        super().__init__(lambda _request, _i: say, info, n_batch=512)
        self.control = Control()
        self.n_batches = 0
        self.n_after = 0
        self.error: Exception | None = None
        self.asked: list[Request] = []
        self._stop_at = stop_at

    def prompt(self, request: Request) -> Prompt:
        self.asked.append(request)
        return super().prompt(request)

    def decode(self, pieces: Sequence[Piece]) -> DecodeStatus:
        self.n_after += self.control.is_stopped
        self.n_batches += 1
        if self.n_batches == self._stop_at:
            self.control.stop()
        if self.error is not None:
            raise self.error
        return super().decode(pieces)


def learning(folder: Path | None = None) -> Learning:
    begun = Learning(folder, SpeedStore(folder) if folder else None)
    begun.begin(LARGE)
    return begun


@given(stop_at=st.integers(1, 60))
def test_a_question_waits_for_one_step_at_most(stop_at: int) -> None:
    runner = Watched("words " * 100, stop_at=stop_at)
    engine, known = LocalEngine(runner), learning()

    idle.measure(engine, known, runner.control)

    assert runner.n_after == 0
    before = known.seen.measured
    idle.measure(engine, known, Control())
    assert set(before) <= set(known.seen.measured) == {0, 1, 2, 4, 8}
    assert completion(engine, ask("Hello?", max_tokens=8)).answer


@given(stop_at=st.integers(1, 12))
def test_nor_does_it_wait_for_a_title(stop_at: int) -> None:
    runner = Watched("Colours of the sky", stop_at=stop_at)
    assert idle.title(LocalEngine(runner), runner.control, TALK) == ""
    assert runner.n_after == 0


class Loaded(LocalEngine):
    """An engine that needs no loading."""

    is_loaded = True
    asks_for_less = False
    options = LoadOptions("scripted.gguf")
    pid = None
    n_opened = 0

    def load(self) -> Iterator[News]:
        return iter(())

    def batch(self) -> LocalBatch:
        self.n_opened += 1
        return super().batch()


def test_no_question_is_kept_waiting_for_a_measurement(tmp_path: Path) -> None:
    """The plan takes what is expected, and says so; what was seen is taken from then on."""
    slow = replace(LARGE, expected_speed=64.0)
    engine = Loaded(Watched("<think>" + "so " * 120 + "</think>Because of the air.", slow))
    known = Learning(tmp_path, SpeedStore(tmp_path))
    session = Session(Settings(think="auto", effort="high", time=60), engine, "a model", learning=known)

    first = list(session.run(Query("Why is the sky blue?")))

    assert engine.n_opened == 1
    plan = next(event for event in first if isinstance(event, Planned))
    assert plan.is_guess
    assert "perhaps about" in plan.reason
    assert "not measured yet" in plan.reason
    again = next(event for event in session.run(Query("Why?")) if isinstance(event, Planned))
    assert not again.is_guess
    assert known.needs_speed, "a run alone tells nothing of several sequences"

    session.measure(Control())

    assert not known.needs_speed
    assert (session.title(Control(), ()), session.title(Control(), TALK)) == ("", "")


def test_the_setting_leaves_titles_to_the_rule() -> None:
    titled = [
        Session(Settings(titles=who), Loaded(Watched("Colours of the sky")), "a model").title(Control(), TALK)
        for who in ("auto", "rule")
    ]
    assert titled == ["Colours of the sky", ""]


def test_what_was_measured_is_kept(tmp_path: Path) -> None:
    runner = Watched("words " * 100, stop_at=12)
    idle.measure(LocalEngine(runner), learning(tmp_path), runner.control)
    kept = learning(tmp_path)
    assert kept.seen.measured
    assert kept.needs_speed
    idle.measure(LocalEngine(Watched("words " * 100)), kept, Control())
    assert not learning(tmp_path).needs_speed


def test_a_measurement_that_fails_is_given_up(tmp_path: Path) -> None:
    runner = Watched("words " * 100)
    runner.error = OutOfMemory("Memory ran out.", "Ask again.")
    known = learning(tmp_path)
    idle.measure(LocalEngine(runner), known, Control())
    assert known.seen == SpeedCurve(0.0, ())
    assert not known.needs_speed


def test_a_title_goes_on_from_the_conversation() -> None:
    runner = Watched("Colours of the sky")
    engine = LocalEngine(runner)
    completion(engine, ask(TALK[0].content, max_tokens=4))
    assert idle.title(engine, Control(), TALK) == "Colours of the sky"
    request = runner.asked[-1]
    assert request.messages[:-1] == TALK
    assert "title" in request.messages[-1].content
    assert request.thinking.maximum == 0


def test_who_comes_to_no_end_has_no_title() -> None:
    assert idle.title(LocalEngine(Watched("words " * 100)), Control(), TALK) == ""


def test_a_small_model_is_not_asked() -> None:
    runner = Watched("Colours of the sky", replace(LARGE, n_params=999_999_999))
    assert idle.title(LocalEngine(runner), Control(), TALK) == ""
    assert not runner.asked


def test_an_engine_that_fails_has_no_title() -> None:
    runner = Watched("Colours of the sky")
    runner.error = OutOfMemory("Memory ran out.", "Ask again.")
    assert idle.title(LocalEngine(runner), Control(), TALK) == ""
