"""What a model writes cannot drive the terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.terminal import visible

# plain `text` draws no surrogates, and draws the dangerous characters too seldom
ANY_TEXT = st.text(
    st.one_of(
        st.characters(exclude_categories=[]),
        st.sampled_from("\x00\x07\x08\t\n\r\x1b\x7f\x85\x9b\u200b\u200d\u202e\u2066\ud800\udfff\U000e0041"),
    )
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text,\n\ttabs and lines", "plain text,\n\ttabs and lines"),
        (
            "Grüße, мир, 世界, שלום, 👩‍🚀, 👍🏽, नमस्ते, می‌خواهم",
            "Grüße, мир, 世界, שלום, 👩‍🚀, 👍🏽, नमस्ते, می‌خواهم",
        ),
        ("\x1b[2J\x1b]0;title\x07", "␛[2J␛]0;title␇"),
        ("100 %\r0 %", "100 %␍0 %"),
        ("a\x08b\x00c\x7f", "a␈b␀c␡"),
        ("\x9b31m", "⟨U+009B⟩31m"),
        ("\u202egnp.exe", "⟨U+202E⟩gnp.exe"),
        ("\u2066x\u2069", "⟨U+2066⟩x⟨U+2069⟩"),
        ("zero\u200bwidth\ufeff", "zero⟨U+200B⟩width⟨U+FEFF⟩"),
        ("hidden\U000e0041", "hidden⟨U+E0041⟩"),
        ("\ud83d", "⟨U+D83D⟩"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(ANY_TEXT, ANY_TEXT)
def test_a_stream_may_be_cut_anywhere(a: str, b: str) -> None:
    assert visible(a + b) == visible(a) + visible(b)


@given(ANY_TEXT)
def test_what_is_shown_stays_as_it_is(text: str) -> None:
    assert visible(visible(text)) == visible(text)


def test_no_control_or_surrogate_is_left_in_all_of_unicode() -> None:
    everything = visible("".join(map(chr, range(0x110000))))
    left = {char for char in everything if unicodedata.category(char) in ("Cc", "Cs")}
    assert left == {"\n", "\t"}


def test_no_character_that_reorders_text_is_left() -> None:
    everything = visible("".join(map(chr, range(0x110000))))
    reordering = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert not {char for char in everything if unicodedata.bidirectional(char) in reordering}
