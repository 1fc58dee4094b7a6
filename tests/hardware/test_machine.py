"""Machines that are described in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import UsageError
from assistant.hardware.machine import GiB, Hardware, parse, size


def test_a_gpu_beside_memory() -> None:
    machine = parse("8GiB cuda, 16GiB ram")

    (gpu,) = machine.gpus
    assert (gpu.backend, gpu.total_bytes, gpu.is_unified) == ("cuda", 8 * GiB, False)
    assert 7.5 * GiB <= gpu.free_bytes < 8 * GiB, "a card's nameplate is never free"
    assert machine.ram_bytes == 16 * GiB
    assert 13 * GiB <= machine.free_bytes < 16 * GiB


@pytest.mark.parametrize("text", ["16 GB ram", "16GB RAM", "16g memory", " 16GiB   ram ,", "16384MiB ram"])
def test_memory_is_written_in_many_ways(text: str) -> None:
    assert parse(text).ram_bytes == 16 * GiB


def test_several_gpus_cores_and_bandwidth() -> None:
    machine = parse("2x 24GiB cuda, 64GiB ram, 16 cores, 80GB/s bandwidth")

    assert [gpu.total_bytes for gpu in machine.gpus] == [24 * GiB] * 2
    assert machine.cpu.n_cores == 16
    assert machine.bandwidth == pytest.approx(80 * GiB)


def test_a_mac_has_one_memory() -> None:
    machine = parse("16GiB metal")

    (gpu,) = machine.gpus
    assert machine.ram_bytes == 16 * GiB
    assert gpu.is_unified
    assert 10 * GiB < gpu.free_bytes <= machine.free_bytes


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8GiB cuda",
        "16",
        "ram",
        "16GiB",
        "16GiB floppy",
        "-4GiB ram",
        "16GiB/s ram",
        "8GiB cores",
        "nan ram",
    ],
)
def test_what_is_not_understood_is_said(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert "8GiB cuda, 16GiB ram" in caught.value.next_step


@given(st.text(alphabet="0123456789.xGiBgbram cuda,metal/s", max_size=40))
def test_any_text_is_a_machine_or_a_plain_error(text: str) -> None:
    try:
        machine = parse(text)
    except UsageError:
        return
    assert 0 <= machine.free_bytes <= machine.ram_bytes
    assert all(0 <= gpu.free_bytes <= gpu.total_bytes for gpu in machine.gpus)


def test_a_machine_says_what_it_is() -> None:
    assert parse("8GiB cuda, 16GiB ram, 6 cores").sentence() == (
        "6 cores, 16.0 GiB of memory (14.0 GiB free), cuda with 8.0 GiB (7.8 GiB free)"
    )
    assert "1 core," in Hardware(GiB, GiB).sentence()
    assert size(300 << 20) == "300 MiB"
