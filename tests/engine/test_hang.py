"""A load that stands still: the process is ended, the CPU is tried once, then one sentence says why."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import cast

import pytest

from assistant.engine import process
from assistant.engine.deaths import end, hung, most_silence_s
from assistant.engine.options import LoadOptions
from assistant.engine.process import ProcessEngine
from assistant.engine.safety import Cures
from assistant.engine.wire import Silence, Wire
from assistant.errors import EngineDied
from tests.engine import crashing
from tests.engine.running import ask, completion
from tests.engine.test_process import Listener, listener, starts

__all__ = ["listener", "starts"]  # fixtures

Start = Callable[..., ProcessEngine]


@pytest.fixture
def hangs(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Limits of the loads to come that are over as soon as the child has told that it hangs."""
    limits: list[float] = []
    received = Wire.receive_within

    def receive(wire: Wire, seconds: float) -> object:
        if seconds < crashing.TIMEOUT_S:
            listener.wait_for_child()
        return received(wire, seconds)

    monkeypatch.setattr(Wire, "receive_within", receive)
    monkeypatch.setattr(process, "most_silence_s", lambda _: limits.pop(0) if limits else crashing.TIMEOUT_S)
    return limits


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    engines: list[ProcessEngine] = []

    def start_engine(factory: str, backends: tuple[str, ...] = ("cuda",), **options: int) -> ProcessEngine:
        monkeypatch.setattr(process, "backends", lambda: backends)
        wanted = replace(LoadOptions("none.gguf", n_threads=1, is_planned=True), **options)  # type: ignore[arg-type]
        engines.append(ProcessEngine(wanted, f"crashing:{factory}", Cures(tmp_path / "cures.json")))
        return engines[-1]

    yield start_engine
    for engine in engines:
        engine.close()


def test_a_driver_that_hangs_costs_the_gpu_and_not_the_answer(
    start: Start, hangs: list[float], listener: Listener, starts: Path, tmp_path: Path
) -> None:
    hangs[:] = [0.001]
    engine = start("hanging", n_gpu_layers=29)

    told = [news.sentence for news in engine.load() if news.sentence]

    assert told == [
        "The model's process told nothing for 0 seconds while it loaded the model and was ended. "
        "Mull tries again without the GPU."
    ]
    listener.wait_for_end()
    assert completion(engine, ask("hello", max_tokens=60)).answer == crashing.ANSWER
    assert len(set(starts.read_text().split())) == 2
    assert engine.model.options["n_gpu_layers"] == 0
    assert not (tmp_path / "cures.json").exists(), "the next start of Mull asks the driver again"


@pytest.mark.parametrize(
    ("layers", "backends", "n_starts"), [(29, ("cuda",), 2), (0, ("cuda",), 1), (-1, (), 1)]
)
def test_what_hangs_without_the_gpu_too_is_an_error(
    start: Start, hangs: list[float], starts: Path, layers: int, backends: tuple[str, ...], n_starts: int
) -> None:
    hangs[:] = [0.001] * n_starts
    engine = start("hanging_always", backends, n_gpu_layers=layers)

    with pytest.raises(EngineDied) as caught:
        list(engine.load())

    assert "told nothing for" in caught.value.message
    assert "restart the machine" in caught.value.next_step
    assert len(starts.read_text().split()) == n_starts
    assert engine.pid is None


def test_drivers_that_hung_are_not_asked_again(
    start: Start, hangs: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []
    popen = subprocess.Popen

    def note(*arguments: object, env: dict[str, str], **more: object) -> object:
        seen.append(env.get("CUDA_VISIBLE_DEVICES"))
        return popen(*arguments, env=env, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", note)
    hangs[:] = [0.001]
    engine = start("hanging", n_gpu_layers=29)
    list(engine.load())
    engine.close()
    list(engine.load())

    assert seen == [None, "-1", "-1"]


def test_a_large_file_may_take_its_time() -> None:
    assert most_silence_s(0) == 120
    assert 120 < most_silence_s(92 << 20) < 130
    assert 1000 < most_silence_s(20 * 10**9) < 1200


def test_the_parts_of_a_split_file_are_counted_together(tmp_path: Path) -> None:
    for i in (1, 2, 3):
        (tmp_path / f"big-0000{i}-of-00003.gguf").write_bytes(b"x" * 100)
    (tmp_path / "big-00001-of-00004.gguf").write_bytes(b"x")

    assert LoadOptions(str(tmp_path / "big-00001-of-00003.gguf")).size_bytes == 300
    assert LoadOptions(str(tmp_path / "none.gguf")).size_bytes == 0


def test_a_span_is_said_in_words_that_fit_it() -> None:
    assert "for 60 seconds" in hung(60).cause
    assert "for 2 minutes" in hung(125).cause


class Undead:
    """A process that hangs in a driver: not even a kill ends it."""

    n_kills = 0

    def wait(self, timeout: float) -> int:
        raise subprocess.TimeoutExpired("model", timeout)

    def kill(self) -> None:
        self.n_kills += 1


def test_a_process_that_cannot_be_ended_is_not_waited_for() -> None:
    undead = Undead()
    end(cast("subprocess.Popen[bytes]", undead))
    assert undead.n_kills == 1


def test_silence_ends_the_waiting_and_not_the_reading() -> None:
    ends = os.pipe()
    reader, writer = os.fdopen(ends[0], "rb"), os.fdopen(ends[1], "wb")
    wire = Wire(reader, BytesIO())
    with pytest.raises(Silence):
        wire.receive_within(0.01)
    (reading,) = [thread for thread in threading.enumerate() if thread.name == "wire"]
    wire.close()  # does not wait for what still reads
    assert not reader.closed
    writer.close()
    reading.join(crashing.TIMEOUT_S)
    assert reader.closed


def test_what_comes_in_time_is_received() -> None:
    out = BytesIO()
    Wire(BytesIO(), out).send(("ok", 1))
    wire = Wire(BytesIO(out.getvalue()), BytesIO())
    assert wire.receive_within(crashing.TIMEOUT_S) == ("ok", 1)
    with pytest.raises(EOFError):
        wire.receive_within(crashing.TIMEOUT_S)
