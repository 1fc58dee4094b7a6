"""The devices that the compiled llama.cpp sees, asked of ggml itself through ctypes.

A driver that is asked may crash or hang: whoever is not a process that may die calls `listed_apart`.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Final

_KINDS: Final = ("cpu", "gpu", "integrated", "accelerator", "meta")
_GPU_LIBRARIES: Final = {
    "cuda": "cuda",
    "hip": "rocm",
    "metal": "metal",
    "vulkan": "vulkan",
    "sycl": "sycl",
    "musa": "musa",
    "cann": "cann",
    "opencl": "opencl",
}
PATIENCE_S: Final = 8.0
"""How long a driver may take to answer; the first use of CUDA after a start takes seconds."""
_ASK: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from assistant.hardware.devices import tell; tell()"
)


@dataclass(frozen=True, slots=True)
class Device:
    """One of ggml's devices."""

    name: str
    """ggml's name, such as CUDA0."""
    description: str
    """What the user calls it, such as NVIDIA GeForce RTX 4060."""
    kind: str
    """cpu, gpu, integrated, accelerator or meta."""
    backend: str
    """ggml's name of what drives it, such as CUDA or Metal."""
    free_bytes: int
    total_bytes: int


class DriverFailed(Exception):
    """The driver of a GPU crashed or did not answer; the text says which."""


def library_folder() -> Path | None:
    """Where the compiled libraries lie; None without llama-cpp-python. Nothing is loaded to tell."""
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "lib"


def backends() -> tuple[str, ...]:
    """The GPU backends that the installed llama.cpp was built with, told by its libraries' names."""
    folder = library_folder()
    if folder is None:
        return ()
    names = {path.name.lower() for path in folder.glob("*ggml-*")}
    return tuple(
        backend
        for library, backend in _GPU_LIBRARIES.items()
        if any(f"ggml-{library}" in name for name in names)
    )


@cache
def ggml() -> tuple[ctypes.CDLL, ctypes.CDLL]:
    """ggml's registry and its base library.

    Raises:
        OSError: they are not where llama-cpp-python keeps them.
    """
    folder = library_folder()
    if folder is None:
        raise OSError("llama-cpp-python is not installed")
    if sys.platform == "win32":
        os.add_dll_directory(str(folder))
    return _library(folder, "ggml"), _library(folder, "ggml-base")


def _library(folder: Path, name: str) -> ctypes.CDLL:
    for file in (f"lib{name}.so", f"lib{name}.dylib", f"{name}.dll", f"lib{name}.dll"):
        if (folder / file).exists():
            return ctypes.CDLL(str(folder / file))
    raise OSError(f"no library {name} in {folder}")


def cpu_buffer_type() -> int:
    """ggml's handle of the machine's own memory."""
    function = ggml()[1].ggml_backend_cpu_buffer_type
    function.restype = ctypes.c_void_p
    return int(function())


def listed() -> list[Device]:
    """Every device that ggml has, in its order. This wakes the drivers.

    Raises:
        OSError: ggml's libraries cannot be loaded.
    """
    registry, base = ggml()
    registry.ggml_backend_dev_count.restype = ctypes.c_size_t
    if not registry.ggml_backend_dev_count():
        # a build whose backends are libraries of their own
        registry.ggml_backend_load_all_from_path(str(library_folder()).encode())
    registry.ggml_backend_dev_get.restype = ctypes.c_void_p
    registry.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    return [_device(base, registry.ggml_backend_dev_get(i)) for i in range(registry.ggml_backend_dev_count())]


def _device(base: ctypes.CDLL, handle: int) -> Device:
    device = ctypes.c_void_p(handle)
    base.ggml_backend_dev_backend_reg.restype = ctypes.c_void_p
    for function in ("dev_name", "dev_description", "reg_name"):
        getattr(base, f"ggml_backend_{function}").restype = ctypes.c_char_p
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    base.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
    kind = base.ggml_backend_dev_type(device)
    backend = base.ggml_backend_reg_name(ctypes.c_void_p(base.ggml_backend_dev_backend_reg(device)))
    return Device(
        name=_text(base.ggml_backend_dev_name(device)),
        description=_text(base.ggml_backend_dev_description(device)),
        kind=_KINDS[kind] if 0 <= kind < len(_KINDS) else "other",
        backend=_text(backend),
        free_bytes=free.value,
        total_bytes=total.value,
    )


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace").strip()


def tell() -> None:
    """Write the devices to standard output as JSON: what the short-lived process does."""
    out = os.dup(1)
    os.dup2(2, 1)  # drivers print what they like
    with os.fdopen(out, "w", encoding="utf-8") as file:
        json.dump([asdict(device) for device in listed()], file)


def listed_apart(patience_s: float = PATIENCE_S) -> list[Device]:
    """`listed` in a process of its own, so that a bad driver takes nothing down with it.

    Raises:
        DriverFailed: it crashed, hung or told nothing that can be read.
    """
    command = [sys.executable, "-P", "-c", _ASK, json.dumps(sys.path)]
    try:
        answer = subprocess.run(command, capture_output=True, timeout=patience_s, check=False)
        found = json.loads(answer.stdout)
        return [Device(**facts) for facts in found]
    except subprocess.TimeoutExpired:
        raise DriverFailed(f"did not answer within {patience_s:g} s") from None
    except OSError as error:
        raise DriverFailed(f"could not be asked: {error.strerror or error}") from None
    except (ValueError, TypeError):
        raise DriverFailed(f"crashed when it was asked (exit code {answer.returncode})") from None
