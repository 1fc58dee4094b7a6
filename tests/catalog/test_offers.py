"""What the catalogue offers: that it is whole, spelled right, and agrees with itself."""

from __future__ import annotations

import re
import tomllib

import pytest

from assistant.catalog.families import load_families, load_offers, parse_family
from assistant.catalog.offers import Model, Offer, find, near, of_file
from assistant.download.source import HubFile, all_parts, parse
from assistant.errors import ModelError

MODEL = """
title = "New"
priority = 7
[[match]]
architectures = ["new"]
[sampling.answer]
temperature = 0.5
[[models]]
name = "new-1b"
title = "New 1B"
n_params = 1_000_000_000
licence = "MIT"
released = "2026-01"
good_for = "trying things"
[models.header]
architecture = "new"
block_count = 2
context_length = 4096
embedding_length = 64
vocab_size = 100
[models.header.attention]
head_count_kv = [1, 0]
[[models.files]]
repo = "maker/New-1B-GGUF"
file = "New-1B-Q4_K_M.gguf"
quantisation = "Q4_K_M"
size_bytes = 600_000_000
"""


def test_a_model_of_a_family_file() -> None:
    (model,) = parse_family("new", MODEL).models
    assert (model.n_ctx, model.active) == (4096, 1_000_000_000)
    assert model.header["attention.head_count_kv"] == (1, 0)
    assert model.files[0].checked


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("block_count = 2\n", "", "the header lacks block_count"),
        ("[1, 0]", "[1, 0, 1]", "3 values for 2 layers"),
        ("size_bytes = 600_000_000", "size_bytes = 0", "size_bytes"),
        ('repo = "maker/New-1B-GGUF"', 'repo = "New-1B-GGUF"', "repo"),
        ('released = "2026-01"', 'released = "2026"', "released"),
        ('name = "new-1b"', 'name = "New 1B"', "name"),
    ],
)
def test_a_broken_model_is_named_with_its_field(old: str, new: str, words: str) -> None:
    assert old in MODEL
    with pytest.raises(ModelError) as caught:
        parse_family("new", MODEL.replace(old, new))
    assert "new.toml" in caught.value.message
    assert words in caught.value.message


def everything() -> list[tuple[str, Model]]:
    return [(name, model) for name, family in load_families().items() for model in family.models]


def test_the_models_that_laptops_run_are_there() -> None:
    names = {model.name for _, model in everything()}
    assert {
        *("qwen3-0.6b", "qwen3-1.7b", "qwen3-4b", "qwen3-8b", "qwen3-14b", "qwen3-30b-a3b"),
        *("qwen3.5-0.8b", "qwen3.5-2b", "qwen3.5-4b", "qwen3.5-9b", "qwen3.6-27b", "qwen3.6-35b-a3b"),
        *("gpt-oss-20b", "smollm3-3b", "phi-4-mini-reasoning", "phi-4-reasoning"),
        *("deepseek-r1-distill-qwen-1.5b", "deepseek-r1-distill-qwen-14b"),
        *("gemma-4-e2b", "gemma-4-e4b", "gemma-4-12b", "gemma-4-26b-a4b", "gemma-4-31b"),
        *("ministral-3-3b-reasoning", "ministral-3-8b-reasoning", "ministral-3-14b-reasoning"),
        *("granite-4.0-h-micro", "granite-4.0-h-tiny", "lfm2.5-1.2b-thinking", "lfm2.5-8b-a1b"),
        *("nemotron-nano-9b-v2", "nemotron-3-nano-4b", "nemotron-3-nano-30b-a3b"),
    } <= names


def test_names_and_files_are_there_once() -> None:
    names = [offer.name for offer in load_offers()]
    assert len(names) == len(set(names))
    sources = [offer.source.lower() for offer in load_offers()]
    assert len(sources) == len(set(sources))
    known = [offer.file.sha256 for offer in load_offers() if offer.file.sha256]
    assert len(known) == len(set(known))


@pytest.mark.parametrize(("family", "model"), everything(), ids=lambda value: getattr(value, "name", value))
def test_each_model_agrees_with_its_family_and_its_files(family: str, model: Model) -> None:
    architectures = {a for match in load_families()[family].match for a in match.architectures}
    assert model.header["architecture"] in architectures
    for file in model.files:
        wanted = {"MXFP4": "mxfp4"}.get(file.quantisation, file.quantisation)
        assert re.search(rf"(?<![A-Za-z0-9]){wanted}(?![A-Za-z0-9])", file.file, re.IGNORECASE)
        assert all_parts(file.file)[0] == file.file
        assert parse(f"hf:{file.repo}/{file.file}") == HubFile(file.repo, file.file)
        bits = file.size_bytes * 8 / model.n_params
        assert 4.0 < bits < 9.5, f"{bits:.2f} bits a weight"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("qwen3-4b", "Qwen3-4B-Q4_K_M.gguf"),
        ("Qwen3 4B", "Qwen3-4B-Q4_K_M.gguf"),
        ("qwen3-1.7b", "Qwen3-1.7B-Q8_0.gguf"),
        ("qwen3-1.7b:q4_k_m", "Qwen3-1.7B-Q4_K_M.gguf"),
        ("qwen3-1.7b:Q8_0", "Qwen3-1.7B-Q8_0.gguf"),
        ("qwen3-1.7b:q2_k", None),
        ("qwen3-5b", None),
        ("", None),
    ],
)
def test_finding_by_name(name: str, file: str | None) -> None:
    offer = find(load_offers(), name)
    assert (offer.file.file if offer else None) == file


def test_every_offer_is_found_by_its_own_name_and_source() -> None:
    for offer in load_offers():
        assert find(load_offers(), offer.name) is offer
        assert of_file(load_offers(), offer.source.upper()) is offer


def test_names_that_are_meant() -> None:
    assert near(load_offers(), "qwen4-4b")[0].startswith("qwen3")
    assert near(load_offers(), "gpt-oss") == ["gpt-oss-20b"]
    assert near(load_offers(), "zzzz") == []


def test_offers_come_by_size() -> None:
    sizes = [offer.file.size_bytes for offer in load_offers()]
    assert sizes == sorted(sizes)
    assert all(isinstance(offer, Offer) for offer in load_offers())


def test_what_was_not_checked_says_so() -> None:
    unchecked = {offer.name for offer in load_offers() if not offer.file.checked}
    assert unchecked
    for offer in load_offers():
        if not offer.file.checked:
            # an estimate is round, so that nobody takes it for a record
            assert offer.file.size_bytes % 10_000_000 == 0
    assert tomllib.loads(MODEL)["models"][0]["files"][0].get("checked") is None
