"""Writing a question in the user's own editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from assistant.errors import UsageError


def edited(app: App[Any], text: str) -> str:
    """What the editor of $VISUAL or $EDITOR made of `text`; the app gives the terminal away meanwhile.

    Raises:
        UsageError: there is no editor, or it failed; `text` is as it was.
    """
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "")
    if not command:
        raise UsageError("No editor is set.", "Set EDITOR, as in: export EDITOR=nano")
    with tempfile.TemporaryDirectory(prefix="mull-") as folder:
        path = Path(folder) / "question.md"
        path.write_text(text, encoding="utf-8", errors="replace")
        try:
            with app.suspend():
                status = subprocess.run([*command, str(path)], check=False).returncode
        except SuspendNotSupported:
            raise UsageError("This terminal cannot be given to an editor.", "") from None
        except OSError as error:
            raise UsageError(f"{command[0]} cannot be run: {error.strerror}.", "Set EDITOR anew.") from None
        if status:
            raise UsageError(f"{command[0]} ended with status {status}: the question is as it was.", "")
        return path.read_text(encoding="utf-8", errors="replace").removesuffix("\n")
