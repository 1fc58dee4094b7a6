"""How a model is loaded; also what the child process is told and what a cured crash is remembered by."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from assistant.config import Settings

IDLE_SLOTS: Final = 2
"""Sequences beyond the user's samples, which keep the beginnings of earlier conversations."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Everything that llama.cpp is given at load time, in its own spelling."""

    path: str
    """The GGUF file; of a split one, its first part."""
    n_ctx: int = 0
    """Context in tokens, shared by all sequences; 0 leaves it to the planner, or takes the model's own up to
    8,192 where nothing is planned."""
    n_batch: int = 512
    """Tokens computed at a time; 0 leaves it to the planner."""
    n_seq_max: int = 8
    """Sequences that can run side by side; 0 leaves it to the planner."""
    n_threads: int = 0
    """CPU threads; 0 takes those that this process may use."""
    n_gpu_layers: int = -1
    """Layers on the GPU; -1 leaves it to the planner, or takes all where nothing is planned; 0 none."""
    kv_type: str = "f16"
    """How the KV cache is kept: f16, q8_0, q4_0; "auto" leaves it to the planner."""
    use_extra_bufts: bool = True
    """Repacked weights: a third faster on CPUs, and the first thing to give up after a crash."""
    flash_attn: bool = True
    """Let llama.cpp use flash attention where it can."""
    n_cpu_experts: int = 0
    """How many of the first layers keep their experts in the machine's memory."""
    tensor_split: tuple[float, ...] = ()
    """How several GPUs share the layers; empty leaves it to llama.cpp."""
    can_quantize_kv: bool = False
    """Whether the planner has found that the cache can be kept in fewer bits."""
    is_planned: bool = False
    """Whether the planner has settled all of this, or it is not to."""

    @property
    def size_bytes(self) -> int:
        """Bytes of the file, all parts of a split one; 0 where there is none."""
        file = Path(self.path)
        pattern = re.sub(r"-00001-of-(\d{5})\.gguf$", r"-?????-of-\1.gguf", glob.escape(file.name))
        return sum(part.stat().st_size for part in file.parent.glob(pattern) if part.is_file())

    @classmethod
    def of(cls, path: Path, settings: Settings) -> LoadOptions:
        """A file loaded as the user has set it; what was not set is left to the planner."""
        return cls(
            path=str(path),
            n_ctx=settings.n_ctx,
            n_batch=settings.n_batch,
            n_seq_max=settings.n_seq_max,
            n_threads=settings.n_threads,
            n_gpu_layers=settings.n_gpu_layers,
            kv_type=settings.kv_type,
        )


@dataclass(frozen=True, slots=True)
class Planned:
    """What the planner has settled."""

    options: LoadOptions
    note: str = ""
    """A sentence for the user where something does not fit."""
    expected_speed: float = 0.0
    """Tokens per second of one sequence, as far as it can be told beforehand; 0 if not."""


def usable_threads() -> int:
    """CPUs that this process may run on; half of them where there are many, as they share cores."""
    n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return n if n <= 4 else max(4, n // 2)
