"""Writing the open conversation to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import UsageError

if TYPE_CHECKING:
    from assistant.store.journal import Journal
    from assistant.store.store import Store

FORMATS = (".md", ".html", ".json")


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
    if path.suffix.lower() not in FORMATS:
        raise UsageError(
            f"{path} is none of .md, .html and .json.", "Name a file that ends with one of them."
        )
    text = _document(store, conversation_id, path.suffix.lower())
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} exists already.", "Name another file: /export FILE.") from None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}.", "Name a file that you may write."
        ) from None
    return path.absolute()


def _document(store: Store, conversation_id: str, suffix: str) -> str:
    if suffix == ".json":
        from assistant.store.exchange import exported

        return exported([store.whole(conversation_id)])
    from assistant.store import documents

    write = documents.html if suffix == ".html" else documents.markdown
    return write(store.conversation(conversation_id), has_thinking=False)


def _file_name(title: str) -> str:
    words = "".join(char if char.isalnum() or char in "-_" else " " for char in title).split()
    return ("-".join(words)[:60].strip("-").lower() or "conversation") + ".md"
