"""Conversations as Markdown and as pages."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.query import Attachment
from assistant.store.documents import html, markdown
from assistant.store.store import Store
from tests.store.filling import following, said

PAGE = "html head meta title style body h1 p article details summary"
MARKDOWN = "h2 h3 h4 h5 h6 pre code em strong a ul ol li blockquote hr br s table thead tbody tr th td"
ALLOWED = {*PAGE.split(), *MARKDOWN.split()}


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


EVIL = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "![x](https://example.org/x.png)",
        "[x](javascript:alert(1))",
        "[x](data:text/html,x)",
        '<img src=x onerror="alert(1)">',
        "</article></body><iframe src=x>",
        '"><b onclick=x>',
        "```\n</code></pre><script>\n```",
        "\x1b[2J",
        "\u202e",
        "| a | b |\n|---|---|\n| <i> | 2 |",
        "{title}",
        "&lt;script&gt;",
    ]
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(EVIL | st.text(), min_size=1, max_size=4).map(" ".join))
def test_a_page_is_harmless_whatever_was_said(store: Store, evil: str) -> None:
    turn = said(store, evil, evil, thinking=evil, files=(Attachment(evil, evil),))
    page = html(store.conversation(turn.conversation_id), has_thinking=True)
    tags = Tags(page)
    assert tags.tags <= ALLOWED
    for name, value in tags.attributes:
        assert not name.startswith("on")
        assert name != "src"
        if name == "href":
            assert not re.match(r"\s*(javascript|data|vbscript|file):", value, re.IGNORECASE)
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_a_page_says_what_was_said(store: Store) -> None:
    turn = said(store, "Is 1 < 2?", "**Yes**, see `1 < 2`:\n\n```python\nprint(1 < 2)\n```", thinking="Sure.")
    page = html(store.conversation(turn.conversation_id))
    assert "<strong>Yes</strong>" in page
    text = Tags(page).text
    assert "Is 1 < 2?" in text
    assert "print(1 < 2)" in text
    assert "Sure." not in text
    assert "default-src 'none'" in page
    assert "Sure." in html(store.conversation(turn.conversation_id), has_thinking=True)


def test_markdown(store: Store) -> None:
    file = Attachment("no`tes.md", "a\n```\nb\n```\n")
    first = said(store, "Read this.", "Done.", thinking="First.\n\nThen.", files=(file,))
    following(store, first, "More?", "")
    made = markdown(store.conversation(first.conversation_id), has_thinking=True)
    assert re.sub(r"begun [-0-9]+ [0-9:]+", "begun then", made) == (
        "# Read this.\n\n*A conversation with Mull, begun then*\n\n"
        "## You\n\nFile no'tes.md:\n\n````\na\n```\nb\n```\n````\n\nRead this.\n\n"
        "## Mull · thought for 412 tokens · 12.8 s\n\n> First.\n>\n> Then.\n\nDone.\n\n"
        "## You\n\nMore?\n\n## Mull · 12.8 s\n"
    )
    assert "First." not in markdown(store.conversation(first.conversation_id))


def test_other_branches_are_mentioned(store: Store) -> None:
    first = said(store, "6 * 7?", "41")
    said(store, "", "42", conversation_id=first.conversation_id, question_id=first.question_id)
    made = markdown(store.conversation(first.conversation_id))
    assert ", and 1 message in other branches*" in made
    assert "41" not in made
