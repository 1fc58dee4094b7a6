"""What names a file to be fetched, and how progress is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.download.meter import Meter, amount, duration, eta
from assistant.download.source import HubFile, WebFile, all_parts, chosen, parse, safe_name, without_part
from assistant.errors import UsageError


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("hf:Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf", HubFile("Qwen/Qwen3-4B-GGUF", "Qwen3-4B-Q4_K_M.gguf")),
        ("hf:a/b/sub/x.gguf", HubFile("a/b", "sub/x.gguf")),
        ("hf:a/b", HubFile("a/b", "")),
        ("hf:a/b:Q4_K_M", HubFile("a/b", "", quantisation="Q4_K_M")),
        ("hf.co/a/b:Q8_0", HubFile("a/b", "", quantisation="Q8_0")),
        ("hf://a/b/x.gguf", HubFile("a/b", "x.gguf")),
        ("https://huggingface.co/a/b/resolve/main/x.gguf?download=true", HubFile("a/b", "x.gguf")),
        ("https://hf.co/a/b/blob/v2/s/x.gguf", HubFile("a/b", "s/x.gguf", "v2")),
        ("https://huggingface.co/a/b", HubFile("a/b", "")),
        ("https://example.org/models/x.gguf?key=1", WebFile("https://example.org/models/x.gguf?key=1")),
    ],
)
def test_sources(text: str, source: HubFile | WebFile) -> None:
    assert parse(text) == source


@pytest.mark.parametrize("text", ["qwen3-4b", "qwen3-4b:q8_0", "./x.gguf", "models/x.gguf", "x.gguf", ""])
def test_plain_names_are_for_the_catalogue(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "hf:",
        "hf:owner",
        "hf:a/b/readme.md",
        "hf:a/../x.gguf",
        "hf:a/b/../../x.gguf",
        "hf:a/b/c:Q4",
        "hf:a/b:Q4 K",
        "hf:-a/b/x.gguf",
        "ftp://example.org/x.gguf",
        "file:///etc/passwd.gguf",
        "https://example.org/x.bin",
        "https:///x.gguf",
        "http://[::1/x.gguf",
        "https://example.org:port/x.gguf",
    ],
)
def test_what_is_no_source(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.next_step


@given(st.text(max_size=60))
def test_parsing_never_fails_otherwise(text: str) -> None:
    for given_text in (text, f"hf:{text}", f"https://{text}.gguf", f"hf:a/b/{text}.gguf"):
        try:
            source = parse(given_text)
        except UsageError:
            continue
        if isinstance(source, HubFile):
            assert ".." not in source.file.split("/")


@given(st.text(max_size=80))
def test_names_are_safe(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert not set(safe) & set('/\\:*?"<>|\0\n')
    assert safe not in (".", "..")
    assert safe_name(safe) == safe


def test_parts() -> None:
    assert all_parts("x.gguf") == ("x.gguf",)
    assert all_parts("d/x-00002-of-00003.gguf") == tuple(f"d/x-0000{i}-of-00003.gguf" for i in (1, 2, 3))
    assert without_part("x-00002-of-00003.gguf") == "x"
    assert without_part("x.GGUF") == "x"
    for wrong in ("x-00004-of-00003.gguf", "x-00000-of-00003.gguf", "x-00001-of-99999.gguf"):
        with pytest.raises(UsageError):
            all_parts(wrong)


FILES = (
    "README.md",
    "mmproj-X-F16.gguf",
    "X-UD-Q4_K_M.gguf",
    "X-Q4_K_M.gguf",
    "X-Q4_K_M-L.gguf",
    "BF16/X-BF16-00001-of-00002.gguf",
    "BF16/X-BF16-00002-of-00002.gguf",
)


@pytest.mark.parametrize(
    ("quantisation", "file"),
    [
        ("", "X-Q4_K_M.gguf"),
        ("q4_k_m", "X-Q4_K_M.gguf"),
        ("UD-Q4_K_M", "X-UD-Q4_K_M.gguf"),
        ("BF16", "BF16/X-BF16-00001-of-00002.gguf"),
        ("Q4_K", ""),
        ("F16", ""),
    ],
)
def test_choosing_by_quantisation(quantisation: str, file: str) -> None:
    assert chosen(FILES, quantisation) == file


def test_a_repository_of_one_file_needs_no_choice() -> None:
    assert chosen(("odd.gguf",), "") == "odd.gguf"
    assert chosen(("one-a.gguf", "one-b.gguf"), "") == ""


def test_the_speed_is_that_of_the_last_seconds() -> None:
    meter = Meter(window_s=10)
    assert meter.note(0.0, 0) == 0.0
    assert meter.note(1.0, 100) == 100.0
    for second in range(2, 60):
        speed = meter.note(float(second), 100 + (second - 1) * 300)
    assert speed == pytest.approx(300.0)
    # what is begun anew has no speed below zero
    assert meter.note(61.0, 50) == 0.0


def test_the_time_that_is_left() -> None:
    assert eta(50, 100, 10.0) == 5.0
    assert eta(50, 0, 10.0) is None
    assert eta(50, 100, 0.0) is None


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (1500, "1.5 kB"), (697_000_000, "697 MB"), (5_027_783_488, "5.0 GB")],
)
def test_amounts(n_bytes: int, text: str) -> None:
    assert amount(n_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (1800, "30 min"), (7500, "2 h 5 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
