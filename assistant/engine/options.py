"""How a model is loaded; also what the child process is told and what a cured crash is remembered by."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Everything that llama.cpp is given at load time, in its own spelling."""

    path: str
    """The GGUF file; of a split one, its first part."""
    n_ctx: int = 0
    """Context in tokens, shared by all sequences; 0 takes the model's own up to 8,192."""
    n_batch: int = 512
    """Tokens computed at a time."""
    n_seq_max: int = 8
    """Sequences that can run side by side."""
    n_threads: int = 0
    """CPU threads; 0 takes those that this process may use."""
    n_gpu_layers: int = -1
    """Layers on the GPU; -1 all, 0 none."""
    use_extra_bufts: bool = True
    """Repacked weights: a third faster on CPUs, and the first thing to give up after a crash."""
    flash_attn: bool = True
    """Let llama.cpp use flash attention where it can."""


def usable_threads() -> int:
    """CPUs that this process may run on; half of them where there are many, as they share cores."""
    n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return n if n <= 4 else max(4, n // 2)
