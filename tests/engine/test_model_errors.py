"""Model files that cannot be used: one sentence says why, one says what to do, and the next one works."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from assistant.catalog.gguf import inspect
from assistant.config import Settings
from assistant.engine.gguf_runner import GGUFRunner
from assistant.engine.local import LocalEngine
from assistant.engine.options import LoadOptions
from assistant.errors import EngineError, ModelFileError, ModelLoadError, MullError, TemplateError
from assistant.events import Answer
from assistant.query import Query
from assistant.session import Session
from tests import tiny_gguf
from tests.engine.running import ask, completion

Damage = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("models") / "good.gguf", "llama")


def answer(path: Path) -> Answer:
    """What a session with this model says."""
    settings = Settings(model=path, think=8, max_tokens=16, n_ctx=256, n_threads=1, n_gpu_layers=0)
    with closing(Session.open(settings)) as session:
        *_, last = session.run(Query("hi"))
    assert isinstance(last, Answer)
    return last


def check(error: MullError, *words: str) -> None:
    """One sentence, with these words, and a next step."""
    assert "\n" not in str(error)
    assert "  " not in error.message
    assert error.message.endswith(".")
    assert error.next_step.endswith(".")
    for word in words:
        assert word in error.message


def text(value: str) -> bytes:
    """A string as a GGUF spells it."""
    return len(value).to_bytes(8, "little") + value.encode()


def exchange(old: bytes, new: bytes) -> Damage:
    """Put `new` in the place of `old`, of the same length."""

    def damage(data: bytes) -> bytes:
        assert old in data
        assert len(old) == len(new)
        return data.replace(old, new)

    return damage


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(600), "no GGUF"),
        ((64).to_bytes(8, "little") + b'{"__metadata__":{}}' + bytes(600), "safetensors"),
        (b"PK\x03\x04" + bytes(600), "zip archive"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "web page"),
        (b"", "is empty"),
        (b"GG", "first four bytes"),
        (b"GGUF", "incomplete"),
        (b"GGUF\x03\0\0\0" + b"\xff" * 64, "damaged"),
        (bytes(4096), "begins with zeros"),
    ],
    ids=["png", "safetensors", "zip", "html", "empty", "two bytes", "magic only", "huge counts", "zeros"],
)
def test_what_is_no_model_is_said_to_be_none(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)

    with pytest.raises(ModelFileError) as caught:
        answer(path)

    check(caught.value, words, "model.gguf")


def test_a_folder_and_nothing_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        answer(tmp_path)
    check(caught.value, "folder")
    with pytest.raises(ModelFileError) as caught:
        answer(tmp_path / "nowhere.gguf")
    check(caught.value, "no model file", "nowhere.gguf")


@pytest.mark.parametrize("share", [0.001, 0.004, 0.3, 0.999])
def test_a_file_that_was_cut_is_incomplete(tmp_path: Path, good: Path, share: float) -> None:
    path = tmp_path / "cut.gguf"
    data = good.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])

    with pytest.raises(ModelFileError) as caught:
        answer(path)

    check(caught.value, "incomplete", "cut.gguf")


def test_a_file_that_is_cut_while_it_is_used_is_refused(tmp_path: Path, good: Path) -> None:
    """The session has looked at the header; the download is then begun anew by someone else."""
    path = tmp_path / "cut.gguf"
    data = good.read_bytes()
    path.write_bytes(data)
    with closing(Session.open(Settings(model=path, n_ctx=256, n_threads=1))) as session:
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(ModelFileError) as caught:
            list(session.run(Query("hi")))
        check(caught.value, "incomplete")

        path.write_bytes(data)
        assert isinstance(list(session.run(Query("hi")))[-1], Answer)


REFUSED = {
    "architecture": (
        exchange(
            text("general.architecture") + b"\x08\0\0\0" + text("llama"),
            text("general.architecture") + b"\x08\0\0\0" + text("blama"),
        ),
        "unknown model architecture: 'blama'",
    ),
    "tensor": (exchange(b"blk.0.attn_q.weight", b"blk.0.attn_x.weight"), "'blk.0.attn_q.weight' not found"),
    "shape": (
        exchange(b"llama.embedding_length\x04\0\0\0\x40", b"llama.embedding_length\x04\0\0\0\x41"),
        "wrong shape",
    ),
    "key": (exchange(b"llama.context_length", b"llama.contexx_length"), "llama.context_length"),
    "tokenizer": (exchange(text("gpt2"), text("gptX")), "unknown tokenizer: 'gptX'"),
    "letters": (exchange(text("smollm"), text("smoxlm")), "unknown pre-tokenizer type: 'smoxlm'"),
    "numbers": (lambda data: data[:-200_000] + b"\xff" * 200_000, "NaN"),
}
"""Damage that a header does not show, and what llama.cpp says of it."""


@pytest.mark.parametrize("what", REFUSED)
def test_what_only_llama_cpp_refuses_is_told_in_its_words(tmp_path: Path, good: Path, what: str) -> None:
    damage, words = REFUSED[what]
    path = tmp_path / "odd.gguf"
    path.write_bytes(damage(good.read_bytes()))
    inspect(path)

    with pytest.raises(ModelLoadError) as caught:
        answer(path)

    check(caught.value, "odd.gguf", words)


def test_after_a_refusal_the_next_model_works(tmp_path: Path, good: Path, starter_model: Path) -> None:
    """In one process, so that nothing of the first is left behind."""
    path = tmp_path / "odd.gguf"
    path.write_bytes(REFUSED["tensor"][0](good.read_bytes()))
    with pytest.raises(ModelLoadError, match="not found"):
        GGUFRunner(LoadOptions(str(path), n_ctx=256, n_threads=1))
    path.write_bytes(REFUSED["tokenizer"][0](good.read_bytes()))
    with pytest.raises(ModelLoadError, match="unknown tokenizer"):
        GGUFRunner(LoadOptions(str(path), n_ctx=256, n_threads=1))

    options = LoadOptions(str(starter_model), n_ctx=256, n_seq_max=1, n_threads=1)
    with closing(LocalEngine(GGUFRunner(options))) as engine:
        run = completion(engine, ask("hi"))

    assert "Hello" in run.answer


def test_any_bit_may_be_wrong(tmp_path: Path, good: Path) -> None:
    """A damaged header is refused in one sentence, whoever notices, or matters so little that it runs."""
    data = good.read_bytes()
    path = tmp_path / "odd.gguf"
    n_header = data.index(b"output.weight")
    outcomes = []
    for seed in range(12):
        dice = random.Random(seed)
        damaged = bytearray(data)
        damaged[dice.randrange(4, n_header)] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        try:
            outcomes.append(type(answer(path)).__name__)
        except MullError as error:
            check(error)
            outcomes.append(type(error).__name__)

    assert len(set(outcomes)) > 1


def test_numbers_that_break_in_mid_answer_are_said(good: Path) -> None:
    runner = GGUFRunner(LoadOptions(str(good), n_ctx=256, n_seq_max=1, n_threads=1))
    with closing(LocalEngine(runner)) as engine:
        completion(engine, ask("hi"))
        runner._llama.logits(0)[5] = np.nan
        with pytest.raises(EngineError, match="NaN") as caught:
            runner.draw(0, runner.sampler(ask("hi").sampling, 0), "nothing", None)

    check(caught.value)


def test_a_model_without_a_template_answers_with_a_note(tmp_path: Path) -> None:
    path = tiny_gguf.write(tmp_path / "tiny.gguf", "llama", chat_template=None)
    with closing(Session.open(Settings(model=path, n_ctx=256, max_tokens=16, n_threads=1))) as session:
        last = list(session.run(Query("hi")))[-1]

        assert isinstance(last, Answer)
        assert last.text
        assert "no chat template" in session.model_note


def test_a_template_that_is_wrong_is_said(tmp_path: Path) -> None:
    path = tiny_gguf.write(tmp_path / "tiny.gguf", "llama", chat_template="{% for x %}")

    with pytest.raises(TemplateError) as caught:
        answer(path)

    check(caught.value, "template", "line 1")


@pytest.fixture
def spelled(tmp_path: Path) -> Iterator[LocalEngine]:
    """A family that thinks, with a vocabulary in which its markers are ordinary text."""
    path = tiny_gguf.write(tmp_path / "tiny.gguf", "qwen35", with_markers=False)
    runner = GGUFRunner(LoadOptions(str(path), n_ctx=512, n_seq_max=2, n_threads=1))
    assert len(runner.tokenize("</think>")) > 1
    with closing(LocalEngine(runner)) as engine:
        yield engine


def test_markers_that_are_ordinary_text_split_the_channels(spelled: LocalEngine) -> None:
    assert spelled.model.has_thinking
    run = completion(spelled, ask("hi", think=20, max_tokens=64))

    assert run.thinking
    assert run.answer
    assert [ended.reason for ended in run.ended] == ["budget"]
    assert run.ended[0].thinking_tokens <= 20
    for channel in (run.thinking, run.answer):
        assert "think>" not in channel


def test_markers_that_are_ordinary_text_can_be_written_by_the_model(spelled: LocalEngine) -> None:
    with spelled.batch() as batch:
        (seq_id,) = batch.add(ask("hi", think=100, max_tokens=150))
        batch.step()
        while not any(hasattr(event, "thinking") for event in batch.step()):
            pass
        batch.append(seq_id, " so it is.</think>The end.")
        events = batch.step()

    thinking = "".join(getattr(event, "thinking", "") for event in events)
    said = "".join(getattr(event, "answer", "") for event in events)
    assert thinking.endswith("so it is.")
    assert said == "The end."
