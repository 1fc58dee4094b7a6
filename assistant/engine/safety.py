"""Settings to fall back on when the model's process crashes, and the memory of what helped."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from assistant import paths
from assistant.engine.options import LoadOptions
from assistant.files import write_whole

_SMALL_N_CTX = 2048
_REMEMBERED = ("use_extra_bufts", "flash_attn", "n_gpu_layers", "n_ctx")


@dataclass(frozen=True, slots=True)
class Rung:
    """One step down: options that ask less of the machine or the build, and what the user is told."""

    options: LoadOptions
    sentence: str


def ladder(options: LoadOptions) -> list[Rung]:
    """What to try after a crash, gentlest first; the options themselves are not in it.

    Repacked weights go first: with some compilers they crash in the first matrix product.
    """
    rungs: list[Rung] = []
    if options.use_extra_bufts:
        options = replace(options, use_extra_bufts=False)
        rungs.append(Rung(options, "without repacked weights, which is slower"))
    if options.flash_attn:
        options = replace(options, flash_attn=False)
        rungs.append(Rung(options, "without repacked weights and flash attention"))
    return rungs + memory_ladder(options)


def memory_ladder(options: LoadOptions) -> list[Rung]:
    """What to try when memory ran out, gentlest first."""
    rungs: list[Rung] = []
    if options.n_ctx == 0 or options.n_ctx > _SMALL_N_CTX:
        options = replace(options, n_ctx=_SMALL_N_CTX)
        rungs.append(Rung(options, f"with a context of {_SMALL_N_CTX:,} tokens"))
    if options.n_gpu_layers != 0:
        options = replace(options, n_gpu_layers=0)
        rungs.append(Rung(options, f"with a context of {options.n_ctx:,} tokens and without the GPU"))
    return rungs


class Cures:
    """What helped after a crash, kept per machine, build and model in a small JSON file.

    A file that cannot be read or written costs a crash more, never an answer.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or paths.state_dir() / "safe-settings.json"

    def apply(self, options: LoadOptions) -> LoadOptions:
        """The options with what cured this model here before."""
        cure = self._read().get(_key(options), {})
        wanted = asdict(options)
        safer = {name: cure[name] for name in _REMEMBERED if _is_safer(name, cure.get(name), wanted[name])}
        return LoadOptions(**{**wanted, **safer})

    def remember(self, wanted: LoadOptions, cured: LoadOptions) -> None:
        """Note that `cured` runs where `wanted` crashed."""
        before, after = asdict(wanted), asdict(cured)
        changes = {name: after[name] for name in _REMEMBERED if before[name] != after[name]}
        cures = {**self._read(), _key(wanted): changes}
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, json.dumps(cures, indent=2).encode())

    def _read(self) -> dict[str, dict[str, bool | int]]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {key: value for key, value in found.items() if isinstance(value, dict)}


def _is_safer(name: str, value: object, wanted: int | bool) -> bool:
    """Whether a remembered value is of use: it asks for less than is wanted, and could be one of ours."""
    if name == "n_ctx":
        return value == _SMALL_N_CTX and not 0 < wanted <= _SMALL_N_CTX
    return type(value) is type(wanted) and not value


def _key(options: LoadOptions) -> str:
    """A short name for this machine, this build of llama.cpp and this model file."""
    model = Path(options.path)
    size = model.stat().st_size if model.is_file() else 0
    machine = f"{platform.node()} {platform.machine()} {platform.processor()}"
    identity = f"{machine}|{build_id()}|{model.name} {size}"
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def build_id() -> str:
    """What tells one compiled llama.cpp from another without loading it: its libraries' sizes and times."""
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        return "none"
    libraries = sorted((Path(spec.origin).parent / "lib").glob("*"))
    facts = [f"{p.name} {p.stat().st_size} {p.stat().st_mtime_ns}" for p in libraries if p.is_file()]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
