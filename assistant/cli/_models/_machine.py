"""The machine that a plan is for: this one, or one that is described."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from assistant.config import Settings
from assistant.hardware.fit import Wants

if TYPE_CHECKING:
    from assistant.hardware.machine import Hardware


def machine(described: str | None = None) -> Hardware:
    """The machine that `--as` describes; without it, this one.

    Raises:
        UsageError: the description is not understood.
    """
    if described is not None:
        from assistant.hardware.machine import parse

        return parse(described)
    from assistant.hardware.probe import measured

    return measured()


def wants(args: Namespace, settings: Settings) -> Wants:
    """What the user has set of how a model is loaded; for another machine, only its context."""
    if args.described is not None:
        return Wants(n_ctx=settings.n_ctx or None)
    return Wants.of(settings)
