"""What choosing per query buys, printed and not asserted: `make bench-policy`.

Two models are worth it: the starter model, and with BENCH_MODEL=file.gguf one that thinks too long. The
questions are those of `starter.jsonl` beside this file and the everyday ones that nothing was fitted on.
BENCH_LIMIT=40 asks fewer. It takes some twenty minutes a model on two cores.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from assistant import paths
from assistant.config import Settings
from assistant.evaluation.datasets import Item, load
from assistant.evaluation.figures import mean, quantile
from assistant.evaluation.policies import policy
from assistant.evaluation.progress import Lines
from assistant.evaluation.records import Record
from assistant.evaluation.runner import Evaluation, parallel_settings
from assistant.session import Session

HERE = Path(__file__).resolve().parent
FIXED = ("direct", "think:16", "think:64", "think:128", "think:256", "think:900")
PARALLEL = 4
EVERYDAY = HERE.parents[1] / "assistant" / "evaluation" / "data" / "everyday.jsonl"
EASY = 0.3
"""Everyday questions up to this difficulty, by their author's label, should cost no thinking."""

Records = dict[str, list[Record]]


def ask(settings: Settings, items: list[Item], names: Sequence[str], parallel: int, ablate: bool) -> Records:
    """Every question under every policy; learning starts anew and is forgotten."""
    with closing(Session.open(parallel_settings(settings, parallel))) as session, Lines(sys.stderr) as tell:
        for _ in session.load():
            pass
        evaluation = Evaluation(session, items, settings, seed=1, parallel=parallel, tell=tell)
        return evaluation.run([policy(name) for name in names], with_ablation=ablate).records


def easy_questions() -> list[Item]:
    """Trivial and everyday queries that nothing was fitted on."""
    rows = [json.loads(line) for line in EVERYDAY.read_text(encoding="utf-8").splitlines()]
    easy = [row for row in rows if row["split"] == "test" and row["difficulty"] <= EASY]
    return [Item(row["id"], row["question"], "", "text", "everyday", i) for i, row in enumerate(easy)]


def say(name: str, figure: str, goal: str = "") -> None:
    """One line of the report."""
    print(f"{name:<56} {figure:>26}   {goal}", flush=True)


def accuracy(records: Sequence[Record]) -> float:
    """In per cent."""
    return 100 * mean(record.correct for record in records)


def tokens(records: Sequence[Record]) -> float:
    """Mean of everything decoded."""
    return mean(record.tokens for record in records)


def main() -> None:
    """Measure and print."""
    path = Path(os.environ.get("BENCH_MODEL") or paths.starter_model())
    limit = int(os.environ["BENCH_LIMIT"]) if os.environ.get("BENCH_LIMIT") else None
    settings = Settings(model=path)
    items = load([HERE / "starter.jsonl"], limit)
    print(f"{path.name}, {len(items)} questions\n")
    found = ask(settings, items, ("auto", *FIXED, "vote:8"), PARALLEL, ablate=True)
    for name, records in found.items():
        say(name, f"{accuracy(records):.1f} % at {tokens(records):.1f} tokens")
    best = max(FIXED, key=lambda name: (accuracy(found[name]), -tokens(found[name])))
    print()
    report(found, best)
    votes(found["vote:8"])
    alone = ask(settings, items, ("auto", best), 1, ablate=False)
    seconds(alone, best)
    everyday(settings, limit)


def report(found: Records, best: str) -> None:
    """Auto against the fixed policies."""
    auto, vote, fixed = found["auto"], found["vote:8"], found["fixed"]
    say(
        f"auto, accuracy less that of {best}",
        f"{accuracy(auto) - accuracy(found[best]):+.1f} points",
        ">= -1",
    )
    share = tokens(auto) / tokens(found[best])
    say(f"auto, tokens over those of {best}", f"{share:.3f}", "<= 0.50 or, for short thinkers, 1.05")
    say("auto, accuracy less that of vote:8", f"{accuracy(auto) - accuracy(vote):+.1f} points", ">= -2")
    say("auto, tokens over those of vote:8", f"{tokens(auto) / tokens(vote):.3f}", "<= 0.25")
    say(
        "auto, accuracy less that of the fixed budget of equal tokens",
        f"{accuracy(auto) - accuracy(fixed):+.1f} points",
        ">= +2.6",
    )
    everything = [record for records in found.values() for record in records]
    over = sum(
        record.thinking_tokens > (budget or 0)
        for name, records in found.items()
        if (budget := policy(name).budget if name.startswith("think:") else None) is not None
        for record in records
    )
    say("budgets exceeded, empty answers, leaked markers", f"{over}, {sum(r.empty for r in everything)}, "
        f"{sum(r.leaked for r in everything)}", "0, 0, 0")  # fmt: skip


def votes(records: Sequence[Record]) -> None:
    """How many samples a vote of eight saved on what it got right."""
    right = [record for record in records if record.correct]
    saved = mean(1 - record.n_samples / 8 for record in right)
    say("vote:8, samples saved where it is right", f"{100 * saved:.1f} %", ">= 50 %")


def seconds(alone: Records, best: str) -> None:
    """One question at a time."""
    for name, share in (("median", 0.5), ("90th percentile", 0.9)):
        ours, theirs = (quantile((r.seconds for r in alone[each]), share) for each in ("auto", best))
        say(f"auto, {name} seconds, and those of {best}", f"{ours:.2f}, {theirs:.2f}", "no more")
    total = [sum(r.seconds for r in alone[each]) for each in ("auto", best)]
    say("auto, all seconds over those of the other", f"{total[0] / total[1]:.3f}")


def everyday(settings: Settings, limit: int | None) -> None:
    """What is trivial costs no thinking."""
    records = ask(settings, easy_questions()[:limit], ("auto",), 1, ablate=False)["auto"]
    thinking = [record.thinking_tokens for record in records]
    say(f"{len(records)} everyday queries: thinking tokens, median and mean",
        f"{quantile(thinking, 0.5):.0f}, {mean(thinking):.1f}", "0, <= 20")  # fmt: skip
    plans = [1000 * record.plan_s for record in records]
    say("their plans, median and longest", f"{quantile(plans, 0.5):.1f} ms, {max(plans):.1f} ms", "< 50 ms")
    say("their median seconds", f"{quantile((r.seconds for r in records), 0.5):.2f}")


if __name__ == "__main__":
    main()
