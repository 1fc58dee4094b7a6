"""Writing the open conversation to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import UsageError
from assistant.store.exporting import Format, document, write_new

if TYPE_CHECKING:
    from assistant.store.journal import Journal
    from assistant.store.store import Store

FORMATS: dict[str, Format] = {".md": "md", ".html": "html", ".json": "json"}


def export(store: Store, journal: Journal, conversation_id: str, name: str) -> Path:
    """Write a conversation; waits for the disk.

    Args:
        store: where it is.
        journal: what may still have to be written of it.
        conversation_id: the conversation.
        name: the file; without a name, the conversation's title as Markdown in the present folder.

    Returns:
        The file, which did not exist before.

    Raises:
        UsageError: the file cannot be written, is there already, or is of another kind.
    """
    journal.flush()
    path = Path(name).expanduser() if name else Path(_file_name(store.find(conversation_id).title))
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise UsageError(
            f"{path} is none of .md, .html and .json.", "Name a file that ends with one of them."
        )
    write_new(path, document(store, [conversation_id], form), "Name another file: /export FILE.")
    return path.absolute()


def _file_name(title: str) -> str:
    words = "".join(char if char.isalnum() or char in "-_" else " " for char in title).split()
    return ("-".join(words)[:60].strip("-").lower() or "conversation") + ".md"
