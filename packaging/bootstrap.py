"""Make .venv, install Mull into it, and run a command there; the Makefile is a thin front of this.

    python packaging/bootstrap.py run [arguments of mull]
    python packaging/bootstrap.py install | test | check | format | build | clean
    python packaging/bootstrap.py bench | bench-policy | bench-tui

Standard library only. It runs on Python 3.6 up to the point where that is told that it is too old.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from build_flags import Machine

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
RECORD = VENV / "mull-install.json"
"""What was installed, and from what: an unchanged answer skips the work."""

OLDEST = (3, 11)
BUILD_VARIABLES = (
    *("MULL_BACKEND", "MULL_CMAKE_ARGS", "MULL_PREBUILT", "MULL_WHEEL_INDEX"),
    *("CMAKE_ARGS", "CC", "CXX", "CFLAGS", "CXXFLAGS", "CUDACXX"),
)


class BootstrapError(Exception):
    """One sentence that says what is wrong, and one that says what to do."""


def use_newer_python() -> None:
    """Go on in a newer Python if this one is too old.

    Raises:
        BootstrapError: there is none.
    """
    if sys.version_info >= OLDEST:
        return
    for minor in range(20, OLDEST[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer and subprocess.call([newer, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            sys.exit(subprocess.call([newer, *sys.argv]))
    here = ".".join(str(part) for part in sys.version_info[:2])
    raise BootstrapError(
        f"Mull needs Python 3.11 or newer, and this is {here} ({sys.executable}). "
        "Install a newer one, or name it: PYTHON=/path/to/python3.12 make run"
    )


def environment() -> "dict[str, str]":
    """This process's environment without what would leak into pip or the compiler."""
    env = dict(os.environ)
    # make's own variables would tie a build by make to this make's job server; SOURCE_DATE_EPOCH makes
    # llama.cpp compile for an old processor instead of this one.
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "SOURCE_DATE_EPOCH", "PYTHONHOME", "PYTHONPATH"):
        env.pop(name, None)
    env.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1", PIP_USER="0")
    return env


def read_record() -> "dict[str, Any]":
    """What is installed; empty if nothing is, or if an installation was cut short."""
    try:
        record = json.loads(RECORD.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) and PYTHON.exists() else {}


def write_record(**facts: object) -> None:
    record = {**read_record(), **facts}
    RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def pip(*arguments: str, env: "dict[str, str] | None" = None) -> bool:
    """Whether `pip install` with these arguments went well; its own messages go to the terminal."""
    command = [str(PYTHON), "-m", "pip", "install", *arguments]
    return subprocess.call(command, cwd=ROOT, env={**environment(), **(env or {})}) == 0


def make_venv() -> None:
    """Make .venv, or make it anew if it does not work.

    Raises:
        BootstrapError: this Python cannot make one.
    """
    works = [str(PYTHON), "-c", "import pip"]
    if PYTHON.exists() and subprocess.call(works, env=environment(), stderr=subprocess.DEVNULL) == 0:
        return
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        version = "{}.{}".format(*sys.version_info)
        raise BootstrapError(
            "This Python cannot make a virtual environment. "
            f"On Debian or Ubuntu: sudo apt install python{version}-venv"
        ) from None
    print("Making .venv ...", flush=True)
    if subprocess.call([sys.executable, "-m", "venv", "--clear", str(VENV)], env=environment()) != 0:
        raise BootstrapError(f"Python could not make {VENV}. Its own message stands above.")


def requirement() -> str:
    """The tested release of llama-cpp-python."""
    lines = (ROOT / "packaging" / "llama.txt").read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line and not line.startswith("#"))


def installed_build() -> "tuple[bool, str] | None":
    """What the installed llama.cpp says of itself: whether it has GPU code, and its system line.

    None if it is not there or does not load, in a process of its own because it may crash.
    """
    ask = (
        "import llama_cpp as l;"
        "print(int(l.llama_supports_gpu_offload()), l.llama_print_system_info().decode())"
    )
    answer = subprocess.run(
        [str(PYTHON), "-c", ask], cwd=VENV, env=environment(), capture_output=True, text=True, check=False
    )
    words = answer.stdout.strip().splitlines()
    if answer.returncode != 0 or not words:
        return None
    return words[-1][0] == "1", words[-1][2:]


def build_wishes(before: "dict[str, Any]") -> "dict[str, str]":
    """What the user asks of the build of llama.cpp; a variable that is not set keeps its earlier value."""
    kept: dict[str, str] = before.get("asked", {})
    return {**kept, **{name: os.environ[name] for name in BUILD_VARIABLES if name in os.environ}}


def install(with_tools: bool) -> None:
    """Bring .venv up to date: llama-cpp-python, Mull itself, and the tools of development if wanted.

    Raises:
        BootstrapError: a step failed.
    """
    record = read_record()
    before: dict[str, Any] = record.get("llama", {})
    asked = build_wishes(before)
    has_llama = before.get("requirement") == requirement() and before.get("asked") == asked
    project = digest("pyproject.toml", "packaging/constraints.txt")
    if has_llama and record.get("project") == project and (record.get("tools") == project or not with_tools):
        return
    make_venv()
    if has_llama:
        install_project(with_tools)
    else:
        install_all_parts(before, asked, with_tools)
    write_record(project=project, **({"tools": project} if with_tools else {}))


def install_all_parts(before: "dict[str, Any]", asked: "dict[str, str]", with_tools: bool) -> None:
    """Install llama-cpp-python, unless what is asked now comes to the same build as `before`, and the rest.

    Raises:
        BootstrapError: a step failed.
    """
    import build_flags

    machine = build_flags.probe(asked)
    choice = build_flags.choose(machine, asked)
    index = asked.get("MULL_WHEEL_INDEX") or build_flags.wheel_index(machine, choice.backend)
    llama = {
        "requirement": requirement(),
        "flags": build_flags.flags(machine, asked),
        "index": index if build_flags.is_prebuilt(asked) else "",
    }
    print(f"llama.cpp will run on: {choice.reason}", flush=True)
    if all(before.get(name) == value for name, value in llama.items()):
        install_project(with_tools)
    else:
        is_kept = not before and not asked and is_right(machine, asked)
        if not is_kept:
            install_llama(machine, asked, str(llama["index"]))
            write_record(llama={})
        install_project(with_tools)
        check_llama(machine, asked)
    write_record(llama={**llama, "asked": asked})


def digest(*names: str) -> str:
    """A fingerprint of these files and of the checkout's place, which the installed scripts name."""
    parts = [str(ROOT).encode(), *((ROOT / name).read_bytes() for name in names)]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def install_llama(machine: "Machine", asked: "dict[str, str]", index: str) -> None:
    """Install llama-cpp-python without its dependencies: a compiled wheel from `index`, or compiled here.

    Raises:
        BootstrapError: it did not compile, or there is no such wheel.
    """
    import build_flags

    if not index:
        # pip's cache knows nothing of flags: only a build with this machine's own may come out of it
        own = build_flags.flags(machine) == build_flags.flags(machine, asked)
        compile_llama(machine, asked, use_cache=own)
    elif not pip(*prebuilt_arguments(index)):
        raise BootstrapError(f"No compiled wheel at {index} fits. MULL_PREBUILT=0 compiles one.")


def prebuilt_arguments(index: str) -> "list[str]":
    name = requirement().partition("=")[0]
    ranged = next(line for line in pyproject()["project"]["dependencies"] if line.startswith(name))
    return ["--no-deps", "--force-reinstall", "--only-binary", name, "--extra-index-url", index, ranged]


def compile_llama(machine: "Machine", asked: "dict[str, str]", use_cache: bool) -> None:
    """Compile llama-cpp-python, or take an earlier build of it from pip's cache.

    Raises:
        BootstrapError: there is no compiler, or it failed.
    """
    import build_flags

    build_flags.require_compiler(machine)
    print("Compiling llama.cpp for this machine, once: about five minutes on two cores ...", flush=True)
    fresh = () if use_cache else ("--no-cache-dir", "--no-binary", "llama-cpp-python")
    n_jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL") or str(os.cpu_count() or 1)
    env = {**asked, "CMAKE_BUILD_PARALLEL_LEVEL": n_jobs, **build_flags.flags(machine, asked)}
    if not pip("--no-deps", "--force-reinstall", *fresh, requirement(), env=env):
        raise BootstrapError(
            "llama-cpp-python did not compile; the compiler's message stands above. "
            "MULL_PREBUILT=1 takes a compiled wheel instead."
        )


def is_right(machine: "Machine", asked: "dict[str, str]") -> bool:
    """Whether the installed llama.cpp loads and is the build that would be compiled now."""
    import build_flags

    build = installed_build()
    return build is not None and build_flags.fits(machine, asked, *build)


def check_llama(machine: "Machine", asked: "dict[str, str]") -> None:
    """Compile again, past pip's cache, if the cache held a build for another machine or with other flags.

    Raises:
        BootstrapError: llama.cpp does not load, or is not what was asked for.
    """
    import build_flags

    if is_right(machine, asked):
        return
    if not build_flags.is_prebuilt(asked):
        print("The llama.cpp in pip's cache was compiled for something else.", flush=True)
        compile_llama(machine, asked, use_cache=False)
        if is_right(machine, asked):
            return
    raise BootstrapError(
        "The installed llama.cpp does not load on this machine, or lacks the backend asked for. "
        "A compiled CUDA wheel needs the CUDA runtime of its version; "
        "MULL_PREBUILT=0 MULL_BACKEND=cpu compiles one that runs anywhere."
    )


def pyproject() -> "dict[str, Any]":
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def install_project(with_tools: bool) -> None:
    """Install Mull itself, editable, and the tools of development if wanted.

    Raises:
        BootstrapError: pip failed.
    """
    tools = pyproject()["dependency-groups"]["dev"] if with_tools else []
    print("Installing Mull and what it needs ...", flush=True)
    if not pip("--quiet", "-c", "packaging/constraints.txt", "-e", ".", *tools):
        raise BootstrapError(
            "pip could not install what Mull needs; its message stands above. "
            "See that the package registry is in reach, and try again."
        )


def python(*arguments: str) -> int:
    """The exit code of the virtual environment's Python."""
    return subprocess.call([str(PYTHON), *arguments], cwd=ROOT, env=environment())


def run(arguments: "list[str]") -> int:
    """Open the chat, or whatever these arguments of `mull` ask for."""
    install(with_tools=False)
    mull = str(BIN / "mull")
    if os.name != "nt":
        os.execv(mull, [mull, *arguments])
    return subprocess.call([mull, *arguments])


def test(arguments: "list[str]") -> int:
    """Run the tests."""
    install(with_tools=True)
    return python("-m", "pytest", *arguments)


def check(arguments: "list[str]") -> int:
    """Formatting, lint, types, and the boundaries between the layers."""
    install(with_tools=True)
    steps = (
        ("ruff", "format", "--check", "."),
        ("ruff", "check", "."),
        ("mypy",),
        ("pytest", "-q", "tests/test_layers.py"),
    )
    stubs = python(str(ROOT / "packaging" / "nested_types.py"))
    return stubs or next(filter(None, (python("-m", *step, *arguments) for step in steps)), 0)


def format_code(arguments: "list[str]") -> int:
    """Format the code and mend what the linter can mend."""
    install(with_tools=True)
    return python("-m", "ruff", "format", ".") or python("-m", "ruff", "check", "--fix", ".", *arguments)


BENCHES = {"bench": "run.py", "bench-policy": "policy.py", "bench-tui": "tui.py"}


def bench(arguments: "list[str]") -> int:
    """Measure the engine, what choosing per query buys, or the chat."""
    install(with_tools=True)
    return python(f"tests/bench/{BENCHES[sys.argv[1]]}", *arguments)


def build(arguments: "list[str]") -> int:
    """Build the wheel and the sdist into dist/."""
    install(with_tools=True)
    return python("-m", "build", *arguments)


def install_all(arguments: "list[str]") -> int:
    """Install Mull and the tools of development, and run nothing."""
    install(with_tools=True)
    return 0


def clean(arguments: "list[str]") -> int:
    """Remove .venv, dist/ and the tools' caches."""
    for name in (".venv", "dist", "build", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"):
        shutil.rmtree(ROOT / name, ignore_errors=True)
    return 0


COMMANDS = {
    "run": run,
    "install": install_all,
    "test": test,
    "check": check,
    **dict.fromkeys(BENCHES, bench),
    "format": format_code,
    "build": build,
    "clean": clean,
}


def main() -> int:
    """The exit code of the command named on the command line."""
    name, arguments = (sys.argv[1:2] or ["help"])[0], sys.argv[2:]
    if name not in COMMANDS:
        for command, function in COMMANDS.items():
            print("{:12} {}".format(command, (function.__doc__ or "").splitlines()[0]))
        return 0 if name == "help" else 2
    if arguments and name in {"install", "clean"}:
        print(f"{name} takes no arguments.", file=sys.stderr)
        return 2
    try:
        use_newer_python()
    except BootstrapError as stop:
        sys.exit(str(stop))
    from build_flags import BuildError

    try:
        return COMMANDS[name](arguments)
    except (BootstrapError, BuildError) as stop:
        print(stop, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
