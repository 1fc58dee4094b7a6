"""Which build of llama.cpp is chosen for which machine."""

from __future__ import annotations

import platform
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from build_flags import (
    BACKENDS,
    CUDA_WHEELS,
    NO_AMX,
    WHEELS,
    BuildError,
    Compiler,
    Machine,
    choose,
    fits,
    flags,
    parse_macros,
    probe,
    require_compiler,
    wheel_index,
)
from hypothesis import given
from hypothesis import strategies as st

GCC_12 = Compiler("gcc", 12)
GCC_13 = Compiler("gcc", 13)
LINUX = Machine("Linux", "x86_64", GCC_13, GCC_13)
MAC = Machine("Darwin", "arm64", Compiler("clang", 17), Compiler("clang", 17))
WINDOWS = Machine("Windows", "AMD64", Compiler("msvc"), Compiler("msvc"))
NVCC = "/usr/local/cuda/bin/nvcc"


@pytest.mark.parametrize(
    ("machine", "user", "backend", "reason"),
    [
        (LINUX, {}, "cpu", "no NVIDIA GPU was found"),
        (WINDOWS, {}, "cpu", "no NVIDIA GPU was found"),
        (MAC, {}, "metal", "every Mac"),
        (replace(LINUX, nvcc=NVCC, cuda_driver=124), {}, "cuda", "GPU and the CUDA compiler"),
        (replace(LINUX, nvcc=NVCC), {}, "cpu", "no NVIDIA GPU with a driver"),
        (replace(LINUX, cuda_driver=124), {}, "cpu", f"{WHEELS}/cu124"),
        (replace(LINUX, cuda_driver=124), {"MULL_PREBUILT": "1"}, "cuda", "compiled wheel"),
        (replace(LINUX, cuda_driver=124), {"MULL_PREBUILT": "0"}, "cpu", f"{WHEELS}/cu124"),
        (replace(LINUX, has_hipcc=True), {}, "cpu", "MULL_BACKEND=rocm"),
        (replace(LINUX, has_hipcc=True), {"MULL_BACKEND": "ROCm"}, "rocm", "as MULL_BACKEND asks"),
        (replace(LINUX, has_glslc=True), {"MULL_BACKEND": "vulkan"}, "vulkan", "as MULL_BACKEND asks"),
        (replace(LINUX, nvcc=NVCC), {"MULL_BACKEND": "cuda"}, "cuda", "as MULL_BACKEND asks"),
        (replace(LINUX, nvcc=NVCC, cuda_driver=124), {"MULL_BACKEND": "cpu"}, "cpu", "as MULL_BACKEND asks"),
        (replace(LINUX, nvcc=NVCC, cuda_driver=124), {"MULL_BACKEND": "auto"}, "cuda", "GPU"),
        (LINUX, {"MULL_BACKEND": "vulkan", "MULL_PREBUILT": "1"}, "vulkan", "as MULL_BACKEND asks"),
        (MAC, {"MULL_BACKEND": "cpu"}, "cpu", "still compiles Metal in"),
    ],
)
def test_backend_and_its_reason(machine: Machine, user: dict[str, str], backend: str, reason: str) -> None:
    choice = choose(machine, user)
    assert choice.backend == backend
    assert reason in choice.reason


@pytest.mark.parametrize(
    ("user", "sentence"),
    [
        ({"MULL_BACKEND": "opengl"}, "is not a backend"),
        ({"MULL_BACKEND": "metal"}, "needs a Mac"),
        ({"MULL_BACKEND": "cuda"}, "nvcc"),
        ({"MULL_BACKEND": "rocm"}, "hipcc"),
        ({"MULL_BACKEND": "vulkan"}, "glslc"),
    ],
)
def test_backend_that_cannot_be_compiled_is_refused_at_once(user: dict[str, str], sentence: str) -> None:
    with pytest.raises(BuildError, match=sentence):
        flags(LINUX, user)


@pytest.mark.parametrize(
    ("arch", "compiler", "is_without_amx"),
    [
        ("x86_64", Compiler("gcc", 10), False),
        ("x86_64", Compiler("gcc", 11), True),
        ("x86_64", Compiler("gcc", 12), True),
        ("AMD64", Compiler("gcc", 12), True),
        ("x86_64", Compiler("gcc", 13), False),
        ("x86_64", Compiler("clang", 12), False),
        ("x86_64", Compiler("msvc"), False),
        ("x86_64", Compiler("other"), False),
        ("aarch64", Compiler("gcc", 12), False),
    ],
)
def test_amx_is_left_out_where_gcc_miscompiles_it(
    arch: str, compiler: Compiler, is_without_amx: bool
) -> None:
    found = flags(Machine("Linux", arch, compiler, compiler))
    expected = {"CFLAGS": NO_AMX, "CXXFLAGS": NO_AMX} if is_without_amx else {}
    assert found == expected


def test_each_language_follows_its_own_compiler() -> None:
    assert flags(Machine("Linux", "x86_64", GCC_13, GCC_12)) == {"CXXFLAGS": NO_AMX}


def test_the_build_is_told_the_compilers_that_were_looked_at() -> None:
    cc, cxx = Compiler("clang", 17, "cc"), Compiler("gcc", 13, "ccache g++-13")
    assert flags(Machine("Linux", "x86_64", cc, cxx)) == {"CC": "cc", "CXX": "ccache g++-13"}


def test_cuda_build_names_its_compiler() -> None:
    found = flags(replace(LINUX, nvcc=NVCC, cuda_driver=130))
    assert found == {"CMAKE_ARGS": "-DGGML_CUDA=on", "CUDACXX": NVCC}


def test_what_the_user_has_set_is_kept_and_stands_later() -> None:
    user = {
        "CMAKE_ARGS": "-DGGML_CUDA=off",
        "MULL_CMAKE_ARGS": "-DGGML_NATIVE=off",
        "CFLAGS": "-O2",
        "CXXFLAGS": "-O1",
    }
    machine = replace(LINUX, cc=GCC_12, cxx=GCC_12, nvcc=NVCC, cuda_driver=124)
    found = flags(machine, user)
    assert found["CMAKE_ARGS"] == "-DGGML_CUDA=on -DGGML_CUDA=off -DGGML_NATIVE=off"
    assert found["CFLAGS"] == f"{NO_AMX} -O2"
    assert found["CXXFLAGS"] == f"{NO_AMX} -O1"


machines = st.builds(
    Machine,
    system=st.sampled_from(["Linux", "Darwin", "Windows", "FreeBSD"]),
    arch=st.sampled_from(["x86_64", "AMD64", "arm64", "aarch64", "riscv64"]),
    cc=st.none()
    | st.builds(Compiler, st.sampled_from(["gcc", "clang", "msvc", "other"]), st.integers(0, 30)),
    cxx=st.none()
    | st.builds(Compiler, st.sampled_from(["gcc", "clang", "msvc", "other"]), st.integers(0, 30)),
    nvcc=st.sampled_from(["", NVCC]),
    cuda_driver=st.sampled_from([0, *CUDA_WHEELS, 126, 131, 140]),
    has_hipcc=st.booleans(),
    has_glslc=st.booleans(),
)


@given(machines)
def test_a_choice_is_made_for_every_machine_and_only_for_what_it_can_run(machine: Machine) -> None:
    choice = choose(machine, {})
    assert choice.backend in BACKENDS
    assert choice.reason.endswith(".")
    if choice.backend == "cuda":
        assert machine.nvcc
        assert machine.cuda_driver
    if machine.arch not in {"x86_64", "AMD64"}:
        assert NO_AMX not in " ".join(flags(machine).values())


@given(machines, st.lists(st.sampled_from(["-DA=1", "-DB='x y'", "-GNinja"]), max_size=3))
def test_the_users_cmake_arguments_always_stand_last(machine: Machine, arguments: list[str]) -> None:
    found = flags(machine, {"MULL_CMAKE_ARGS": " ".join(arguments)})
    words = shlex.split(found.get("CMAKE_ARGS", ""))
    expected = shlex.split(" ".join(arguments))
    assert words[len(words) - len(expected) :] == expected


@pytest.mark.parametrize(
    ("machine", "backend", "index"),
    [
        (LINUX, "cpu", "cpu"),
        (MAC, "metal", "metal"),
        (LINUX, "vulkan", "vulkan"),
        (LINUX, "rocm", "rocm72"),
        (WINDOWS, "rocm", "hip-radeon"),
        (replace(LINUX, cuda_driver=124), "cuda", "cu124"),
        (replace(LINUX, cuda_driver=129), "cuda", "cu125"),
        (replace(LINUX, cuda_driver=131), "cuda", "cu130"),
        (replace(LINUX, cuda_driver=140), "cuda", "cu132"),
        (replace(LINUX, cuda_driver=110), "cuda", "cu118"),
        (LINUX, "cuda", "cu124"),
    ],
)
def test_index_of_compiled_wheels(machine: Machine, backend: str, index: str) -> None:
    assert wheel_index(machine, backend) == f"{WHEELS}/{index}"


@pytest.mark.parametrize(
    ("machine", "user", "has_gpu_code", "system_info", "expected"),
    [
        (LINUX, {}, False, "CPU : AVX2 = 1 | ", True),
        (LINUX, {}, True, "CUDA : ARCHS = 900 | CPU : AVX2 = 1 | ", False),
        (LINUX, {}, False, "CPU : AMX_INT8 = 1 | ", True),
        (replace(LINUX, cxx=GCC_12), {}, False, "CPU : AMX_INT8 = 1 | ", False),
        (replace(LINUX, cxx=GCC_12), {}, False, "CPU : AVX2 = 1 | ", True),
        (replace(LINUX, cxx=GCC_12), {"MULL_PREBUILT": "1"}, False, "CPU : AMX_INT8 = 1 | ", True),
        (replace(LINUX, nvcc=NVCC, cuda_driver=124), {}, False, "CPU : AVX2 = 1 | ", False),
        (replace(LINUX, nvcc=NVCC, cuda_driver=124), {}, True, "CUDA : ARCHS = 900 | ", True),
        (LINUX, {"CMAKE_ARGS": "-DGGML_VULKAN=on"}, True, "CPU : AVX2 = 1 | ", True),
        (LINUX, {"MULL_WHEEL_INDEX": "https://wheels.example"}, True, "CPU : AVX2 = 1 | ", True),
        (MAC, {}, True, "Metal : EMBED_LIBRARY = 1 | ", True),
    ],
)
def test_a_build_with_other_flags_is_seen(
    machine: Machine, user: dict[str, str], has_gpu_code: bool, system_info: str, expected: bool
) -> None:
    assert fits(machine, user, has_gpu_code, system_info) is expected


@pytest.mark.parametrize(
    ("system", "fix"),
    [
        ("Linux", "build-essential"),
        ("Darwin", "xcode-select"),
        ("Windows", "Visual Studio"),
        ("Plan9", "C++"),
    ],
)
def test_missing_compiler_is_told_with_its_remedy(system: str, fix: str) -> None:
    with pytest.raises(BuildError, match="MULL_PREBUILT=1") as caught:
        require_compiler(Machine(system, "x86_64"))
    assert fix in str(caught.value)
    require_compiler(LINUX)


@pytest.mark.parametrize(
    ("macros", "compiler"),
    [
        ("#define __GNUC__ 12\n#define __x86_64__ 1\n", GCC_12),
        ("#define __GNUC__ 4\n#define __clang__ 1\n#define __clang_major__ 17\n", Compiler("clang", 17)),
        ("#define __TINYC__ 928\n", Compiler("other")),
        ("", Compiler("other")),
    ],
)
def test_a_compiler_is_known_by_its_macros(macros: str, compiler: Compiler) -> None:
    assert parse_macros(macros) == compiler


@pytest.mark.skipif(not shutil.which("gcc") or platform.system() != "Linux", reason="needs GCC")
def test_probe_reads_the_compiler_that_cxx_names() -> None:
    version = subprocess.run(["gcc", "-dumpversion"], capture_output=True, text=True, check=True).stdout
    machine = probe({"CC": "gcc", "CXX": "gcc"})
    assert machine.cxx == Compiler("gcc", int(version.split(".")[0]), "gcc")
    assert machine.system == "Linux"


@pytest.mark.skipif(platform.system() == "Windows", reason="Visual Studio needs no command")
def test_probe_finds_no_compiler_where_the_named_one_is_missing(tmp_path: Path) -> None:
    assert probe({"CXX": str(tmp_path / "no-such-compiler")}).cxx is None
