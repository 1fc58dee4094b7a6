"""The machine that a plan is for: this one, or one that is described."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from assistant.config import Settings
from assistant.hardware.fit import Wants

if TYPE_CHECKING:
    from assistant.hardware.machine import Hardware


def machine(args: Namespace) -> Hardware:
    """The machine that `--as` describes; without it, this one.

    Raises:
        UsageError: the description is not understood.
    """
    if args.described is not None:
        from assistant.hardware.machine import parse

        return parse(args.described)
    import psutil

    from assistant.hardware.machine import Cpu, Hardware

    memory = psutil.virtual_memory()
    n_cores = psutil.cpu_count(logical=False) or 1
    return Hardware(memory.total, memory.available, (), Cpu("", n_cores, n_cores))


def wants(settings: Settings) -> Wants:
    """What the user has set of how a model is loaded."""
    return Wants(n_ctx=settings.n_ctx or None)
