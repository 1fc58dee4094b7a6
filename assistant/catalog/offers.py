"""Models that Mull knows where to get: the `[[models]]` of the family files in `models/`.

A model says what it is, the shape that its files' headers state, and its files on the hub. The shape is
written in the header's own words, so that what reads a header also reads this; `outline` makes the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_NAME: Final = r"[a-z0-9]+(?:[.-][a-z0-9]+)*"
_SHA256: Final = r"(?:[0-9a-f]{64})?"

Value = int | str | tuple[int, ...]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelFile(_Data):
    """One file of a model on the hub; of a split one, its first part."""

    repo: str = Field(pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$")
    """owner/repository, as the hub spells it."""
    file: str = Field(pattern=r"^[^\s]+\.gguf$")
    """Path within the repository."""
    quantisation: str = Field(min_length=2)
    """llama.cpp's name of it, such as Q4_K_M."""
    size_bytes: int = Field(gt=0)
    """Of all parts together."""
    sha256: str = Field(default="", pattern=f"^{_SHA256}$")
    """What it was when this was written; "" if unknown. A download goes by the hub's own record."""
    checked: bool = True
    """Whether name and size were looked up. Where False, the size is an estimate from the parameters."""


class Model(_Data):
    """A model that can be fetched."""

    name: str = Field(pattern=f"^{_NAME}$")
    """What the user types."""
    title: str = Field(min_length=1)
    """For people."""
    n_params: int = Field(gt=0)
    """Weights."""
    n_active_params: int = 0
    """Weights that a token uses; all of them if left out, as in a model without experts."""
    licence: str = Field(min_length=1)
    """Its name, an SPDX identifier where there is one."""
    released: str = Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])$")
    """Year and month."""
    good_for: str = Field(min_length=1)
    """What it is good for, in a few words."""
    thinks: bool = True
    """Whether it was trained to think before it answers."""
    is_tied: bool = False
    """Whether its output matrix is that of the embedding, so that no file holds a second one."""
    header: dict[str, Value]
    """Its shape: `architecture` and the header's keys without the architecture before them."""
    files: tuple[ModelFile, ...] = Field(min_length=1)
    """The first one is meant where no quantisation is named."""

    @field_validator("header", mode="before")
    @classmethod
    def _flat(cls, value: object) -> object:
        """Tables within tables as dotted keys, which is how TOML writes attention.head_count best."""
        if not isinstance(value, dict):
            return value
        flat: dict[str, object] = {}
        for key, inner in value.items():
            if isinstance(inner, dict):
                flat |= {f"{key}.{rest}": v for rest, v in inner.items()}
            else:
                flat[key] = tuple(inner) if isinstance(inner, list) else inner
        return flat

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        needed = ("architecture", "block_count", "context_length", "embedding_length", "vocab_size")
        missing = [key for key in needed if key not in self.header]
        if missing:
            raise ValueError(f"the header lacks {', '.join(missing)}")
        n_layer = self.header["block_count"]
        for key, value in self.header.items():
            if isinstance(value, tuple) and len(value) != n_layer:
                raise ValueError(f"{key} has {len(value)} values for {n_layer} layers")
        if len({file.quantisation for file in self.files}) != len(self.files):
            raise ValueError("two files of one quantisation")
        return self

    @property
    def n_ctx(self) -> int:
        """Context that it was trained for, in tokens."""
        value = self.header["context_length"]
        return value if isinstance(value, int) else 0

    @property
    def active(self) -> int:
        """Weights that a token uses."""
        return self.n_active_params or self.n_params


@dataclass(frozen=True, slots=True)
class Offer:
    """One file that can be fetched, by the name that the user types."""

    model: Model
    file: ModelFile
    family: str
    """Name of the family file that lists it."""

    @property
    def name(self) -> str:
        """The model's name; with its quantisation after a colon, if it is not the first of its files."""
        is_first = self.file is self.model.files[0]
        return self.model.name if is_first else f"{self.model.name}:{self.file.quantisation.lower()}"

    @property
    def source(self) -> str:
        """hf:owner/repository/file.gguf, which `download` understands."""
        return f"hf:{self.file.repo}/{self.file.file}"


def find(offers: tuple[Offer, ...], name: str) -> Offer | None:
    """The offer of that name, with or without a quantisation; case and dashes do not matter."""
    wanted, _, quantisation = name.partition(":")
    for offer in offers:
        if _plain(offer.model.name) == _plain(wanted):
            usual = offer.model.files[0].quantisation
            if _plain(offer.file.quantisation) == _plain(quantisation or usual):
                return offer
    return None


def of_file(offers: tuple[Offer, ...], source: str) -> Offer | None:
    """The offer whose file a source is; None if it is no file of the catalogue."""
    return next((offer for offer in offers if offer.source.lower() == source.lower()), None)


def near(offers: tuple[Offer, ...], name: str, n: int = 3) -> list[str]:
    """Names that are spelled much like a wrong one, or hold it, the likeliest first."""
    from difflib import get_close_matches

    names = list(dict.fromkeys(offer.model.name for offer in offers))
    wanted = name.partition(":")[0].lower()
    holding = [known for known in names if _plain(wanted) and _plain(wanted) in _plain(known)]
    return list(dict.fromkeys([*holding, *get_close_matches(wanted, names, n, 0.6)]))[:n]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9.]", "", name.lower())
