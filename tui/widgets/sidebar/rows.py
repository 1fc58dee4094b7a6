"""What the list of conversations shows, line by line. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from textual.content import Content

from assistant.store.values import Hit, Summary
from assistant.terminal import visible


@dataclass(frozen=True, slots=True)
class Row:
    """A heading, or a conversation with the place in it that was found."""

    text: Content
    summary: Summary | None = None
    """None for a heading."""
    message_id: int | None = None
    """The message that was found in it."""

    @property
    def name(self) -> str:
        """What tells it from the other rows; empty for a heading."""
        if self.summary is None:
            return ""
        return f"{self.summary.id}-{self.message_id or 0}"


def listed(summaries: Sequence[Summary], open_id: str | None, now: datetime) -> Iterator[Row]:
    """The list, by date, the pinned ones first.

    Args:
        summaries: in the order of the store.
        open_id: the one that is open.
        now: the time, in the user's zone.
    """
    last = ""
    for summary in summaries:
        heading = "Pinned" if summary.is_pinned else age(datetime.fromtimestamp(summary.updated_s), now)
        if heading != last:
            yield _heading(heading)
            last = heading
        yield Row(_title(summary, is_open=summary.id == open_id), summary)


def found(hits: Sequence[Hit], open_id: str | None) -> Iterator[Row]:
    """What a search found: each conversation once, with up to three passages under its title."""
    by_id: dict[str, list[Hit]] = {}
    for hit in hits:
        by_id.setdefault(hit.conversation.id, []).append(hit)
    for of_one in by_id.values():
        summary = of_one[0].conversation
        passages = [hit for hit in of_one if hit.message_id is not None][:3]
        title = _title(summary, is_open=summary.id == open_id)
        if not passages:
            yield Row(title, summary)
        for n, hit in enumerate(passages):
            passage = _passage(hit)
            yield Row(title + Content("\n") + passage if n == 0 else passage, summary, hit.message_id)


def age(then: datetime, now: datetime) -> str:
    """How long ago, in a word or two."""
    days = (now.date() - then.date()).days
    if days <= 0:
        return "Today"
    if days == 1:
        return "Yesterday"
    if days < 7:
        return "Last 7 days"
    if days < 30:
        return "Last 30 days"
    return f"{then:%B}" if then.year == now.year or now - then < timedelta(days=300) else f"{then.year}"


def _heading(text: str) -> Row:
    return Row(Content(text))


def _title(summary: Summary, *, is_open: bool) -> Content:
    mark = "● " if is_open else "  "
    kept = " (archived)" if summary.is_archived else ""
    style = "bold" if is_open else ""
    return Content.styled(f"{mark}{visible(summary.title)}", style) + Content.styled(kept, "$foreground 60%")


def _passage(hit: Hit) -> Content:
    text = Content(visible(hit.snippet.text))
    for begin, end in hit.snippet.marks:
        text = text.stylize("$text-accent bold", begin, end)
    who = "you: " if hit.role == "user" else ""
    return Content.styled(f"    {who}", "$foreground 60%") + text
