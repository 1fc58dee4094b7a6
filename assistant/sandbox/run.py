"""Running a program in a child process that is kept in.

What holds the program in, from the firmest to the weakest:

* everywhere: a process of its own in an empty folder that is deleted afterwards, with an empty environment,
  killed with its process group when the time is up; its output is cut; Python's audit hook refuses network,
  other processes, ctypes, and files outside the folder (of the rest only Python's own library may be read);
* Linux and macOS: limits on CPU time, file sizes, open files and core dumps, on Linux on memory too;
* Linux, where the kernel grants it: a network namespace without a network, and Landlock, by which the kernel
  itself refuses files outside the folder. `Ran.walls` names what the kernel granted.

What it does not protect against: an attack on Python itself or on the kernel. An audit hook is no wall
against a program written to get around it, so without Landlock (macOS, Windows, old kernels) this keeps in a
model's mistakes and plain mischief, not malice. On Windows memory and CPU time are bounded by the time
limit alone; macOS does not keep to a memory limit. What system libraries need (/usr,
/etc/localtime) stays readable. A program that uses all of one core slows whatever else runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

MAX_OUTPUT_BYTES = 64 * 1024
"""Of each of the two streams that is handed back."""
_MAX_FILE_BYTES = 8 * 1024 * 1024
"""Of any file that the program writes, its output among them."""
_MEMORY_BYTES = 512 * 1024 * 1024
_GUARD = Path(__file__).with_name("guard.py")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended."""

    stdout: str
    """The beginning of what it printed."""
    stderr: str
    """The beginning of its error output, Python's traceback among it."""
    exit_code: int | None
    """Its exit status, negative for the signal that ended it; None if it was stopped for its time."""
    timed_out: bool
    """Whether it was stopped because its time was up."""
    is_cut: bool
    """Whether it wrote more than is handed back."""
    elapsed_s: float
    """Seconds from its start to its end."""
    walls: tuple[str, ...]
    """What the kernel granted to keep it in: "network", "files"."""

    @property
    def is_success(self) -> bool:
        """Whether it ended by itself without an error."""
        return self.exit_code == 0


def run_python(code: str, timeout_s: float = 5.0, memory_bytes: int = _MEMORY_BYTES, stdin: str = "") -> Ran:
    """Runs a Python program and waits for its end. Safe from any thread; it takes 50 ms or so to start.

    Args:
        code: the program's text.
        timeout_s: seconds after which it is killed, with all that it started.
        memory_bytes: most memory that it may map, Python's own 30 MB included.
        stdin: what it can read from its standard input.

    Raises:
        OSError: the temporary folder or the process could not be made.
    """
    with tempfile.TemporaryDirectory(prefix="mull-run-", ignore_cleanup_errors=True) as folder:
        root = Path(folder).resolve()
        (root / "work").mkdir()
        (root / "program").write_text(code, encoding="utf-8", errors="surrogatepass")
        (root / "stdin").write_text(stdin, encoding="utf-8", errors="replace", newline="")
        limits = {
            "program": str(root / "program"),
            "work": str(root / "work"),
            "walls": str(root / "walls"),
            "cpu_s": int(timeout_s) + 2,
            "memory_bytes": memory_bytes,
            "file_bytes": _MAX_FILE_BYTES,
        }
        started = time.monotonic()
        exit_code = _run(root, limits, timeout_s)
        elapsed = time.monotonic() - started
        (stdout, out_is_cut), (stderr, err_is_cut) = _beginning(root / "stdout"), _beginning(root / "stderr")
        walls = _walls(root / "walls")
    return Ran(stdout, stderr, exit_code, exit_code is None, out_is_cut or err_is_cut, elapsed, walls)


def _run(root: Path, limits: dict[str, object], timeout_s: float) -> int | None:
    """The exit status, or None after `timeout_s`."""
    work = str(root / "work")
    command = [sys.executable, "-P", "-s", "-S", "-B", "-X", "utf8", str(_GUARD), json.dumps(limits)]
    with (
        (root / "stdin").open("rb") as stdin,
        (root / "stdout").open("wb") as stdout,
        (root / "stderr").open("wb") as stderr,
    ):
        child = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=work,
            env=_environment(work),
            start_new_session=os.name == "posix",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        try:
            return _wait(child, timeout_s, (root / "stdout", root / "stderr"))
        finally:
            _kill(child)


def _wait(child: subprocess.Popen[bytes], timeout_s: float, outputs: tuple[Path, ...]) -> int | None:
    """Waits in short steps, so that output is bounded also where the system does not limit files."""
    deadline = time.monotonic() + timeout_s
    while (left := deadline - time.monotonic()) > 0:
        if _is_over(child, min(left, 0.5)):
            return child.wait()
        if any(path.stat().st_size > 2 * _MAX_FILE_BYTES for path in outputs):
            _kill(child)
            return child.wait()
    return child.poll()


def _is_over(child: subprocess.Popen[bytes], timeout_s: float) -> bool:
    """Whether the child ends within `timeout_s`; on Linux without `wait`'s naps of up to 50 ms."""
    if sys.platform == "linux":
        try:
            watch = os.pidfd_open(child.pid)
        except OSError:
            watch = -1
        if watch >= 0:
            try:
                return bool(select.select([watch], [], [], timeout_s)[0])
            except ValueError:
                pass  # a number that select does not take
            finally:
                os.close(watch)
    try:
        child.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def _kill(child: subprocess.Popen[bytes]) -> None:
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    if child.poll() is None:
        child.kill()
    child.wait()


def _environment(work: str) -> dict[str, str]:
    """Nothing of the user's; sets print in the same order in every run."""
    kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    return {**kept, "PYTHONHASHSEED": "0", "HOME": work, "TMPDIR": work, "TEMP": work, "TMP": work}


def _beginning(path: Path) -> tuple[str, bool]:
    """A stream's beginning, and whether there is more."""
    with path.open("rb") as file:
        data = file.read(MAX_OUTPUT_BYTES + 1)
    text = data[:MAX_OUTPUT_BYTES].decode("utf-8", errors="replace")
    return text.replace("\r\n", "\n"), len(data) > MAX_OUTPUT_BYTES


def _walls(path: Path) -> tuple[str, ...]:
    try:
        return tuple(path.read_text(encoding="utf-8").split())
    except OSError:
        return ()
