"""Tells mypy what `assistant.tui` is: python packaging/nested_types.py, which `make check` does first.

In a checkout `tui/` lies beside `assistant/` and is found inside it by its `__path__`, of which mypy knows
nothing, so all that tests and commands take from `assistant.tui` would be Any. For each module there this
writes a stub that hands on what the module of `tui` has: one line, and no link that Windows would lack.
"""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STUBS = ROOT / "build" / "types"


def main() -> None:
    """Write the stubs anew."""
    shutil.rmtree(STUBS, ignore_errors=True)
    for source in sorted((ROOT / "tui").rglob("*.py")):
        relative = source.relative_to(ROOT).with_suffix("")
        parts = relative.parent.parts if relative.name == "__init__" else relative.parts
        stub = STUBS / "assistant" / relative.with_suffix(".pyi")
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text(f"from {'.'.join(parts)} import *\n", encoding="utf-8")
    (STUBS / "assistant" / "__init__.pyi").touch()


if __name__ == "__main__":
    main()
