"""Every model that can be had here, in one list: what is on this machine first, then what can be fetched.

The Models screen and the first start show it. Whoever asks for it waits: headers are read, and a plan is made
for every model of the catalogue, which takes a few tenths of a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from assistant import paths
from assistant.catalog import installed
from assistant.catalog.families import load_offers, recognise
from assistant.catalog.gguf import GGUFInfo, inspect
from assistant.catalog.installed import STARTER, Installed
from assistant.catalog.offers import Offer, find, of_file
from assistant.catalog.ranking import ROOMY, Advice, FileKey, recommend
from assistant.download.get import parts_of
from assistant.errors import MullError
from assistant.hardware.expected import tokens_per_second
from assistant.hardware.fit import LoadPlan, Wants, fit
from assistant.hardware.machine import Hardware
from assistant.hardware.requirements import requirements

Verdict = Literal["fits on the GPU", "fits", "tight", "too large", "cannot be used"]
"""How a model goes with the machine, in words."""

_STARTER_SOURCE: Final = "comes with Mull"


@dataclass(frozen=True, slots=True)
class Item:
    """One model of the list."""

    name: str
    """What the user types."""
    title: str
    """For people."""
    verdict: Verdict
    entry: Installed | None = None
    """Where it is on this machine; None if it would have to be fetched."""
    offer: Offer | None = None
    """Where it can be fetched, if the catalogue has it."""
    size_bytes: int = 0
    n_params: int = 0
    n_ctx_train: int = 0
    quantisation: str = ""
    family: str = ""
    plan: LoadPlan | None = None
    """How it would be loaded now."""
    tokens_per_second: float = 0.0
    """Of one answer; 0 unknown."""
    is_measured: bool = False
    reason: str = ""
    """What speaks for it and against it on this machine; "" where the catalogue does not have it."""
    problem: str = ""
    """Why it cannot be used."""
    is_used: bool = False
    """Whether it is the one that answers."""
    part: Installed | None = None
    """What has come of it, if a fetch was interrupted."""
    part_bytes: int = 0
    """How much that is."""

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine, whole."""
        return self.entry is not None


def verdict(plan: LoadPlan, n_ctx_train: int = 0) -> Verdict:
    """How a plan is called in a word: tight is one that must make do with little context."""
    if not plan.is_fit:
        return "too large"
    if plan.n_ctx < min(ROOMY, n_ctx_train or ROOMY):
        return "tight"
    is_on_gpu = plan.n_gpu_layers > plan.n_layer and not plan.n_cpu_experts
    return "fits on the GPU" if is_on_gpu else "fits"


def shelf(
    hardware: Hardware,
    wants: Wants | None = None,
    measured: Mapping[FileKey, float] | None = None,
    used: Path | None = None,
) -> tuple[Item, ...]:
    """The list.

    Args:
        hardware: the machine, as it is now.
        wants: what the user has set of how a model is loaded.
        measured: tokens a second of models that ran on this machine, by the file's name and size.
        used: the file of the model that answers.
    """
    offers = load_offers()
    measured = measured or {}
    starter = Installed(STARTER, paths.starter_model(), _STARTER_SOURCE)
    entries = [*(entry for entry in installed.load() if entry.name != STARTER), starter]
    here = [_here(entry, offers, hardware, wants, measured, used) for entry in entries]
    parts = {entry.name: entry for entry in installed.interrupted()}
    names = {item.name for item in here if item.is_here}
    ranked = recommend(offers, hardware, wants, measured)
    others = [offered(advice, parts) for advice in ranked if advice.offer.name not in names]
    return (*sorted(here, key=lambda item: (not item.is_used, item.name)), *others)


def _here(
    entry: Installed,
    offers: tuple[Offer, ...],
    hardware: Hardware,
    wants: Wants | None,
    measured: Mapping[FileKey, float],
    used: Path | None,
) -> Item:
    offer = of_file(offers, entry.source) or find(offers, entry.name)
    item = Item(entry.name, entry.name, "cannot be used", entry, offer, entry.size_bytes)
    item = replace(item, is_used=used == entry.path)
    try:
        info = inspect(entry.path)
    except MullError as error:
        return replace(item, problem=error.message)
    return _with_plan(item, info, hardware, wants, measured)


def _with_plan(
    item: Item,
    info: GGUFInfo,
    hardware: Hardware,
    wants: Wants | None,
    measured: Mapping[FileKey, float],
) -> Item:
    memory = requirements(info)
    plan = fit(memory, hardware, wants)
    known = measured.get((info.path.name, info.size_bytes), 0.0)
    return replace(
        item,
        title=item.offer.model.title if item.offer else info.name,
        verdict=verdict(plan, info.n_ctx_train),
        size_bytes=info.size_bytes,
        n_params=info.n_params,
        n_ctx_train=info.n_ctx_train,
        quantisation=info.quantisation,
        family=recognise(info).title,
        plan=plan,
        tokens_per_second=known or tokens_per_second(memory, plan, hardware),
        is_measured=known > 0,
        problem=plan.note,
    )


def offered(advice: Advice, parts: Mapping[str, Installed] | None = None) -> Item:
    """A model that is not here.

    Args:
        advice: what it is like on the machine.
        parts: models that have come in part, by name.
    """
    offer = advice.offer
    part = parts.get(offer.name) if parts else None
    return Item(
        name=offer.name,
        title=offer.model.title,
        verdict=verdict(advice.plan, offer.model.n_ctx),
        offer=offer,
        size_bytes=offer.file.size_bytes,
        n_params=offer.model.n_params,
        n_ctx_train=offer.model.n_ctx,
        quantisation=offer.file.quantisation,
        family=offer.family,
        plan=advice.plan,
        tokens_per_second=advice.tokens_per_second,
        is_measured=advice.is_measured,
        reason=advice.reason,
        problem=advice.plan.note,
        part=part,
        part_bytes=sum(file.stat().st_size for file in parts_of(part.path)) if part else 0,
    )
