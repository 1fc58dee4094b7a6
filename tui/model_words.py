"""What is said of models, in rows and on their page. Loads no Textual widget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from assistant.terminal import visible

if TYPE_CHECKING:
    from assistant.catalog.first_start import FirstStart
    from assistant.catalog.shelf import Item

MUTED = "$foreground 55%"
COLOURS = {
    "fits on the GPU": "bold $text-success",
    "fits": "$text-success",
    "tight": "$text-warning",
    "too large": "$text-error",
    "cannot be used": "$text-error",
}
"""The verdicts' colours; the words say the same."""
_NAME = 26
_VERDICT = 15
_OFFER = 14


def row(item: Item) -> Content:
    """A model on one line: a mark, its name, size, how it goes with the machine, speed."""
    from assistant.download.meter import amount

    name = visible(item.name)
    name = name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
    mark = "●" if item.is_used else " "
    speed = f"{speed_words(item)}" if item.tokens_per_second else ""
    return (
        Content(f"{mark} {name:{_NAME}} {amount(item.size_bytes):>8}  ")
        + Content.styled(f"{item.verdict:{_VERDICT}}", COLOURS[item.verdict])
        + Content(f" {speed}")
    )


def speed_words(item: Item) -> str:
    """12 tokens/s; with ~ before it where it was reckoned and not measured."""
    number = (
        f"{item.tokens_per_second:.0f}" if item.tokens_per_second >= 10 else f"{item.tokens_per_second:.1f}"
    )
    return f"{'' if item.is_measured else '~'}{number} tokens/s"


def page(item: Item, width: int) -> Content:
    """Everything that is known of a model, in lines of at most `width` cells."""
    lines = [Content.styled(visible(item.title), "bold")]
    if item.is_used:
        lines[0] += Content(" · answers now")
    if item.problem:
        lines.append(Content.styled(visible(item.problem), COLOURS[item.verdict]))
    said = facts(item)
    indent = max(len(key) for key, _ in said) + 2
    return Content("\n").join([*lines, *(_indented(key, value, indent, width) for key, value in said)])


def _indented(key: str, value: Content | str, indent: int, width: int) -> Content:
    """What is said of something, with all its lines after the word for it."""
    said = value if isinstance(value, Content) else Content(visible(value))
    first, *more = said.wrap(max(width - indent, 20)) or [Content("")]
    head = Content.styled(f"{key:{indent}}", MUTED) + first
    return Content("\n").join([head, *(Content(" " * indent) + line for line in more)])


def facts(item: Item) -> list[tuple[str, str]]:
    """What is known of a model: what it is about, and what it says."""
    from assistant.download.meter import amount
    from assistant.hardware.machine import size

    said = []
    if item.offer:
        said.append(("good for", item.offer.model.good_for))
    if item.plan:
        memory = f"{size(item.plan.total_bytes)} of memory"
        speed = f", {speed_words(item)}" if item.tokens_per_second else ""
        said += [("here", f"{item.verdict}: {memory}{speed}"), ("loaded with", item.plan.sentence)]
    weights = (
        f"{item.n_params / 1e9:.1f} billion" if item.n_params >= 1e9 else f"{item.n_params / 1e6:.0f} million"
    )
    if item.n_params:
        said.append(("weights", f"{weights} in {item.quantisation}, {amount(item.size_bytes)}"))
    if item.n_ctx_train:
        said.append(("context", f"trained for {item.n_ctx_train:,} tokens"))
    if item.offer:
        model, file = item.offer.model, item.offer.file
        said.append(("licence", f"{model.licence}, released {model.released}"))
        estimate = "" if file.checked else " (its size is an estimate)"
        said.append(("file", f"{file.repo}/{file.file}{estimate}"))
    if item.part_bytes:
        said.append(("so far", f"{amount(item.part_bytes)} of it are here: fetching goes on from there"))
    if item.entry:
        said.append(("from", item.entry.source or "your own"))
        said.append(("path", str(item.entry.path)))
    return said


def offer_words(first: FirstStart, width: int) -> Content:
    """What the first start says: the machine, and the model that suits it; lines of at most `width` cells."""
    from assistant.download.meter import amount

    lines = [_indented("This machine", first.hardware.sentence(), _OFFER, width)]
    advice = first.advice
    if advice is None:
        lines.append(Content("No model of the catalogue fits into its memory: the starter model stays."))
    else:
        offer, plan = advice.offer, advice.plan
        about = "" if advice.is_measured else "about "
        figures = (
            f", {amount(offer.file.size_bytes)}: {about}{advice.tokens_per_second:.0f} tokens/s, "
            f"context {plan.n_ctx // 1024}k"
        )
        name = Content.styled(visible(offer.model.title), "bold")
        lines.append(_indented("Suits it", name + Content(figures), _OFFER, width))
        lines.append(_indented("", advice.reason, _OFFER, width))
    if first.is_offline:
        lines.append(Content.styled("The setting offline is on: nothing is fetched.", "$text-warning"))
    if n := len(first.found):
        models = f"{n} model{'' if n == 1 else 's'}"
        lines.append(Content(f"Other programs have {models} here: F7 and then i uses them."))
    return Content("\n").join(lines)
