"""Formulas made readable while the text still comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.formulas.streaming import ReadableStream

TEXT = r"""It is $x^2$, or \(\frac{1}{2}\), for $5 and $10.

$$
a_1
$$

```py
cost = "$x$"
```

So `$y^2$` and **\boxed{42}**, with an open $z"""

SAID = """It is x², or ½, for $5 and $10.

a₁

```py
cost = "$x$"
```

So `$y^2$` and **42**, with an open $z"""


def said(*pieces: str) -> str:
    stream = ReadableStream()
    return "".join([*(stream.feed(piece) for piece in pieces), stream.end()])


def test_formulas_are_said_and_code_stays() -> None:
    assert said(TEXT) == SAID


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_however_the_text_is_cut(size: int) -> None:
    assert said(*(TEXT[at : at + size] for at in range(0, len(TEXT), size))) == SAID


@given(st.lists(st.text(alphabet="$\\(){}[]`~x2^ \n", max_size=6), max_size=12))
def test_cuts_change_nothing(pieces: list[str]) -> None:
    assert said(*pieces) == said("".join(pieces))


@given(st.text(alphabet="abc .,\n-#*", max_size=60))
def test_a_text_without_formulas_is_said_as_it_is(text: str) -> None:
    assert said(text) == text


def test_words_are_not_held_back() -> None:
    stream = ReadableStream()
    assert stream.feed("Hello there, ") == "Hello there, "
    assert stream.feed("it costs $5") == "it costs "
    assert stream.feed(" today.\nAnd") == "$5 today.\n"
    assert stream.feed("ante is music.") == "Andante is music."
