"""A model from where the user says to the folder of models: all its parts, checked before it is offered."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar, cast

from assistant.catalog.gguf import GGUFInfo, inspect
from assistant.download.disk import check_room, lock_of, part_of, record_of
from assistant.download.meter import Progress
from assistant.download.reading import TICK_S, answered
from assistant.download.source import HubFile, Source, WebFile, all_parts
from assistant.download.transfer import Clock, Open, Tally, fetch
from assistant.download.web import BrokenError, Remote, chosen_file, hub_file, stream, web_file
from assistant.errors import DownloadError, ModelFileError

_TRIES: Final = 3

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A model that is here now; the last of what a download yields."""

    path: Path
    """The file; of a split model, its first part."""
    source: str
    """Where it is from, such as hf:owner/repository/file.gguf."""
    sha256: str
    """Of the (first) file, as the hub has it on record and as it was checked; "" where there is no record."""
    info: GGUFInfo
    """What its header says."""
    was_here: bool
    """Whether nothing had to be fetched."""


def download(
    source: Source,
    root: Path,
    *,
    is_offline: bool = False,
    known_sha256: Mapping[Path, str] | None = None,
    open_stream: Open = stream,
    clock: Clock | None = None,
) -> Generator[Progress | Fetched, None, None]:
    """Fetch a model: progress as it goes, then what was fetched. Closing the iterator keeps what has come.

    Args:
        source: what to fetch; all parts of a split model are.
        root: the folder of models; the file goes into a folder of its repository or host below.
        is_offline: the user's wish that nothing is fetched.
        known_sha256: checksums of files that were fetched before, so that they are not read again.
        open_stream: opens a file of the network.
        clock: the time.

    Raises:
        DownloadError: it cannot be had; what has come is kept where it can be used.
    """
    if is_offline:
        raise DownloadError(
            "Nothing is fetched, because the setting offline is on.",
            "Leave --offline out, or set offline = false in the settings file.",
        )
    clock = clock or Clock()
    if isinstance(source, HubFile) and not source.file:
        source = yield from _patiently(partial(chosen_file, source), str(source), clock)
    remotes = yield from _remotes(source, clock)
    targets = [target for target, _ in zip(_targets(source, root), remotes, strict=True)]
    tally = _tally(remotes, targets)
    was_here = True
    for remote, target in zip(remotes, targets, strict=True):
        known = known_sha256.get(target, "") if known_sha256 else ""
        was_fetched = yield from fetch(
            remote, target, tally, known_sha256=known, open_stream=open_stream, clock=clock
        )
        was_here &= not was_fetched
        tally.before_bytes += target.stat().st_size
    info = _checked(targets, was_here)
    digest = remotes[0].digest if len(remotes[0].digest) == 64 else ""
    yield Fetched(targets[0], str(source), digest, info, was_here)


def parts_of(path: Path) -> list[Path]:
    """Every file that belongs to a model: its parts, and what is left of fetching them."""
    files = [path.with_name(name) for name in all_parts(path.name)]
    left = [f for p in files for f in (part_of(p), record_of(p), lock_of(p))]
    return [file for file in [*files, *left] if file.exists() or file.is_symlink()]


def _targets(source: Source, root: Path) -> list[Path]:
    if isinstance(source, WebFile):
        folder = root / source.host
        return [folder / name for name in all_parts(source.name)]
    folder = root.joinpath(*source.repo.split("/"))
    return [folder.joinpath(*file.split("/")) for file in all_parts(source.file)]


def _remotes(source: Source, clock: Clock) -> Generator[Progress, None, list[Remote]]:
    if isinstance(source, WebFile):
        return [web_file(source, name) for name in all_parts(source.name)]
    found = []
    for file in all_parts(source.file):
        found.append((yield from _patiently(partial(hub_file, source, file), source.file, clock)))
    return found


def _patiently(ask: Callable[[], _T], name: str, clock: Clock) -> Generator[Progress, None, _T]:
    """Ask a few times before giving up."""
    for n_tries in range(1, _TRIES + 1):
        asking = answered(ask)
        try:
            while True:
                next(asking)
                yield Progress(name, 0, 0)
        except StopIteration as answer:
            return cast("_T", answer.value)
        except BrokenError as error:
            if n_tries == _TRIES:
                raise DownloadError(error.reason, error.next_step) from None
            note, wait_s = f"{error.reason} Trying again.", min(error.wait_s or 2.0 ** (n_tries - 1), 10.0)
        until = clock.now() + wait_s
        while (left_s := until - clock.now()) > 0:
            yield Progress(name, 0, 0, note=note)
            clock.sleep(min(left_s, TICK_S))
    raise AssertionError("unreachable")


def _tally(remotes: list[Remote], targets: list[Path]) -> Tally:
    """The whole of the model, once it is known to fit on the disk."""
    sizes = [remote.size_bytes for remote in remotes]
    known = [size for size in sizes if size is not None]
    total = sum(known) if len(known) == len(sizes) else 0
    here = sum(_size(target) or _size(part_of(target)) for target in targets)
    if total > here:
        check_room(targets[0].name, total - here, targets[0].parent)
    return Tally(targets[0].name, total)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _checked(targets: list[Path], was_here: bool) -> GGUFInfo:
    """What the header says; a file that is no model is not left lying about."""
    try:
        return inspect(targets[0])
    except ModelFileError as error:
        if not was_here:
            for target in targets:
                target.unlink(missing_ok=True)
        kept = "" if was_here else " It is deleted again."
        raise DownloadError(
            f"What was fetched cannot be run. {error.message}{kept}", error.next_step
        ) from None
