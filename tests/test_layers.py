"""The boundaries that docs/ARCHITECTURE.md draws, proved on the text and in fresh interpreters."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 50

IO_MODULES = {"llama_cpp", "textual", "sqlite3", "socket", "subprocess", "multiprocessing", "http.client"}
PURE = (
    *(
        "answers",
        "difficulty",
        "effort",
        "limits",
        "plans",
        "policy",
        "profile",
        "reasons",
        "judge",
        "query",
        "control",
    ),
    *("codeblocks", "formulas.finding", "formulas.readable"),
    *("strategies", "engine.scheduler", "engine.thinking", "engine.messages"),
    *("store.tree", "store.titles", "store.titling", "store.matching"),
    *("hardware.machine", "hardware.memory", "hardware.requirements", "hardware.fit", "hardware.widening"),
    "hardware.expected",
    *("catalog.offers", "catalog.outline", "catalog.ranking", "download.source", "download.meter"),
    *("diagnosis.facts", "diagnosis.findings", "diagnosis.words"),
)


def sources(*folders: str) -> list[Path]:
    """The Python files of these folders, in order."""
    found = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    assert found, f"no Python files in {folders}"
    return found


def imports(path: Path) -> Iterator[str]:
    """The dotted names that a file imports anywhere, in functions and `import_module` too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=module, names=names, level=0) if module:
                yield from (f"{module}.{name.name}" for name in names)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__"), args=[ast.Constant(value=str(name)), *_]
            ):
                yield name
            case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name)), *_]):
                yield name


def who_imports(package: str, *folders: str) -> set[str]:
    """The files that import `package` or something in it, relative to the repository's root."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in sources(*folders)
        if any(name == package or name.startswith(f"{package}.") for name in imports(path))
    }


def loaded_by(*modules: str) -> set[str]:
    """The modules in `sys.modules` after importing these in an interpreter of its own."""
    script = (
        "import importlib, json, sys\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, *modules], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return set(json.loads(answer.stdout))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_imports_are_found_wherever_they_hide(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "import one.two\n"
        "from three import four\n"
        "from . import five\n"
        "def late():\n"
        "    import six\n"
        "    import_module('seven')\n"
        "    importlib.import_module('eight')\n"
        "    __import__('nine')\n"
    )
    assert set(imports(path)) == {"one.two", "three.four", "six", "seven", "eight", "nine"}


def test_nothing_but_the_screens_loads_textual() -> None:
    names = [module_name(path) for path in sources("assistant") if path.name != "__main__.py"]
    assert {"assistant", "assistant.cli", "assistant.session"} <= set(names)
    assert "textual" not in loaded_by(*names)


def test_the_screens_do_load_textual() -> None:
    assert "textual" in loaded_by("assistant.tui.app")


@pytest.fixture(scope="module")
def of_events() -> set[str]:
    """What the event types load by themselves: pydantic brings modules that could do I/O."""
    return loaded_by("assistant.events")


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_load_nothing_that_does_io(name: str, of_events: set[str]) -> None:
    assert not (loaded_by(f"assistant.{name}") - of_events) & IO_MODULES


def test_pure_modules_import_nothing_that_does_io() -> None:
    files = [ROOT / "assistant" / f"{name.replace('.', '/')}.py" for name in PURE if name != "strategies"]
    names = {name for path in [*files, *sources("assistant/strategies")] for name in imports(path)}
    assert not {
        name for name in names if name.partition(".")[0] in {io.partition(".")[0] for io in IO_MODULES}
    }


def test_every_strategy_is_pure(of_events: set[str]) -> None:
    names = [module_name(path) for path in sources("assistant/strategies")]
    assert not (loaded_by(*names) - of_events) & IO_MODULES


def test_the_command_line_loads_neither_model_nor_settings_for_its_help() -> None:
    heavy = {"llama_cpp", "textual", "pydantic", "numpy", "huggingface_hub", "httpx2"}
    assert not loaded_by("assistant.cli") & heavy


def test_only_one_module_knows_llama_cpp() -> None:
    assert who_imports("llama_cpp", "assistant", "tui") == {"assistant/engine/llama.py"}


def test_only_one_module_knows_the_network() -> None:
    for package in ("huggingface_hub", "httpx2", "urllib.request", "http.client", "socket", "requests"):
        assert who_imports(package, "assistant", "tui") <= {"assistant/download/web.py"}, package


def test_the_network_is_not_loaded_before_it_is_used() -> None:
    names = [module_name(path) for path in sources("assistant", "tui") if path.name != "__main__.py"]
    loaded = loaded_by(*(f"assistant.{name}" if name.startswith("tui") else name for name in names))
    assert not loaded & {"huggingface_hub", "httpx2", "requests"}


def test_only_the_command_line_knows_the_screens() -> None:
    knowing = who_imports("assistant.tui", "assistant")
    assert {path for path in knowing if not path.startswith("assistant/cli/")} == set()


def test_textual_is_imported_by_the_screens_alone() -> None:
    assert who_imports("textual", "assistant") == set()


def test_screens_are_never_imported_by_their_bare_name() -> None:
    assert who_imports("tui", "assistant", "tui", "tests") == set()
    assert "tui" not in loaded_by("assistant.tui.app")


def test_only_front_ends_keep_conversations() -> None:
    """What is evaluated, measured or answered for a program leaves no trace in the user's history."""
    knowing = {path for path in who_imports("assistant.store", "assistant") if "/store/" not in path}
    knowing -= {"assistant/diagnosis/look.py"}  # looks whether the file is in order
    assert {path for path in knowing if not path.startswith("assistant/cli/")} == set()
    assert not {f"assistant/cli/{name}.py" for name in ("eval", "calibrate")} & knowing


def test_files_are_short() -> None:
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources("assistant", "tui")
    }
    too_long = [
        f"{path.relative_to(ROOT)}: {n} lines" for path, n in lengths.items() if n > MOST_LINES_OF_A_FILE
    ]
    assert not too_long, "\n".join(too_long)


def test_functions_are_short() -> None:
    too_long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {n} lines"
        for path in sources("assistant", "tui")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (n := (node.end_lineno or node.lineno) - node.lineno + 1) > MOST_LINES_OF_A_FUNCTION
    ]
    assert not too_long, "\n".join(too_long)


def test_only_the_command_line_prints() -> None:
    printing = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources("assistant", "tui")
        if "cli" not in path.relative_to(ROOT).parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not printing, "\n".join(printing)
