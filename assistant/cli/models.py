"""Find, fetch, list and choose models.

What suits this machine, what is here already, and what other programs have. Only `get` uses the network.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from assistant.cli._exit_codes import ExitCode
from assistant.cli._models import get, importing, inspecting, listing, managing, recommend

_EXAMPLES = """\
examples:
  mull models recommend                    what suits this machine
  mull models get qwen3-4b                 fetch it
  mull models use qwen3-4b                 use it from now on
  mull models import                       use what other programs have fetched"""

_VERBS: tuple[tuple[str, str, Any, Any], ...] = (
    ("recommend", "Say which models suit this machine, the best first.", recommend.add, recommend.run),
    ("list", "List the models that are on this machine.", listing.add, listing.run),
    ("get", "Fetch a model.", get.add, get.run),
    ("import", "Use models that are on this machine already.", importing.add, importing.run),
    ("inspect", "Show what a model file is, and what memory it takes.", inspecting.add, inspecting.run),
    ("use", "Use a model from now on.", managing.add_use, managing.use),
    (
        "remove",
        "Delete a model that Mull has fetched, or forget another.",
        managing.add_remove,
        managing.remove,
    ),
)


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = _EXAMPLES
    verbs = parser.add_subparsers(title="verbs", dest="verb", metavar="VERB", prog="mull models")
    for name, summary, declare, run in _VERBS:
        verb = verbs.add_parser(name, help=summary, description=summary)
        declare(verb)
        verb.set_defaults(run=run)
    parser.set_defaults(run=_without_verb)


def _without_verb(args: Namespace) -> ExitCode:
    return listing.run(Namespace(json=False))
