"""Mull: a local assistant that thinks as hard as the question deserves.

The wheel carries `tui/`, `models/` and `prompts/` inside this package. In a checkout they lie beside
it, so the lines below let `assistant.tui`, `assistant.models` and `assistant.prompts` be found there too.
"""

from pathlib import Path as _Path

__version__ = "0.1.0"

_here = _Path(__file__).resolve().parent
if not (_here / "tui").is_dir():
    __path__.append(str(_here.parent))
