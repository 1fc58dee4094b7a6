"""What llama.cpp itself reserves for a model: the figures that predictions are held to.

    python -m tests.bench.memory                    print the error of each prediction
    python -m tests.bench.memory --write            write tests/hardware/llama_memory.json anew
    python -m tests.bench.memory MODEL.gguf ...     print the figures of these files as JSON

A model is loaded with `no_alloc`, so that nothing is read or allocated, and given a context; llama.cpp logs
what it would have reserved. Only recurrent states are really allocated. The headers are those of
tests/real_shapes.py.
"""

from __future__ import annotations

import ctypes
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import llama_cpp

from assistant.catalog.gguf import inspect
from assistant.hardware.memory import MICRO_BATCH, KVType, Load, Needs
from assistant.hardware.requirements import requirements
from tests import real_shapes

TABLE = Path(__file__).parent.parent / "hardware" / "llama_memory.json"
_TYPES: dict[KVType, int] = {"f16": 1, "q8_0": 8, "q4_0": 2}
_MiB = 1 << 20
LOAD_FIELDS = ("n_ctx", "n_slots", "kv_type", "n_batch", "flash_attn")

LOADS = (
    Load(8192, 10),
    Load(16384, 10),
    Load(32768, 10, "q8_0"),
    Load(16384, 6, "q8_0"),
    Load(4096, 4, "q8_0", 256),
    Load(2048, 3, "q4_0", 128),
    Load(8192, 10, flash_attn=False),
)


class Silent:
    """llama.cpp's log, kept instead of printed."""

    def __init__(self) -> None:
        self.text = ""
        self._callback = llama_cpp.llama_log_callback(self._write)
        llama_cpp.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _write(self, _level: int, text: bytes, _data: object) -> None:
        self.text += text.decode("utf-8", "replace")

    def sum(self, pattern: str) -> float:
        """The sum of all figures that follow this pattern, in MiB."""
        return sum(float(figure) for figure in re.findall(pattern + r" = +([\d.]+) MiB", self.text))


def figures(path: Path, loads: tuple[Load, ...], log: Silent) -> Iterator[dict[str, Any]]:
    """What llama.cpp reserves for each way of loading a file, in MiB."""
    params = llama_cpp.llama_model_default_params()
    params.no_alloc, params.load_mode = True, llama_cpp.LLAMA_LOAD_MODE_NONE
    params.use_extra_bufts = False
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    if not model:
        raise SystemExit(f"llama.cpp refused {path}:\n{log.text}")
    for load in loads:
        log.text = ""
        context = llama_cpp.llama_init_from_model(model, _context(load))
        if not context:
            raise SystemExit(f"llama.cpp refused {load} for {path}:\n{log.text}")
        yield {
            "model": path.stem,
            **{name: asdict(load)[name] for name in LOAD_FIELDS},
            "weights": llama_cpp.llama_model_size(model) / _MiB,
            "cache": log.sum(r"llama_kv_cache: size") + log.sum(r"llama_memory_recurrent: size"),
            "compute": log.sum(r"compute buffer size"),
            "output": log.sum(r"output buffer size"),
        }
        llama_cpp.llama_free(context)
    llama_cpp.llama_model_free(model)


def _context(load: Load) -> Any:
    params = llama_cpp.llama_context_default_params()
    params.n_ctx, params.n_seq_max, params.n_batch = load.n_ctx, load.n_slots, load.n_batch
    params.n_ubatch = min(load.n_batch, MICRO_BATCH)
    params.n_outputs_max = load.n_slots
    params.type_k = params.type_v = _TYPES[load.kv_type]
    params.kv_unified, params.swa_full = True, False
    if not load.flash_attn:
        params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    return params


def measured() -> Iterator[dict[str, Any]]:
    """The figures of all real shapes."""
    log = Silent()
    with tempfile.TemporaryDirectory() as folder:
        for name in real_shapes.SHAPES:
            path = real_shapes.write(Path(folder) / f"{name}.gguf", name)
            yield from figures(path, LOADS, log)


def of_file(path: Path) -> Iterator[dict[str, Any]]:
    """The figures of a file, with the caches that it can have."""
    can_quantize = requirements(inspect(path)).can_quantize_kv
    loads = tuple(load for load in LOADS if can_quantize or load.kv_type == "f16")
    return figures(path, loads, Silent())


def report() -> None:
    """Print how far off the predictions are, the worst of each model."""
    with tempfile.TemporaryDirectory() as folder:
        for name in real_shapes.SHAPES:
            path = real_shapes.write(Path(folder) / f"{name}.gguf", name)
            needs = Needs(requirements(inspect(path)))
            errors: dict[str, float] = {}
            for row, load in zip(figures(path, LOADS, Silent()), LOADS, strict=True):
                host = needs.host(load)
                real = {part: row[part] * _MiB for part in ("weights", "cache", "compute", "output")}
                real["all"] = sum(real.values())
                for part, figure in real.items():
                    told = host.total if part == "all" else getattr(host, part)
                    errors[part] = max(errors.get(part, 0.0), abs(told - figure) / figure, key=abs)
            print(f"{name:24}", *(f"{part} {error:7.2%}" for part, error in errors.items()))


if __name__ == "__main__":
    llama_cpp.llama_backend_init()
    if sys.argv[1:] == ["--write"]:
        rows = list(measured())
        lines = ",\n".join(json.dumps(row) for row in rows)
        TABLE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    elif sys.argv[1:]:
        print(json.dumps([row for path in sys.argv[1:] for row in of_file(Path(path))]))
    else:
        report()
