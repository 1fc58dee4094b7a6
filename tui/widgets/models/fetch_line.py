"""How far a fetch is, on one line above the status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from assistant.terminal import visible

if TYPE_CHECKING:
    from ...fetch import Fetch


class FetchLine(Static):
    """There only while something is fetched."""

    def __init__(self, stop_key: str) -> None:
        """`stop_key` is how the user stops it, such as /cancel."""
        super().__init__()
        self._stop_key = stop_key
        self.display = False

    def follow(self, fetch: Fetch | None) -> None:
        """Show how far it is; None shows nothing."""
        self.display = fetch is not None and not fetch.is_over
        if fetch is not None and self.display:
            self.update(Content(visible(words(fetch, self._stop_key))))


def words(fetch: Fetch, stop_key: str) -> str:
    """↓ Qwen3 4B: 1.2 GB of 2.5 GB, 48%, 12.0 MB/s, 1 min 48 s left · /cancel"""
    from assistant.download.meter import how_far

    if fetch.is_stopped:
        return f"Stopping the fetch of {fetch.item.title}; what has come is kept."
    news = fetch.progress
    far = (news.note or how_far(news)) if news else "asking for it"
    return f"↓ {fetch.item.title}: {far} · {stop_key}"
