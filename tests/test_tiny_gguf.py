"""The tiny models are real ones: llama.cpp loads them, reads their vocabulary and decodes them."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt
import pytest

from tests import tiny_gguf

Logits = npt.NDArray[np.float32]


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _silence(level: int, text: bytes, data: ctypes.c_void_p) -> None:
    """Drop the line."""


@pytest.fixture(autouse=True)
def _quiet() -> None:
    llama_cpp.llama_backend_init()
    llama_cpp.llama_log_set(_silence, ctypes.c_void_p(0))


@contextmanager
def _loaded(path: Path) -> Iterator[Any]:
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = 0
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    assert model, f"llama.cpp refuses {path.name}"
    try:
        yield model
    finally:
        llama_cpp.llama_model_free(model)


def _decode(model: Any, tokens: list[int]) -> Logits:
    """Logits after each token, shape (n_tokens, n_vocab)."""
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = params.n_batch = 64
    params.n_threads = params.n_threads_batch = 1
    context = llama_cpp.llama_init_from_model(model, params)
    assert context
    n_vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    try:
        rows = []
        for token in tokens:
            batch = llama_cpp.llama_batch_get_one((ctypes.c_int32 * 1)(token), 1)
            assert llama_cpp.llama_decode(context, batch) == 0
            logits = llama_cpp.llama_get_logits_ith(context, -1)
            rows.append(np.ctypeslib.as_array(logits, shape=(n_vocab,)).copy())
        return np.stack(rows)
    finally:
        llama_cpp.llama_free(context)


def _tokens(model: Any, text: str) -> list[int]:
    room = (ctypes.c_int32 * 64)()
    raw = text.encode()
    vocabulary = llama_cpp.llama_model_get_vocab(model)
    n = llama_cpp.llama_tokenize(vocabulary, raw, len(raw), room, len(room), True, True)
    return list(room[:n])


@pytest.mark.parametrize("architecture", tiny_gguf.ARCHITECTURES)
def test_each_architecture_decodes_to_usable_logits(tmp_path: Path, architecture: str) -> None:
    path = tiny_gguf.write(tmp_path / "tiny.gguf", architecture)
    assert path.stat().st_size < 2_000_000

    with _loaded(path) as model:
        logits = _decode(model, list(b"What is 7 + 5?"))

    assert np.isfinite(logits).all()
    drawn = logits.argmax(axis=1)
    assert len(set(drawn.tolist())) > 3, "the model says the same whatever it reads"
    assert all(chr(token).isprintable() or token == ord("\n") for token in drawn if token < 256)


@pytest.mark.parametrize(
    ("architecture", "is_recurrent", "is_hybrid", "n_swa"),
    [
        ("llama", False, False, 0),
        ("gemma3", False, False, 16),
        ("lfm2", False, True, 0),
        ("qwen35", False, True, 0),
        ("granitehybrid", False, True, 0),
        ("nemotron_h", False, True, 0),
        ("mamba", True, False, 0),
    ],
)
def test_each_architecture_has_its_kind_of_memory(
    tmp_path: Path, architecture: str, is_recurrent: bool, is_hybrid: bool, n_swa: int
) -> None:
    with _loaded(tiny_gguf.write(tmp_path / "tiny.gguf", architecture, window=16)) as model:
        assert llama_cpp.llama_model_is_recurrent(model) is is_recurrent
        assert llama_cpp.llama_model_is_hybrid(model) is is_hybrid
        assert llama_cpp.llama_model_n_swa(model) == n_swa


def test_the_same_seed_writes_the_same_file(tmp_path: Path) -> None:
    first, again, other = (
        tiny_gguf.write(tmp_path / f"{index}.gguf", "llama", seed=seed).read_bytes()
        for index, seed in enumerate((3, 3, 4))
    )

    assert first == again
    assert first != other


@pytest.mark.parametrize(("with_markers", "n_tokens"), [(True, 2 + 2), (False, 2 + 13)])
def test_markers_are_tokens_of_their_own_only_if_asked(
    tmp_path: Path, with_markers: bool, n_tokens: int
) -> None:
    path = tiny_gguf.write(tmp_path / "tiny.gguf", "llama", with_markers=with_markers)
    with _loaded(path) as model:
        assert len(_tokens(model, "<|im_start|><think></think><|im_end|>")) == n_tokens


def test_text_is_merged_and_turn_ends_are_known(tmp_path: Path) -> None:
    with _loaded(tiny_gguf.write(tmp_path / "tiny.gguf", "llama")) as model:
        vocabulary = llama_cpp.llama_model_get_vocab(model)
        (end,) = _tokens(model, "<|im_end|>")

        assert len(_tokens(model, "and the")) == 3
        assert llama_cpp.llama_vocab_is_eog(vocabulary, end)


def test_a_bias_makes_a_token_win_and_no_bias_keeps_specials_out(tmp_path: Path) -> None:
    prompt = list(b"7 + 5")
    with _loaded(tiny_gguf.write(tmp_path / "plain.gguf", "qwen35")) as model:
        (marker,) = _tokens(model, "</think>")
        assert (_decode(model, prompt)[:, marker] < -15).all()

    likely = tiny_gguf.write(tmp_path / "likely.gguf", "qwen35", biases={"</think>": 40.0})
    with _loaded(likely) as model:
        assert (_decode(model, prompt).argmax(axis=1) == marker).all()


@pytest.mark.parametrize("template", ["{{ 'hello' }}", None])
def test_the_template_is_written(tmp_path: Path, template: str | None) -> None:
    path = tiny_gguf.write(tmp_path / "tiny.gguf", "llama", chat_template=template)
    with _loaded(path) as model:
        found = llama_cpp.llama_model_chat_template(model, None)

    assert found == (template.encode() if template else None)
