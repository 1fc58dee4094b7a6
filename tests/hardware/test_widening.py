"""A larger context is offered only where it fits, and what it costs is said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.engine.options import IDLE_SLOTS
from assistant.hardware.fit import Wants, fit
from assistant.hardware.machine import GiB, Hardware, MiB, parse
from assistant.hardware.memory import Load, Needs
from assistant.hardware.widening import widening
from tests.assumed import assumed
from tests.hardware.test_fit import machines, model

EIGHT = assumed("8B", 5 * GiB, 8_000_000_000, n_ctx_train=131_072)


def loaded(machine: Hardware, wants: Wants, name: str = "") -> tuple[Load, Hardware]:
    """A model loaded as the planner would, and what the machine has left then."""
    of = model(name) if name else EIGHT
    plan = fit(of, machine, wants)
    load = Load(
        plan.n_ctx, plan.n_seq_max + IDLE_SLOTS, plan.kv_type, plan.n_batch, plan.flash_attn,
        plan.n_gpu_layers, plan.n_cpu_experts, plan.shares or (1.0,),
    )  # fmt: skip
    needs = Needs(of)
    gpus = tuple(
        replace(gpu, free_bytes=max(gpu.free_bytes - need.total, 0))
        for gpu, need in zip(machine.gpus, needs.gpus(load), strict=False)
    )
    host = needs.host(load)
    return load, replace(machine, free_bytes=max(machine.free_bytes - host.total, 0), gpus=gpus)


def held(load: Load) -> int:
    return Needs(EIGHT).host(load).total


def test_where_there_is_room_it_is_twice_as_large() -> None:
    load, left = loaded(parse("64GiB ram"), Wants(n_ctx=8192))
    found = widening(EIGHT, left, Wants(n_ctx=8192), load, held(load))
    assert found.n_ctx == 16384
    assert found.sentence == f"It costs {found.cost}, and the conversation is read once more."
    assert found.cost.endswith(" of memory")


def test_what_the_planner_gives_up_for_it_is_said() -> None:
    load = Load(16384, 8 + IDLE_SLOTS, "f16")
    needs = Needs(EIGHT).host(load).total
    found = widening(EIGHT, Hardware(12 * GiB, 10 * GiB - needs), Wants(), load, needs)
    assert found.n_ctx == 32768
    assert "the cache in 8 bits" in found.cost


def test_where_memory_is_short_it_says_what_is_missing() -> None:
    load = Load(16384, 2 + IDLE_SLOTS, "q4_0")
    needs = Needs(EIGHT).host(load).total
    found = widening(EIGHT, Hardware(8 * GiB, 100 * MiB), Wants(), load, needs)
    assert (found.n_ctx, found.cost) == (0, "")
    assert found.sentence.startswith("A context of 24,576 tokens would take ")
    assert found.sentence.endswith(" can be had.")


def test_layers_that_leave_the_gpu_are_a_cost() -> None:
    load, left = loaded(parse("8GiB cuda, 32GiB ram"), Wants())
    found = widening(EIGHT, left, Wants(), load, held(load))
    assert "layers on the GPU" in found.cost


@pytest.mark.parametrize(("trained", "words"), [(8192, "trained for 8,192"), (0, "does not say")])
def test_a_model_that_cannot_have_more(trained: int, words: str) -> None:
    found = widening(replace(EIGHT, n_ctx_train=trained), parse("64GiB ram"), Wants(), Load(8192, 4))
    assert found.n_ctx == 0
    assert words in found.sentence


@settings(max_examples=60, deadline=None)
@given(machines(), st.sampled_from([2048, 4096, 8192, 40_000]), st.integers(0, 64 * GiB))
def test_what_is_offered_fits(machine: Hardware, n_ctx: int, held_bytes: int) -> None:
    load = Load(n_ctx, 8 + IDLE_SLOTS)
    found = widening(EIGHT, machine, Wants(n_ctx=n_ctx), load, held_bytes)
    assert found.n_ctx == 0 or n_ctx < found.n_ctx <= EIGHT.n_ctx_train
    assert found.sentence.endswith(".")
    empty = replace(
        machine,
        free_bytes=machine.ram_bytes,
        gpus=tuple(replace(gpu, free_bytes=gpu.total_bytes) for gpu in machine.gpus),
    )
    if found.n_ctx:
        assert fit(EIGHT, empty, Wants(n_ctx=found.n_ctx)).is_fit, "not even the empty machine has that"
    more = widening(EIGHT, empty, Wants(n_ctx=n_ctx), load, held_bytes)
    assert more.n_ctx >= found.n_ctx
