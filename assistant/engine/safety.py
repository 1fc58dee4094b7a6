"""Settings to fall back on when the model's process crashes, and the memory of what helped."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from assistant import paths
from assistant.engine.options import LoadOptions
from assistant.files import write_whole

_SMALL_N_CTX = 2048
_FEW_VOTES = 2
_BUILD = ("use_extra_bufts", "flash_attn")
"""What is given up because a build crashes."""
_MEMORY = ("n_gpu_layers", "n_ctx", "n_seq_max", "kv_type")
"""What is given up because memory runs out."""
_REMEMBERED = (*_BUILD, *_MEMORY)
_KEPT_S = 7 * 24 * 3600.0
"""How long want of memory is remembered: other programs may have had it."""


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
        # a cache in fewer bits needs flash attention; in full bits it takes up to four times the room
        n_ctx = options.n_ctx if options.kv_type == "f16" else min(options.n_ctx, _SMALL_N_CTX)
        options = replace(options, flash_attn=False, kv_type="f16", n_ctx=n_ctx)
        rungs.append(Rung(options, "without repacked weights and flash attention"))
    if options.n_ctx == 0 or options.n_ctx > _SMALL_N_CTX:
        options = replace(options, n_ctx=_SMALL_N_CTX)
        rungs.append(Rung(options, f"with a context of {_SMALL_N_CTX:,} tokens"))
    if options.n_gpu_layers != 0:
        options = replace(options, n_gpu_layers=0)
        rungs.append(Rung(options, f"with a context of {options.n_ctx:,} tokens and without the GPU"))
    return rungs


def memory_ladder(options: LoadOptions) -> list[Rung]:
    """What to try when memory ran out, gentlest first: the planner's order of sacrifice in larger steps."""
    rungs: list[Rung] = []
    for smaller in (_half, _small, _fewer_layers, _no_layers):
        less = smaller(options)
        if less != options:
            rungs.append(Rung(less, _in_words(options, less)))
            options = less
    return rungs


def without_gpu(options: LoadOptions) -> list[Rung]:
    """What to try when a driver hangs: the CPU, if a GPU was to be used."""
    if options.n_gpu_layers == 0:
        return []
    return [Rung(replace(options, n_gpu_layers=0), "without the GPU")]


def _half(options: LoadOptions) -> LoadOptions:
    """Half the context, in half the bits, for half the samples."""
    if options.n_ctx < 2 * _SMALL_N_CTX:
        return options
    can_quantize = options.can_quantize_kv and options.flash_attn and options.kv_type in ("f16", "auto")
    kv_type = "q8_0" if can_quantize else options.kv_type
    votes = max(options.n_seq_max // 2, _FEW_VOTES) if options.n_seq_max > _FEW_VOTES else options.n_seq_max
    return replace(options, n_ctx=options.n_ctx // 2, kv_type=kv_type, n_seq_max=votes)


def _small(options: LoadOptions) -> LoadOptions:
    """The smallest context that is of use, and few samples."""
    n_ctx = min(options.n_ctx or _SMALL_N_CTX, _SMALL_N_CTX)
    return replace(options, n_ctx=n_ctx, n_seq_max=min(options.n_seq_max, _FEW_VOTES))


def _fewer_layers(options: LoadOptions) -> LoadOptions:
    """Half the layers on the GPU."""
    if options.n_gpu_layers < 2:
        return options
    return replace(options, n_gpu_layers=options.n_gpu_layers // 2)


def _no_layers(options: LoadOptions) -> LoadOptions:
    """No layers on the GPU."""
    return replace(options, n_gpu_layers=0)


def _in_words(before: LoadOptions, after: LoadOptions) -> str:
    """What the user is told of a step down."""
    if after.n_gpu_layers != before.n_gpu_layers:
        n = after.n_gpu_layers
        return f"with {n} layer{'' if n == 1 else 's'} on the GPU" if n else "without the GPU"
    words = []
    if after.n_ctx != before.n_ctx:
        words.append(f"a context of {after.n_ctx:,} tokens")
    if after.kv_type != before.kv_type:
        words.append("its cache in half the bits")
    if after.n_seq_max != before.n_seq_max:
        words.append(f"votes of {after.n_seq_max}")
    return "with " + " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


class Cures:
    """What helped after a crash, kept per machine, build and model in a small JSON file.

    A file that cannot be read or written costs a crash more, never an answer. What was given up for want of
    memory is forgotten after a week.
    """

    def __init__(self, path: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._path = path or paths.state_dir() / "safe-settings.json"
        self._clock = clock

    def apply(self, options: LoadOptions) -> LoadOptions:
        """The options with what cured this model here before."""
        cure = self._read().get(_key(options), {})
        at = cure.get("at", 0)
        is_fresh = isinstance(at, int | float) and not isinstance(at, bool) and self._clock() - at < _KEPT_S
        wanted = asdict(options)
        names = _REMEMBERED if is_fresh else _BUILD
        safer: dict[str, Any] = {
            name: cure[name] for name in names if _is_safer(name, cure.get(name), wanted[name])
        }
        return replace(options, **safer)

    def remember(self, wanted: LoadOptions, cured: LoadOptions, planned: LoadOptions | None = None) -> None:
        """Note that `cured` runs where `wanted` did not.

        Args:
            wanted: what the model was to be loaded with: the next start asks with the same.
            cured: what it runs with.
            planned: what the planner had made of `wanted`; what it chose is no cure.
        """
        before, after = asdict(planned or wanted), asdict(cured)
        changes = {name: after[name] for name in _REMEMBERED if before[name] != after[name]}
        cures = {**self._read(), _key(wanted): {**changes, "at": round(self._clock())}}
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


def _is_safer(name: str, value: object, wanted: Any) -> bool:
    """Whether a remembered value is of use: it asks for less than is wanted, and could be one of ours."""
    if name == "kv_type":
        return value == "q8_0" and wanted in ("auto", "f16")
    if name in _BUILD:
        return value is False
    if type(value) is not int:
        return False
    least, open_value = {"n_ctx": (256, 0), "n_seq_max": (1, 0), "n_gpu_layers": (0, -1)}[name]
    return value >= least and (wanted == open_value or value < wanted)


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
