"""Looking at the hardware and at the compiled llama.cpp."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from assistant.diagnosis.facts import Build, Machine
from assistant.hardware import devices
from assistant.hardware.power import power
from assistant.hardware.probe import present, probe

_GCC: Final = re.compile(rb"GCC: \([^)]*\) (\d+(?:\.\d+)*)")
_CLANG: Final = re.compile(rb"clang version (\d+(?:\.\d+)*)")
_NVCC: Final = ("nvcc", "/usr/local/cuda/bin/nvcc", "/opt/cuda/bin/nvcc")
_HIPCC: Final = ("hipcc", "/opt/rocm/bin/hipcc")


def machine() -> Machine:
    """The hardware as it is now."""
    import psutil

    hardware = probe()
    gpu, backend = ("", "") if hardware.gpus else present()
    swap_used, swap = 0, 0
    with suppress(Exception):  # some systems let nobody ask
        memory = psutil.swap_memory()
        swap_used, swap = int(memory.used), int(memory.total)
    return Machine(
        hardware=hardware,
        n_cpus=os.cpu_count() or 1,
        swap_used_bytes=swap_used,
        swap_bytes=swap,
        power=power(),
        unused_gpu=gpu,
        unused_backend=backend,
        has_compiler=_has(backend),
    )


def _has(backend: str) -> bool:
    commands = {
        "cuda": (*([os.environ["CUDACXX"]] if "CUDACXX" in os.environ else []), *_NVCC),
        "rocm": _HIPCC,
    }
    return backend == "metal" or any(shutil.which(command) for command in commands.get(backend, ()))


def build() -> Build:
    """The compiled llama.cpp, told by its files: nothing of it is loaded."""
    try:
        of_binding = version("llama-cpp-python")
    except PackageNotFoundError:
        return Build("")
    return Build(of_binding, devices.backends(), _compiler(devices.library_folder()))


def _compiler(folder: Path | None) -> str:
    """Compilers leave their name in what they compile, on systems with ELF; "" elsewhere."""
    for path in sorted(folder.glob("*ggml-cpu*")) if folder else ():
        with suppress(OSError):
            content = path.read_bytes()
            for name, pattern in (("GCC", _GCC), ("clang", _CLANG)):
                # what the compiler's own start-up code was compiled by stands there too, before or after
                if found := {match.decode() for match in pattern.findall(content)}:
                    return f"{name} {max(found, key=lambda text: [int(n) for n in text.split('.')])}"
    return ""
