"""The models that are on this machine, by name: fetched ones, and others' that are only pointed at.

`installed.json` in the folder of models is a list of names and paths. It is a note, not the truth: a file
in that folder which the list does not name is there all the same, and an entry whose file is gone is shown
as gone. So a lost or damaged list costs the names that the user gave, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from assistant import paths
from assistant.download.disk import read_record
from assistant.download.source import all_parts, without_part
from assistant.errors import ModelFileError, UsageError
from assistant.files import write_whole

STARTER = "starter"
"""The model that comes with Mull, where no other has that name."""
_LIST = "installed.json"


@dataclass(frozen=True, slots=True)
class Installed:
    """A model on this machine."""

    name: str
    """What the user types."""
    path: Path
    """Its file; of a split model, the first part."""
    source: str = ""
    """Where it is from: hf:…, an address, or the program that fetched it; "" if that is not known."""
    sha256: str = ""
    """What the hub had on record when it was fetched; "" where there was no record."""

    @property
    def is_ours(self) -> bool:
        """Whether Mull fetched it, so that Mull may delete it."""
        return self.path.is_relative_to(models_dir())

    @property
    def size_bytes(self) -> int:
        """Of all its parts; 0 if it is gone."""
        with suppress(OSError, UsageError):
            return sum(self.path.with_name(name).stat().st_size for name in all_parts(self.path.name))
        return 0


def models_dir() -> Path:
    """Where fetched models lie."""
    return paths.data_dir() / "models"


def load() -> tuple[Installed, ...]:
    """Every model that is known, by name."""
    listed = list(_read())
    known = {entry.path for entry in listed}
    for path in _files():
        if path not in known:
            name = _free(file_name(path), {entry.name for entry in listed})
            listed.append(Installed(name, path))
    return tuple(sorted(listed, key=lambda entry: entry.name))


def interrupted() -> tuple[Installed, ...]:
    """Models that have come in part, by the file that they will be; `source` is what goes on with them."""
    from assistant.catalog.families import load_offers
    from assistant.catalog.offers import of_file

    root = models_dir()
    found: dict[Path, Installed] = {}
    for part in sorted(root.rglob("*.gguf.part")) if root.is_dir() else ():
        with suppress(UsageError):
            first = part.with_name(all_parts(part.name.removesuffix(".part"))[0])
            source = _source_of(first.relative_to(root), part)
            offer = of_file(load_offers(), source)
            name = offer.name if offer else file_name(first)
            found[first] = Installed(name, first, offer.name if offer else source)
    return tuple(found.values())


def _source_of(path: Path, part: Path) -> str:
    """Where an interrupted download is from: the folders tell, and for an address what was written down."""
    if len(path.parts) > 2:
        return f"hf:{path.as_posix()}"
    return read_record(part.with_name(part.name.removesuffix(".part")))[0]


def find(name: str) -> Installed | None:
    """The model of that name; capitals do not matter."""
    return next((entry for entry in load() if entry.name.lower() == name.lower()), None)


def add(path: Path, name: str, source: str = "", sha256: str = "") -> Installed:
    """Remember a model; one at the same path keeps its name. Returns what is remembered, under which name.

    Raises:
        UsageError: the list cannot be written.
    """
    with _changing() as entries:
        same = next((entry for entry in entries if entry.path == path), None)
        if same:
            new = replace(same, source=source or same.source, sha256=sha256 or same.sha256)
            entries[entries.index(same)] = new
        else:
            taken = {entry.name for entry in load() if entry.path != path}
            new = Installed(_free(name, taken), path, source, sha256)
            entries.append(new)
    return new


def forget(entry: Installed) -> None:
    """Take a model off the list; its file stays.

    Raises:
        UsageError: the list cannot be written.
    """
    with _changing() as entries:
        entries[:] = [other for other in entries if other.path != entry.path]


def resolve(model: Path) -> Path:
    """The file that the setting `model` means: a path as it is, a name by the list.

    Raises:
        ModelFileError: no model has that name, or its file is gone.
    """
    if not is_name(model):
        return model
    entry = find(str(model))
    if entry is None and str(model).lower() == STARTER:
        return paths.starter_model()
    if entry is None:
        raise _unknown(str(model))
    if not entry.path.exists():
        raise ModelFileError(
            f"The model {entry.name} is gone: there is no {entry.path}.",
            f"Take it off the list with: mull models remove {entry.name}",
        )
    return entry.path


def is_name(model: Path) -> bool:
    """Whether a setting is a model's name and no path: without a folder, without the ending .gguf."""
    return model.parent == Path() and model.suffix.lower() != ".gguf" and not model.exists()


def file_name(path: Path) -> str:
    """A name for a model whose file is all that is known."""
    return without_part(path.name).lower().replace(" ", "-") or "model"


def _unknown(name: str) -> ModelFileError:
    from assistant.catalog.families import load_offers
    from assistant.catalog.offers import find as find_offer
    from assistant.catalog.offers import near

    if offer := find_offer(load_offers(), name):
        return ModelFileError(
            f"The model {offer.name} is not on this machine.", f"Fetch it with: mull models get {offer.name}"
        )
    from difflib import get_close_matches

    here = get_close_matches(name.lower(), [entry.name for entry in load()], 1)
    if here:
        return ModelFileError(f'There is no model "{name}" on this machine.', f"Did you mean {here[0]}?")
    could = near(load_offers(), name, 1)
    next_step = f"Did you mean {could[0]}? " if could else ""
    return ModelFileError(
        f'There is no model "{name}" on this machine, and no file of that name.',
        f'{next_step}See "mull models list", and "mull models recommend" for what suits this machine.',
    )


def _files() -> Iterator[Path]:
    """The models in the folder of models, of split ones the first part."""
    root = models_dir()
    for path in sorted(root.rglob("*.gguf")) if root.is_dir() else ():
        with suppress(UsageError):
            if path.is_file() and all_parts(path.name)[0] == path.name:
                yield path


def _read() -> Iterator[Installed]:
    try:
        content = json.loads((models_dir() / _LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return
    entries = content.get("models") if isinstance(content, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and all(isinstance(v, str) for v in entry.values()):
            with suppress(TypeError):
                yield Installed(**{**entry, "path": Path(entry.get("path", ""))})


@contextmanager
def _changing() -> Iterator[list[Installed]]:
    """The list, to be changed and written while no other Mull does."""
    from filelock import FileLock

    root = models_dir()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f"{_LIST}.lock", timeout=10):
            entries = list(_read())
            yield entries
            listed = [{**asdict(entry), "path": str(entry.path)} for entry in entries]
            write_whole(root / _LIST, json.dumps({"models": listed}, indent=1, ensure_ascii=False).encode())
    except OSError as error:
        raise UsageError(
            f"The list of models in {root} cannot be written: {error.strerror or error}.",
            "Make the folder writable, or set MULL_HOME to another one.",
        ) from None


def _free(name: str, taken: set[str]) -> str:
    """The name, or one made of it that no other model has."""
    lower = {other.lower() for other in taken}
    if name.lower() not in lower:
        return name
    return next(f"{name}-{i}" for i in range(2, len(taken) + 3) if f"{name}-{i}".lower() not in lower)
