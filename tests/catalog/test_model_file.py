"""Reading model files: what a good one says, and what is said of a bad one."""

from __future__ import annotations

import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.catalog.gguf import GGUFInfo, inspect
from assistant.errors import ModelFileError

TOKENS = ["<unk>", "<s>", "</s>", *(f"tok{i}" for i in range(700)), "fin ✓"]


def write(path: Path, fill: Callable[[gguf.GGUFWriter], None] | None = None, weights: bool = True) -> Path:
    """A small GGUF, with whatever `fill` adds."""
    writer = gguf.GGUFWriter(path, "llama")
    if fill:
        fill(writer)
    if weights:
        writer.add_tensor("token_embd.weight", np.zeros((64, 32), dtype=np.float16))
        writer.add_tensor("blk.0.attn_q.weight", np.ones((32, 32), dtype=np.float16))
        writer.add_tensor("output_norm.weight", np.ones(32, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def full(writer: gguf.GGUFWriter) -> None:
    """The keys that a chat model has."""
    writer.add_name("Tiny Model")
    writer.add_context_length(2048)
    writer.add_block_count(1)
    writer.add_sliding_window(512)
    writer.add_array("llama.attention.head_count_kv", [3, 1, 4])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(TOKENS)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(len(TOKENS) - 1)
    writer.add_chat_template("{{ messages }}")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("models") / "tiny.gguf", full)


def refusal(path: Path) -> ModelFileError:
    with pytest.raises(ModelFileError) as caught:
        inspect(path)
    assert caught.value.next_step
    return caught.value


def test_starter_model(starter_model: Path) -> None:
    info = inspect(starter_model)
    assert info.name == "Mull Starter 135M"
    assert (info.architecture, info.quantisation) == ("llama", "Q4_0")
    assert info.n_params == 134_515_008
    assert info.size_bytes == starter_model.stat().st_size
    assert (info.n_ctx_train, info.n_layer) == (8192, 30)
    assert (info.bos_token, info.eos_token, info.add_bos) == ("<|im_start|>", "<|im_end|>", False)
    assert (info.sliding_window, info.is_recurrent) == (0, False)
    assert info.chat_template
    assert "<think>" in info.chat_template
    assert info.metadata["llama.attention.head_count_kv"] == 3


def test_every_field(tiny: Path) -> None:
    info = inspect(tiny)
    assert info.name == "Tiny Model"
    assert info.n_params == 64 * 32 + 32 * 32 + 32
    assert info.quantisation == "F16"
    assert (info.n_ctx_train, info.n_layer, info.sliding_window) == (2048, 1, 512)
    assert info.chat_template == "{{ messages }}"
    assert (info.bos_token, info.eos_token) == ("<s>", "fin ✓")
    assert info.add_bos
    assert info.arrays["llama.attention.head_count_kv"] == (3, 1, 4)
    assert "tokenizer.ggml.tokens" not in info.metadata


def test_fields_left_out(tmp_path: Path) -> None:
    info = inspect(write(tmp_path / "bare-model.gguf"))
    assert info.name == "bare-model"
    assert (info.n_ctx_train, info.n_layer, info.sliding_window) == (0, 0, 0)
    assert (info.chat_template, info.bos_token, info.eos_token, info.add_bos) == (None, "", "", False)


@pytest.mark.parametrize(
    ("number", "name"), [(0, "F32"), (15, "Q4_K_M"), (30, "IQ4_XS"), (1024 + 18, "Q6_K"), (38, "MXFP4_MOE")]
)
def test_quantisation_by_file_type(tmp_path: Path, number: int, name: str) -> None:
    assert inspect(write(tmp_path / "m.gguf", lambda w: w.add_file_type(number))).quantisation == name


def test_file_types_are_those_of_the_gguf_package(tmp_path: Path) -> None:
    for number in gguf.LlamaFileType:
        if number is not gguf.LlamaFileType.GUESSED:
            path = write(tmp_path / "m.gguf", lambda w, n=number: w.add_file_type(int(n)))  # type: ignore[misc]
            assert inspect(path).quantisation == number.name.replace("MOSTLY_", "").replace("ALL_", "")


def test_recurrent_architectures(tmp_path: Path) -> None:
    path = write(tmp_path / "m.gguf")
    path.write_bytes(path.read_bytes().replace(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0rwkv7"))
    assert inspect(path).is_recurrent


NOT_GGUF = {
    "safetensors": (struct.pack("<Q", 80) + b'{"weight": {}}', "safetensors"),
    "torch zip": (b"PK\x03\x04" + bytes(60), "PyTorch"),
    "pickle": (b"\x80\x02ctorch", "pickle"),
    "page": (b"\n<!DOCTYPE html><html>404", "web page"),
    "gzip": (b"\x1f\x8b\x08rest", "gzip"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
    "zeros": (bytes(4096), "zeros"),
    "old": (b"tjgg\x03\0\0\0", "before GGUF"),
    "json": (b'{"error": "not found"}', "JSON"),
    "other": (b"The quick brown fox", "letters GGUF"),
    "cut": (b"GG", "first four bytes"),
    "empty": (b"", "is empty"),
}


@pytest.mark.parametrize("kind", NOT_GGUF)
def test_what_is_no_gguf(tmp_path: Path, kind: str) -> None:
    content, words = NOT_GGUF[kind]
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    assert words in refusal(path).message


def test_what_is_no_file(tmp_path: Path) -> None:
    assert "no model file" in refusal(tmp_path / "missing.gguf").message
    assert "is a folder" in refusal(tmp_path).message
    assert "cannot be read" in refusal(tmp_path / ("long" * 200)).message
    assert "cannot be read" in refusal(Path("with\0zero")).message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    assert "not an ordinary file" in refusal(tmp_path / "pipe.gguf").message


def test_missing_bytes_are_counted(tiny: Path, tmp_path: Path) -> None:
    content = tiny.read_bytes().rstrip(b"\0")
    end = len(tiny.read_bytes())
    path = tmp_path / "m.gguf"
    path.write_bytes(content[: end - 3000])
    message = refusal(path).message
    assert "is incomplete" in message
    assert "kB" in message
    path.write_bytes(content[:300])
    assert "ends inside its header" in refusal(path).message


def test_one_missing_byte_is_missed(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(tiny.read_bytes()[:-1])
    assert ": 1 byte of" in refusal(path).message


def header_with(key: bytes, value: bytes) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1)
    return head + struct.pack("<Q", len(key)) + key + value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (struct.pack("<IIQ", 9, 8, 5_000_000), "a list of 5,000,000 strings"),
        (struct.pack("<IQ", 8, 65 << 20), "more than 64 MiB of text"),
        (struct.pack("<IIQ", 9, 9, 1), "unknown type 9"),
        (struct.pack("<IQ", 13, 1), "unknown type 13"),
    ],
)
def test_what_no_header_holds(tmp_path: Path, value: bytes, words: str) -> None:
    path = tmp_path / "m.gguf"
    with path.open("wb") as file:
        file.write(header_with(b"key", value))
        file.truncate(80 << 20)
    assert words in refusal(path).message


@pytest.mark.parametrize(
    ("version", "words"),
    [(1, "version 1"), (4, "version 4"), (0x03000000, "big-endian"), (77_777, "damaged")],
)
def test_versions(tiny: Path, tmp_path: Path, version: int, words: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<I", version) + tiny.read_bytes()[8:])
    assert words in refusal(path).message


def test_version_2_is_read(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<I", 2) + tiny.read_bytes()[8:])
    assert inspect(path).name == "Tiny Model"


def test_what_cannot_chat(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    assert "LoRA" in refusal(write(path, lambda w: w.add_type("adapter"))).message
    assert "pictures" in refusal(write(path, lambda w: w.add_type("mmproj"))).message
    assert "importance matrix" in refusal(write(path, lambda w: w.add_type("imatrix"))).message
    assert "no weights" in refusal(write(path, full, weights=False)).message
    write(path).write_bytes(path.read_bytes().replace(b"\x05\0\0\0\0\0\0\0llama", b"\x04\0\0\0\0\0\0\0bert"))
    assert "into vectors" in refusal(path).message


def part(path: Path, number: int, count: int) -> Path:
    def fill(writer: gguf.GGUFWriter) -> None:
        if number == 0:
            full(writer)
        writer.add_uint16("split.no", number)
        writer.add_uint16("split.count", count)

    return write(path, fill)


def test_split_files(tmp_path: Path) -> None:
    first = part(tmp_path / "big-00001-of-00003.gguf", 0, 3)
    third = part(tmp_path / "big-00003-of-00003.gguf", 2, 3)
    error = refusal(first)
    assert "big-00002-of-00003.gguf" in error.message
    assert "is missing" in error.message
    second = part(tmp_path / "big-00002-of-00003.gguf", 1, 3)
    info = inspect(first)
    assert info.n_params == 3 * (64 * 32 + 32 * 32 + 32)
    assert info.size_bytes == sum(path.stat().st_size for path in (first, second, third))
    assert "part 2 of 3" in refusal(second).message
    third.write_bytes(third.read_bytes()[:-2000])
    assert "big-00003-of-00003.gguf is incomplete" in refusal(first).message
    renamed = first.rename(tmp_path / "model.gguf")
    assert "its name does not say so" in refusal(renamed).message


def outcome(path: Path, content: bytes) -> GGUFInfo | ModelFileError:
    path.write_bytes(content)
    tracemalloc.start()
    try:
        return inspect(path)
    except ModelFileError as error:
        return error
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 20_000_000


COMMON = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@COMMON
@given(cut=st.floats(0, 1))
def test_any_truncation_is_told(tiny: Path, tmp_path: Path, cut: float) -> None:
    content = tiny.read_bytes()
    result = outcome(tmp_path / "m.gguf", content[: int(cut * (len(content) - 1))])
    assert isinstance(result, GGUFInfo | ModelFileError)
    if int(cut * (len(content) - 1)) < len(content) - 64:
        assert isinstance(result, ModelFileError)
        assert result.next_step


@COMMON
@given(flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=12))
def test_any_damage_is_told_or_harmless(tiny: Path, tmp_path: Path, flips: list[tuple[float, int]]) -> None:
    content = bytearray(tiny.read_bytes())
    header = content.index(b"output_norm.weight") + 60
    for place, value in flips:
        content[4 + int(place * (header - 5))] = value
    result = outcome(tmp_path / "m.gguf", bytes(content))
    assert isinstance(result, GGUFInfo | ModelFileError)


@COMMON
@given(at=st.integers(4, 400), number=st.sampled_from([2**63, 2**64 - 1, 2**40, 2**32, 2**31 - 1]))
def test_nonsense_lengths_take_no_memory(tiny: Path, tmp_path: Path, at: int, number: int) -> None:
    content = bytearray(tiny.read_bytes())
    content[at : at + 8] = struct.pack("<Q", number)
    assert isinstance(outcome(tmp_path / "m.gguf", bytes(content)), GGUFInfo | ModelFileError)


@COMMON
@given(body=st.binary(max_size=400))
def test_any_bytes_after_the_magic(tmp_path: Path, body: bytes) -> None:
    result = outcome(tmp_path / "m.gguf", b"GGUF" + struct.pack("<I", 3) + body)
    assert isinstance(result, ModelFileError)
