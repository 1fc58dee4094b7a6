"""The wheel that ships: built, looked into, installed, and asked."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import bootstrap
import pytest

ROOT = Path(__file__).resolve().parent.parent
MOST_BYTES = 100_000_000
OUTSIDE = dict(os.environ)
"""The environment before a test gets a home of its own: pip's settings may lie in the real one."""

STARTER = ("LICENSE", "NOTICE", "README.md", "mull-starter-135m-q4_0.gguf")


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Standard output of a command that must succeed."""
    answer = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, f"{command}\n{answer.stdout}\n{answer.stderr}"
    return answer.stdout


def tracked() -> list[str]:
    """What git tracks and is there; everything that is no product of tools where there is no git."""
    if (ROOT / ".git").exists():
        names = run("git", "ls-files", "-z", cwd=ROOT).split("\0")
        return [name for name in names if name and (ROOT / name).is_file()]
    skip = {".venv", "dist", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"}
    paths = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return [path.as_posix() for path in paths if not skip & set(path.parts)]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel, built from what git tracks plus a stray model file."""
    copy = tmp_path_factory.mktemp("source")
    for name in tracked():
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    for folder in ("models", "assistant", "tui", "models/starter"):
        (copy / folder).mkdir(parents=True, exist_ok=True)
        (copy / folder / "stray.gguf").write_bytes(b"GGUF")
    run(sys.executable, "-m", "build", "--outdir", copy / "dist", cwd=copy, env=OUTSIDE)
    return copy / "dist"


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    return next(dist.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel_names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def sdist_names(dist: Path) -> set[str]:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `mull` of an environment that has the wheel, and of this environment only the other packages."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home / "venv", with_pip=False)
    paths = sysconfig.get_paths("venv", vars={"base": str(home / "venv"), "platbase": str(home / "venv")})
    python = Path(paths["scripts"]) / ("python.exe" if sys.platform == "win32" else "python")
    run(
        *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel),
        cwd=home,
        env=OUTSIDE,
    )
    # a .pth adds the folder alone: the .pth files in it, an editable Mull's among them, are not read
    dependencies = Path(sysconfig.get_paths()["purelib"])
    (Path(paths["purelib"]) / "dependencies.pth").write_text(f"{dependencies}\n", encoding="utf-8")
    return Path(paths["scripts"]) / ("mull.exe" if sys.platform == "win32" else "mull")


@pytest.fixture
def project_of_the_user(tmp_path: Path) -> Path:
    """A working directory whose own folders have the names of ours and must not be imported."""
    for name in ("tui", "models", "prompts", "assistant"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the wrong package')\n")
    return tmp_path


@pytest.mark.wheel
@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"])
def test_sizes(dist: Path, kind: str) -> None:
    (file,) = dist.glob(kind)
    assert file.stat().st_size < MOST_BYTES


@pytest.mark.wheel
def test_wheel_has_one_top_level_package(wheel_names: set[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel_names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"assistant"}


@pytest.mark.wheel
def test_wheel_carries_every_tracked_file_of_the_package(wheel_names: set[str]) -> None:
    expected = set()
    for name in tracked():
        top = name.partition("/")[0]
        if top == "assistant":
            expected.add(name)
        elif top in {"tui", "models", "prompts"}:
            expected.add(f"assistant/{name}")
    assert expected <= wheel_names
    assert {f"assistant/models/starter/{name}" for name in STARTER} <= wheel_names
    assert "assistant/tui/__init__.py" in wheel_names


@pytest.mark.wheel
def test_wheel_carries_the_licences(wheel_names: set[str]) -> None:
    found = {name.partition(".dist-info/licenses/")[2] for name in wheel_names if "/licenses/" in name}
    assert found == {"LICENSE", "models/starter/LICENSE", "models/starter/NOTICE"}


@pytest.mark.wheel
def test_sdist_carries_every_tracked_file(sdist_names: set[str]) -> None:
    assert set(tracked()) <= sdist_names
    assert {"Makefile", "packaging/bootstrap.py", "tests/test_packaging.py"} <= sdist_names


@pytest.mark.wheel
def test_only_the_starter_model_ships(wheel_names: set[str], sdist_names: set[str]) -> None:
    model = "models/starter/mull-starter-135m-q4_0.gguf"
    assert {name for name in wheel_names if name.endswith(".gguf")} == {f"assistant/{model}"}
    assert {name for name in sdist_names if name.endswith(".gguf")} == {model}


@pytest.mark.wheel
def test_installed_wheel_tells_its_version(installed: Path, project_of_the_user: Path, wheel: Path) -> None:
    answer = run(installed, "--version", cwd=project_of_the_user)
    assert answer.split() == ["mull", wheel.name.split("-")[1]]


@pytest.mark.wheel
def test_installed_wheel_imports_its_own_packages(installed: Path, project_of_the_user: Path) -> None:
    script = (
        "import sys, assistant.tui.app, assistant.models, assistant.prompts;"
        "print(assistant.__file__, assistant.tui.__file__);"
        "print(*assistant.models.__path__, *assistant.prompts.__path__);"
        "assert not {'tui', 'models', 'prompts'} & set(sys.modules)"
    )
    # -P as the installed command has it: without the working directory on the path
    python = installed.with_name("python.exe" if sys.platform == "win32" else "python")
    places = run(python, "-P", "-c", script, cwd=project_of_the_user).split()
    home = str(installed.parent.parent.resolve())
    assert [place for place in places if not str(Path(place).resolve()).startswith(home)] == []


@pytest.mark.wheel
def test_installed_wheel_answers(installed: Path, project_of_the_user: Path) -> None:
    command = (installed, "ask", "347 * 28 + 19", "--think", "512", "--seed", "1")
    answer = run(*command, cwd=project_of_the_user)
    assert "9735" in re.sub(r"[,\s]", "", answer)


def test_recipes_are_no_package() -> None:
    """A packaging/__init__.py would hide PyPI's `packaging` from every tool that runs in the root."""
    assert not (ROOT / "packaging" / "__init__.py").exists()


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="asks git")
@pytest.mark.parametrize("name", ["models/new-family.toml", "prompts/new.md", "models/starter/NOTICE"])
def test_no_ignore_rule_hides_data_from_the_wheel(name: str) -> None:
    found = subprocess.run(["git", "check-ignore", "-q", name], cwd=ROOT, check=False)
    assert found.returncode == 1


def test_an_old_python_can_read_the_bootstrap() -> None:
    """It must get as far as the sentence that asks for a newer one."""
    text = (ROOT / "packaging" / "bootstrap.py").read_text(encoding="utf-8")
    ast.parse(text, feature_version=(3, 6))
    annotations = [
        annotation
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
        for annotation in (node.returns, *(argument.annotation for argument in node.args.args))
    ]
    assert annotations
    # evaluated when the function is defined, where list[str] fails before Python 3.9
    assert not [annotation for annotation in annotations if isinstance(annotation, ast.Subscript | ast.BinOp)]


def test_make_offers_every_command_of_the_bootstrap() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert targets
    assert set(targets[1].split()) == {*bootstrap.COMMANDS, "help"}


def test_llama_cpp_python_is_pinned_inside_the_range() -> None:
    """The tested release must be one that an installation from the registry may take."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    ranged = next(
        line for line in pyproject["project"]["dependencies"] if line.startswith("llama-cpp-python")
    )
    text = (ROOT / "packaging" / "llama.txt").read_text(encoding="utf-8")
    pinned = re.search(r"^llama-cpp-python==([\d.]+)$", text, re.MULTILINE)
    assert pinned
    lowest = re.search(r">=([\d.]+)", ranged)
    assert lowest
    assert as_numbers(pinned[1]) >= as_numbers(lowest[1])


def as_numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
