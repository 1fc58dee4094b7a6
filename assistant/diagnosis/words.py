"""What was found, in lines for people. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

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
from assistant.diagnosis.findings import PARTS
from assistant.download.meter import amount
from assistant.hardware.machine import size

_MOST_MODELS: Final = 8


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was found."""

    part: str
    """The field of `Facts` that it is from."""
    name: str
    """What it is about; "" goes on with the line before."""
    text: str


def lines(facts: Facts) -> list[Line]:
    """Everything that was found, a line each, in the order of `PARTS`."""
    said: list[Line] = []
    for part in PARTS:
        found, (title, words) = getattr(facts, part), _WORDS[part]
        if isinstance(found, Failed):
            said.append(Line(part, title, "could not be looked at"))
        else:
            said += [Line(part, name, text) for name, text in words(found)]
    return said


Said = Iterator[tuple[str, str]]


def _system(found: System) -> Said:
    yield "System", f"{found.system}, Python {found.python}"
    yield "", found.checkout or found.executable


def _build(found: Build) -> Said:
    if not found.version:
        yield "llama.cpp", "not installed"
        return
    for_ = ", ".join(found.backends) if found.backends else "the CPU"
    by = f", compiled by {found.compiler}" if found.compiler else ""
    yield "llama.cpp", f"llama-cpp-python {found.version} for {for_}{by}"


def _machine(found: Machine) -> Said:
    hardware = found.hardware
    cpu = hardware.cpu
    cores = "1 core" if cpu.n_cores == 1 else f"{cpu.n_cores} cores"
    threads = "1 thread" if cpu.n_threads == 1 else f"{cpu.n_threads} threads"
    yield "Processor", f"{cpu.name or 'unknown'}: {cores} used of {found.n_cpus} CPUs, {threads}"
    if cpu.features:
        yield "", ", ".join(cpu.features)
    swap = f"{size(found.swap_used_bytes)} of {size(found.swap_bytes)} swap in use"
    speed = f", read at {hardware.bandwidth / 1e9:.0f} GB/s" if hardware.bandwidth else ""
    yield (
        "Memory",
        f"{size(hardware.ram_bytes)}, {size(hardware.free_bytes)} free{speed}; "
        f"{swap if found.swap_bytes else 'no swap'}",
    )
    for gpu in hardware.gpus:
        unified = ", memory shared with the processor" if gpu.is_unified else ""
        yield (
            "GPU",
            f"{gpu.name} ({gpu.backend}): {size(gpu.total_bytes)}, {size(gpu.free_bytes)} free{unified}",
        )
    if not hardware.gpus:
        yield "GPU", f"{found.unused_gpu}, not used" if found.unused_gpu else "none that llama.cpp can use"
    power = found.power
    charge = f", {power.percent:.0f} %" if power.percent is not None else ""
    saving = ", saving power" if power.is_saving else ""
    yield "Power", f"{'battery' if power.on_battery else 'mains'}{charge}{saving}"


def _terminal(found: Terminal) -> Said:
    words = (
        [f"{found.columns}x{found.lines}"] if found.is_terminal else ["none: this goes to a file or a pipe"]
    )
    words += [f"{found.colours} colours" if " (" not in found.colours else f"colours {found.colours}"]
    words += [found.encoding, found.locale or "no locale", found.name]
    through = f", through {' and '.join(found.through)}" if found.through else ""
    yield "Terminal", ", ".join(filter(None, words)) + through
    yield "", "whether it takes text to the clipboard (OSC 52), no terminal tells"


def _folders(found: tuple[Folder, ...]) -> Said:
    for i, folder in enumerate(found):
        here = amount(folder.size_bytes) if folder.is_there else "not there yet"
        free = f", {amount(folder.free_bytes)} free" if folder.free_bytes else ""
        yield "" if i else "Folders", f"{folder.use}: {folder.path} ({here}{free})"


def _settings(found: Settings) -> Said:
    if found.problem:
        yield "Settings", f"{found.path}: cannot be used"
    else:
        there = "" if found.is_there else ", which is not there"
        yield "Settings", f"{found.path}{there}" + ("" if found.changed else ": all as by default")
    for change in found.changed:
        where = "" if change.where == found.path else f" ({change.where})"
        yield "", f"{change.name} = {change.value}{where}"


def _store(found: Store) -> Said:
    if found.state == "current":
        n = found.n_conversations
        said = f"{n:,} conversation{'' if n == 1 else 's'}, {amount(found.size_bytes)}: {found.path}"
    else:
        said = (
            "none yet"
            if found.state == "none"
            else f"{found.state}, {amount(found.size_bytes)}: {found.path}"
        )
    yield "Conversations", said + ("" if found.is_kept else " (history is off)")


def _model(found: Model) -> Said:
    if found.problem:
        yield "Model", f"{found.name}: cannot be used"
        return
    family = f", {found.family}" if found.family else ""
    yield "Model", f"{found.name}, {found.quantisation}, {amount(found.size_bytes)}{family}"
    if found.plan is not None:
        about = "" if found.is_measured else "about "
        speed = f"; {about}{found.tokens_per_second:.0f} tokens/s" if found.tokens_per_second else ""
        yield "", f"{found.plan.sentence}; {size(found.plan.total_bytes)} of memory{speed}"


def _models(found: tuple[Here, ...]) -> Said:
    if not found:
        yield "Installed", "no model but the starter model"
    for i, model in enumerate(found[:_MOST_MODELS]):
        yield "" if i else "Installed", f"{model.name}, {amount(model.size_bytes)}: {model.path}"
    if len(found) > _MOST_MODELS:
        yield "", f"and {len(found) - _MOST_MODELS} more: mull models list"


def _smoke(found: Smoke) -> Said:
    if found.problem:
        yield "Decoding", f"{found.model} failed"
    else:
        yield (
            "Decoding",
            f"{found.model}: {found.n_tokens} tokens at {found.tokens_per_second:.0f} tokens/s, the first "
            f"after {found.first_s:.2f} s; loaded in {found.load_s:.1f} s",
        )
    if found.left_out:
        yield "", found.left_out


_WORDS: Final[dict[str, tuple[str, Callable[[Any], Said]]]] = {
    "system": ("System", _system),
    "build": ("llama.cpp", _build),
    "machine": ("Machine", _machine),
    "terminal": ("Terminal", _terminal),
    "folders": ("Folders", _folders),
    "settings": ("Settings", _settings),
    "store": ("Conversations", _store),
    "model": ("Model", _model),
    "models": ("Installed", _models),
    "smoke": ("Decoding", _smoke),
}
"""What a part is called, and what is said of it."""
