"""The order in which models are recommended: laws over many machines, and a few that people have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from assistant.catalog.families import load_offers
from assistant.catalog.offers import find
from assistant.catalog.ranking import ROOMY, Advice, advise, recommend
from assistant.hardware.fit import Wants
from assistant.hardware.machine import Cpu, GiB, Gpu, Hardware, parse

OFFERS = load_offers()


def ranked(machine: str) -> tuple[Advice, ...]:
    return recommend(OFFERS, parse(machine))


@st.composite
def machines(draw: st.DrawFn) -> Hardware:
    ram = draw(st.integers(2, 128)) * GiB
    free = draw(st.floats(0.2, 0.95)) * ram
    gpus = tuple(
        Gpu("gpu", "cuda", total * GiB, int(total * GiB * draw(st.floats(0.2, 1.0))))
        for total in draw(st.lists(st.sampled_from([4, 6, 8, 12, 16, 24, 48]), max_size=2))
    )
    return Hardware(ram, int(free), gpus, Cpu("", 8, 8), draw(st.floats(5e9, 4e11)))


@given(machines())
@with_settings(max_examples=25, deadline=None)
def test_each_model_is_there_once_and_what_fits_comes_first(hardware: Hardware) -> None:
    found = recommend(OFFERS, hardware)
    assert sorted(a.offer.model.name for a in found) == sorted({o.model.name for o in OFFERS})
    fits = [advice.is_fit for advice in found]
    assert fits == sorted(fits, reverse=True)
    worths = [advice.worth for advice in found if advice.is_fit]
    assert worths == sorted(worths, reverse=True)
    for advice in found:
        assert advice.reason
        assert advice.is_fit or advice.reason.startswith("does not fit")


@given(machines())
@with_settings(max_examples=15, deadline=None)
def test_what_is_recommended_stays_within_what_is_free(hardware: Hardware) -> None:
    for advice in recommend(OFFERS, hardware):
        if advice.is_fit:
            assert advice.plan.host.total <= hardware.free_bytes
            for need, gpu in zip(advice.plan.gpus, hardware.gpus, strict=True):
                assert need.total <= gpu.free_bytes


@pytest.mark.parametrize("gpu", [0, 4, 6, 8, 12, 16, 24])
@pytest.mark.parametrize("ram", [8, 16, 32, 64])
def test_every_usual_machine_has_a_model_of_use(gpu: int, ram: int) -> None:
    hardware = parse(f"{gpu}GiB cuda, {ram}GiB ram" if gpu else f"{ram}GiB ram")
    found = recommend(OFFERS, hardware)
    for advice in found:
        if advice.is_fit:
            assert advice.plan.host.total <= hardware.free_bytes
            assert all(n.total <= g.free_bytes for n, g in zip(advice.plan.gpus, hardware.gpus, strict=True))
    first = found[0]
    assert first.is_fit
    assert first.tokens_per_second > 5
    assert first.plan.n_ctx >= ROOMY
    assert first.offer.model.thinks
    assert first.reason.startswith("the best balance of strength and speed here")


def test_a_larger_machine_gets_a_model_of_no_less_worth() -> None:
    worths = [ranked(f"{ram}GiB ram")[0].worth for ram in (4, 8, 16, 32, 64)]
    assert worths == sorted(worths)
    worths = [ranked(f"{gpu}GiB cuda, 32GiB ram")[0].worth for gpu in (4, 6, 8, 12, 16, 24, 48)]
    assert worths == sorted(worths)


def test_a_slow_memory_asks_for_few_weights_a_token() -> None:
    fast, slow = (recommend(OFFERS, parse(f"32GiB ram, {speed}GB/s bandwidth"))[0] for speed in (400, 20))
    assert slow.offer.model.active < fast.offer.model.active


def test_measured_speeds_are_taken_and_correct_the_others() -> None:
    hardware = parse("16GiB ram, 40GB/s bandwidth")
    offer = find(OFFERS, "qwen3-4b")
    assert offer
    before = {a.offer.name: a for a in recommend(OFFERS, hardware)}
    key = (offer.file.file, offer.file.size_bytes)
    known = 2 * before["qwen3-4b"].tokens_per_second
    after = {a.offer.name: a for a in recommend(OFFERS, hardware, measured={key: known})}
    assert after["qwen3-4b"].is_measured
    assert after["qwen3-4b"].tokens_per_second == known
    other = "qwen3-8b"
    assert not after[other].is_measured
    assert after[other].tokens_per_second == pytest.approx(2 * before[other].tokens_per_second)


def test_a_tiny_model_says_nothing_of_large_ones() -> None:
    hardware = parse("16GiB ram, 40GB/s bandwidth")
    tiny = find(OFFERS, "qwen3.5-0.8b")
    assert tiny
    before = {a.offer.name: a.tokens_per_second for a in recommend(OFFERS, hardware)}
    measured = {(tiny.file.file, tiny.file.size_bytes): 1.0}
    after = recommend(OFFERS, hardware, measured=measured)
    correction = {a.offer.name: a.tokens_per_second / before[a.offer.name] for a in after if a.is_fit}
    assert correction.pop("qwen3.5-0.8b") < 1
    read = {a.offer.name: a.memory.active for a in after}
    if read["qwen3.5-0.8b"] < 400_000_000:
        assert set(correction.values()) == {1.0}


def test_wishes_are_kept() -> None:
    hardware = parse("8GiB cuda, 32GiB ram")
    assert {a.plan.n_ctx for a in recommend(OFFERS, hardware, Wants(n_ctx=4096))} == {4096}


def test_one_file_can_be_looked_at_by_itself() -> None:
    offer = find(OFFERS, "qwen3-8b")
    assert offer
    alone = advise(offer, parse("8GiB cuda, 16GiB ram"))
    among = next(a for a in ranked("8GiB cuda, 16GiB ram") if a.offer is offer)
    assert (alone.plan, alone.tokens_per_second) == (among.plan, among.tokens_per_second)


def test_the_file_that_suits_is_taken() -> None:
    by_machine = {
        machine: next(
            a.offer.file.quantisation for a in ranked(machine) if a.offer.model.name == "qwen3-1.7b"
        )
        for machine in ("4GiB ram", "12GiB cuda, 16GiB ram")
    }
    assert by_machine["4GiB ram"] == "Q4_K_M"
