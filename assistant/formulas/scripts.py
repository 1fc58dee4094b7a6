"""Superscripts, subscripts, fractions and roots in one line of Unicode. Pure."""

from __future__ import annotations

import re

_UP = dict(
    zip(
        "0123456789+-−=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWαβγδθ∘°′T*⊤",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵅᵝᵞᵟᶿ°°′ᵀ*ᵀ",
        strict=True,
    )
)
_DOWN = dict(
    zip("0123456789+-−=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True)
)
_VULGAR = {
    ("1", "2"): "½", ("1", "3"): "⅓", ("2", "3"): "⅔", ("1", "4"): "¼", ("3", "4"): "¾", ("1", "5"): "⅕",
    ("2", "5"): "⅖", ("3", "5"): "⅗", ("4", "5"): "⅘", ("1", "6"): "⅙", ("5", "6"): "⅚", ("1", "8"): "⅛",
    ("3", "8"): "⅜", ("5", "8"): "⅝", ("7", "8"): "⅞",
}  # fmt: skip
_ATOM = re.compile(r"[√∛∜∂Δ]?[\w.,°′∞…]+[⁰¹²³⁴⁵⁶⁷⁸⁹ⁿ]*!?|[½-⅞]")
_PRODUCT = re.compile(r"(?:[\w.√]|\([^()]*\))+")
"""What needs no parentheses above the line of a fraction."""

FRACTION = "\ue002", "\ue003"
"""Around a fraction until its neighbours are known: only some make parentheses necessary."""


def superscript(text: str) -> str:
    """`text` above the line, or behind a ^ where Unicode has no such letters."""
    return _script(text, _UP, "^")


def subscript(text: str) -> str:
    """`text` below the line, or behind a _ where Unicode has no such letters."""
    return _script(text, _DOWN, "_")


def _script(text: str, letters: dict[str, str], mark: str) -> str:
    text = re.sub(r"(?<=[∂Δ]) +", "", unmarked(text.strip()))
    if not text:
        return ""
    dense = text.replace(" ", "")
    if all(char in letters for char in dense):
        return "".join(letters[char] for char in dense)
    # a space, for nobody could tell where the script ends
    return f"{mark}{text} " if len(text) == 1 or text.isdecimal() else f"{mark}({text})"


def fraction(above: str, below: str) -> str:
    """One number over another, marked until `unmarked` knows what stands around it."""
    above, below = (re.sub(r"(?<=[∂Δ]) +", "", unmarked(each.strip())) for each in (above, below))
    if glyph := _VULGAR.get((above, below)):
        return glyph
    above = above if _PRODUCT.fullmatch(above) else grouped(above)
    below = f"({below})" if re.match(r"\d+\w*[^\W\d]", below) else grouped(below)
    return f"{FRACTION[0]}{above}/{below}{FRACTION[1]}"


def root(of: str, degree: str = "") -> str:
    """The root of something."""
    sign = {"": "√", "2": "√", "3": "∛", "4": "∜"}.get(degree.strip()) or superscript(degree) + "√"
    return sign + grouped(unmarked(of.strip()))


def grouped(text: str) -> str:
    """`text` in parentheses, unless it holds together by itself."""
    if _ATOM.fullmatch(text) or _is_enclosed(text):
        return text
    return f"({text})"


def _is_enclosed(text: str) -> bool:
    """Whether the parenthesis that opens `text` is the one that closes it."""
    if not (text.startswith("(") and text.endswith(")")):
        return False
    depth = 0
    for n, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return n == len(text) - 1
    return False


_AROUND = re.compile(r"(\w|\))?\ue002([^\ue002\ue003]*)\ue003(?=([\w(√∛∜^⁰¹²³⁴-⁹])?)")


def unmarked(text: str) -> str:
    """`text` with its fractions settled: in parentheses where a neighbour would be read as part of them."""

    def settled(found: re.Match[str]) -> str:
        before, inner, after = found.groups()
        return f"{before or ''}({inner})" if before or after else inner

    while FRACTION[0] in text and (now := _AROUND.sub(settled, text)) != text:
        text = now
    return text
