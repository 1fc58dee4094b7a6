"""What a model file is, told from its header: the weights are never read."""

from __future__ import annotations

import mmap
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from assistant.catalog.ggml import BOS_PRE_TOKENIZERS, FILE_TYPES, NO_CHAT, RECURRENT
from assistant.catalog.header import (
    DOWNLOAD_AGAIN,
    CorruptError,
    Header,
    Reader,
    Scalar,
    Tensor,
    TruncatedError,
    UnsupportedError,
    refuse,
)

_OTHER_GGUF: Final = "Name a GGUF file with --model."
_SPLIT_NAME: Final = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")
_MAX_PARTS: Final = 999


@dataclass(frozen=True, slots=True)
class GGUFInfo:
    """What a GGUF file says of its model."""

    path: Path
    """The file; of a split model, its first part."""
    name: str
    """`general.name`, or the file's name without its ending."""
    architecture: str
    """`general.architecture`, such as qwen3."""
    n_params: int
    """Weights of all tensors, split parts included."""
    size_bytes: int
    """Size of the file, or of all parts together."""
    quantisation: str
    """llama.cpp's name of the file type, such as Q4_K_M; without one, the type of most weights."""
    n_ctx_train: int
    """Context that the model was trained for, in tokens; 0 if the file does not say."""
    n_layer: int
    """Blocks of the model; 0 if the file does not say."""
    chat_template: str | None
    """Jinja source of the chat template."""
    bos_token: str
    """Text of the start token, "" if there is none."""
    eos_token: str
    """Text of the end token, "" if there is none."""
    add_bos: bool
    """Whether the tokenizer puts the start token first."""
    sliding_window: int
    """Tokens that its windowed layers see; 0 without such layers."""
    is_recurrent: bool
    """Whether a state of the model cannot be taken back token by token."""
    metadata: Mapping[str, Scalar] = field(repr=False)
    """Every key of the header with a single value."""
    arrays: Mapping[str, tuple[Scalar, ...]] = field(repr=False)
    """Arrays of up to 1,024 numbers, such as key-value heads a layer."""
    tensors: tuple[Tensor, ...] = field(default=(), repr=False)
    """Every tensor of all parts, without its weights."""


def inspect(path: Path) -> GGUFInfo:
    """Read the header of a GGUF file, and those of its other parts if it is split.

    Raises:
        ModelFileError: it is missing, damaged, incomplete, no GGUF, or holds no model that chats.
    """
    with _mapped(path) as data:
        reader = Reader(data)
        header = _header(reader, path)
        _check_kind(header, path)
        bos = _token(reader, header, "bos")
        eos = _token(reader, header, "eos")
    size = _take_in_other_parts(path, header)
    return _info(path, header, (bos, eos), size)


def _info(path: Path, header: Header, tokens: tuple[str, str], size: int) -> GGUFInfo:
    architecture = _str(header, "general.architecture")
    return GGUFInfo(
        path=path,
        name=_str(header, "general.name").strip() or path.stem,
        architecture=architecture,
        n_params=header.n_params,
        size_bytes=size,
        quantisation=_quantisation(header),
        n_ctx_train=_int(header, f"{architecture}.context_length"),
        n_layer=_int(header, f"{architecture}.block_count"),
        chat_template=_str(header, "tokenizer.chat_template") or None,
        bos_token=tokens[0],
        eos_token=tokens[1],
        add_bos=_add_bos(header),
        sliding_window=_int(header, f"{architecture}.attention.sliding_window"),
        is_recurrent=architecture in RECURRENT,
        metadata=header.scalars,
        arrays=header.arrays,
        tensors=tuple(header.tensors),
    )


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    """The file mapped into memory, once it is known to be a GGUF."""
    try:
        # A pipe or a device would block or never end, so the kind is looked at before opening.
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise refuse(f"{path} is a folder, not a model file.", _OTHER_GGUF)
        if not stat.S_ISREG(mode):
            raise refuse(f"{path} is not an ordinary file.", _OTHER_GGUF)
        with path.open("rb") as file:
            check_magic(file.read(512), path)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                yield data
    except FileNotFoundError:
        raise refuse(
            f"There is no model file {path}.", "Check the path, or name another file with --model."
        ) from None
    except PermissionError:
        raise refuse(
            f"{path} may not be read by you.", "Change its permissions, or name another file with --model."
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise refuse(
            f"{path} cannot be read: {reason}.", "Check the path and the disk, or name another file."
        ) from None


def check_magic(head: bytes, path: Path | str) -> None:
    """Look at the first bytes of a file, up to 512, for what it is.

    Raises:
        ModelFileError: it is no GGUF; the message says what it looks like.
    """
    if head[:4] == b"GGUF":
        return
    if not head:
        raise refuse(f"{path} is empty.")
    what, next_step = _looks_like(head)
    raise refuse(f"{path} is no GGUF file: it {what}.", next_step)


def _looks_like(head: bytes) -> tuple[str, str]:
    """What a file that is no GGUF looks like, and what to do about it."""
    convert = "Name a GGUF version of this model; llama.cpp's convert_hf_to_gguf.py makes one."
    text = head.lstrip().lower()
    if b"GGUF".startswith(head[:4]):
        return "ends in the middle of its first four bytes", DOWNLOAD_AGAIN
    if head.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, a note in place of the model", "Run `git lfs pull` in its folder."
    if text.startswith((b"<!doctype html", b"<html", b"<?xml")):
        return "is a web page, likely an error page saved in place of the model", DOWNLOAD_AGAIN
    if len(head) > 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32:
        return "looks like safetensors weights", convert
    if head.startswith(b"PK\x03\x04"):
        return "looks like a zip archive or a PyTorch checkpoint", f"Unpack it if it is an archive. {convert}"
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "looks like a PyTorch pickle", convert
    if head[:4] in (b"lmgg", b"fmgg", b"tjgg", b"algg"):
        return "is of an old format that came before GGUF", "Name a GGUF version of this model."
    for magic, packer in ((b"\x1f\x8b", "gzip"), (b"\xfd7zXZ", "xz"), (b"\x28\xb5\x2f\xfd", "zstd")):
        if head.startswith(magic):
            return f"is packed with {packer}", "Unpack it and name the file inside."
    if not head.strip(b"\0"):
        return "begins with zeros, as an unfinished download does", DOWNLOAD_AGAIN
    if text.startswith((b"{", b"[")):
        return "is JSON text", _OTHER_GGUF
    return "does not begin with the letters GGUF", _OTHER_GGUF


def _header(reader: Reader, path: Path) -> Header:
    try:
        return reader.read()
    except TruncatedError:
        raise refuse(f"{path} is incomplete: it ends inside its header.") from None
    except CorruptError as error:
        raise refuse(f"{path} is damaged: its header holds {error}.") from None
    except UnsupportedError as error:
        raise refuse(
            f"{path} cannot be used: {error}.", "Name another GGUF of this model, or update Mull."
        ) from None


def _check_kind(header: Header, path: Path) -> None:
    """Refuse what is a GGUF and yet no model that chats."""
    architecture = _str(header, "general.architecture")
    kind = _str(header, "general.type")
    of_model = "Name the GGUF of the model itself with --model."
    if kind == "adapter" or "adapter.type" in header.scalars:
        raise refuse(f"{path} is a LoRA adapter, not a model.", of_model)
    if kind == "imatrix":
        raise refuse(f"{path} is an importance matrix, not a model.", of_model)
    if kind == "mmproj":
        raise refuse(f"{path} is {NO_CHAT['clip']}, not a model.", of_model)
    if architecture in NO_CHAT:
        raise refuse(f"{path} is {NO_CHAT[architecture]}: it cannot chat.", of_model)
    part = _int(header, "split.no")
    if _int(header, "split.count") > 1 and part > 0:
        raise refuse(
            f"{path} is part {part + 1} of {_int(header, 'split.count')} of a model.",
            "Name the part that ends in -00001-of-….gguf; the others are found by themselves.",
        )
    if kind == "vocab" or (header.n_tensors == 0 and header.strings):
        raise refuse(f"{path} holds a vocabulary and no weights.", of_model)
    if not architecture or header.n_tensors == 0:
        missing = "weights" if architecture else "the name of its architecture"
        raise refuse(f"{path} is no language model: it lacks {missing}.", of_model)


def _take_in_other_parts(path: Path, header: Header) -> int:
    """Take in the other parts' tensors; the bytes of all parts, each checked to be complete."""
    size = _check_end(path, header)
    for part in _other_parts(path, _int(header, "split.count")):
        with _mapped(part) as data:
            more = _header(Reader(data), part)
        size += _check_end(part, more)
        header.n_params += more.n_params
        header.tensors += more.tensors
        for name, n in more.params_by_type.items():
            header.params_by_type[name] = header.params_by_type.get(name, 0) + n
    return size


def _check_end(path: Path, header: Header) -> int:
    size = os.path.getsize(path)
    if size < header.end:
        raise refuse(
            f"{path} is incomplete: {_amount(header.end - size)} of {_amount(header.end)} missing.",
            "Download it again, or go on with the download.",
        )
    return size


def _other_parts(path: Path, n_parts: int) -> list[Path]:
    if n_parts < 2:
        return []
    if n_parts > _MAX_PARTS:
        raise refuse(f"{path} is damaged: it claims to be one of {n_parts:,} parts.")
    name = _SPLIT_NAME.search(path.name)
    if not name or int(name[2]) != n_parts:
        raise refuse(
            f"{path} is the first of {n_parts} parts, but its name does not say so.",
            f"Give the parts their names back: they end in -00001-of-{n_parts:05}.gguf and so on.",
        )
    stem = path.name[: name.start()]
    parts = [path.with_name(f"{stem}-{i:05}-of-{n_parts:05}.gguf") for i in range(2, n_parts + 1)]
    missing = [part.name for part in parts if not part.exists()]
    if missing:
        raise refuse(
            f"The model is split into {n_parts} files and {len(missing)} of them "
            f"{'is' if len(missing) == 1 else 'are'} missing: {', '.join(missing[:3])}"
            f"{' and more' if len(missing) > 3 else ''}.",
            f"Download the missing files into {path.parent}.",
        )
    return parts


def _quantisation(header: Header) -> str:
    by_type = header.params_by_type
    file_type = header.scalars.get("general.file_type")
    if type(file_type) is int and file_type & ~1024 in FILE_TYPES:
        return FILE_TYPES[file_type & ~1024]
    return max(by_type, key=lambda name: by_type[name]) if by_type else "unknown"


def _add_bos(header: Header) -> bool:
    said = header.scalars.get("tokenizer.ggml.add_bos_token")
    if isinstance(said, bool):
        return said
    model = _str(header, "tokenizer.ggml.model")
    return model == "llama" or (model == "gpt2" and _str(header, "tokenizer.ggml.pre") in BOS_PRE_TOKENIZERS)


def _token(reader: Reader, header: Header, which: str) -> str:
    index = header.scalars.get(f"tokenizer.ggml.{which}_token_id")
    tokens = header.strings.get("tokenizer.ggml.tokens")
    if type(index) is not int or tokens is None:
        return ""
    return reader.string_at(tokens, index)


def _str(header: Header, key: str) -> str:
    value = header.scalars.get(key)
    return value if isinstance(value, str) else ""


def _int(header: Header, key: str) -> int:
    value = header.scalars.get(key)
    return value if type(value) is int and value >= 0 else 0


def _amount(n_bytes: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes} byte{'' if n_bytes == 1 else 's'}"
