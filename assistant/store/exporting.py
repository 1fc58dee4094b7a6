"""Conversations as files: which formats there are, and writing one that was not there before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from assistant.errors import UsageError

if TYPE_CHECKING:
    from assistant.store.store import Store

Format = Literal["md", "json", "html"]
"""Also what a file of it ends in."""


def document(store: Store, ids: Sequence[str], form: Format, *, has_thinking: bool = False) -> str:
    """Conversations as one text; only JSON holds more than the first, and all branches.

    Raises:
        UsageError: there is none of that id.
        StoreError: it cannot be read.
    """
    if form == "json":
        from assistant.store.exchange import exported

        return exported(store.whole(id_) for id_ in ids)
    from assistant.store import documents

    write = documents.html if form == "html" else documents.markdown
    return write(store.conversation(ids[0]), has_thinking=has_thinking)


def write_new(path: Path, text: str, otherwise: str) -> None:
    """Write a file that is not there yet.

    Args:
        path: the file.
        text: what to write.
        otherwise: the next step where there is a file of that name.

    Raises:
        UsageError: there is one, or it cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} exists already.", otherwise) from None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}.", "Name a file that you may write."
        ) from None
