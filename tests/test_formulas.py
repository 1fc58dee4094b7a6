"""Formulas: where they begin and end, and what they are in Unicode."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.formulas.finding import formula_at, next_opening
from assistant.formulas.readable import pieces, readable


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"\boxed{42}", "42"),
        (r"\boxed{\dfrac{3}{4}}", "¾"),
        (r"\boxed{x = -3 \text{ or } x = 5}", "x = -3 or x = 5"),
        (r"x^2 + y_{10} = \frac{a+b}{c}", "x² + y₁₀ = (a+b)/c"),
        (r"x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}", "x = (-b ± √(b² - 4ac))/(2a)"),
        (r"\sum_{i=1}^{n} i = \frac{n(n+1)}{2}", "∑ᵢ₌₁ⁿ i = n(n+1)/2"),
        (r"\int_0^\infty e^{-x^2}\,dx = \frac{\sqrt{\pi}}{2}", "∫₀^∞ e^(-x²) dx = √π/2"),
        (r"\lim_{x \to 0} \frac{\sin x}{x} = 1", "lim_(x → 0) (sin x)/x = 1"),
        (r"\frac{d}{dx}\left(x^2\right) = 2x", "(d/dx)(x²) = 2x"),
        (r"2\frac{a}{b}c", "2(a/b)c"),
        (r"\sqrt[3]{8} = 2", "∛8 = 2"),
        (r"\alpha \le \beta \implies \gamma \neq \delta", "α ≤ β ⟹ γ ≠ δ"),
        (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", "(1 2; 3 4)"),
        (r"\text{Speed} = \frac{\text{distance}}{\text{time}}", "Speed = distance/time"),
        (r"90^\circ, 50% and 5\%", "90°, 50% and 5%"),
        (r"a \equiv b \pmod{n}", "a ≡ b (mod n)"),
        (r"\left\lfloor \frac{n}{2} \right\rfloor", "⌊n/2⌋"),
        (r"\left. \frac{dy}{dx} \right|_{x=0}", "dy/dx |ₓ₌₀"),
        (r"H_2O, y'' \in \mathbb{R}^n", "H₂O, y″ ∈ ℝⁿ"),
        (r"10{,}000", "10,000"),
        (r"\unknown{x} + 1", r"\unknown x + 1"),
    ],
)
def test_what_a_formula_is_in_unicode(source: str, expected: str) -> None:
    assert readable(source) == expected


def test_rows_stand_below_each_other_where_there_are_lines() -> None:
    source = r"\begin{aligned} a &= b + c \\ &= d \end{aligned}"
    assert readable(source, is_display=True) == "a = b + c\n= d"
    assert readable(source) == "a = b + c; = d"


def test_what_is_boxed_is_told() -> None:
    assert pieces(r"x = \boxed{\frac{1}{2}} y") == (("x = ", False), ("½", True), (" y", False))


@pytest.mark.parametrize(
    "source", [r"\frac{", "x_{" + "{" * 40, "{" * 5000, "x" * 5000, r"\begin{align} x", "}"]
)
def test_what_cannot_be_read_stays(source: str) -> None:
    assert readable(source).replace("x", "") in (source.replace("x", ""), "")


@given(st.text(alphabet=r"\{}[]()^_&$%~'ab12 =+-,." + "\n", max_size=60))
def test_no_formula_raises_or_vanishes(source: str) -> None:
    shown = readable(source, is_display=True)
    assert shown or not source
    assert not set(shown) & set("\ue000\ue001\ue002\ue003")


@given(st.text(max_size=40))
def test_no_text_raises(source: str) -> None:
    readable(source)


def found(text: str) -> list[str]:
    """The sources of all formulas in a text, left to right."""
    sources, at = [], 0
    while (at := next_opening(text, at)) >= 0:
        if formula := formula_at(text, at):
            sources.append(formula.source)
            at = formula.end
        else:
            at += 1
    return sources


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("so $x = 1$ and $y$.", ["x = 1", "y"]),
        (r"so \(x\) and \[ y \] end", ["x", "y"]),
        ("$$\nx\n$$", ["x"]),
        (r"\boxed{a{b}c} and \boxed{open", [r"\boxed{a{b}c}"]),
        (r"\begin{align*}a\end{align*}", [r"\begin{align*}a\end{align*}"]),
        (r"$5\%$ of $2^n$", [r"5\%", "2^n"]),
        ("$5$ apples", ["5"]),
        ("it costs $5 and $10", []),
        ("between $5-$10, or $20K and A$30K.", []),
        ("from $5, or US$ 6, to $7", []),
        ("pay $100 for it, then $50", []),
        ("$HOME/bin and $PATH", []),
        (r"a price of \$5 and \$6", []),
        ("$x = 1", []),
        ("$ x $", []),
        ("$x `a$` b", []),
        ("$$\nx\n\n$$", []),
        (r"an open \( bracket", []),
    ],
)
def test_where_formulas_are(text: str, sources: list[str]) -> None:
    assert found(text) == sources


@given(st.text(alphabet="$\\[](){}xy1 \n=", max_size=40))
def test_a_formula_lies_in_its_text(text: str) -> None:
    for at in range(len(text)):
        if formula := formula_at(text, at):
            assert at == formula.start < formula.end <= len(text)
            assert formula.source in text
