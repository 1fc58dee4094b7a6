"""Programs that should not get far."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from assistant.sandbox.run import MAX_OUTPUT_BYTES, Ran, run_python

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's walls are Linux's")


def refused(code: str) -> Ran:
    """A program that must end with a refusal, told in Python's own words."""
    ran = run_python(code)
    assert ran.exit_code == 1, ran
    assert "Error" in ran.stderr.splitlines()[-1], ran
    return ran


def test_a_program_runs_with_its_input() -> None:
    ran = run_python("import sys; print(input()); print(sys.stdin.read(), end='')", stdin="größer\n雪\n")
    assert (ran.stdout, ran.stderr, ran.exit_code) == ("größer\n雪\n", "", 0)
    assert ran.is_success
    assert not ran.timed_out
    assert not ran.is_cut
    assert ran.elapsed_s > 0


def test_its_traceback_is_its_own() -> None:
    ran = run_python("def f():\n    return 1 / 0\n\nprint('before')\nf()\n")
    assert ran.stdout == "before\n"
    assert ran.stderr.startswith(
        'Traceback (most recent call last):\n  File "program.py", line 5, in <module>\n'
    )
    assert "    return 1 / 0\n" in ran.stderr
    assert ran.stderr.endswith("ZeroDivisionError: division by zero\n")
    assert "guard" not in ran.stderr


def test_a_syntax_error_is_shown_with_its_line() -> None:
    ran = run_python("x = (1,\n")
    assert ran.exit_code == 1
    assert "'(' was never closed" in ran.stderr
    assert "x = (1," in ran.stderr


@pytest.mark.parametrize(("code", "status"), [("import sys; sys.exit(3)", 3), ("exit()", 0), ("quit(2)", 2)])
def test_it_may_end_itself(code: str, status: int) -> None:
    assert run_python(code).exit_code == status


def test_an_infinite_loop_ends() -> None:
    ran = run_python("print('in', flush=True)\nwhile True: pass", timeout_s=1.0)
    assert ran.timed_out
    assert ran.exit_code is None
    assert ran.stdout == "in\n"


def test_no_except_outlives_the_time() -> None:
    code = "import signal\nfor s in (signal.SIGTERM, signal.SIGINT): signal.signal(s, signal.SIG_IGN)\n"
    code += "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    assert run_python(code, timeout_s=1.0).timed_out


@LINUX
def test_a_memory_bomb_bursts() -> None:
    assert "MemoryError" in refused("x = [0] * 10**10").stderr
    assert "MemoryError" in refused("x = []\nwhile True: x.append('a' * 10**6)").stderr


@pytest.mark.parametrize(
    "code",
    [
        "import os\nwhile True: os.fork()",
        "import os\nos.system('true')",
        "import os\nos.execv('/bin/true', ['true'])",
        "import os, sys\nos.posix_spawn(sys.executable, [sys.executable], {})",
        "import subprocess\nsubprocess.run(['true'])",
        "import multiprocessing\nmultiprocessing.get_context('fork').Process(target=print).start()",
        "from concurrent.futures import ProcessPoolExecutor\nProcessPoolExecutor(1).submit(print)",
        "import _posixsubprocess\n_posixsubprocess.fork_exec(*[None] * 23)",
        "import os\nos.kill(os.getppid(), 9)",
    ],
)
def test_no_other_process(code: str) -> None:
    if os.name != "posix":
        pytest.skip("these calls are POSIX's")
    refused(code)


@pytest.mark.parametrize("name", ["outside.txt", "../outside.txt", "../program"])
def test_nothing_is_written_outside(name: str, tmp_path: Path) -> None:
    target = name if name.startswith("..") else str(tmp_path / name)
    for way in (f"open({target!r}, 'w')", f"import os; os.open({target!r}, os.O_CREAT | os.O_WRONLY)"):
        assert "the sandbox refuses" in refused(way).stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "code", ["os.remove({0!r})", "os.rename({0!r}, 'mine')", "os.chmod({0!r}, 0)", "os.truncate({0!r}, 0)"]
)
def test_nothing_outside_is_changed(code: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    refused(f"import os; {code.format(str(file))}")
    assert file.read_text() == "kept"


@pytest.mark.parametrize("way", ["open({0!r}).read()", "__import__('sqlite3').connect({0!r})"])
def test_nothing_of_the_users_is_read(way: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    assert "the sandbox refuses" in refused(way.format(str(secret))).stderr
    refused(f"import os; os.symlink({str(secret)!r}, 'link'); print(open('link').read())")
    refused(f"import os; os.listdir({str(tmp_path)!r})")


def test_it_may_write_in_its_own_folder() -> None:
    code = "import os, tempfile\nos.mkdir('d')\nopen('d/a', 'w').write('x')\n"
    code += "print(open('d/a').read(), os.listdir())\n"
    code += "os.rename('d/a', 'b'); os.remove('b')\nprint(tempfile.TemporaryFile().write(b'xy'))"
    assert run_python(code).stdout == "x ['d']\n2\n", run_python(code)


def test_the_environment_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_USER", "secret")
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    ran = run_python("import os, sys\nprint(dict(os.environ), sys.argv, sys.path)")
    assert "secret" not in ran.stdout.lower()
    assert os.getcwd() not in ran.stdout
    assert "assistant" not in run_python("import sys; print(sorted(sys.modules), sys.path)").stdout


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.socket()",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import socket; socket.getaddrinfo('localhost', 80)",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')",
        "import http.client; http.client.HTTPConnection('127.0.0.1', 9).connect()",
    ],
)
def test_there_is_no_network(code: str) -> None:
    assert "the sandbox refuses the network" in refused(code).stderr


@pytest.mark.parametrize("name", ["ctypes", "_ctypes", "numpy", "assistant"])
def test_modules_that_are_out_of_reach(name: str) -> None:
    refused(f"import {name}")


def test_what_answers_commonly_import_is_there() -> None:
    names = (
        "math re collections itertools functools heapq bisect json random datetime decimal fractions "
        "string statistics typing dataclasses hashlib copy time operator enum abc sys os io unittest doctest "
        "asyncio threading"
    )
    code = f"import {', '.join(names.split())}\nasync def f(): print('async')\nasyncio.run(f())\n"
    code += "t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()\n"
    ran = run_python(
        code + "print(hashlib.sha256(b'').hexdigest()[:4], datetime.date(2024, 1, 31))", timeout_s=20
    )
    assert (ran.stdout, ran.stderr) == ("async\nthread\ne3b0 2024-01-31\n", "")


def test_giant_output_is_cut() -> None:
    ran = run_python("while True: print('x' * 10**5)", timeout_s=20)
    assert ran.is_cut
    assert len(ran.stdout) == MAX_OUTPUT_BYTES
    assert not ran.timed_out
    assert run_python(f"print('x' * {MAX_OUTPUT_BYTES - 1})").is_cut is False


def test_output_may_be_no_text() -> None:
    ran = run_python("import sys; sys.stdout.buffer.write(b'\\xff\\x00ok')")
    assert ran.stdout == "\ufffd\x00ok"


def test_a_program_may_be_no_text() -> None:
    assert run_python("print('\ud800')").exit_code == 1
    assert run_python("\x00").exit_code == 1
    assert run_python("").exit_code == 0


def test_endless_recursion_is_an_error() -> None:
    assert refused("def f(): f()\nf()").stderr.endswith("RecursionError: maximum recursion depth exceeded\n")


def test_a_crash_is_only_the_childs() -> None:
    ran = run_python("import faulthandler\nprint('so far', flush=True)\nfaulthandler._sigsegv()")
    assert ran.stdout == "so far\n"
    assert not ran.is_success
    assert not ran.timed_out


def test_its_folder_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = run_python("import os; open('left', 'w'); print(os.getcwd())").stdout.strip()
    assert Path(folder).is_relative_to(tmp_path.resolve())
    assert list(tmp_path.iterdir()) == []


@LINUX
def test_the_kernel_refuses_too_where_it_can(tmp_path: Path) -> None:
    """The audit hook is got around as a hostile program would; then only the kernel's walls are left."""
    if "files" not in run_python("").walls:
        pytest.skip("this kernel has no Landlock")
    (tmp_path / "secret").write_text("secret")
    code = "import gc\nname = '_hook.<locals>.hook'\n"
    code += "hook = next(o for o in gc.get_objects() if getattr(o, '__qualname__', '') == name)\n"
    code += "cells = dict(zip(hook.__code__.co_freevars, hook.__closure__))\n"
    code += "cells['check'].cell_contents = lambda *a, **k: None\n"
    code += f"print(open({str(tmp_path / 'secret')!r}).read())"
    ran = refused(code)
    assert "Permission denied" in ran.stderr
    assert "the sandbox refuses" not in ran.stderr
