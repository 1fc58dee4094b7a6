"""A paragraph of an answer."""

from __future__ import annotations

from textual.content import Content
from textual.widgets._markdown import MarkdownParagraph  # not exported


class GrowingParagraph(MarkdownParagraph):
    """Asks for a layout only where it becomes higher: most of what comes fits into its last line."""

    def set_content(self, content: Content) -> None:
        """Show other text."""
        width, height = self.content_size
        self._content = content
        self.update(content, layout=not width or content.get_height({}, width) != height)
