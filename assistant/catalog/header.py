"""Reading the bytes of a GGUF header: key-value pairs and tensor shapes, versions 2 and 3.

Nothing is trusted: each count and length is held against what is left of the file before it is used,
and long arrays are stepped over, not built.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from mmap import mmap
from typing import Final

from assistant.catalog.ggml import REMOVED_TENSOR_TYPES, TENSOR_TYPES
from assistant.errors import ModelFileError

Scalar = bool | int | float | str

_SCALARS: Final = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_STRING: Final = 8
_ARRAY: Final = 9
_U32: Final = struct.Struct("<I")
_U64: Final = struct.Struct("<Q")

_MAX_KEY: Final = 65_535
_MAX_TEXT_BYTES: Final = 64 << 20
_MAX_STRINGS: Final = 1 << 22
_MAX_SHORT_ARRAY: Final = 1024
_MAX_TENSOR_BYTES: Final = 1 << 46
_MARK_EVERY: Final = 256

DOWNLOAD_AGAIN: Final = "Download it again, or name another file with --model."


class TruncatedError(Exception):
    """The file ends before its header does."""


class CorruptError(Exception):
    """The header holds something that cannot be; the text says what."""


class UnsupportedError(Exception):
    """The header holds something that a later version of GGUF has brought; the text says what."""


@dataclass(slots=True)
class Strings:
    """An array of strings that was stepped over."""

    count: int
    """How many strings there are."""
    marks: list[int]
    """Byte offset of every 256th string."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor, without its weights."""

    name: str
    """llama.cpp's name, such as blk.0.attn_q.weight."""
    kind: str
    """Its type, such as Q4_K."""
    shape: tuple[int, ...]
    """Its dimensions in llama.cpp's order: inputs first, then outputs, then experts."""
    n_bytes: int
    """What its weights take."""


@dataclass(slots=True)
class Header:
    """What a header says."""

    scalars: dict[str, Scalar] = field(default_factory=dict)
    """Every key with a single value."""
    arrays: dict[str, tuple[Scalar, ...]] = field(default_factory=dict)
    """Arrays of up to 1,024 numbers, such as one value a layer."""
    strings: dict[str, Strings] = field(default_factory=dict)
    """Arrays of strings, such as the vocabulary."""
    tensors: list[Tensor] = field(default_factory=list)
    """Every tensor."""
    n_tensors: int = 0
    n_params: int = 0
    """Weights of all tensors."""
    params_by_type: dict[str, int] = field(default_factory=dict)
    """Weights of each tensor type, tensors of one dimension left out."""
    end: int = 0
    """Byte offset that the file must reach to hold every tensor."""


class Reader:
    """Walks over a mapped header."""

    def __init__(self, data: mmap) -> None:
        self._data = data
        self._size = len(data)
        self._at = 4
        self._text_left = _MAX_TEXT_BYTES

    def read(self) -> Header:
        """The whole header.

        Raises:
            TruncatedError, CorruptError, UnsupportedError: it cannot be read to its end.
        """
        self._version()
        n_tensors, n_pairs = self._u64(), self._u64()
        # 13 bytes hold the smallest pair, 24 the smallest tensor: more cannot be in what is left.
        left = self._size - self._at
        if n_pairs > (1 << 20) or n_tensors > (1 << 20):
            raise CorruptError(f"it claims {n_pairs:,} entries and {n_tensors:,} tensors")
        if n_pairs * 13 + n_tensors * 24 > left:
            raise TruncatedError
        header = Header(n_tensors=n_tensors)
        for _ in range(n_pairs):
            self._pair(header)
        self._tensors(header, n_tensors)
        return header

    def string_at(self, strings: Strings, index: int) -> str:
        """One string of an array; "" if there is none of that number."""
        if not 0 <= index < strings.count:
            return ""
        self._at = strings.marks[index // _MARK_EVERY]
        for _ in range(index % _MARK_EVERY):
            self._skip(self._u64())
        return self._text(self._u64())

    def _version(self) -> None:
        version = self._u32()
        if version in (2, 3):
            return
        if version & 0xFFFF == 0 and version:
            raise UnsupportedError("it is written for big-endian machines")
        if version == 1:
            raise UnsupportedError("it is of version 1, which llama.cpp no longer reads")
        if 3 < version < 100:
            raise UnsupportedError(f"it is of version {version}, and Mull reads versions 2 and 3")
        raise CorruptError(f"it claims version {version}")

    def _pair(self, header: Header) -> None:
        length = self._u64()
        if not 0 < length <= _MAX_KEY:
            raise CorruptError(f"a key of {length:,} bytes")
        key = self._text(length)
        kind = self._u32()
        if key in header.scalars or key in header.arrays or key in header.strings:
            raise CorruptError("the same key twice")
        if kind == _ARRAY:
            self._array(header, key)
        else:
            header.scalars[key] = self._scalar(kind)

    def _array(self, header: Header, key: str) -> None:
        kind, count = self._u32(), self._u64()
        if kind == _STRING:
            if count > _MAX_STRINGS:
                raise CorruptError(f"a list of {count:,} strings")
            header.strings[key] = self._skip_strings(count)
            return
        if kind not in _SCALARS:
            raise CorruptError(f"a value of the unknown type {kind}")
        fmt = _SCALARS[kind]
        start = self._at
        self._skip(count * fmt.size)
        if count <= _MAX_SHORT_ARRAY:
            header.arrays[key] = tuple(v for (v,) in fmt.iter_unpack(self._data[start : self._at]))

    def _skip_strings(self, count: int) -> Strings:
        # The one hot loop: a vocabulary and its merges are some 300,000 strings.
        unpack, data, size, at = _U64.unpack_from, self._data, self._size, self._at
        if count * 8 > size - at:
            raise TruncatedError
        marks = []
        for i in range(count):
            if not i % _MARK_EVERY:
                marks.append(at)
            if at + 8 > size:
                raise TruncatedError
            at += 8 + unpack(data, at)[0]
        if at > size:
            raise TruncatedError
        self._at = at
        return Strings(count, marks)

    def _scalar(self, kind: int) -> Scalar:
        if kind == _STRING:
            return self._text(self._u64())
        if kind not in _SCALARS:
            raise CorruptError(f"a value of the unknown type {kind}")
        fmt = _SCALARS[kind]
        start = self._at
        self._skip(fmt.size)
        value: Scalar = fmt.unpack_from(self._data, start)[0]
        return value

    def _tensors(self, header: Header, n_tensors: int) -> None:
        last = 0
        for _ in range(n_tensors):
            length = self._u64()
            if length > _MAX_KEY:
                raise CorruptError(f"a tensor's name of {length:,} bytes")
            name = self._text(length)
            shape = self._shape()
            n_params = math.prod(shape)
            number, offset = self._u32(), self._u64()
            kind, n_bytes = _tensor_size(number, n_params)
            if offset > _MAX_TENSOR_BYTES:
                raise CorruptError(f"a tensor at byte {offset:,}")
            header.tensors.append(Tensor(name, kind, shape, n_bytes))
            header.n_params += n_params
            if len(shape) > 1:
                header.params_by_type[kind] = header.params_by_type.get(kind, 0) + n_params
            last = max(last, offset + n_bytes)
        alignment = header.scalars.get("general.alignment", 32)
        if type(alignment) is not int or alignment <= 0 or alignment & (alignment - 1):
            raise CorruptError(f"an alignment of {alignment} bytes")
        header.end = self._at + (-self._at % alignment) + last if n_tensors else self._at

    def _shape(self) -> tuple[int, ...]:
        n_dims = self._u32()
        if n_dims > 4:
            raise CorruptError(f"a tensor of {n_dims:,} dimensions")
        return tuple(self._u64() for _ in range(n_dims))

    def _text(self, length: int) -> str:
        start = self._at
        self._skip(length)
        self._text_left -= length
        if self._text_left < 0:
            raise CorruptError("more than 64 MiB of text")
        return self._data[start : self._at].decode("utf-8", "replace")

    def _u32(self) -> int:
        start = self._at
        self._skip(4)
        value: int = _U32.unpack_from(self._data, start)[0]
        return value

    def _u64(self) -> int:
        start = self._at
        self._skip(8)
        value: int = _U64.unpack_from(self._data, start)[0]
        return value

    def _skip(self, n: int) -> None:
        if n > self._size - self._at:
            raise TruncatedError
        self._at += n


def _tensor_size(kind: int, n_params: int) -> tuple[str, int]:
    """Name of a tensor type and bytes that so many weights take in it."""
    if kind in REMOVED_TENSOR_TYPES:
        raise UnsupportedError("its quantisation is one that llama.cpp has given up")
    if kind not in TENSOR_TYPES:
        if kind < 128:
            raise UnsupportedError(
                f"it holds weights of type {kind}, which this version of Mull does not know"
            )
        raise CorruptError(f"weights of the unknown type {kind}")
    name, block, block_bytes = TENSOR_TYPES[kind]
    n_bytes = -(-n_params // block) * block_bytes
    if n_bytes > _MAX_TENSOR_BYTES:
        raise CorruptError(f"a tensor of {n_bytes:,} bytes")
    return name, n_bytes


def refuse(message: str, next_step: str = DOWNLOAD_AGAIN) -> ModelFileError:
    """The error for a model file that cannot be used."""
    return ModelFileError(message, next_step)
