"""The child process may die at any time, in any way: the parent says so in one sentence and goes on."""

from __future__ import annotations

import ast
import importlib.machinery
import inspect
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assistant import paths
from assistant.engine import process, wire, worker
from assistant.engine.options import LoadOptions
from assistant.engine.process import Loaded, ProcessEngine
from assistant.engine.safety import Cures
from assistant.engine.worker import GGUF_ENGINE
from assistant.errors import ContextFull, EngineDied, EngineError, OutOfMemory
from tests import tiny_gguf
from tests.engine import crashing
from tests.engine.running import Runs, ask, completion, drain

Start = Callable[..., ProcessEngine]

needs_signals = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals that crash")
TIMEOUT_S = 60.0
"""Only a test that fails waits for so long."""


class Listener:
    """Hears of a child, and of its end."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(TIMEOUT_S)
        self.port = self._server.getsockname()[1]
        self._connection: socket.socket | None = None

    def wait_for_child(self) -> None:
        """Return once a child has told of itself."""
        self.hang_up()
        self._connection, _ = self._server.accept()
        self._connection.settimeout(TIMEOUT_S)
        assert self._connection.recv(1) == b"!"

    def wait_for_end(self) -> None:
        """Return once that child is gone."""
        assert self._connection is not None
        try:
            assert self._connection.recv(1) == b""
        except ConnectionResetError:
            return

    def then(self, action: Callable[[], object]) -> threading.Thread:
        """Do something once a child has told of itself."""

        def act() -> None:
            self.wait_for_child()
            action()

        thread = threading.Thread(target=act)
        thread.start()
        return thread

    def hang_up(self) -> None:
        """Listen to the last child no longer."""
        if self._connection is not None:
            self._connection.close()

    def close(self) -> None:
        """Listen to nobody any more."""
        self.hang_up()
        self._server.close()


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    listener = Listener()
    monkeypatch.setenv(crashing.PORT, str(listener.port))
    yield listener
    listener.close()


@pytest.fixture
def starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "starts"
    path.touch()
    monkeypatch.setenv(crashing.STARTS, str(path))
    return path


@pytest.fixture
def flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_gguf.write(tmp_path / "tiny.gguf", "llama")


@pytest.fixture
def start(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    engines: list[ProcessEngine] = []

    def start_engine(factory: str = "obedient", **options: int) -> ProcessEngine:
        name = factory if ":" in factory else f"crashing:{factory}"
        wanted = replace(LoadOptions(str(model), n_threads=1, n_gpu_layers=0), **options)  # type: ignore[arg-type]
        engines.append(ProcessEngine(wanted, name, Cures(tmp_path / "cures.json")))
        return engines[-1]

    yield start_engine
    for engine in engines:
        engine.close()


def told(engine: ProcessEngine) -> list[str]:
    """What the user reads while the engine is loaded."""
    return [news.sentence for news in engine.load() if news.sentence]


def answer(engine: ProcessEngine) -> str:
    """What it says to a harmless question."""
    return completion(engine, ask("hello", max_tokens=60)).answer


def converse(engine: ProcessEngine, order: str, midway: Callable[[], object] = lambda: None) -> None:
    """Give an order, and do something once it has been read."""
    runs: Runs = {}
    with engine.batch() as batch:
        (seq_id,) = batch.add(ask(order, max_tokens=30))
        if order == "hello":
            drain(batch, runs, until=lambda: bool(runs[seq_id].answer))
        midway()
        drain(batch, runs)


def die(engine: ProcessEngine, order: str = "abort") -> EngineDied:
    """How the engine dies of an order."""
    with pytest.raises(EngineDied) as caught:
        converse(engine, order)
    return caught.value


def send(engine: ProcessEngine, name: str) -> Callable[[], None]:
    """What sends the child a signal."""

    def kill() -> None:
        assert engine.pid is not None
        os.kill(engine.pid, getattr(signal, name))

    return kill


def is_there(pid: int) -> bool:
    """Whether the process runs, or has ended without anyone asking how."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_loads_answers_and_ends(start: Start, flags: Path) -> None:
    engine = start()

    news = list(engine.load())

    assert Loaded(progress=0.5) in news
    assert engine.is_loaded
    assert answer(engine) == crashing.ANSWER
    assert list(engine.load()) == []
    engine.close()
    engine.close()
    assert not engine.is_loaded
    assert engine.pid is None
    assert list(flags.iterdir()) == []


@needs_signals
def test_a_killed_child_is_started_again(start: Start) -> None:
    engine = start(GGUF_ENGINE)
    assert told(engine) == []
    before = completion(engine, ask("hello", max_tokens=30))
    with pytest.raises(EngineDied) as caught:
        converse(engine, "hello", send(engine, "SIGKILL"))

    assert caught.value.message.startswith("The model's process was killed from outside")
    assert caught.value.message.count(".") == 1
    assert caught.value.next_step
    assert not engine.is_loaded
    (sentence,) = told(engine)
    assert sentence.endswith("; Mull starts it again.")
    assert engine.model.options["use_extra_bufts"] is True
    assert completion(engine, ask("hello", max_tokens=30)).text == before.text


@needs_signals
def test_a_child_killed_between_two_questions_is_started_again(start: Start) -> None:
    engine = start()
    told(engine)
    assert answer(engine) == crashing.ANSWER
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)
    os.waitid(os.P_PID, engine.pid, os.WEXITED | os.WNOWAIT)

    assert not engine.is_loaded
    assert len(told(engine)) == 1
    assert answer(engine) == crashing.ANSWER


@needs_signals
def test_what_was_answered_stands_although_the_child_dies_right_after(start: Start) -> None:
    engine = start()
    told(engine)
    runs: Runs = {}
    with engine.batch() as batch:
        (seq_id,) = batch.add(ask("hello", max_tokens=60))
        drain(batch, runs)
        send(engine, "SIGKILL")()

    assert runs[seq_id].answer == crashing.ANSWER
    assert len(told(engine)) == 1


@needs_signals
@pytest.mark.parametrize("name", ["SIGABRT", "SIGSEGV", "SIGILL"])
def test_after_a_crash_it_starts_with_safer_settings(start: Start, name: str) -> None:
    engine = start()
    told(engine)
    with pytest.raises(EngineDied, match=f"crashed \\({name}\\)"):
        converse(engine, "hello", send(engine, name))

    (sentence,) = told(engine)

    assert name in sentence
    assert "without repacked weights" in sentence
    assert engine.model.options["use_extra_bufts"] is False
    assert answer(engine) == crashing.ANSWER


def test_settings_that_finish_a_run_after_a_crash_are_remembered(start: Start) -> None:
    engine = start()
    told(engine)
    die(engine)
    told(engine)

    untried = start()
    told(untried)
    assert untried.model.options["use_extra_bufts"] is True, "nothing is proven by loading alone"

    answer(engine)
    cured = start()
    assert told(cured) == []
    assert cured.model.options["use_extra_bufts"] is False


def test_each_crash_in_a_row_is_a_step_down(start: Start) -> None:
    engine = start(n_ctx=8192)
    told(engine)
    steps = []
    for _ in range(3):
        die(engine)
        assert len(told(engine)) == 1
        options = engine.model.options
        steps.append((options["use_extra_bufts"], options["flash_attn"], options["n_ctx"]))

    assert steps == [(False, True, 8192), (False, False, 8192), (False, False, 2048)]
    die(engine)
    (sentence,) = told(engine)
    assert sentence.endswith("Mull starts it again.")
    assert answer(engine) == crashing.ANSWER


def test_a_crash_at_the_start_costs_one_step(start: Start, starts: Path) -> None:
    (sentence,) = told(start("without_amx"))
    assert "without repacked weights, which is slower" in sentence
    assert len(starts.read_text().split()) == 2

    again = start("without_amx")
    assert told(again) == []
    assert len(starts.read_text().split()) == 3
    assert answer(again) == crashing.ANSWER


def test_another_model_file_is_tried_without_the_cure(start: Start, starts: Path, model: Path) -> None:
    told(start("without_amx"))
    with model.open("ab") as file:
        file.write(bytes(64))

    assert len(told(start("without_amx"))) == 1


def test_another_build_is_tried_without_the_cure(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lib").mkdir()
    library = tmp_path / "lib" / "libllama.so"
    library.write_bytes(b"built once")
    package = types.ModuleType("llama_cpp")
    package.__spec__ = importlib.machinery.ModuleSpec("llama_cpp", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setitem(sys.modules, "llama_cpp", package)
    told(start("without_amx"))
    assert told(start("without_amx")) == []

    library.write_bytes(b"built again")

    assert len(told(start("without_amx"))) == 1


def test_a_hopeless_case_is_given_up(start: Start, starts: Path, flags: Path) -> None:
    engine = start("hopeless", n_ctx=8192)
    sentences: list[str] = []
    with pytest.raises(EngineDied) as caught:
        sentences.extend(news.sentence for news in engine.load())

    assert len(sentences) == 3
    assert len(set(sentences)) == 3
    assert "Ask again" not in caught.value.next_step
    assert str(paths.log_dir()) in caught.value.next_step
    assert not engine.is_loaded
    pids = [int(pid) for pid in starts.read_text().split()]
    assert len(pids) == 4
    if os.name == "posix":
        assert not any(is_there(pid) for pid in pids), "a child was not asked how it ended"
    assert list(flags.iterdir()) == []
    with pytest.raises(EngineDied):
        told(engine)


def test_too_little_memory_makes_the_context_small(start: Start) -> None:
    engine = start("hungry", n_ctx=8192)

    sentences = told(engine)

    assert sentences == [
        "There is not enough memory. Mull tries again with a context of 4,096 tokens and votes of 4.",
        "There is not enough memory. Mull tries again with a context of 2,048 tokens and votes of 2.",
    ]
    assert engine.model.options["n_ctx"] == 2048
    assert engine.model.options["use_extra_bufts"] is True
    assert answer(engine) == crashing.ANSWER
    small = start("hungry", n_ctx=1024)
    assert told(small) == []
    assert small.model.options["n_ctx"] == 1024


def test_memory_that_runs_out_in_mid_answer_makes_the_next_start_ask_for_less(start: Start) -> None:
    engine = start("obedient", n_ctx=8192)
    told(engine)

    with pytest.raises(OutOfMemory):
        converse(engine, "starve")

    assert not engine.is_loaded
    assert told(engine) == [
        "Memory ran out while the model was computing. "
        "Mull tries again with a context of 4,096 tokens and votes of 4."
    ]
    assert engine.model.options["n_ctx"] == 4096
    assert answer(engine) == crashing.ANSWER
    again = start("obedient", n_ctx=8192)
    assert told(again) == []
    assert again.model.options["n_ctx"] == 4096, "remembered"


def test_memory_that_never_suffices_is_said(start: Start) -> None:
    with pytest.raises(OutOfMemory) as caught:
        told(start("starving", n_ctx=8192))

    assert caught.value.message == "There is not enough memory."
    assert "nothing less is left to try" in caught.value.next_step


def test_what_a_library_prints_does_not_reach_the_wire(start: Start) -> None:
    engine = start("talkative")
    told(engine)

    assert completion(engine, ask("print", max_tokens=60)).answer == crashing.ANSWER
    engine.close()
    log = (paths.log_dir() / "engine.log").read_bytes()
    for words in (b"loading the model", b"loading in C", b"drawing\n", b"drawing in C"):
        assert words in log


def test_an_error_in_the_engine_is_told_and_the_child_lives_on(start: Start) -> None:
    engine = start()
    told(engine)
    pid = engine.pid
    with pytest.raises(EngineError, match="ValueError: no such luck") as caught:
        converse(engine, "raise")

    assert not isinstance(caught.value, EngineDied)
    assert caught.value.next_step
    assert answer(engine) == crashing.ANSWER
    assert engine.pid == pid


def test_a_step_that_ignores_an_interrupt_is_ended(start: Start, listener: Listener) -> None:
    engine = start()
    engine.grace_s = 0
    told(engine)
    thread = listener.then(engine.interrupt)

    error = die(engine, "hang")

    thread.join()
    listener.wait_for_end()
    assert "did not stop when it was told to" in error.message
    assert len(told(engine)) == 1
    assert engine.model.options["use_extra_bufts"] is True
    assert answer(engine) == crashing.ANSWER


def test_an_interrupt_between_steps_kills_nothing(start: Start) -> None:
    engine = start()
    engine.grace_s = 0
    told(engine)
    pid = engine.pid
    n_before = threading.active_count()
    with engine.batch() as batch:
        batch.add(ask("hello"))
        batch.step()
        engine.interrupt()
        for thread in threading.enumerate()[n_before:]:
            thread.join()
        while batch.step():
            pass

    assert answer(engine) == crashing.ANSWER
    assert engine.pid == pid


def test_closing_does_not_wait_for_a_step(start: Start, listener: Listener) -> None:
    engine = start()
    told(engine)
    thread = listener.then(engine.close)

    die(engine, "hang")

    thread.join()
    listener.wait_for_end()
    assert engine.pid is None
    told(engine)
    assert answer(engine) == crashing.ANSWER


@needs_signals
def test_a_request_broken_off_by_the_keyboard_leaves_no_answer_behind(
    start: Start, listener: Listener
) -> None:
    engine = start()
    told(engine)
    main = threading.main_thread().ident
    assert main is not None
    # A shell that runs the tests in the background has the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = listener.then(lambda: signal.pthread_kill(main, signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        converse(engine, "hang")

    signal.signal(signal.SIGINT, before)
    thread.join()
    listener.wait_for_end()
    told(engine)
    assert answer(engine) == crashing.ANSWER


_PARENT = """
import sys
from assistant.engine.options import LoadOptions
from assistant.engine.process import ProcessEngine
from tests.engine.running import ask
engine = ProcessEngine(LoadOptions("none"), sys.argv[1])
list(engine.load())
with engine.batch() as batch:
    batch.add(ask(sys.argv[2]))
    print("ready", flush=True)
    while batch.step():
        pass
    sys.stdin.read()
"""


@pytest.mark.parametrize(("factory", "order"), [("telling", "hello"), ("impatient", "hang")])
def test_a_child_whose_parent_is_killed_ends_by_itself(
    listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factory: str, order: str
) -> None:
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(tmp_path))
    here = Path(__file__).parent
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(here.parents[1]), str(here)]))
    command = [sys.executable, "-P", "-c", _PARENT, f"crashing:{factory}", order]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        listener.wait_for_child()
        assert parent.stdout is not None
        assert parent.stdout.readline().split() == [b"ready"]
        parent.kill()

    listener.wait_for_end()
    if os.name == "posix":
        assert list(tmp_path.glob("*.flag")) == []


def test_other_code_in_the_working_directory_is_not_run(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "project"
    (folder / "assistant" / "engine").mkdir(parents=True)
    for name in ("assistant/__init__.py", "assistant/engine/__init__.py", "json.py", "pickle.py"):
        (folder / name).write_text("raise SystemExit('the wrong code')")
    monkeypatch.chdir(folder)
    engine = start()

    assert told(engine) == []
    assert answer(engine) == crashing.ANSWER


def test_a_process_that_cannot_be_started_is_said(start: Start, flags: Path) -> None:
    flags.rmdir()

    with pytest.raises(EngineError, match="could not be started") as caught:
        told(start())

    assert caught.value.next_step


@pytest.mark.parametrize("module", [process, worker, wire])
def test_nothing_is_used_that_some_systems_lack(module: types.ModuleType) -> None:
    tree = ast.parse(inspect.getsource(module))
    attributes = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    imported = {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    } | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}

    of_signal = {name for name in attributes if name.startswith("signal.")}
    assert of_signal <= {"signal.signal", "signal.SIGINT", "signal.SIG_IGN", "signal.Signals"}
    assert not attributes & {"os.fork", "os.kill", "os.killpg", "os.setsid", "os.mkfifo", "os.uname"}
    assert not imported & {"fcntl", "resource", "termios", "pwd", "grp", "multiprocessing"}
    assert not [text for text in texts if isinstance(text, str) and text.startswith(("/proc", "/dev"))]


def test_every_error_crosses_the_wire_as_it_is(start: Start) -> None:
    engine = start()
    told(engine)
    with pytest.raises(ContextFull) as caught:
        converse(engine, "word " * 5000)

    error = caught.value
    assert error.n_ctx == engine.model.n_ctx < error.n_tokens
