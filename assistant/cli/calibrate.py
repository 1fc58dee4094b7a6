"""Measure this model once, and fit to it how Mull decides.

It answers made-up questions with known answers, or those of your files, at several budgets.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.cli._exit_codes import ExitCode
from assistant.cli._flags import add_settings, number, typed

if TYPE_CHECKING:
    from assistant.config import Settings
    from assistant.evaluation.datasets import Item
    from assistant.profile import Profile
    from assistant.session import Session

_EXAMPLES = """\
examples:
  mull calibrate                    the starter model
  mull calibrate --model my.gguf    another one
  mull calibrate my-questions.jsonl --limit 60
  mull calibrate --show             what is known, in words

It takes some minutes with a small model and much longer with a large one;
--limit makes it shorter. Ctrl-C ends it and changes nothing."""

_QUESTIONS = 98
_PARALLEL = 4


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "mull calibrate [settings] [DATA.jsonl...] [--limit N] [--show]"
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "data", nargs="*", metavar="DATA", help="Questions of your own with their answers, as for mull eval."
    )
    parser.add_argument("--limit", metavar="N", help=f"Ask N questions. (default: {_QUESTIONS})")
    parser.add_argument(
        "--show", action="store_true", help="Say what is known of the model; measure nothing."
    )
    add_settings(parser)
    parser.set_defaults(run=run)


def run(args: Namespace) -> ExitCode:
    """Calibrate, or show what is known."""
    from assistant.config import load
    from assistant.evaluation.calibrate import explained
    from assistant.evaluation.runner import parallel_settings
    from assistant.session import Session

    limit = _QUESTIONS if args.limit is None else number(args.limit, "--limit", "calibrate")
    settings = load(typed(args))
    items = [] if args.show else _items(args.data, limit)
    with closing(Session.open(parallel_settings(settings, _PARALLEL))) as session:
        for _ in session.load():
            pass
        if not args.show:
            try:
                profile = calibrate(session, items, settings)
            except KeyboardInterrupt:
                print("Stopped: nothing was changed.", file=sys.stderr)
                return ExitCode.INTERRUPTED
            session.learning.keep(profile)
        print(f"{session.model_name}:")
        for line in explained(session.learning.profile):
            print(line)
    return ExitCode.ANSWERED


def calibrate(session: Session, items: list[Item], settings: Settings) -> Profile:
    """Ask, and fit; the session's own profile is as before."""
    from rich.console import Console

    from assistant.evaluation import calibrate as fit
    from assistant.evaluation.policies import policy
    from assistant.evaluation.progress import Bar, Lines
    from assistant.evaluation.runner import Evaluation

    before = session.learning.profile
    model = session.model
    assert model is not None
    with Bar(Console(stderr=True)) if sys.stderr.isatty() else Lines(sys.stderr) as tell:
        evaluation = Evaluation(session, items, settings, parallel=_PARALLEL, tell=tell)
        names = fit.policies(model.has_thinking)
        records = evaluation.run([policy(name) for name in names], with_ablation=False).records
        profile = fit.fitted(records, before)
        if model.has_thinking:
            thinking = records[f"think:{fit.BUDGETS[-1]}"]
            fitted = profile
            for profile in fit.gates_to_try(fitted):
                session.learning.profile = profile
                # a new one: an evaluation starts each policy from the profile that it began with
                again = Evaluation(session, items, settings, parallel=_PARALLEL, tell=tell)
                found = again.run([policy(fit.EXITS)], with_ablation=False).records[fit.EXITS]
                if fit.exits_hold(found, thinking):
                    break
            else:
                profile = fit.without_exits(fitted)
    session.learning.profile = before
    return profile


def _items(data: list[str], limit: int) -> list[Item]:
    from assistant.evaluation.datasets import Item, load
    from assistant.evaluation.practice import practice

    if data:
        return load([Path(name) for name in data], limit)
    return [
        Item(f"practice-{i}", each.question, each.answer, each.type, "practice", i, each.level, each.subject)
        for i, each in enumerate(practice(limit))
    ]
