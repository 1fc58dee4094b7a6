"""Errors that nobody foresaw are told in a whole sentence."""

from __future__ import annotations

import pytest

from assistant.errors import defect


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(), "Mull itself failed: OSError."),
        (ValueError("no such thing"), "Mull itself failed: ValueError: no such thing."),
        (ValueError("a sentence."), "Mull itself failed: ValueError: a sentence."),
    ],
)
def test_a_defect_is_a_sentence_with_or_without_words_of_its_own(error: Exception, told: str) -> None:
    assert str(defect(error, "Ask again.")) == f"{told} Ask again."
