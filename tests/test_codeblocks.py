"""Code blocks of an answer and the names of their files."""

from __future__ import annotations

import pytest

from assistant.codeblocks import CodeBlock, code_blocks

TEXT = """Two:

```Python title=x
a = 1

b = 2
```

- in a list:
  ~~~
  plain
  ~~~

Not in the list:

    indented

```sh
still open"""


def test_every_block_is_found_in_order() -> None:
    assert code_blocks(TEXT) == [
        CodeBlock("python", "a = 1\n\nb = 2\n"),
        CodeBlock("", "plain\n"),
        CodeBlock("", "indented\n"),
        CodeBlock("sh", "still open\n"),
    ]


def test_a_text_without_code_has_none() -> None:
    assert code_blocks("no `code` here\n\n```\n\n```") == []


@pytest.mark.parametrize(
    ("language", "name"),
    [("python", "code.py"), ("dockerfile", "Dockerfile"), ("", "code.txt"), ("klingon", "code.txt")],
)
def test_a_name_fits_the_language(language: str, name: str) -> None:
    assert CodeBlock(language, "x").file_name == name
