"""Files that go with a question, named with an @."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from assistant.attachments import mentioned, mentions
from assistant.errors import UsageError


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("look at @a.txt, please", ["a.txt,"]),
        ("@src/main.py and (@b.py)", ["src/main.py", "b.py)"]),
        ('@"my notes.txt" again @"my notes.txt"', ["my notes.txt"]),
        ("mail me@home.org", []),
        ("a lone @ and @@ and @.", []),
    ],
)
def test_what_an_at_names(text: str, names: list[str]) -> None:
    assert mentions(text) == names


def test_files_are_read_where_the_question_names_them(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("x = 1\n")
    (tmp_path / "my notes.txt").write_text("Grüße", encoding="utf-8")
    files, missing = mentioned('What do @src/a.py, and @"my notes.txt" say to @somebody?', tmp_path)
    assert [(file.name, file.text) for file in files] == [("src/a.py", "x = 1\n"), ("my notes.txt", "Grüße")]
    assert missing == ()


def test_what_looks_like_a_file_and_is_none_is_told(tmp_path: Path) -> None:
    assert mentioned("fix @src/mian.py in @property", tmp_path) == ((), ("src/mian.py",))


def test_a_name_that_no_system_takes_is_no_file(tmp_path: Path) -> None:
    assert mentioned("@" + "x" * 5000 + " @~nobody/x @a\0b", tmp_path)[0] == ()


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (PNG, "is an image, and Mull's models cannot see."),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "is an image"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "is an image"),
        (b"%PDF-1.7\n", "is a PDF"),
        (b"MZ\0\0", "is not text"),
    ],
)
def test_what_no_model_reads_is_refused_by_its_kind(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        mentioned("@file", tmp_path)


def test_text_that_begins_like_an_image_is_text(tmp_path: Path) -> None:
    (tmp_path / "cars").write_text("BMW and GIF8")
    assert mentioned("@cars", tmp_path)[0][0].text == "BMW and GIF8"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    with pytest.raises(UsageError, match=r"is a folder|cannot be read"):
        mentioned("@src/", tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="no such pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="no ordinary file"):
        mentioned("@pipe", tmp_path)
