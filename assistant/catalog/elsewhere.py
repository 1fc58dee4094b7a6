"""Models that other programs have on this machine: LM Studio, Ollama, llama.cpp and the hub's own cache.

Nothing is copied, moved or written: what is found is a path that can be pointed at.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assistant.catalog.installed import file_name
from assistant.download.source import all_parts, without_part
from assistant.errors import UsageError

_MODEL_LAYER: Final = "application/vnd.ollama.image.model"
_MOST_FILES: Final = 20_000
"""Files that are looked at in one folder, so that a link to a whole disk does not take for ever."""


@dataclass(frozen=True, slots=True)
class Found:
    """A model file of another program."""

    path: Path
    program: str
    """Whose it is: LM Studio, Ollama, llama.cpp or Hugging Face."""
    name: str
    """What that program calls it, as a name that can be typed."""


def search() -> Iterator[Found]:
    """Every model file that other programs have, each once; whether it can be run is not looked at."""
    seen: set[Path] = set()
    for found in (*_lm_studio(), *_ollama(), *_llama_cpp(), *_hub_cache()):
        with suppress(OSError):
            real = found.path.resolve()
            if real not in seen and real.is_file():
                seen.add(real)
                yield found


def in_folder(folder: Path, program: str = "") -> Iterator[Found]:
    """The GGUF files below a folder, of split models the first part."""
    for path in _ggufs(folder):
        yield Found(path, program, file_name(path))


def _lm_studio() -> Iterator[Found]:
    home = Path.home()
    with suppress(OSError):
        pointed = (home / ".lmstudio-home-pointer").read_text(encoding="utf-8").strip()
        if pointed:
            yield from in_folder(Path(pointed) / "models", "LM Studio")
    for root in (home / ".lmstudio", home / ".cache" / "lm-studio"):
        with suppress(OSError, ValueError, AttributeError):
            settings = json.loads((root / "settings.json").read_text(encoding="utf-8"))
            if chosen := settings.get("downloadsFolder"):
                yield from in_folder(Path(str(chosen)), "LM Studio")
        yield from in_folder(root / "models", "LM Studio")


def _ollama() -> Iterator[Found]:
    """Ollama keeps a model as a manifest that names a blob by its checksum."""
    named = os.environ.get("OLLAMA_MODELS")
    roots = [Path(named)] if named else []
    roots += [Path.home() / ".ollama" / "models", Path("/usr/share/ollama/.ollama/models")]
    for root in roots:
        manifests = root / "manifests"
        for manifest in _files(manifests):
            if digest := _model_digest(manifest):
                blob = root / "blobs" / digest.replace(":", "-")
                yield Found(blob, "Ollama", _ollama_name(manifest.relative_to(manifests)))


def _model_digest(manifest: Path) -> str:
    try:
        layers = json.loads(manifest.read_text(encoding="utf-8"))["layers"]
        found = [str(layer["digest"]) for layer in layers if layer["mediaType"] == _MODEL_LAYER]
    except (OSError, ValueError, TypeError, LookupError):
        return ""
    return found[0] if found and re.fullmatch(r"sha256:[0-9a-f]{64}", found[0]) else ""


def _ollama_name(manifest: Path) -> str:
    """registry.ollama.ai/library/qwen3/4b -> qwen3:4b; others keep their owner."""
    parts = [part for part in manifest.parts[1:] if part != "library"]
    return f"{'-'.join(parts[:-1])}:{parts[-1]}".lower() if len(parts) > 1 else "-".join(parts).lower()


def _llama_cpp() -> Iterator[Found]:
    if named := os.environ.get("LLAMA_CACHE"):
        folder = Path(named)
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Caches" / "llama.cpp"
    elif sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "llama.cpp"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "llama.cpp"
    yield from in_folder(folder, "llama.cpp")


def _hub_cache() -> Iterator[Found]:
    """The hub's cache has a folder for each version of a repository; the newest that has a file counts."""
    home = os.environ.get("HF_HOME")
    cache = os.environ.get("XDG_CACHE_HOME")
    base = Path(home) if home else (Path(cache) if cache else Path.home() / ".cache") / "huggingface"
    root = Path(os.environ.get("HF_HUB_CACHE") or base / "hub").expanduser()
    for repository in sorted(root.glob("models--*")) if root.is_dir() else ():
        with suppress(OSError):
            snapshots = sorted((repository / "snapshots").iterdir(), key=_changed, reverse=True)
            seen: set[str] = set()
            for path in (path for snapshot in snapshots for path in _ggufs(snapshot)):
                if path.name not in seen:
                    seen.add(path.name)
                    yield Found(path, "Hugging Face", file_name(path))


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _ggufs(folder: Path) -> Iterator[Path]:
    for path in _files(folder):
        with suppress(UsageError):
            is_first = all_parts(path.name)[0] == path.name
            if path.suffix.lower() == ".gguf" and is_first and without_part(path.name):
                yield path


def _files(folder: Path) -> Iterator[Path]:
    """Every file below a folder, links to folders not followed; nothing where it cannot be read."""
    n_seen = 0
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            n_seen += 1
            if n_seen > _MOST_FILES:
                return
            yield Path(root) / name
