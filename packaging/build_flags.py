"""Which build of llama.cpp suits this machine: the backend, and the environment that compiles it.

`probe` looks at the machine once; everything else is pure. Standard library only, because it runs
before anything is installed. The user's variables, all optional:

MULL_BACKEND      cpu, cuda, metal, vulkan, rocm, or auto
MULL_CMAKE_ARGS   appended to what is chosen here, after the user's own CMAKE_ARGS
MULL_PREBUILT     1 takes a compiled wheel instead of compiling
MULL_WHEEL_INDEX  the index to take it from
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace

WHEELS = "https://abetlen.github.io/llama-cpp-python/whl"
CUDA_WHEELS = (118, 121, 122, 123, 124, 125, 130, 132)
"""CUDA versions that have an index of compiled wheels, as major * 10 + minor."""

BACKENDS = {
    "cpu": "",
    "cuda": "-DGGML_CUDA=on",
    "metal": "-DGGML_METAL=on",
    "vulkan": "-DGGML_VULKAN=on",
    "rocm": "-DGGML_HIP=on",
}
"""llama.cpp's build option of each backend."""

NO_AMX = "-mno-amx-tile -mno-amx-int8"


class BuildError(Exception):
    """One sentence that says what is missing, and one that says what to do."""


@dataclass(frozen=True)
class Compiler:
    """A C or C++ compiler."""

    kind: str
    """gcc, clang, msvc or other, by its predefined macros and not by its name."""
    major: int = 0
    """Major version; 0 if unknown."""
    command: str = ""
    """What runs it; empty where CMake finds it by itself."""


@dataclass(frozen=True)
class Machine:
    """What decides how llama.cpp is compiled."""

    system: str
    """Linux, Darwin or Windows, as `platform.system` says it."""
    arch: str
    """x86_64, arm64, ..., as `platform.machine` says it."""
    cc: Compiler | None = None
    """The C compiler that CMake would take."""
    cxx: Compiler | None = None
    """The C++ compiler that CMake would take."""
    nvcc: str = ""
    """Path of the CUDA compiler, empty if there is none."""
    cuda_driver: int = 0
    """Newest CUDA that the NVIDIA driver runs, as major * 10 + minor; 0 without a driver or a GPU."""
    has_hipcc: bool = False
    """Whether ROCm's compiler is installed."""
    has_glslc: bool = False
    """Whether the Vulkan SDK's shader compiler is installed."""


@dataclass(frozen=True)
class Choice:
    """A backend and why it was chosen."""

    backend: str
    """A key of `BACKENDS`."""
    reason: str
    """The sentence that the user reads."""


def is_prebuilt(user: Mapping[str, str]) -> bool:
    """Whether the user wants a compiled wheel."""
    return bool(user.get("MULL_WHEEL_INDEX")) or user.get("MULL_PREBUILT", "") not in {"", "0"}


def choose(machine: Machine, user: Mapping[str, str]) -> Choice:
    """The backend for this machine; `user` holds the variables that the user has set.

    Raises:
        BuildError: the user asked for a backend that does not exist or cannot be compiled here.
    """
    asked = user.get("MULL_BACKEND", "").strip().lower() or "auto"
    if asked != "auto":
        return _asked_for(asked, machine, is_prebuilt(user))
    if machine.system == "Darwin":
        return Choice("metal", "Metal: llama-cpp-python compiles it in on every Mac.")
    if machine.cuda_driver and is_prebuilt(user):
        return Choice("cuda", "CUDA, from a compiled wheel: an NVIDIA GPU is here.")
    if machine.cuda_driver and machine.nvcc:
        return Choice("cuda", "CUDA: an NVIDIA GPU and the CUDA compiler are here.")
    if machine.cuda_driver:
        index = wheel_index(machine, "cuda")
        return Choice(
            "cpu",
            "CPU: an NVIDIA GPU is here but no CUDA compiler (nvcc); "
            f"MULL_PREBUILT=1 takes a compiled CUDA wheel from {index} instead.",
        )
    if machine.nvcc:
        return Choice(
            "cpu",
            "CPU: a CUDA compiler is here but no NVIDIA GPU with a driver, "
            "so a CUDA build would take long to compile and run nothing.",
        )
    if machine.has_hipcc:
        return Choice("cpu", "CPU: ROCm is here too; MULL_BACKEND=rocm compiles for it.")
    return Choice("cpu", "CPU: no NVIDIA GPU was found; MULL_BACKEND=vulkan or rocm serves other GPUs.")


def _asked_for(backend: str, machine: Machine, prebuilt: bool) -> Choice:
    if backend not in BACKENDS:
        raise BuildError(f"MULL_BACKEND={backend} is not a backend. Use one of auto, {', '.join(BACKENDS)}.")
    if backend == "metal" and machine.system != "Darwin":
        raise BuildError("MULL_BACKEND=metal needs a Mac. Leave MULL_BACKEND unset to let Mull choose.")
    needs = {
        "cuda": ("the CUDA compiler (nvcc)", bool(machine.nvcc)),
        "rocm": ("ROCm's compiler (hipcc)", machine.has_hipcc),
        "vulkan": ("the Vulkan SDK (glslc)", machine.has_glslc),
    }
    tool, is_here = needs.get(backend, ("", True))
    if not is_here and not prebuilt:
        raise BuildError(
            f"MULL_BACKEND={backend} needs {tool}, which was not found. "
            "Install it, or take a compiled wheel with MULL_PREBUILT=1."
        )
    if backend == "cpu" and machine.system == "Darwin":
        return Choice("cpu", "CPU, as MULL_BACKEND asks; llama-cpp-python still compiles Metal in on a Mac.")
    return Choice(backend, f"{backend}, as MULL_BACKEND asks.")


def flags(machine: Machine, user: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment variables that compile llama.cpp for this machine.

    What the user has set (CMAKE_ARGS, CFLAGS, CXXFLAGS) is kept and stands after what is chosen here,
    so it wins; MULL_CMAKE_ARGS stands last.

    Raises:
        BuildError: as `choose` does.
    """
    user = user or {}
    cc, cxx = machine.cc or Compiler("other"), machine.cxx or Compiler("other")
    backend = choose(machine, user).backend
    found = {
        "CMAKE_ARGS": _join(BACKENDS[backend], user.get("CMAKE_ARGS", ""), user.get("MULL_CMAKE_ARGS", "")),
        # unless told, the build takes the compiler that this Python was built with, be it there or not
        "CC": cc.command,
        "CXX": cxx.command,
        "CFLAGS": _join(_without_amx(machine, cc), user.get("CFLAGS", "")),
        "CXXFLAGS": _join(_without_amx(machine, cxx), user.get("CXXFLAGS", "")),
        "CUDACXX": machine.nvcc if backend == "cuda" else "",
    }
    return {name: value for name, value in found.items() if value}


def _join(*parts: str) -> str:
    return " ".join(part.strip() for part in parts if part.strip())


def _without_amx(machine: Machine, compiler: Compiler) -> str:
    """GCC 11 and 12 miscompile the AMX tile configuration: llama.cpp then crashes in its first product.

    Older GCC has no AMX and refuses these options; clang and newer GCC compile it right.
    """
    is_x86 = machine.arch.lower() in {"x86_64", "amd64"}
    is_bad = compiler.kind == "gcc" and compiler.major in {11, 12}
    return NO_AMX if is_x86 and is_bad else ""


def wheel_index(machine: Machine, backend: str) -> str:
    """Address of the index that llama-cpp-python publishes compiled wheels of this backend in."""
    if backend == "cuda":
        runnable = [version for version in CUDA_WHEELS if version <= (machine.cuda_driver or 124)]
        return f"{WHEELS}/cu{max(runnable, default=CUDA_WHEELS[0])}"
    if backend == "rocm":
        return f"{WHEELS}/{'hip-radeon' if machine.system == 'Windows' else 'rocm72'}"
    return f"{WHEELS}/{backend}"


def fits(machine: Machine, user: Mapping[str, str], has_gpu_code: bool, system_info: str) -> bool:
    """Whether an installed build is the one that `flags` would compile.

    A wheel out of pip's cache may have been compiled with other flags. `has_gpu_code` and `system_info`
    are what the build itself says (`llama_supports_gpu_offload`, `llama_print_system_info`).
    """
    if user.get("MULL_WHEEL_INDEX") or user.get("CMAKE_ARGS") or user.get("MULL_CMAKE_ARGS"):
        return True
    backend = choose(machine, user).backend
    if machine.system != "Darwin" and has_gpu_code != (backend != "cpu"):
        return False
    is_ours = not is_prebuilt(user) and NO_AMX in flags(machine, user).get("CXXFLAGS", "")
    return not (is_ours and "AMX_INT8 = 1" in system_info)


def require_compiler(machine: Machine) -> None:
    """Say at once, and not after minutes of compiling, that there is no compiler.

    Raises:
        BuildError: there is no C or no C++ compiler.
    """
    if machine.cc and machine.cxx:
        return
    fix = {
        "Darwin": "Run: xcode-select --install",
        "Windows": "Install the Visual Studio Build Tools with the C++ workload",
        "Linux": "On Debian or Ubuntu: sudo apt install build-essential",
    }.get(machine.system, "Install a C++ compiler")
    raise BuildError(
        f"There is no C++ compiler to compile llama.cpp with. {fix}, "
        "or take a compiled wheel with MULL_PREBUILT=1."
    )


def probe(user: Mapping[str, str]) -> Machine:
    """Look at this machine; `user` may name compilers (CC, CXX, CUDACXX)."""
    nvcc = _nvcc(user)
    return Machine(
        system=platform.system(),
        arch=platform.machine(),
        cc=_compiler("c", user.get("CC", ""), ("cc", "gcc", "clang")),
        cxx=_compiler("c++", user.get("CXX", ""), ("c++", "g++", "clang++")),
        nvcc=nvcc,
        cuda_driver=_cuda_driver(),
        has_hipcc=bool(shutil.which("hipcc") or shutil.which("/opt/rocm/bin/hipcc")),
        has_glslc=bool(shutil.which("glslc")),
    )


def _compiler(language: str, named: str, usual: tuple[str, ...]) -> Compiler | None:
    """The first of these commands that runs; a Mac without its developer tools has a `cc` that does not."""
    for command in [named.split()] if named.strip() else [[name] for name in usual]:
        asked = [*command, "-dM", "-E", "-x", language, "-"]
        try:
            answer = subprocess.run(asked, input="", capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if answer.returncode == 0:
            return replace(parse_macros(answer.stdout), command=" ".join(command))
        if named.strip() and shutil.which(command[0]):
            return Compiler("other", command=named)
    return Compiler("msvc") if _has_visual_studio() else None


def parse_macros(text: str) -> Compiler:
    """The compiler that predefines these macros; clang defines GCC's as well."""
    macros = dict(re.findall(r"^#define (__GNUC__|__clang_major__) (\d+)$", text, re.MULTILINE))
    if "__clang_major__" in macros:
        return Compiler("clang", int(macros["__clang_major__"]))
    if "__GNUC__" in macros:
        return Compiler("gcc", int(macros["__GNUC__"]))
    return Compiler("other")


def _has_visual_studio() -> bool:
    if platform.system() != "Windows":
        return False
    installer = os.path.join(
        os.environ.get("PROGRAMFILES(X86)", r"C:\Program Files (x86)"), "Microsoft Visual Studio", "Installer"
    )
    return bool(shutil.which("cl") or shutil.which("vswhere", path=installer))


def _nvcc(user: Mapping[str, str]) -> str:
    roots = [os.environ.get("CUDA_HOME", ""), os.environ.get("CUDA_PATH", ""), "/usr/local/cuda", "/opt/cuda"]
    places = [user.get("CUDACXX", ""), "nvcc", *(os.path.join(root, "bin", "nvcc") for root in roots if root)]
    return next((found for place in places if place and (found := shutil.which(place))), "")


def _cuda_driver() -> int:
    """Newest CUDA version of the driver, if it sees a GPU; the toolkit alone has no libcuda.so.1."""
    name = "nvcuda.dll" if platform.system() == "Windows" else "libcuda.so.1"
    try:
        cuda = ctypes.CDLL(name)
    except OSError:
        return 0
    n_gpus, version = ctypes.c_int(0), ctypes.c_int(0)
    if cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(n_gpus)) or not n_gpus.value:
        return 0
    if cuda.cuDriverGetVersion(ctypes.byref(version)):
        return 0
    return version.value // 100 + version.value % 100 // 10
