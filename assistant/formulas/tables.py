"""What LaTeX's macros and environments are in plain text, where pylatexenc does not say it. Pure."""

from __future__ import annotations

SYMBOLS = {
    "implies": "⟹", "impliedby": "⟸", "iff": "⟺", "colon": ":", "dots": "…", "dotsc": "…", "dotsb": "⋯",
    "ldots": "…", "cdots": "⋯", "vdots": "⋮", "ddots": "⋱", "degree": "°", "lvert": "|", "rvert": "|",
    "lVert": "‖", "rVert": "‖", "Vert": "‖", "|": "‖", "bmod": "mod", "mod": "mod", "gets": "←",
    "to": "→", "land": "∧", "lor": "∨", "lnot": "¬", "neg": "¬", "ne": "≠", "le": "≤", "ge": "≥",
    "leqslant": "≤", "geqslant": "≥", "lt": "<", "gt": ">", "cdotp": "·", "cdot": "·", "blacksquare": "■",
    "square": "□", "checkmark": "✓", "dag": "†", "ell": "ℓ", "hbar": "ℏ", "varnothing": "∅",
    "mid": "|", "nmid": "∤", "parallel": "∥", "perp": "⊥", "triangle": "△", "prime": "′",
    "longrightarrow": "⟶", "longleftarrow": "⟵", "rightleftharpoons": "⇌", "mapsto": "↦",
    "left": "", "right": "", "middle": "",
    "big": "", "Big": "", "bigg": "", "Bigg": "", "bigl": "", "bigr": "",
    "Bigl": "", "Bigr": "", "biggl": "", "biggr": "", "Biggl": "", "Biggr": "",
    "displaystyle": "", "textstyle": "",
    "limits": "", "nolimits": "", "nonumber": "", "notag": "", "hline": "", "!": "", "allowbreak": "",
}  # fmt: skip
"""What pylatexenc lacks or says otherwise than a reader of plain text wants."""

FUNCTIONS = [
    "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "log",
    "ln", "lg", "exp", "lim", "max", "min", "sup", "inf", "det", "dim", "gcd", "lcm", "deg", "arg", "ker",
    "limsup", "liminf", "Pr",
]  # fmt: skip
"""Macros that are written as they are called."""

AS_ARGUMENT = [
    "text", "textbf", "textit", "textrm", "texttt", "mathrm", "mathit", "mathsf", "mathtt", "operatorname",
    "mbox", "hbox", "boldsymbol", "bm", "pmb", "ce", "underline", "cancel", "bcancel", "xcancel", "phantom",
    "mathstrut", "mathop", "mathbin", "mathrel", "mathclose",
]  # fmt: skip
"""Macros that are written as what they are given."""

ROWS = ("align", "aligned", "alignat", "gather", "gathered", "split", "equation", "multline", "eqnarray")

SHAPES: dict[str, tuple[str, str] | None] = {
    **dict.fromkeys(("matrix", "smallmatrix", "array", "bmatrix", "bsmallmatrix"), ("[", "]")),
    **dict.fromkeys(("pmatrix", "psmallmatrix"), ("(", ")")),
    "Bmatrix": ("{", "}"),
    "vmatrix": ("|", "|"),
    "Vmatrix": ("‖", "‖"),
    "cases": ("{ ", ""),
    **dict.fromkeys(ROWS),
    **dict.fromkeys(f"{name}*" for name in ROWS),
}
"""What stands around the rows of an environment; None gives each row a line of its own."""
