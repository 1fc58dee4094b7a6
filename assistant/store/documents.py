"""A conversation's active branch as a document: Markdown, or HTML that needs nothing but itself.

What was said is material: in HTML it is escaped, its images are not loaded, and the page forbids itself
every request.
"""

from __future__ import annotations

import re
import time
from html import escape

from assistant.query import Attachment
from assistant.store.values import Conversation, StoredMessage
from assistant.terminal import visible

_STATES = {
    "stopped": "stopped",
    "interrupted": "interrupted",
    "failed": "failed",
    "running": "still being written",
}

_PAGE = """\
<!DOCTYPE html>
<html lang="und">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.6 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.4rem; line-height: 1.3; }}
article {{ margin: 1.5rem 0; overflow-wrap: anywhere; }}
article.user {{ border-left: 3px solid; padding-left: 1rem; }}
.by, .about {{ opacity: 0.65; font-size: 0.875rem; margin: 0; }}
pre {{ overflow-x: auto; padding: 0.75rem; border: 1px solid #8886; border-radius: 4px; }}
code {{ font: 0.9em/1.45 ui-monospace, monospace; }}
table {{ border-collapse: collapse; }}
td, th {{ border: 1px solid #8886; padding: 0.25rem 0.6rem; }}
details {{ opacity: 0.75; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p class="about">{about}</p>
{body}
</body>
</html>
"""


def markdown(conversation: Conversation, *, has_thinking: bool = False) -> str:
    """The conversation as Markdown; what was said stands in it as it was said."""
    parts = [f"# {conversation.summary.title}", f"*{_about(conversation)}*"]
    for message in conversation.messages:
        parts.append(f"## {_by(message)}")
        parts += [_fenced(file) for file in message.attachments]
        if has_thinking and message.thinking.strip():
            lines = message.thinking.strip().splitlines()
            parts.append("\n".join(f"> {line}".rstrip() for line in lines))
        if message.content.strip():
            parts.append(message.content.strip("\n"))
        if message.error:
            parts.append(f"*{message.error}*")
    return "\n\n".join(parts) + "\n"


def html(conversation: Conversation, *, has_thinking: bool = False) -> str:
    """The conversation as a page of its own."""
    from markdown_it import MarkdownIt

    # "js-default" takes no HTML and no links to scripts; an image would tell its server who reads this
    renderer = MarkdownIt("js-default").disable("image")
    articles = []
    for message in conversation.messages:
        parts = [f'<article class="{message.role}">', f'<p class="by">{escape(_by(message))}</p>']
        for file in message.attachments:
            text = f"<summary>{_safe(file.name)}</summary><pre><code>{_safe(file.text)}</code></pre>"
            parts.append(f"<details>{text}</details>")
        if has_thinking and message.thinking.strip():
            thinking = renderer.render(visible(message.thinking))
            parts.append(f"<details><summary>Thinking</summary>{thinking}</details>")
        parts.append(renderer.render(visible(message.content)).strip())
        if message.error:
            parts.append(f"<p><em>{_safe(message.error)}</em></p>")
        articles.append("\n".join([*parts, "</article>"]))
    return _PAGE.format(
        title=_safe(conversation.summary.title),
        about=escape(_about(conversation)),
        body="\n".join(articles),
    )


def _about(conversation: Conversation) -> str:
    begun = time.strftime("%Y-%m-%d %H:%M", time.localtime(conversation.summary.created_s))
    n_more = conversation.summary.n_messages - len(conversation.messages)
    messages = "1 message" if n_more == 1 else f"{n_more} messages"
    branches = f", and {messages} in other branches" if n_more else ""
    return f"A conversation with Mull, begun {begun}{branches}"


def _by(message: StoredMessage) -> str:
    """Who says it, and how."""
    if message.role == "user":
        return "You"
    about = [visible(message.model)] if message.model else []
    if message.n_thinking:
        about.append(f"thought for {message.n_thinking:,} tokens")
    if message.seconds:
        about.append(f"{message.seconds:.1f} s")
    if message.status in _STATES:
        about.append(_STATES[message.status])
    return " · ".join(["Mull", *about])


def _fenced(file: Attachment) -> str:
    """A file in a fence that nothing in it can close."""
    longest = max((len(run) for run in re.findall(r"`+", file.text)), default=0)
    fence = "`" * max(3, longest + 1)
    name = " ".join(file.name.replace("`", "'").split())
    return f"File {name}:\n\n{fence}\n{file.text.rstrip()}\n{fence}"


def _safe(text: str) -> str:
    return escape(visible(text))
