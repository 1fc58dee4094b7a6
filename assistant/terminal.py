"""Text that comes from a model or a file, made safe to print on a terminal."""

from __future__ import annotations

_HIDDEN = (
    *range(0x80, 0xA0),  # C1 controls: a terminal may obey them like escape sequences
    0x061C,  # the marks and overrides of the bidirectional algorithm: they show text in a false order
    *range(0x200E, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
    0x180E,  # zero-width characters; U+200C and U+200D stay, scripts and emoji need them
    0x200B,
    *range(0x2060, 0x2066),
    *range(0x206A, 0x2070),
    0xFEFF,
    0x2028,  # line breaks that only some programs see
    0x2029,
    *range(0xFFF9, 0xFFFC),  # interlinear annotations
    *range(0xD800, 0xE000),  # lone surrogates: no encoding takes them
    *range(0xE0000, 0xE0080),  # tags: ASCII that nobody sees
)

_PICTURES = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"},
    0x7F: "\N{SYMBOL FOR DELETE}",
    **{code: f"⟨U+{code:04X}⟩" for code in _HIDDEN},
}


def visible(text: str) -> str:
    """`text` with every character that could drive the terminal or hide from the reader made visible.

    C0 controls (but newline and tab) and DEL become their pictures, such as ␛; C1 controls, the
    characters that reorder or hide text, and lone surrogates become ⟨U+202E⟩. Each character is
    treated by itself, so a stream may be cut anywhere.
    """
    return text.translate(_PICTURES)
