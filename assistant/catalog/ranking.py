"""Which models suit a machine, the best first, and why. Pure.

A model's worth is counted in doublings, so that what it gains and what it costs can be added up:

* its size: the geometric mean of all weights and of those that a token uses, which is what a mixture of
  experts compares to among dense models;
* its age: a year counts as one doubling. That is cautious: measured over published models, the same
  ability has needed half the weights every few months ("Densing Law of LLMs", arXiv:2412.04315);
* one doubling less where it does not think, because thinking is what Mull decides about;
* as many doublings less as it is slower than 20 tokens a second, at which the half minute that an answer
  may take by default holds 600 tokens, twice as many below 10, and as its context is shorter than 8k.

Of the files of one model the best for the machine counts. Nothing here measures how good a model is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from assistant.catalog.offers import Offer
from assistant.catalog.outline import outline
from assistant.hardware.expected import tokens_per_second
from assistant.hardware.fit import LoadPlan, Wants, fit
from assistant.hardware.machine import Hardware
from assistant.hardware.memory import ModelMemory
from assistant.hardware.requirements import requirements

COMFORTABLE: Final = 20.0
"""Tokens a second that are enough."""
SLOW: Final = COMFORTABLE / 2
"""Tokens a second below which a model is called slow."""
ROOMY: Final = 8192
"""Tokens of context below which it is called short."""
_EPOCH: Final = 2025
_TELLING_BYTES: Final = 400_000_000
"""A model that reads less for a token is too small to tell the memory's speed by."""

FileKey = tuple[str, int]
"""A file's name and its size in bytes, by which measured speeds are remembered."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One model on one machine."""

    offer: Offer
    memory: ModelMemory
    plan: LoadPlan
    tokens_per_second: float
    """Of one answer; 0 where it would be read from disk as it runs."""
    is_measured: bool
    """Whether the speed was measured on this machine, and not reckoned."""
    worth: float
    """What the order goes by, in doublings."""
    reason: str
    """Why it stands where it stands, in a few words."""

    @property
    def is_fit(self) -> bool:
        """Whether it runs within the memory that is free."""
        return self.plan.is_fit


def recommend(
    offers: Iterable[Offer],
    hardware: Hardware,
    wants: Wants | None = None,
    measured: Mapping[FileKey, float] | None = None,
) -> tuple[Advice, ...]:
    """Every model with its best file for the machine: those that fit first, the best of them first.

    Args:
        offers: the catalogue.
        hardware: the machine, as it is now.
        wants: what the user has set.
        measured: tokens a second of models that ran on this machine.
    """
    speed = _Speed(tuple(offers), hardware, wants, measured or {})
    best: dict[str, Advice] = {}
    for offer in speed.offers:
        advice = speed.advice(offer)
        held = best.get(offer.model.name)
        if held is None or _order(advice) < _order(held):
            best[offer.model.name] = advice
    ranked = sorted(best.values(), key=_order)
    return tuple(_with_reason(advice, ranked) for advice in ranked)


def advise(
    offer: Offer,
    hardware: Hardware,
    wants: Wants | None = None,
    measured: Mapping[FileKey, float] | None = None,
) -> Advice:
    """What one file is like on the machine."""
    advice = _Speed((offer,), hardware, wants, measured or {}).advice(offer)
    return _with_reason(advice, [advice])


class _Speed:
    """The expected speeds, set right by what was measured."""

    def __init__(
        self,
        offers: tuple[Offer, ...],
        hardware: Hardware,
        wants: Wants | None,
        measured: Mapping[FileKey, float],
    ) -> None:
        self.offers = offers
        self._hardware = hardware
        self._measured = measured
        self._plans = {
            offer.name: (memory, fit(memory, hardware, wants))
            for offer in offers
            for memory in (requirements(outline(offer)),)
        }
        self._correction = self._found_correction()

    def advice(self, offer: Offer) -> Advice:
        """What it is like; the reason is added when all are known."""
        memory, plan = self._plans[offer.name]
        known = self._known(offer) if plan.is_fit else None
        speed = known or self._expected(offer) * self._correction
        return Advice(offer, memory, plan, speed, known is not None, _worth(offer, plan, speed), "")

    def _expected(self, offer: Offer) -> float:
        memory, plan = self._plans[offer.name]
        return tokens_per_second(memory, plan, self._hardware)

    def _known(self, offer: Offer) -> float | None:
        return self._measured.get((offer.file.file.rpartition("/")[2], offer.file.size_bytes))

    def _found_correction(self) -> float:
        """How much faster this machine is than reckoned, by the models that ran on it."""
        ratios = []
        for offer in self.offers:
            known, memory = self._known(offer), self._plans[offer.name][0]
            if known and memory.active >= _TELLING_BYTES and (expected := self._expected(offer)):
                ratios.append(known / expected)
        return median(ratios) if ratios else 1.0


def _worth(offer: Offer, plan: LoadPlan, speed: float) -> float:
    model = offer.model
    year, month = (int(part) for part in model.released.split("-"))
    size = math.log2(math.sqrt(model.n_params * model.active) / 1e9)
    age = year - _EPOCH + (month - 1) / 12
    waiting = _slower(speed, COMFORTABLE) + _slower(speed, SLOW)
    cramped = min(math.log2(plan.n_ctx / ROOMY), 0.0)
    return size + age + waiting + cramped - (0.0 if model.thinks else 1.0)


def _slower(speed: float, than: float) -> float:
    """Doublings, as a negative number."""
    return min(math.log2(speed / than), 0.0) if speed > 0 else -math.inf


def _order(advice: Advice) -> tuple[bool, float, int, str]:
    return (not advice.is_fit, -advice.worth, advice.offer.file.size_bytes, advice.offer.name)


def _with_reason(advice: Advice, ranked: list[Advice]) -> Advice:
    return replace(advice, reason=_reason(advice, ranked[0]))


def _reason(advice: Advice, first: Advice) -> str:
    """What speaks for a model and what against it, beside the first one."""
    if not advice.is_fit:
        return f"does not fit: {advice.plan.note}" if advice.plan.note else "does not fit"
    said: list[str] = []
    if advice is first:
        said.append("the best balance of strength and speed here")
    elif advice.tokens_per_second > 1.3 * first.tokens_per_second:
        said.append("faster")
    elif _size(advice) > 1.3 * _size(first):
        said.append("larger")
    cautions: tuple[tuple[bool, str], ...] = (
        (advice.tokens_per_second < SLOW, "slow here"),
        (advice.plan.n_ctx < ROOMY, "little context"),
        (not advice.offer.model.thinks, "does not think"),
    )
    said += [words for holds, words in cautions if holds]
    return "; ".join([*said, advice.offer.model.good_for])


def _size(advice: Advice) -> float:
    return math.sqrt(advice.offer.model.n_params * advice.offer.model.active)
