"""The code blocks of an answer, and a file name for each. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_SUFFIXES = {
    "bash": "sh", "c": "c", "c++": "cpp", "cpp": "cpp", "cs": "cs", "csharp": "cs", "css": "css",
    "csv": "csv", "diff": "diff", "dockerfile": "Dockerfile", "go": "go", "haskell": "hs", "html": "html",
    "ini": "ini", "java": "java", "javascript": "js", "js": "js", "json": "json", "jsx": "jsx",
    "julia": "jl", "kotlin": "kt", "latex": "tex", "lua": "lua", "makefile": "Makefile",
    "markdown": "md", "md": "md", "perl": "pl", "php": "php", "powershell": "ps1", "py": "py",
    "python": "py", "python3": "py", "r": "r", "rb": "rb", "ruby": "rb", "rs": "rs", "rust": "rs",
    "scala": "scala", "sh": "sh", "shell": "sh", "sql": "sql", "svg": "svg", "swift": "swift",
    "tex": "tex", "toml": "toml", "ts": "ts", "tsx": "tsx", "typescript": "ts", "xml": "xml",
    "yaml": "yaml", "yml": "yaml", "zig": "zig", "zsh": "zsh",
}  # fmt: skip
"""Languages as models name them behind a fence, with what their files end in."""


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """One block of code."""

    language: str
    """What stands behind the fence, in lower case; empty if nothing does."""
    text: str
    """The code, ending with a line end."""

    @property
    def file_name(self) -> str:
        """A name that fits the language."""
        suffix = _SUFFIXES.get(self.language, "txt")
        return suffix if suffix[0].isupper() else f"code.{suffix}"


def code_blocks(text: str) -> list[CodeBlock]:
    """The code blocks of a Markdown text in order, one that is still open among them."""
    if "```" not in text and "~~~" not in text and "    " not in text and "\t" not in text:
        return []
    # the parser is the one that shows the text; only who looks for code waits for it
    from markdown_it import MarkdownIt

    return [
        CodeBlock((token.info.split() or [""])[0].lower(), token.content.removesuffix("\n") + "\n")
        for token in MarkdownIt("commonmark").parse(text)
        if token.type in ("fence", "code_block") and token.content.strip()
    ]
