"""Starts Mull in a pseudo terminal, as `mull` does, and prints the seconds to its first frame."""

from __future__ import annotations

import os
import pty
import struct
import subprocess
import sys
import tempfile
import time
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

ROOT = Path(__file__).resolve().parents[2]
MARK = b"Ask anything"
"""What the first frame has, and nothing before it."""


def first_paint() -> float:
    """Seconds from the start of the process to the first frame."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "MULL_HOME": home, "TERM": "xterm-256color"}
        started = time.perf_counter()
        mull = subprocess.Popen(
            [sys.executable, "-m", "assistant"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        shown = b""
        while MARK not in shown:
            shown += os.read(ours, 1 << 16)
        seconds = time.perf_counter() - started
        mull.kill()
        mull.wait()
    os.close(ours)
    return seconds


if __name__ == "__main__":
    print(f"{first_paint():.3f}")
