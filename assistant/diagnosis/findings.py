"""From facts to findings: what needs mending, with the command that mends it, and what else to know. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from assistant.diagnosis.facts import (
    Build,
    Facts,
    Failed,
    Folder,
    Here,
    Machine,
    Model,
    Settings,
    Smoke,
    Store,
    System,
    Terminal,
)
from assistant.download.meter import amount

Level = Literal["ok", "note", "mend"]
"""ok: nothing to say · note: worth knowing · mend: until it is mended, Mull does not work as it could"""

LEVELS: Final[tuple[Level, ...]] = ("ok", "note", "mend")
"""From the mildest to the worst."""
PARTS: Final = (
    "system",
    "build",
    "machine",
    "terminal",
    "folders",
    "settings",
    "store",
    "model",
    "models",
    "smoke",
)
"""The fields of `Facts`, in the order in which they are shown."""

_NO_DISK: Final = 512 << 20
_LITTLE_DISK: Final = 5 << 30
_MUCH_SWAP: Final = 256 << 20
_NARROWEST, _LOWEST = 60, 18
_GPU_LIBRARY: Final = {"cuda": "CUDA", "rocm": "HIP", "metal": "METAL", "vulkan": "VULKAN"}
_DRIVER_CHECKS: Final = {
    "cuda": "nvidia-smi",
    "rocm": "rocminfo",
    "metal": "system_profiler SPDisplaysDataType",
}
_COMPILERS: Final = {"cuda": "nvcc", "rocm": "hipcc"}
_BAD_GCC: Final = ("11", "12")
"""Versions of GCC that miscompile the AMX tile configuration."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is to be said."""

    level: Level
    part: str
    """One of `PARTS`."""
    sentence: str
    """What was found."""
    next_step: str = ""
    """What mends it: a command, or a sentence."""


def findings(facts: Facts) -> tuple[Finding, ...]:
    """What needs mending or is worth knowing: parts in their order, the worst of each first."""
    said = [*_failed(facts)]
    for part in (
        _build(facts.build, facts.system),
        _machine(facts.machine, facts.build, facts.system),
        _amx(facts.build, facts.smoke, facts.system),
        _terminal(facts.terminal),
        _folders(facts.folders),
        _settings(facts.settings),
        _store(facts.store),
        _model(facts.model, facts.machine),
        _models(facts.models, facts.model),
        _smoke(facts.smoke),
    ):
        said += part
    return tuple(sorted(said, key=lambda each: (PARTS.index(each.part), -LEVELS.index(each.level))))


def worst(found: tuple[Finding, ...], part: str = "") -> Level:
    """The worst level, of one part or of all."""
    levels = [LEVELS.index(each.level) for each in found if part in ("", each.part)]
    return LEVELS[max(levels, default=0)]


def _failed(facts: Facts) -> Iterator[Finding]:
    for part in PARTS:
        if isinstance(failed := getattr(facts, part), Failed):
            yield Finding("mend", part, f"This part could not be looked at: {failed.why}.")


def rebuild(system: System | Failed, backend: str, *, is_prebuilt: bool = False) -> str:
    """The command that builds llama.cpp anew for a backend."""
    if isinstance(system, System) and not system.checkout:
        option = "" if backend == "cpu" else f'CMAKE_ARGS="-DGGML_{_GPU_LIBRARY[backend]}=on" '
        return (
            f"{option}{system.executable} -m pip install --force-reinstall --no-deps --no-cache-dir "
            "--no-binary llama-cpp-python llama-cpp-python"
        )
    folder = f"cd {system.checkout} && " if isinstance(system, System) else ""
    return f"{folder}MULL_BACKEND={backend} {'MULL_PREBUILT=1 ' if is_prebuilt else ''}make run"


def _build(build: Build | Failed, system: System | Failed) -> Iterator[Finding]:
    if isinstance(build, Build) and not build.version:
        yield Finding(
            "mend", "build", "llama-cpp-python is not installed: no model can be run.", rebuild(system, "cpu")
        )


def _amx(build: Build | Failed, smoke: Smoke | Failed, system: System | Failed) -> Iterator[Finding]:
    """GCC 11 and 12 compile code for AMX that crashes in the first quantised matrix product."""
    if not isinstance(build, Build) or not isinstance(smoke, Smoke):
        return
    kind, _, version = build.compiler.partition(" ")
    if kind == "GCC" and version.partition(".")[0] in _BAD_GCC and "AMX_INT8 = 1" in smoke.build:
        yield Finding(
            "mend",
            "build",
            f"llama.cpp was compiled with AMX by {build.compiler}, which compiles that wrongly: it crashes, "
            "and Mull falls back on settings that are a third slower.",
            rebuild(system, build.backends[0] if build.backends else "cpu")
            if isinstance(system, System) and system.checkout
            else 'CFLAGS="-mno-amx-tile -mno-amx-int8" CXXFLAGS="-mno-amx-tile -mno-amx-int8" '
            + rebuild(system, "cpu"),
        )


def _machine(machine: Machine | Failed, build: Build | Failed, system: System | Failed) -> Iterator[Finding]:
    if not isinstance(machine, Machine):
        return
    yield from _gpu(machine, build, system)
    if machine.swap_used_bytes > _MUCH_SWAP:
        yield Finding(
            "note",
            "machine",
            f"{amount(machine.swap_used_bytes)} of memory are swapped out to disk: other programs need more "
            "than there is, and a model that is swapped is very slow.",
            "Close what you do not need before you load a large model.",
        )
    if machine.power.on_battery or machine.power.is_saving:
        why = "runs on its battery" if machine.power.on_battery else "saves power"
        yield Finding("note", "machine", f"The machine {why}: Mull thinks for a shorter time.")


def _gpu(machine: Machine, build: Build | Failed, system: System | Failed) -> Iterator[Finding]:
    gpu, backend = machine.unused_gpu, machine.unused_backend
    if not gpu or not isinstance(build, Build):
        if machine.hardware.advice:
            yield Finding("mend", "machine", machine.hardware.advice)
        return
    if backend in build.backends:
        yield Finding(
            "mend",
            "machine",
            f"{gpu} is there, but its driver gives llama.cpp no device, so only the CPU is used.",
            f"See what this says: {_DRIVER_CHECKS[backend]}",
        )
        return
    built = f"for {', '.join(build.backends)}" if build.backends else "for the CPU alone"
    sentence = f"{gpu} is there, but llama.cpp was built {built}: the GPU is not used"
    compiler = _COMPILERS.get(backend, "")
    is_checkout = isinstance(system, System) and bool(system.checkout)
    if compiler and not machine.has_compiler and is_checkout:
        yield Finding(
            "mend",
            "machine",
            f"{sentence}. Its compiler, {compiler}, is not installed, so a compiled build is taken.",
            rebuild(system, backend, is_prebuilt=True),
        )
    elif compiler and not machine.has_compiler:
        yield Finding(
            "mend",
            "machine",
            f"{sentence}. Its compiler, {compiler}, is not installed: install that first.",
            rebuild(system, backend),
        )
    else:
        yield Finding("mend", "machine", f"{sentence}.", rebuild(system, backend))


def _terminal(terminal: Terminal | Failed) -> Iterator[Finding]:
    if not isinstance(terminal, Terminal):
        return
    if terminal.encoding.lower().replace("-", "").replace("_", "") != "utf8":
        yield Finding(
            "mend",
            "terminal",
            f"Text is written as {terminal.encoding or 'unknown'}, and many characters cannot be shown.",
            "export LANG=C.UTF-8",
        )
    if terminal.is_terminal and (terminal.columns < _NARROWEST or terminal.lines < _LOWEST):
        yield Finding(
            "note",
            "terminal",
            f"The terminal has {terminal.columns} columns and {terminal.lines} lines: the chat is cramped.",
            "Make the window larger, or chat in lines: mull --plain",
        )


def _folders(folders: tuple[Folder, ...] | Failed) -> Iterator[Finding]:
    if isinstance(folders, Failed):
        return
    told: set[int] = set()
    for folder in folders:
        if not folder.is_writable:
            yield Finding(
                "mend",
                "folders",
                f"The folder of {folder.use} cannot be written: {folder.path}",
                f"Make it writable, or set MULL_HOME to another folder: chmod u+rwx {folder.path}",
            )
        if 0 < folder.free_bytes < _LITTLE_DISK and folder.free_bytes not in told:
            told.add(folder.free_bytes)
            is_full = folder.free_bytes < _NO_DISK
            yield Finding(
                "mend" if is_full else "note",
                "folders",
                f"The disk of {folder.path} has {amount(folder.free_bytes)} left.",
                "Free some space, delete a model (mull models remove NAME), or set MULL_HOME to a folder on "
                "another disk.",
            )


def _settings(settings: Settings | Failed) -> Iterator[Finding]:
    if isinstance(settings, Settings) and settings.problem:
        yield Finding(
            "mend",
            "settings",
            f"{settings.problem} Mull does not start; what follows goes by the defaults.",
            settings.next_step,
        )


def _store(store: Store | Failed) -> Iterator[Finding]:
    if not isinstance(store, Store):
        return
    match store.state:
        case "damaged":
            yield Finding(
                "mend",
                "store",
                f"The file of conversations is damaged: {store.path}",
                "mull history list sets it aside and says how to bring back what can be read of it.",
            )
        case "foreign":
            yield Finding(
                "mend",
                "store",
                f"The file of conversations is another program's: {store.path}",
                "Move it away; Mull would set it aside at its next start.",
            )
        case "newer":
            yield Finding(
                "mend",
                "store",
                "The conversations were written by a newer Mull; new ones are kept in a file beside theirs.",
                "Update Mull.",
            )
        case "unreadable":
            yield Finding("mend", "store", store.problem, store.next_step)
        case "older":
            yield Finding(
                "note", "store", "The conversations are of an older Mull: the next start updates them."
            )
    if store.set_aside:
        yield Finding(
            "note",
            "store",
            f"Damaged conversations of earlier days were set aside: {', '.join(store.set_aside)}",
            f"mull history import {store.set_aside[-1]} brings back what can be read of them.",
        )


def _model(model: Model | Failed, machine: Machine | Failed) -> Iterator[Finding]:
    if not isinstance(model, Model):
        return
    if model.problem:
        yield Finding("mend", "model", model.problem, model.next_step)
    elif model.plan is not None and not model.plan.is_fit:
        yield Finding(
            "mend",
            "model",
            model.plan.note or f"{model.name} does not fit into the memory that is free.",
            "Close other programs, or take a model that fits: mull models recommend",
        )
    if model.is_starter and not model.problem:
        yield Finding(
            "note",
            "model",
            "The starter model is for a try-out: it knows little.",
            "mull models recommend says what suits this machine.",
        )


def _models(models: tuple[Here, ...] | Failed, used: Model | Failed) -> Iterator[Finding]:
    if isinstance(models, Failed):
        return
    for model in models:
        if model.problem and not (isinstance(used, Model) and used.path == model.path):
            yield Finding(
                "note",
                "models",
                f"{model.name}: {model.problem}",
                f"Take it off the list: mull models remove {model.name}",
            )


def _smoke(smoke: Smoke | Failed) -> Iterator[Finding]:
    if not isinstance(smoke, Smoke):
        return
    if smoke.problem:
        yield Finding("mend", "smoke", smoke.problem, smoke.next_step)
    for sentence in smoke.news:
        yield Finding("note", "smoke", sentence)
