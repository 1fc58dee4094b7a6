"""What is settled before a model is loaded: by Mull where it is left open, by the user where it is set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import llama_cpp
import pytest

from assistant.catalog.gguf import inspect
from assistant.config import Settings
from assistant.engine import llama
from assistant.engine.options import LoadOptions
from assistant.engine.placement import place
from assistant.engine.planning import planned
from assistant.engine.process import ProcessEngine
from assistant.events import Notice
from assistant.hardware.machine import parse
from assistant.session import Session
from tests import real_shapes, tiny_gguf

OPEN = {"n_ctx": 0, "n_batch": 0, "n_seq_max": 0, "kv_type": "auto"}


def plan_for(path: Path, machine: str, **options: object) -> LoadOptions:
    wanted = LoadOptions(str(path), **{**OPEN, **options})  # type: ignore[arg-type]
    return planned(wanted, inspect(path), parse(machine)).options


@pytest.fixture(scope="module")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return real_shapes.write(tmp_path_factory.mktemp("shapes") / "model.gguf", "Qwen3-30B-A3B")


def test_what_is_left_open_is_settled(mixture: Path) -> None:
    options = plan_for(mixture, "24GiB cuda, 64GiB ram, 6 cores")

    assert options.is_planned
    assert (options.n_ctx, options.kv_type, options.n_seq_max, options.n_batch) == (16384, "f16", 8, 512)
    assert (options.n_gpu_layers, options.n_cpu_experts, options.n_threads) == (49, 0, 6)
    assert options.can_quantize_kv
    assert options.use_extra_bufts


def test_what_is_set_stays(mixture: Path) -> None:
    mine = {
        "n_ctx": 3000,
        "n_batch": 64,
        "n_seq_max": 3,
        "kv_type": "q4_0",
        "n_gpu_layers": 7,
        "n_threads": 2,
    }
    options = plan_for(mixture, "24GiB cuda, 64GiB ram", **mine)

    assert {name: getattr(options, name) for name in mine} == mine


def test_what_does_not_fit_is_told_and_read_from_its_file(mixture: Path) -> None:
    wanted = LoadOptions(str(mixture), **OPEN)  # type: ignore[arg-type]
    news = planned(wanted, inspect(mixture), parse("16GiB ram"))

    assert "very slow" in news.note
    assert not news.options.use_extra_bufts, "repacked weights would be a copy in memory"


def test_two_cards_share_by_what_is_free(mixture: Path) -> None:
    options = plan_for(mixture, "2x 12GiB cuda, 64GiB ram")

    assert len(options.tensor_split) == 2
    assert options.tensor_split[0] == options.tensor_split[1]


def test_llama_cpp_takes_where_tensors_go(mixture: Path) -> None:
    """The installed llama.cpp loads a mixture whose experts stay behind, and a split among cards."""
    params = llama_cpp.llama_model_default_params()
    params.no_alloc, params.load_mode = True, llama_cpp.LLAMA_LOAD_MODE_NONE
    options = LoadOptions(str(mixture), n_gpu_layers=49, n_cpu_experts=20, tensor_split=(0.25, 0.75))

    kept = place(params, options)

    assert params.n_gpu_layers == 49
    assert [params.tensor_split[i] for i in range(3)] == [0.25, 0.75, 0.0]
    llama._LOG.begin()
    model = llama_cpp.llama_model_load_from_file(str(mixture).encode(), params)
    assert model, llama._LOG.lines
    llama_cpp.llama_model_free(model)
    del kept


def test_nothing_is_placed_where_nothing_is_asked() -> None:
    params = llama_cpp.llama_model_default_params()

    assert place(params, LoadOptions("model.gguf", n_gpu_layers=0, n_cpu_experts=3)) == []
    assert not params.tensor_buft_overrides


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return tiny_gguf.write(tmp_path / "tiny.gguf", "llama", n_ctx_train=1024)


@pytest.fixture
def closing() -> Iterator[list[Session]]:
    sessions: list[Session] = []
    yield sessions
    for session in sessions:
        session.close()


def load(settings: Settings, closing: list[Session]) -> tuple[Session, list[str]]:
    session = Session.open(settings)
    closing.append(session)
    return session, [event.text for event in session.load() if isinstance(event, Notice)]


def test_a_session_loads_what_fits_and_says_how(tiny: Path, closing: list[Session]) -> None:
    session, told = load(Settings(model=tiny), closing)

    assert told == []
    assert session.model is not None
    assert session.model.plan == "context 1k, KV f16, all layers on the CPU, votes of 8"
    assert (session.model.n_ctx, session.model.n_seq_max) == (1024, 8)


def test_the_settings_of_a_session_win(starter_model: Path, closing: list[Session]) -> None:
    settings = Settings(model=starter_model, n_ctx=512, n_seq_max=2, n_batch=64, kv_type="q8_0")
    session, told = load(settings, closing)

    assert told == []
    assert session.model is not None
    assert session.model.plan == "context 512, KV q8_0, all layers on the CPU, votes of 2"
    assert session.model.options["kv_type"] == "q8_0"


def test_a_restart_keeps_the_plan(tiny: Path, closing: list[Session]) -> None:
    session, _ = load(Settings(model=tiny), closing)
    engine = session._engine
    assert isinstance(engine, ProcessEngine)
    before = session.model
    engine.close()

    list(session.load())

    assert session.model == before
    assert engine.options.is_planned
