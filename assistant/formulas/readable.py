"""A formula in LaTeX as readable Unicode; pylatexenc parses it and knows the symbols. Pure."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from assistant.formulas.scripts import fraction, grouped, root, subscript, superscript, unmarked
from assistant.formulas.tables import AS_ARGUMENT, FUNCTIONS, SHAPES, SYMBOLS

MOST_CHARACTERS = 4_000
"""A longer formula stays as it is."""

MOST_DEPTH = 30
"""So does one of deeper braces: its parser recurses."""

BOX = "\ue000", "\ue001"
"""Around what \\boxed{} holds, for whoever shows it."""

_ROWS = "; "
_SPACED = re.compile(r"\s*([=≤≥≠≈≡∈∉⊂⊆⊃⊇→⇒⇔⟹⟸⟺←↦<>×÷±∓∪∩∧∨≅∝≪≫]|(?<=\S)·(?=\S)|\bmod\b)\s*")


def readable(source: str, *, is_display: bool = False) -> str:
    """The formula in Unicode; as it is where it cannot be read.

    Args:
        source: LaTeX without the dollars or brackets around it.
        is_display: whether it has lines of its own, so that its rows may stand below each other.
    """
    return "".join(text for text, _ in pieces(source, is_display=is_display))


@lru_cache(2048)
def pieces(source: str, *, is_display: bool = False) -> tuple[tuple[str, bool], ...]:
    """The formula in Unicode, piece by piece, each with whether \\boxed{} held it."""
    text = _converted(source, is_display)
    found: list[tuple[str, bool]] = []
    depth = 0
    for part in re.split(f"([{BOX[0]}{BOX[1]}])", text):
        if part in BOX:
            depth = max(0, depth + (1 if part == BOX[0] else -1))
        elif part:
            found.append((part, depth > 0))
    return tuple(found)


def _converted(source: str, is_display: bool) -> str:
    if len(source) > MOST_CHARACTERS or _depth(source) > MOST_DEPTH:
        return source
    from pylatexenc.latexwalker import LatexWalker, LatexWalkerError

    # a bare % would hide the rest as a comment, and so would private characters that mean something to us
    clean = re.sub(r"(?<!\\)%", r"\\%", re.sub("[\ue000-\ue003]", "", source))
    clean = re.sub(r"\\(left|right)\s*\.", "", clean)
    clean = re.sub(r"\s*\n\s*", " ", clean)
    walker_context, to_text = _tables()
    try:
        nodes, _, _ = LatexWalker(
            clean, latex_context=walker_context, tolerant_parsing=True
        ).get_latex_nodes()
        text = str(to_text.nodelist_to_text(nodes))
    except (LatexWalkerError, RecursionError, ValueError, TypeError, IndexError, AttributeError):
        return source  # the parser's own trouble with text that no one checked
    lines = [_tidy(line) for line in text.replace(_ROWS.strip() + "\n", "\n").split("\n")]
    text = ("\n" if is_display else _ROWS).join(line for line in lines if line)
    return text or source


def _depth(source: str) -> int:
    deepest = depth = 0
    for char in source:
        depth += (char == "{") - (char == "}")
        deepest = max(deepest, depth)
    return max(deepest, source.count("\\begin"), source.count("\\left"))


def _tidy(line: str) -> str:
    """Settled fractions, and spaces where a reader wants them."""
    line = _SPACED.sub(r" \1 ", unmarked(line))
    line = re.sub(r"(?<=[(\[{⌊⌈⟨∂Δ∠]) +| +(?=[)\]},;.!⌋⌉⟩])", "", line)
    return re.sub(r" {2,}", " ", line).strip()


@cache
def _tables() -> tuple[Any, Any]:
    """How to parse and what to write, in pylatexenc's tables, ours before theirs."""
    from pylatexenc import latex2text, latexwalker, macrospec

    logging.getLogger("pylatexenc").setLevel(logging.CRITICAL)  # it would write over the screen
    parsing = latexwalker.get_default_latex_context_db()
    writing = latex2text.get_default_latex_context_db()
    macros = _macros()
    parsing.add_context_category(
        "mull",
        macros=[
            macrospec.MacroSpec(name, args_parser=macrospec.MacroStandardArgsParser(arguments))
            for name, (arguments, _) in macros.items()
        ],
        specials=[macrospec.SpecialsSpec(mark, macrospec.MacroStandardArgsParser("{")) for mark in "^_"],
        prepend=True,
    )
    specials = {"^": _of(superscript), "_": _of(subscript), "&": " ", "''": "″"}
    writing.add_context_category(
        "mull",
        macros=[latex2text.MacroTextSpec(name, write, discard=False) for name, (_, write) in macros.items()],
        environments=[latex2text.EnvironmentTextSpec(name, _rows(name), discard=False) for name in SHAPES],
        specials=[latex2text.SpecialsTextSpec(mark, write) for mark, write in specials.items()],
        prepend=True,
    )
    writing.set_unknown_macro_spec(latex2text.MacroTextSpec("", _verbatim))
    to_text = latex2text.LatexNodes2Text(
        latex_context=writing, strict_latex_spaces=_SPACES, keep_comments=True
    )
    return parsing, to_text


def _macros() -> dict[str, tuple[str, Callable[..., str] | str]]:
    """Each macro with the arguments that it takes, and what is written for it."""

    def arrow(sign: str) -> Callable[..., str]:
        return _of(lambda _, text: f" {sign}({text.strip()}) ")

    def above(text: str, base: str) -> str:
        return base + superscript(text)

    return {
        **{name: ("", symbol) for name, symbol in SYMBOLS.items()},
        **{name: ("", name) for name in FUNCTIONS},
        **{name: ("*{" if name == "operatorname" else "{", _argument(-1)) for name in AS_ARGUMENT},
        **{name: ("{{", _of(fraction)) for name in ("frac", "dfrac", "tfrac", "cfrac")},
        **{name: ("{{", _of(lambda n, k: f"({n} choose {k})")) for name in ("binom", "dbinom", "tbinom")},
        **{
            name: ("{", _of(lambda text: BOX[0] + unmarked(text).strip() + BOX[1]))
            for name in ("boxed", "fbox")
        },
        **{name: ("{", _of(_overlined)) for name in ("overline", "bar")},
        **{name: ("{{", _of(above)) for name in ("overset", "stackrel")},
        "sqrt": ("[{", _of(lambda degree, of: root(of, degree))),
        "underset": ("{{", _of(lambda below, base: base + subscript(below))),
        "xrightarrow": ("[{", arrow("→")),
        "xleftarrow": ("[{", arrow("←")),
        "textcolor": ("{{", _argument(-1)),
        "color": ("{", _of(lambda _: "")),
        "label": ("{", _of(lambda _: "")),
        "pmod": ("{", _of(lambda text: f" (mod {text})")),
        "tag": ("*{", _of(lambda _, text: f"  ({text})")),
    }


_SPACES = {
    "between-macro-and-chars": False,
    "between-latex-constructs": True,
    "after-comment": True,
    "in-equations": None,
}
"""Every space that the model wrote is kept; `_tidy` takes away what is too much."""


def _arguments(node: Any, l2tobj: Any) -> list[str]:
    given = (node.nodeargd.argnlist if node.nodeargd else None) or []
    return [l2tobj.nodelist_to_text([each]) if each is not None else "" for each in given]


def _of(write: Callable[..., str]) -> Callable[..., str]:
    """`write` on a node's arguments as text."""

    def written(node: Any, l2tobj: Any) -> str:
        return write(*_arguments(node, l2tobj))

    return written


def _argument(n: int) -> Callable[..., str]:
    return _of(lambda *arguments: arguments[n])


def _verbatim(node: Any) -> str:
    return f"\\{node.macroname}{node.macro_post_space or ' '}"


def _overlined(text: str) -> str:
    short = text.strip()
    return "".join(f"{char}\u0305" for char in short) if len(short) <= 4 else f"overline{grouped(short)}"


def _rows(name: str) -> Callable[..., str]:
    around = SHAPES[name]

    def written(node: Any, l2tobj: Any) -> str:
        text = l2tobj.nodelist_to_text(node.nodelist).replace("\r", "")
        rows = [_tidy(row) for row in text.split("\n")]
        if around is None:
            return "\n" + "\n".join(row for row in rows if row) + "\n"
        return around[0] + _ROWS.join(row for row in rows if row) + around[1]

    return written
