"""What the child process runs before the program: it gives up what the program must not have.

Run by its path with the limits as JSON, in an interpreter that knows nothing of this project.
"""

from __future__ import annotations

import builtins
import json
import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

_REFUSED = (
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty",
    "os.kill", "os.startfile", "pty.spawn", "os.symlink", "os.link", "os.chroot", "os.setxattr", "os.chown",
    "ctypes.", "resource.setrlimit", "resource.prlimit", "sqlite3.enable_load_extension",
    "sqlite3.load_extension", "syslog.", "winreg.", "_winapi.", "msvcrt.", "webbrowser.open",
    "signal.pthread_kill",
)  # fmt: skip
"""Beginnings of the events that are refused whatever they are about."""
_SOCKET_PAIR = "socket.__new__"
_CHANGES = (
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.chmod",
    "os.truncate",
    "os.utime",
    "os.chdir",
)
_LISTS = ("os.listdir", "os.scandir", "os.walk", "os.fwalk")
_MODULES = {"ctypes", "_ctypes", "_testcapi", "_testinternalcapi", "_xxsubinterpreters", "_interpreters"}
_DEVICES = ("/dev/null", "/dev/urandom", "/dev/random", "/dev/zero")
_ZONES = ("/usr/share/zoneinfo", "/etc/localtime")
_LIBRARIES = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", *_DEVICES)

_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_NO_NEW_PRIVILEGES = 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_FILE_RIGHTS = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF}
"""What Landlock can forbid, by its version; from 5 on also device control."""
_READ = 1 << 2 | 1 << 3
_IN_WORK = _READ | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 13 | 1 << 14
"""Read, write, move, remove and make files and folders; no links, devices, sockets, nothing to execute."""


def main() -> None:
    """Reads the program, closes the doors, runs it."""
    limits = json.loads(sys.argv[1])
    with open(limits["program"], encoding="utf-8", errors="surrogatepass") as file:
        source = file.read()
    walls = _leave_network()
    with open(limits["walls"], "w", encoding="utf-8") as file:
        file.write(" ".join(walls))
    _restrict_files(limits["work"], walls)
    _set_limits(limits, is_own_user="network" in walls)
    for name in [name for name in sys.modules if name.partition(".")[0] in _MODULES]:
        del sys.modules[name]
    sys.argv = ["program.py"]
    sys.path = [path for path in sys.path if path and path != os.path.dirname(os.path.abspath(__file__))]
    vars(builtins).update(exit=sys.exit, quit=sys.exit)  # what `site` does, which is not loaded
    _no_raw_processes()
    sys.addaudithook(_hook(os.path.realpath(limits["work"])))
    _execute(source)


def _execute(source: str) -> None:
    """Runs the program as `__main__`; its traceback begins in its own lines."""
    import linecache
    import types

    linecache.cache["program.py"] = (len(source), None, source.splitlines(keepends=True), "program.py")
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    try:
        exec(compile(source, "program.py", "exec"), module.__dict__)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - this is the program's own end, told as Python tells it
        _tell(error)
        sys.exit(1)


def _tell(error: BaseException) -> None:
    """Prints a traceback as Python does, without this file's frames."""
    shown: TracebackType | None = None
    frames = []
    trace = error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename != __file__:
            frames.append(trace)
        trace = trace.tb_next
    for frame in reversed(frames):
        shown = TracebackType(shown, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    try:
        import traceback

        traceback.print_exception(type(error), error.with_traceback(shown), shown)
    except (MemoryError, RecursionError, ImportError):
        sys.excepthook(type(error), error, shown)


def _set_limits(limits: dict[str, Any], is_own_user: bool) -> None:
    try:
        import resource
    except ImportError:
        return
    wanted = [
        ("RLIMIT_CORE", 0),
        ("RLIMIT_CPU", limits["cpu_s"]),
        ("RLIMIT_FSIZE", limits["file_bytes"]),
        ("RLIMIT_NOFILE", 64),
        ("RLIMIT_AS", limits["memory_bytes"]),
        # counted by user: with one's own there is room for threads, else there is no number that fits
        ("RLIMIT_NPROC", 32 if is_own_user else 0),
    ]
    for name, most in wanted:
        number = getattr(resource, name, None)
        if number is None:
            continue
        hard = resource.getrlimit(number)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(number, (most, most))
        except (ValueError, OSError):
            continue  # macOS refuses some


def _leave_network() -> list[str]:
    """Leaves the network behind where the kernel lets one, and tells which walls it offers."""
    if not sys.platform.startswith("linux"):
        return []
    try:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        walls = ["network"] if libc.unshare(_NEW_USER | _NEW_NET) == 0 else []
        version = libc.syscall(_CREATE_RULESET, None, 0, 1)
        return [*walls, "files"] if version > 0 and libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0 else walls
    except (ImportError, OSError, AttributeError):
        return []


def _restrict_files(work: str, walls: list[str]) -> None:
    """Landlock: from here on the kernel refuses files other than in `work` and the system's libraries."""
    if "files" not in walls:
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, 0, 1)
    handled = _FILE_RIGHTS.get(version, 0xFFFF)
    attributes = (ctypes.c_uint64 * 2)(handled, 3 if version >= 4 else 0)  # 3: bind and connect over TCP
    rules = libc.syscall(_CREATE_RULESET, attributes, 16 if version >= 4 else 8, 0)
    if rules < 0:
        raise OSError("the kernel refused the file rules that it offers")
    readable = {*_LIBRARIES, *_own_library()}
    rights = [(path, _READ if os.path.isdir(path) else 1 << 2) for path in readable]
    in_work = _IN_WORK & handled
    for path, allowed in [*rights, ("/dev/null", 1 << 1 | 1 << 2), (work, in_work)]:
        try:
            folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        rule = allowed.to_bytes(8, sys.byteorder) + folder.to_bytes(4, sys.byteorder)
        libc.syscall(_ADD_RULE, rules, 1, ctypes.create_string_buffer(rule, len(rule)), 0)
        os.close(folder)
    if libc.syscall(_RESTRICT_SELF, rules, 0) != 0:
        raise OSError("the kernel refused to keep to the file rules")
    os.close(rules)


def _own_library() -> list[str]:
    """The folders of Python's own library."""
    places = [os.path.dirname(os.__file__), *(path for path in sys.path if path and os.path.exists(path))]
    own = os.path.dirname(os.path.abspath(__file__))
    if sys.platform.startswith("win"):
        places += [sys.base_prefix]
    return [os.path.realpath(path) for path in places if os.path.realpath(path) != own]


def _no_raw_processes() -> None:
    """The one way to a process that tells no audit hook."""

    def refused(*_: object) -> None:
        raise PermissionError("the sandbox refuses other processes")

    try:
        import _posixsubprocess
    except ImportError:
        return
    vars(_posixsubprocess)["fork_exec"] = refused


def _hook(work: str) -> Callable[[str, tuple[Any, ...]], None]:
    """The audit hook; what it needs is bound here, where the program does not reach it by name."""
    realpath, fspath, separator = os.path.realpath, os.fspath, os.sep
    readable = (*_own_library(), *_ZONES, *_DEVICES)
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    unix = 1

    def refuse(event: str, what: object = "") -> None:
        raise PermissionError(f"the sandbox refuses {event} {what}".rstrip())

    def is_below(path: str, folders: tuple[str, ...]) -> bool:
        return any(path == folder or path.startswith(folder + separator) for folder in folders)

    def check(event: str, path: object, is_write: bool) -> None:
        if path is None or isinstance(path, int):
            return
        text = fspath(path)  # type: ignore[call-overload]
        name = text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else str(text)
        real = realpath(name)
        if not is_below(real, (work,)) and (is_write or not is_below(real, readable)) and real != "/dev/null":
            refuse(event, name)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments[:3]
            is_write = bool((flags or 0) & writing) if flags else bool(mode and set(str(mode)) & set("wax+"))
            check("to open", path, is_write)
        elif event == "import":
            if arguments[0].partition(".")[0] in _MODULES:
                refuse("the module", arguments[0])
        elif event.startswith("socket."):
            if event != _SOCKET_PAIR or arguments[1] != unix:
                refuse("the network:", event)
        elif event.startswith(_REFUSED):
            refuse(event)
        elif event in _CHANGES:
            for path in arguments[:2] if event == "os.rename" else arguments[:1]:
                check(event, path, is_write=True)
        elif event in _LISTS:
            check(event, arguments[0] if arguments[0] is not None else work, is_write=False)
        elif event == "sqlite3.connect" and arguments[0] != ":memory:":
            check(event, arguments[0], is_write=True)

    return hook


if __name__ == "__main__":
    main()
