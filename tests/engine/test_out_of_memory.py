"""Memory runs out, at load or in mid-answer: a step down, a sentence, and the question is answered."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.config import Settings
from assistant.control import Control
from assistant.engine import process
from assistant.engine.deaths import death
from assistant.engine.options import LoadOptions
from assistant.engine.process import Loaded, ProcessEngine
from assistant.engine.safety import Cures, memory_ladder
from assistant.engine.scripted import scripted_model
from assistant.errors import OutOfMemory
from assistant.events import Answer, AnswerDelta, Event, Notice, Planned, Retracted
from assistant.query import Query
from assistant.session import Session
from tests.engine import crashing

needs_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of Linux")
needs_signals = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals that kill")
MiB = 1 << 20

Open = Callable[..., Session]


class EngineHere(ProcessEngine):
    """A `ProcessEngine` without a process: nothing suffices to compute with, as the child would report."""

    def __init__(self, wanted: LoadOptions, cures: Path) -> None:
        super().__init__(wanted, cures=Cures(cures))
        self.tried: list[LoadOptions] = []

    @property
    def is_loaded(self) -> bool:
        return self._model is not None

    def _start(self) -> Iterator[Loaded]:
        self.tried.append(self.options)
        self._model = scripted_model()
        yield Loaded(1.0)

    def call(self, verb: str, *arguments: object) -> object:
        if verb == "step":
            raise self._make_room(OutOfMemory("Memory ran out while the model was computing.", "Less."))
        return [0]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    sessions: list[Session] = []

    def open_session(factory: str, path: str = "none.gguf", **options: int | str) -> Session:
        wanted = replace(LoadOptions(path, n_threads=1, n_gpu_layers=0), **options)  # type: ignore[arg-type]
        engine = ProcessEngine(wanted, f"crashing:{factory}", Cures(tmp_path / "cures.json"))
        sessions.append(Session(Settings(seed=1, max_tokens=24, think="off"), engine, "a model"))
        return sessions[-1]

    yield open_session
    for session in sessions:
        session.close()


def notices(session: Session, text: str = "hello") -> tuple[list[str], str]:
    """What the user is told, and the answer."""
    events = list(session.run(Query(text)))
    assert isinstance(events[-1], Answer)
    return [event.text for event in events if isinstance(event, Notice)], events[-1].text


def test_a_question_on_which_memory_runs_out_is_answered_after_all(opened: Open) -> None:
    session = opened("greedy", n_ctx=4096)

    told, text = notices(session)

    assert told == [
        "Memory ran out while the model was computing. "
        "Mull tries again with a context of 2,048 tokens and votes of 4."
    ]
    assert text == crashing.ANSWER
    assert notices(session) == ([], crashing.ANSWER), "the conversation goes on"


def test_it_goes_down_step_by_step_until_the_question_is_answered(opened: Open) -> None:
    session = opened("greedy", n_ctx=16384)

    told, text = notices(session)

    assert [sentence.partition("tries again ")[2] for sentence in told] == [
        "with a context of 8,192 tokens and votes of 4.",
        "with a context of 4,096 tokens and votes of 2.",
        "with a context of 2,048 tokens.",
    ]
    assert text == crashing.ANSWER


@settings(max_examples=12, deadline=None)
@given(
    n_ctx=st.integers(256, 1 << 16),
    n_seq_max=st.integers(1, 16),
    n_gpu_layers=st.integers(0, 40),
    can_quantize_kv=st.booleans(),
)
def test_where_nothing_suffices_each_step_is_told_once_and_then_one_error(
    tmp_path_factory: pytest.TempPathFactory,
    n_ctx: int,
    n_seq_max: int,
    n_gpu_layers: int,
    can_quantize_kv: bool,
) -> None:
    wanted = LoadOptions(
        "none.gguf", n_ctx, 512, n_seq_max, 1, n_gpu_layers, can_quantize_kv=can_quantize_kv, is_planned=True
    )
    engine = EngineHere(wanted, tmp_path_factory.mktemp("cures") / "cures.json")
    session = Session(Settings(seed=1, max_tokens=24, think="off"), engine, "a model")
    events: list[Event] = []

    with pytest.raises(OutOfMemory) as caught:
        events.extend(session.run(Query("hello")))
    told = [event.text for event in events if isinstance(event, Notice)]

    assert len(set(told)) == len(told), "each step is told once"
    assert engine.tried[0] == wanted
    assert not memory_ladder(engine.tried[-1]), "the last rung was reached"
    assert len(engine.tried) == len(told) + 1
    for before, after in itertools.pairwise(engine.tried):
        assert memory_ladder(before)[0].options == after
    assert "nothing less is left to try" in caught.value.next_step


def test_after_the_last_step_the_conversation_goes_on(opened: Open) -> None:
    session = opened("insatiable", n_ctx=2048, n_seq_max=1)

    with pytest.raises(OutOfMemory):
        notices(session)
    with pytest.raises(OutOfMemory):
        notices(session)  # the model was started again, and asked again


@needs_signals
def test_kills_for_memory_in_one_question_lead_down_all_the_ladder(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system ends the process whenever it computes, until little is asked of it."""
    monkeypatch.setattr(process, "n_memory_kills", lambda: -1)
    session = opened("obedient", n_ctx=8192, n_seq_max=4)
    engine = session._engine
    assert isinstance(engine, ProcessEngine)
    told: list[str] = []
    last = None
    for event in session.run(Query("hello")):
        last = event
        if isinstance(event, Notice):
            told.append(event.text)
        if isinstance(event, Planned) and engine.model.options["n_ctx"] > 2048:  # type: ignore[operator]
            assert engine.pid is not None
            os.kill(engine.pid, signal.SIGKILL)
            os.waitid(os.P_PID, engine.pid, os.WEXITED | os.WNOWAIT)

    assert [sentence.partition("tries again ")[2] for sentence in told] == [
        "with a context of 4,096 tokens and votes of 2.",
        "with a context of 2,048 tokens.",
    ]
    assert isinstance(last, Answer)
    assert last.text == crashing.ANSWER


def test_what_was_said_before_is_taken_back(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    session = opened("obedient", n_ctx=8192)
    list(session.load())
    run = session._answer
    first = [AnswerDelta(text="Half an", tokens=2)]

    def fails_once(*arguments: object) -> Iterator[object]:
        if first:
            yield first.pop()
            error = OutOfMemory("Memory ran out while the model was computing.", "Take less.")
            session._engine._make_room(error)  # type: ignore[attr-defined]
            raise error
        yield from run(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(session, "_answer", fails_once)
    events = list(session.run(Query("hello")))

    kinds = [type(event) for event in events]
    assert kinds.index(AnswerDelta) < kinds.index(Retracted) < kinds.index(Notice) < kinds.index(Answer)
    assert events[-1].text == crashing.ANSWER  # type: ignore[attr-defined]


def test_who_has_stopped_is_not_answered_again(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    session, control = opened("obedient"), Control()

    def fails(*_: object) -> Iterator[object]:
        yield Notice(text="about to fail")
        control.stop()
        raise OutOfMemory("Memory ran out while the model was computing.", "Take less.")

    monkeypatch.setattr(session, "_answer", fails)
    with pytest.raises(OutOfMemory):
        list(session.run(Query("hello"), control))


@needs_signals
def test_a_child_that_the_system_kills_for_memory_takes_less(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's count of such kills has grown since the start: this was one."""
    monkeypatch.setattr(process, "n_memory_kills", lambda: -1)
    session = opened("obedient", n_ctx=8192)
    list(session.load())
    engine = session._engine
    assert isinstance(engine, ProcessEngine)
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)
    os.waitid(os.P_PID, engine.pid, os.WEXITED | os.WNOWAIT)

    told, text = notices(session)

    assert told == [
        "The model's process was ended by the system because memory ran out (SIGKILL). "
        "Mull tries again with a context of 4,096 tokens and votes of 4."
    ]
    assert text == crashing.ANSWER


@needs_signals
@pytest.mark.parametrize(
    ("words", "is_memory"),
    [
        (b"CUDA error: out of memory\n  current device: 0", True),
        (b"terminate called after throwing an instance of 'std::bad_alloc'", True),
        (b"GGML_ASSERT(n_tokens > 0) failed", False),
        (b"", False),
    ],
)
def test_a_crash_for_want_of_memory_is_told_from_others(
    tmp_path: Path, words: bytes, is_memory: bool
) -> None:
    log = tmp_path / "engine.log"
    log.write_bytes(b"loading\n" * 5000 + words)
    child = subprocess.Popen([sys.executable, "-c", "import os; os.abort()"])

    found = death(child, log, n_kills_before=None)

    assert found.is_memory == is_memory
    assert found.is_crash != is_memory
    assert "SIGABRT" in found.cause


@needs_linux
@pytest.mark.parametrize("room", [100, 130])
def test_a_real_model_loads_with_the_memory_that_there_is(
    opened: Open, starter_model: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """The system refuses memory: the context of 8,192 tokens, 180 MiB, does not fit beside the weights."""
    monkeypatch.setenv(crashing.FENCE, str((92 + 30 + room) * MiB))
    session = opened("fenced", str(starter_model), n_ctx=8192, n_seq_max=4, is_planned=True)

    told, text = notices(session, "What is 2 + 3?")

    assert told
    assert all(sentence.startswith("There is not enough memory for mull-starter") for sentence in told)
    assert session.model is not None
    assert session.model.n_ctx < 8192
    assert text.strip()


@needs_linux
def test_a_real_model_goes_on_after_memory_ran_out_in_mid_answer(
    opened: Open, starter_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(crashing.FENCE, "0")
    session = opened("fenced_later", str(starter_model), n_ctx=4096, n_seq_max=2, is_planned=True)

    told, text = notices(session, "What is 2 + 3?")

    assert len(told) == 1
    assert "Mull tries again with a context of 2,048 tokens" in told[0]
    assert session.model is not None
    assert session.model.n_ctx == 2048
    assert text.strip()


def test_a_plan_is_climbed_down_from_where_it_is() -> None:
    planned = LoadOptions(
        "model.gguf", n_ctx=16384, n_seq_max=8, n_gpu_layers=29, can_quantize_kv=True, is_planned=True
    )

    sentences = [rung.sentence for rung in memory_ladder(planned)]

    assert sentences == [
        "with a context of 8,192 tokens, its cache in half the bits and votes of 4",
        "with a context of 2,048 tokens and votes of 2",
        "with 14 layers on the GPU",
        "without the GPU",
    ]
