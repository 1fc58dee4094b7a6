"""Measure how often this model is right, and at what cost, policy by policy.

The table and the plot go to standard output, and nothing else does.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.cli._exit_codes import ExitCode
from assistant.cli._flags import add_settings, number, typed
from assistant.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assistant.config import Settings
    from assistant.evaluation.datasets import Item
    from assistant.evaluation.policies import Policy
    from assistant.evaluation.records import Kept
    from assistant.evaluation.runner import Asks, Outcome

_EXAMPLES = """\
examples:
  mull eval gsm8k.jsonl --limit 50 --out report.json
  mull eval math.jsonl --policy auto --policy think:2048 --plot report.png
  mull eval gsm8k.jsonl math.jsonl --policy auto --policy vote:8 --seed 7

policies:
  auto                         what Mull chooses for each question
  direct low medium high max   an effort
  think:N                      always up to N thinking tokens
  vote:N                       a majority vote over N samples
  cot beam:N best:N refine draft

data files:
  One JSON object a line, with "question", "answer" and "type" (number, math,
  choice, code, text); or the files of GSM8K, MATH and HumanEval as published.

A run that was cut short goes on where it was when you give the same command
again."""


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "mull eval [settings] DATA.jsonl... [--policy NAME]... [--out PATH]"
    parser.epilog = _EXAMPLES
    parser.add_argument("data", nargs="+", metavar="DATA", help="A file of questions with their answers.")
    parser.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="NAME",
        help="A policy to measure; repeatable. The others are compared with the first. "
        "(default: auto, direct and think:1024)",
    )
    parser.add_argument("--limit", metavar="N", help="Draw N questions, the same ones every time.")
    parser.add_argument("--out", metavar="PATH", help="Write the report there, as JSON.")
    parser.add_argument("--plot", metavar="PATH", help="Draw accuracy over tokens, as a PNG picture.")
    parser.add_argument(
        "--parallel",
        default="1",
        metavar="N",
        help="Answer N questions side by side: sooner done, but the seconds then say nothing of one "
        "question. Each keeps its samples (n_seq_max, 64 in all) and, unless n_ctx is set, has 8,192 "
        "tokens of context up to 131,072 in all. (default: 1)",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="Start over, whatever an earlier run has finished."
    )
    parser.add_argument(
        "--no-ablation",
        action="store_true",
        help="Leave out the fixed thinking budget that costs as much as auto.",
    )
    add_settings(parser)
    parser.set_defaults(run=run)


def run(args: Namespace) -> ExitCode:
    """Evaluate what the command line says."""
    parallel = number(args.parallel, "--parallel", "eval", 64)
    limit = None if args.limit is None else number(args.limit, "--limit", "eval")
    out, plot = _output(args.out, "--out"), _output(args.plot, "--plot")
    from assistant.config import load as load_settings
    from assistant.evaluation.datasets import load
    from assistant.evaluation.policies import policies
    from assistant.evaluation.runner import parallel_settings
    from assistant.session import Session

    chosen = policies(args.policy)
    items = load([Path(name) for name in args.data], limit)
    settings = load_settings(typed(args))
    with closing(Session.open(parallel_settings(settings, parallel))) as session:
        report = evaluate(session, items, chosen, settings, args, out, parallel)
    if report is None:
        return ExitCode.INTERRUPTED
    show(report)
    if plot is not None:
        from assistant.evaluation.plot import png
        from assistant.evaluation.records import write_atomically
        from assistant.evaluation.report import points

        title = f"{report['model'].get('name', '')}, {len(items)} questions"
        write_atomically(plot, png(points(report), title))
    return ExitCode.ANSWERED


def evaluate(
    session: Asks,
    items: list[Item],
    chosen: list[Policy],
    settings: Settings,
    args: Namespace,
    out: Path | None,
    parallel: int,
) -> dict[str, Any] | None:
    """The report, written to `out` if that is a file; None if the user has stopped the evaluation.

    Raises:
        MullError: the model cannot be run, or what is kept of an earlier run does not go with this one.
    """
    from assistant.control import Control
    from assistant.evaluation.records import write_atomically
    from assistant.evaluation.report import build, to_bytes
    from assistant.events import Notice
    from assistant.terminal import visible

    seed = settings.seed or 0
    kept = None
    try:
        for event in session.load():
            if isinstance(event, Notice):
                print(visible(event.text), file=sys.stderr)
        if parallel == 1:  # else the first questions would be planned on a guess, and the others not
            session.measure(Control())
        kept = _kept(session, items, chosen, settings, args.fresh, out, parallel)
        outcome = _outcome(session, items, chosen, settings, kept, seed, parallel, not args.no_ablation)
        report = build(outcome, session.model, seed, parallel)
        if out is not None:
            write_atomically(out, to_bytes(report))
        kept.remove()
        return report
    except KeyboardInterrupt:
        if kept is not None:
            print(
                f"Stopped. What is finished is kept in {kept.path}:\n"
                "give the same command again to go on from there.",
                file=sys.stderr,
            )
        return None
    finally:
        if kept is not None:
            kept.close()


def show(report: Mapping[str, Any]) -> None:
    """Print the tables and the plot, 80 columns wide where nobody says otherwise."""
    from rich.console import Console

    from assistant.evaluation.plot import text_plot
    from assistant.evaluation.report import points, tables

    console = Console(
        file=sys.stdout, width=None if sys.stdout.isatty() else 80, highlight=False, markup=False, emoji=False
    )
    for part in tables(report):
        console.print(part)
    console.print()
    print(text_plot(points(report), min(console.width, 100) - 2))


def _outcome(
    session: Asks,
    items: list[Item],
    chosen: list[Policy],
    settings: Settings,
    kept: Kept,
    seed: int,
    parallel: int,
    with_ablation: bool,
) -> Outcome:
    from rich.console import Console

    from assistant.evaluation.progress import Bar, Lines
    from assistant.evaluation.runner import Evaluation

    tell = Bar(Console(stderr=True)) if sys.stderr.isatty() else Lines(sys.stderr)
    with tell:
        evaluation = Evaluation(session, items, settings, seed=seed, parallel=parallel, kept=kept, tell=tell)
        return evaluation.run(chosen, with_ablation)


def _kept(
    session: Asks,
    items: list[Item],
    chosen: list[Policy],
    settings: Settings,
    fresh: bool,
    out: Path | None,
    parallel: int,
) -> Kept:
    from assistant import paths
    from assistant.evaluation.records import Kept, fingerprint, key

    model = session.model
    name, size = (model.name, model.size_bytes) if model is not None else ("", 0)
    identity = fingerprint(items, settings, settings.seed or 0, (name, size), parallel)
    if out is not None:
        path = out.with_name(f"{out.name}.partial.jsonl")
    else:
        path = paths.state_dir() / "eval" / f"{key(identity, [each.name for each in chosen])}.jsonl"
    return Kept(path, identity, fresh)


def _output(name: str | None, flag: str) -> Path | None:
    """The file to write, if it can be; found out now and not after hours."""
    if name is None:
        return None
    path = Path(name)
    if path.is_dir() or not path.name:
        raise UsageError(f"{name} is a folder.", f"Name a file after {flag}.")
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent}.", f"Make it, or name another file after {flag}.")
    return path
