"""What llama.cpp and its backends write, read for the reason of a failure. Pure."""

from __future__ import annotations

from typing import Final

MEMORY_SIGNS: Final = (
    " out of memory",
    "bad_alloc",
    "insufficient memory",
    "failed to allocate",
    "unable to allocate",
    "cudaMalloc failed",
    "ErrorOutOfDeviceMemory",
    "MemoryError",
)
"""What llama.cpp, its backends, C++ and Python write when memory has run out."""
_KEPT: Final = 60


class Messages:
    """The last lines that were written."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        """Keep a line, if it says anything."""
        if line.strip(" .\n"):
            self.lines = [*self.lines[-_KEPT:], line.strip()]

    def failure(self) -> str:
        """llama.cpp's reason, as far as it gave one."""
        said = [line for line in self.lines if "error" in line.lower() or "failed" in line.lower()]
        reason = said[0].rpartition("error loading model: ")[2] if said else "it gave no reason"
        return " ".join(reason.split()).rstrip(".")

    def is_memory(self) -> bool:
        """Whether memory was what ran out."""
        return any(sign in line for line in self.lines for sign in MEMORY_SIGNS)
