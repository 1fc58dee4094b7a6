"""Looking at this machine and this installation: each part by itself, so that none takes another down.

Nothing is changed, no folder is made, and the network is not used.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from assistant import config, paths
from assistant.catalog import installed
from assistant.diagnosis import machine, surroundings
from assistant.diagnosis.facts import (
    MOST_SMOKED_BYTES,
    Changed,
    Facts,
    Failed,
    Here,
    Machine,
    Model,
    Or,
    Settings,
    Smoke,
    Store,
)
from assistant.diagnosis.smoke import smoke
from assistant.engine.options import LoadOptions
from assistant.errors import MullError

_PATIENCE_S: Final = 20.0
_DEEP_PATIENCE_S: Final = 600.0

_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be looked at."""

    flags: Mapping[str, object]
    """Settings that were given as flags."""
    is_deep: bool = False
    """Whether the chosen model is loaded however large it is."""


def look(wish: Wish) -> Facts:
    """Look at everything. Never raises an error; a part that cannot be looked at is a `Failed`."""
    began = time.perf_counter()
    settings, in_force = _settings(wish.flags)
    # the child's start is most of the time, and it runs beside the rest
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool, _ended_by(stop):
        smoked = pool.submit(guarded, lambda: _smoke(in_force, wish.is_deep, stop))
        found = guarded(machine.machine)
        facts = Facts(
            system=guarded(surroundings.system),
            build=guarded(machine.build),
            machine=found,
            terminal=guarded(surroundings.terminal),
            folders=guarded(surroundings.folders),
            settings=settings,
            store=guarded(lambda: _store(in_force)),
            model=guarded(lambda: _model(in_force, found)),
            models=guarded(_models),
            smoke=smoked.result(),
        )
    return replace(facts, took_s=time.perf_counter() - began)


@contextmanager
def _ended_by(stop: threading.Event) -> Iterator[None]:
    """Have whoever presses Ctrl-C not wait for the model."""
    try:
        yield
    except BaseException:
        stop.set()
        raise


def guarded(part: Callable[[], _Part]) -> Or[_Part]:
    """What a part finds, or why it failed."""
    try:
        return part()
    except MullError as error:
        return Failed(error.message.rstrip("."))
    except Exception as error:  # noqa: BLE001 - the boundary: whatever is wrong with one part, the others go on
        return Failed(f"{type(error).__name__}: {error}".rstrip(". "))


def _settings(flags: Mapping[str, object]) -> tuple[Or[Settings], config.Settings]:
    """What the settings say, and those that the rest is looked at with."""
    path = paths.config_file()
    try:
        in_force = config.load(flags)
        shown = in_force.model_dump(mode="json")
        changed = tuple(
            Changed(name, str(shown[name]), where) for name, where in sorted(config.origins().items())
        )
        return Settings(str(path), path.exists(), changed), in_force
    except MullError as error:
        return Settings(str(path), path.exists(), (), error.message, error.next_step), config.Settings()
    except Exception as error:  # noqa: BLE001 - as in `guarded`
        return Failed(f"{type(error).__name__}: {error}"), config.Settings()


def _store(settings: config.Settings) -> Store:
    from assistant.store.health import health

    path = paths.conversations()
    found = health(path)
    trouble = found.trouble
    return Store(
        path=str(path),
        state="unreadable" if trouble else found.state or "none",
        size_bytes=found.size_bytes,
        n_conversations=found.n_conversations,
        problem=trouble.message if trouble else "",
        next_step=trouble.next_step if trouble else "",
        set_aside=found.set_aside,
        is_kept=settings.history == "on",
    )


def _path(settings: config.Settings) -> Path:
    return installed.resolve(settings.model) if settings.model else paths.starter_model()


def _model(settings: config.Settings, found: Or[Machine]) -> Model:
    from assistant.catalog.families import recognise
    from assistant.catalog.gguf import inspect
    from assistant.hardware.expected import tokens_per_second
    from assistant.hardware.fit import Wants, fit
    from assistant.hardware.requirements import requirements
    from assistant.hardware.speed import SpeedStore

    name = str(settings.model or installed.STARTER)
    path = Path(name)
    try:
        path = _path(settings)
        info = inspect(path)
    except MullError as error:
        return Model(name, str(path), problem=error.message, next_step=error.next_step)
    memory = requirements(info)
    plan = fit(memory, found.hardware, Wants.of(settings)) if isinstance(found, Machine) else None
    measured = SpeedStore().by_file().get((path.name, info.size_bytes), 0.0)
    speed = measured
    if plan and isinstance(found, Machine):
        speed = measured or tokens_per_second(memory, plan, found.hardware)
    return Model(
        name=info.name,
        path=str(path),
        size_bytes=info.size_bytes,
        quantisation=info.quantisation,
        family=recognise(info).title,
        plan=plan,
        tokens_per_second=speed,
        is_measured=measured > 0,
        is_starter=path == paths.starter_model(),
    )


def _models() -> tuple[Here, ...]:
    return tuple(
        Here(entry.name, str(entry.path), entry.size_bytes, _problem(entry.path))
        for entry in installed.load()
    )


def _problem(path: Path) -> str:
    from assistant.catalog.gguf import inspect

    try:
        inspect(path)
    except MullError as error:
        return error.message
    return ""


def _smoke(settings: config.Settings, is_deep: bool, stop: threading.Event) -> Smoke:
    """The chosen model if it is small, the starter model if not, or if the chosen one cannot be used."""
    path, left_out = paths.starter_model(), ""
    try:
        chosen = _path(settings)
        size = installed.Installed("", chosen).size_bytes
        problem = _problem(chosen)
    except MullError as error:
        chosen, size, problem = path, 0, error.message
    if problem:
        left_out = "the chosen model cannot be used"
    elif size > MOST_SMOKED_BYTES and not is_deep:
        left_out = "the chosen model is large: --deep loads it"
    else:
        path = chosen
    name = "The starter model" if path == paths.starter_model() else str(settings.model)
    options = LoadOptions.of(path, settings)
    found = smoke(options, name, _DEEP_PATIENCE_S if is_deep else _PATIENCE_S, stop=stop)
    return replace(found, left_out=left_out)
