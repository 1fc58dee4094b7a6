"""Text files that go with a question: named, found in its words, read, and refused with a reason."""

from __future__ import annotations

import re
from pathlib import Path

from assistant.errors import UsageError
from assistant.query import Attachment

MOST_BYTES = 16 << 20
"""Longer files are refused, in bytes: no model reads as much."""

_IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\1\0")
_PDF = b"%PDF-"
_MENTION = re.compile(r"""(?:^|(?<=[\s(\[{"'“‘]))@(?:"([^"\n]+)"|([^\s"@][^\s"]*))""")
_TRAILING = ".,;:!?)]}'\"”’…"


def read(path: Path, name: str = "") -> Attachment:
    """A text file to go with a question, called `name` there, or else by the name that it has.

    Raises:
        UsageError: there is no such file, or it cannot be read, or it is not text, or too long.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.", "Check its name.") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder.", "Name its files, each by itself.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path} cannot be read: {reason}.", "Name a file that you may read.") from None
    return Attachment(name or path.name, decoded(content, str(path)))


def decoded(content: bytes, name: str) -> str:
    """Text in UTF-8, with or without a byte order mark, its line ends as \\n.

    Raises:
        UsageError: it is an image or not text at all, or longer than `MOST_BYTES`.
    """
    if _is_image(content):
        raise UsageError(f"{name} is an image, and Mull's models cannot see.", "Say in words what it shows.")
    if content.startswith(_PDF):
        raise UsageError(f"{name} is a PDF, which is not text.", "Save its text to a file and name that.")
    if len(content) > MOST_BYTES:
        raise UsageError(
            f"{name} has more than {MOST_BYTES >> 20} MiB.",
            "No model reads as much; give the part that matters.",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name} is not UTF-8 text (byte {error.start}).",
            "Save it as UTF-8; images and programs do not go.",
        ) from None
    if "\0" in text:
        raise UsageError(f"{name} is not text: it has zero bytes.", "Only text can be read.")
    return text.replace("\r\n", "\n")


def _is_image(content: bytes) -> bool:
    is_binary = any(byte == 0 or byte >= 0x80 for byte in content[:64])
    has_mark = content.startswith(_IMAGES) or (content[:4] == b"RIFF" and content[8:12] == b"WEBP")
    return is_binary and has_mark


def mentions(text: str) -> list[str]:
    """The paths that stand in `text` behind an @, at the beginning of a word, each once, in order.

    `@"with spaces"` is one path; mail addresses and decorators in the middle of a word are none.
    """
    names = (found[1] or found[2] for found in _MENTION.finditer(text))
    return list(dict.fromkeys(name for name in names if name.strip(_TRAILING)))


def mentioned(text: str, folder: Path) -> tuple[tuple[Attachment, ...], tuple[str, ...]]:
    """The files that `text` names with an @, relative to `folder`, and the names that are no file.

    Raises:
        UsageError: one of them is there and cannot go with the question.
    """
    files: list[Attachment] = []
    missing: list[str] = []
    for name in mentions(text):
        found = next((each for each in _spellings(name) if _is_there(folder, each)), None)
        if found is not None:
            files.append(_read_ordinary(folder / Path(found).expanduser(), found))
        elif "/" in name or re.search(r"\.\w{1,5}$", name):
            missing.append(name)
    return tuple(files), tuple(missing)


def _read_ordinary(path: Path, name: str) -> Attachment:
    """`read`, but for pipes and devices, which could keep the chat waiting for ever."""
    if not (path.is_file() or path.is_dir()):
        raise UsageError(f"{path} is no ordinary file.", "Save what it gives to a file and name that.")
    return read(path, name)


def _spellings(name: str) -> list[str]:
    """The name, and without the punctuation that ends a sentence."""
    bare = name.rstrip(_TRAILING)
    return [name, bare] if bare and bare != name else [name]


def _is_there(folder: Path, name: str) -> bool:
    try:
        return (folder / Path(name).expanduser()).exists()
    except (OSError, ValueError, RuntimeError):  # a name too long, or ~somebody who does not exist
        return False
