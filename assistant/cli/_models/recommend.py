"""Say which models suit this machine, the best first."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from assistant.cli._exit_codes import ExitCode
from assistant.cli._flags import add_settings, number, typed
from assistant.cli._models._words import columns, say, show_json, speed, table, tell, thousands

if TYPE_CHECKING:
    from assistant.catalog.ranking import Advice
    from assistant.hardware.machine import Hardware

_SHOWN = 8
_EXAMPLES = """\
examples:
  mull models recommend                            for this machine
  mull models recommend --as "8GiB cuda, 16GiB ram"
  mull models recommend --as "16GiB metal" --n-ctx 32768"""


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "--as", dest="described", metavar="MACHINE", help='Plan for another machine: "8GiB cuda, 16GiB ram".'
    )
    parser.add_argument("--most", metavar="N", default=str(_SHOWN), help=f"How many to show; {_SHOWN}.")
    parser.add_argument("--all", action="store_true", help="Show those that do not fit, too.")
    parser.add_argument("--json", action="store_true", help="Print the list as JSON.")
    add_settings(parser, only=("n_ctx",))


def run(args: Namespace) -> ExitCode:
    """Print the ranking."""
    most = number(args.most, "--most", "models recommend")
    from assistant.catalog.families import load_offers
    from assistant.catalog.ranking import recommend
    from assistant.cli._models._machine import machine, wants
    from assistant.config import load
    from assistant.hardware.speed import SpeedStore

    settings = load(typed(args))
    hardware = machine(args.described)
    measured = {} if args.described is not None else SpeedStore().by_file()
    ranked = recommend(load_offers(), hardware, wants(args, settings), measured)
    shown = [advice for advice in ranked if args.all or advice.is_fit]
    shown = shown if args.all else shown[:most]
    if args.json:
        show_json({"machine": hardware.sentence(), "models": [as_json(advice) for advice in shown]})
    else:
        _print(shown, hardware)
    return ExitCode.ANSWERED


def as_json(advice: Advice) -> dict[str, Any]:
    """What is said of one model, as values: sizes in bytes, speeds in tokens a second."""
    offer, plan = advice.offer, advice.plan
    return {
        "name": offer.name,
        "title": offer.model.title,
        "source": offer.source,
        "size_bytes": offer.file.size_bytes,
        "quantisation": offer.file.quantisation,
        "n_params": offer.model.n_params,
        "n_active_params": offer.model.active,
        "licence": offer.model.licence,
        "checked": offer.file.checked,
        "is_fit": advice.is_fit,
        "tokens_per_second": round(advice.tokens_per_second, 1),
        "is_measured": advice.is_measured,
        "n_ctx": plan.n_ctx,
        "plan": plan.sentence,
        "memory_bytes": plan.total_bytes,
        "reason": advice.reason,
    }


def _print(shown: list[Advice], hardware: Hardware) -> None:
    from assistant.download.meter import amount

    say(f"The machine: {hardware.sentence()}.")
    if hardware.advice:
        tell(hardware.advice)
    say()
    if not any(advice.is_fit for advice in shown):
        say("No model of the catalogue fits into its memory.")
        say('Close other programs, or see all with "mull models recommend --all".')
        return
    rows = [
        (
            advice.offer.name,
            amount(advice.offer.file.size_bytes) + ("" if advice.offer.file.checked else " *"),
            speed(advice.tokens_per_second, advice.is_measured),
            thousands(advice.plan.n_ctx),
            advice.reason,
        )
        for advice in shown
    ]
    for line in table(("MODEL", "SIZE", "TOKENS/S", "CONTEXT", "WHY"), rows, (1, 2, 3), columns()):
        say(line)
    say()
    first = shown[0]
    say(f"{first.offer.model.title} would run with {first.plan.sentence}.")
    say(f"Fetch it with: mull models get {first.offer.name}")
    _print_notes(shown)


def _print_notes(shown: list[Advice]) -> None:
    if any(not advice.is_measured for advice in shown):
        say("~ reckoned from the memory's speed; what runs here is measured, and shown so afterwards.")
    if any(not advice.offer.file.checked for advice in shown):
        say("* the size was not looked up: it is an estimate.")
