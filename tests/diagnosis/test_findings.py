"""What follows from facts: a table of machines."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from assistant.diagnosis.facts import Facts, Failed, Folder, Here, Machine, System
from assistant.diagnosis.findings import PARTS, Finding, findings, worst
from assistant.diagnosis.words import lines
from assistant.hardware.fit import Wants, fit
from assistant.hardware.machine import GiB, MiB, parse
from assistant.limits import Power
from tests.diagnosis.facts import BUILD, CHECKOUT, TERMINAL, WELL, changed, with_part

INSTALLED = System("0.1.0", "Linux", "3.12.3", "/venv/bin/python")
NVIDIA: dict[str, Any] = {"unused_gpu": "An NVIDIA GPU", "unused_backend": "cuda"}
AMX = "llama-cpp-python 0.3.36; CPU : AVX512 = 1 | AMX_INT8 = 1"


def only(facts: Facts) -> Finding:
    (finding,) = findings(facts)
    return finding


def test_a_machine_on_which_all_is_well() -> None:
    assert findings(WELL) == ()
    assert worst(()) == "ok"


def test_parts_are_the_facts() -> None:
    assert set(PARTS) == {field.name for field in fields(Facts)} - {"took_s"}


@pytest.mark.parametrize(
    ("facts", "level", "says", "command"),
    [
        (
            changed("machine", **NVIDIA, has_compiler=True),
            "mend",
            "built for the CPU alone",
            f"cd {CHECKOUT} && MULL_BACKEND=cuda make run",
        ),
        (
            changed("machine", **NVIDIA),
            "mend",
            "nvcc, is not installed, so a compiled build is taken",
            f"cd {CHECKOUT} && MULL_BACKEND=cuda MULL_PREBUILT=1 make run",
        ),
        (
            replace(changed("machine", **NVIDIA, has_compiler=True), system=INSTALLED),
            "mend",
            "built for the CPU alone",
            'CMAKE_ARGS="-DGGML_CUDA=on" /venv/bin/python -m pip install --force-reinstall --no-deps '
            "--no-cache-dir --no-binary llama-cpp-python llama-cpp-python",
        ),
        (
            replace(changed("machine", **NVIDIA), system=INSTALLED),
            "mend",
            "install that first",
            'CMAKE_ARGS="-DGGML_CUDA=on" /venv/bin/python -m pip install --force-reinstall --no-deps '
            "--no-cache-dir --no-binary llama-cpp-python llama-cpp-python",
        ),
        (
            replace(changed("machine", **NVIDIA), build=replace(BUILD, backends=("cuda",))),
            "mend",
            "its driver gives llama.cpp no device",
            "See what this says: nvidia-smi",
        ),
        (
            changed("machine", unused_gpu="An AMD GPU", unused_backend="rocm", has_compiler=True),
            "mend",
            "An AMD GPU is there",
            f"cd {CHECKOUT} && MULL_BACKEND=rocm make run",
        ),
        (
            changed("machine", hardware=replace(parse("8GiB ram"), advice="The GPU's driver hung.")),
            "mend",
            "The GPU's driver hung.",
            "",
        ),
        (
            changed("machine", swap_used_bytes=2 * GiB, swap_bytes=4 * GiB),
            "note",
            "swapped out",
            "Close what",
        ),
        (
            changed("machine", power=Power(on_battery=True, percent=40.0, is_saving=False)),
            "note",
            "runs on its battery",
            "",
        ),
        (
            changed("machine", power=Power(on_battery=False, percent=None, is_saving=True)),
            "note",
            "saves power",
            "",
        ),
        (changed("terminal", encoding="ISO-8859-1"), "mend", "ISO-8859-1", "export LANG=C.UTF-8"),
        (changed("terminal", columns=40), "note", "40 columns", "mull --plain"),
        (
            replace(WELL, folders=(Folder("logs", "/var/log", True, True, 0, 200 * MiB),)),
            "mend",
            "210 MB left",
            "Free some space",
        ),
        (
            replace(WELL, folders=(Folder("logs", "/var/log", True, True, 0, 2 * GiB),)),
            "note",
            "2.1 GB left",
            "Free some space",
        ),
        (
            replace(WELL, folders=(Folder("settings", "/etc/mull", True, False, 0, 0),)),
            "mend",
            "cannot be written: /etc/mull",
            "chmod u+rwx /etc/mull",
        ),
        (
            changed("settings", problem="think in x must be auto.", next_step="Correct the value."),
            "mend",
            "Mull does not start",
            "Correct the value.",
        ),
        (changed("store", state="damaged"), "mend", "is damaged", "mull history list"),
        (changed("store", state="foreign"), "mend", "another program's", "Move it away"),
        (changed("store", state="newer"), "mend", "newer Mull", "Update Mull."),
        (changed("store", state="older"), "note", "older Mull", ""),
        (
            changed("store", state="unreadable", problem="It is locked.", next_step="Close it."),
            "mend",
            "It is locked.",
            "Close it.",
        ),
        (changed("store", set_aside=("a.db", "b.db")), "note", "a.db, b.db", "mull history import b.db"),
        (
            changed("model", problem="It is incomplete.", next_step="Fetch it again."),
            "mend",
            "It is incomplete.",
            "Fetch it again.",
        ),
        (changed("model", is_starter=True), "note", "try-out", "mull models recommend"),
        (
            replace(WELL, models=(Here("old", "/x.gguf", 0, "It is gone."),)),
            "note",
            "old: It is gone.",
            "mull models remove old",
        ),
        (changed("build", version=""), "mend", "not installed", "make run"),
        (
            changed("smoke", problem="The model's process crashed (SIGILL).", next_step="Ask again."),
            "mend",
            "SIGILL",
            "Ask again.",
        ),
        (changed("smoke", news=("Mull tries again with less.",)), "note", "tries again", ""),
    ],
)
def test_what_is_said(facts: Facts, level: str, says: str, command: str) -> None:
    finding = only(facts)
    assert finding.level == level
    assert says in finding.sentence
    assert command in finding.next_step


@pytest.mark.parametrize("compiler", ["GCC 11.4.0", "GCC 12.2.0"])
def test_amx_by_a_compiler_that_compiles_it_wrongly(compiler: str) -> None:
    facts = replace(changed("smoke", build=AMX), build=replace(BUILD, compiler=compiler))
    assert "crashes" in only(facts).sentence
    assert only(facts).next_step == f"cd {CHECKOUT} && MULL_BACKEND=cpu make run"
    assert "-mno-amx-tile" in only(replace(facts, system=INSTALLED)).next_step


@pytest.mark.parametrize("compiler", ["GCC 13.1.0", "clang 17.0.6", ""])
def test_amx_by_another_compiler_is_well(compiler: str) -> None:
    facts = replace(changed("smoke", build=AMX), build=replace(BUILD, compiler=compiler))
    assert findings(facts) == ()


def test_a_model_that_does_not_fit() -> None:
    from tests.assumed import assumed

    memory = assumed("large", 60 * GiB, 70_000_000_000)
    plan = fit(memory, parse("16GiB ram"), Wants())
    assert not plan.is_fit
    finding = only(changed("model", plan=plan))
    assert finding.level == "mend"
    assert "mull models recommend" in finding.next_step


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_could_not_be_looked_at_is_a_finding_and_the_others_go_on(part: str) -> None:
    facts = with_part(part, Failed("the disk hums"))
    finding = only(facts)
    assert (finding.level, finding.part) == ("mend", part)
    assert "the disk hums" in finding.sentence
    assert {line.part for line in lines(facts)} == set(PARTS)


def test_a_full_disk_is_told_once() -> None:
    disk = 3 * GiB
    folders = tuple(Folder(use, f"/home/{use}", True, True, 0, disk) for use in ("settings", "logs"))
    assert only(replace(WELL, folders=folders)).part == "folders"


def test_the_worst_comes_first_and_counts() -> None:
    facts = replace(WELL, terminal=replace(TERMINAL, columns=40, encoding="ascii"))
    found = findings(facts)
    assert [each.level for each in found] == ["mend", "note"]
    assert worst(found) == "mend"
    assert worst(found, "store") == "ok"


def test_everything_that_was_found_is_said() -> None:
    machine = Machine(
        parse("8GiB cuda, 16GiB ram, 50GB/s bandwidth"),
        16,
        GiB,
        2 * GiB,
        Power(on_battery=True, percent=41.0, is_saving=True),
    )
    text = "\n".join(f"{line.name} {line.text}" for line in lines(replace(WELL, machine=machine)))
    for words in (
        *("Python 3.12.3", CHECKOUT, "0.3.36 for the CPU, compiled by GCC 13.2.0", "8 cores used of 16 CPUs"),
        *(
            "read at 54 GB/s",
            "1.0 GiB of 2.0 GiB swap",
            "cuda (cuda): 8.0 GiB",
            "battery, 41 %, saving power",
        ),
        *("120x40, 256 colours, utf-8, en_GB.UTF-8", "all as by default", "3 conversations, 4.1 kB"),
        *("Qwen3 4B, Q4_K_M, 2.5 GB", "no model but the starter model", "8 tokens at 120 tokens/s"),
    ):
        assert words in text, words
