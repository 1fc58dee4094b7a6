"""What the user names to be fetched: a file on the hub, or an address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from assistant.errors import UsageError

HUB_HOSTS: Final = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})

_HOW: Final = "Write hf:owner/repository/file.gguf, hf:owner/repository:Q4_K_M or the address of a GGUF file."
_ID: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?")
_PART: Final = re.compile(r"-(\d{5})-of-(\d{5})(\.gguf)$", re.IGNORECASE)
_MOST_PARTS: Final = 999
_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_RESERVED: Final = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{name}{i}" for name in ("com", "lpt") for i in range(10)}
)


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository on the hub; of a split model, any of its parts."""

    repo: str
    """owner/repository."""
    file: str
    """Path within the repository; "" where the quantisation chooses it."""
    revision: str = "main"
    """A branch, a tag or a commit."""
    quantisation: str = ""
    """Which file to take where `file` is "", such as Q4_K_M; "" takes the usual one."""

    def __str__(self) -> str:
        if not self.file:
            return f"hf:{self.repo}" + (f":{self.quantisation}" if self.quantisation else "")
        return f"hf:{self.repo}/{self.file}"


@dataclass(frozen=True, slots=True)
class WebFile:
    """A file at an address."""

    url: str
    """Of its first part, if it is split."""

    @property
    def name(self) -> str:
        """The file's name, safe to create in a folder."""
        return safe_name(unquote(urlsplit(self.url).path).rpartition("/")[2])

    @property
    def host(self) -> str:
        """Where it comes from."""
        return urlsplit(self.url).hostname or ""

    def __str__(self) -> str:
        return self.url


Source = HubFile | WebFile


def parse(text: str) -> Source | None:
    """The source that a text names; None for a plain name, which only the catalogue can know.

    Raises:
        UsageError: it begins like a source and is none.
    """
    text = text.strip()
    for prefix in ("hf://", "hf:", "hf.co/", "huggingface.co/"):
        if text.lower().startswith(prefix):
            return _hub(text[len(prefix) :].strip("/"), text)
    if re.match(r"[a-z][a-z0-9+.-]*://", text, re.IGNORECASE):
        return _web(text)
    return None


def _hub(rest: str, given: str) -> HubFile:
    rest, _, quantisation = rest.partition(":") if ":" in rest.rpartition("/")[2] else (rest, "", "")
    owner, _, rest = rest.partition("/")
    repo, _, file = rest.partition("/")
    if not (_ID.fullmatch(owner) and _ID.fullmatch(repo)):
        raise UsageError(f'"{given}" names no repository of the hub.', _HOW)
    if file and not _is_gguf_path(file):
        raise UsageError(f'"{given}" names no GGUF file.', _HOW)
    if quantisation and (file or not re.fullmatch(r"[A-Za-z0-9_-]+", quantisation)):
        raise UsageError(f'"{given}" names no quantisation.', _HOW)
    return HubFile(f"{owner}/{repo}", file, quantisation=quantisation)


def _web(text: str) -> Source:
    try:
        parts = urlsplit(text)
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise UsageError(f'"{text}" is no address.', _HOW) from None
    if parts.scheme.lower() not in ("http", "https") or not host:
        raise UsageError(f'"{text}" is no address of the web.', _HOW)
    path = unquote(parts.path).strip("/").split("/")
    if host in HUB_HOSTS and len(path) >= 2:
        if len(path) >= 5 and path[2] in ("resolve", "blob", "raw"):
            file = _hub("/".join([*path[:2], *path[4:]]), text)
            return HubFile(file.repo, file.file, path[3])
        return _hub("/".join(path[:2]), text)
    if not path[-1].lower().endswith(".gguf"):
        raise UsageError(f"{text} does not end in the name of a GGUF file.", _HOW)
    return WebFile(text)


def _is_gguf_path(path: str) -> bool:
    names = path.split("/")
    return path.lower().endswith(".gguf") and all(name == safe_name(name) for name in names)


def safe_name(name: str) -> str:
    """A file name without what a file system, a shell or a terminal could take for something else."""
    name = _UNSAFE.sub("_", name).strip(". ") or "model.gguf"
    return f"_{name}" if name.partition(".")[0].lower() in _RESERVED else name


def all_parts(file: str) -> tuple[str, ...]:
    """Names of all files of a model of which one is named; only that one if it is not split.

    Raises:
        UsageError: it claims to be a part that cannot be.
    """
    found = _PART.search(file)
    if not found:
        return (file,)
    number, n_parts = int(found[1]), int(found[2])
    if not 1 <= number <= n_parts <= _MOST_PARTS:
        raise UsageError(f"{file} is no part of a model: there is no part {number} of {n_parts}.", _HOW)
    stem = file[: found.start()]
    return tuple(f"{stem}-{i:05}-of-{n_parts:05}{found[3]}" for i in range(1, n_parts + 1))


def without_part(name: str) -> str:
    """A file's name without its ending and without the number of a part."""
    return _PART.sub("", name) if _PART.search(name) else re.sub(r"\.gguf$", "", name, flags=re.IGNORECASE)


def chosen(files: tuple[str, ...], quantisation: str) -> str:
    """The file of a repository that a quantisation names, the first part of a split one; "" if none does.

    Without a quantisation it is Q4_K_M, or the one nearest to it in what llama.cpp's own tools prefer.
    """
    models = [name for name in files if name.lower().endswith(".gguf") and _is_model(name)]
    models = [name for name in models if all_parts(name)[0] == name]
    for wanted in (quantisation,) if quantisation else ("Q4_K_M", "MXFP4", "Q4_0", "Q5_K_M", "Q8_0"):
        # the shorter name comes first, so that Q4_K_M is not taken from UD-Q4_K_M where both are there
        for name in sorted(models, key=lambda name: (len(name), name)):
            if re.search(rf"(?<![A-Za-z0-9]){re.escape(wanted)}(?![A-Za-z0-9_])", name, re.IGNORECASE):
                return name
    return models[0] if len(models) == 1 and not quantisation else ""


def _is_model(name: str) -> bool:
    last = name.rpartition("/")[2].lower()
    return not last.startswith(("mmproj", "mtp-", "imatrix")) and "mmproj" not in last
