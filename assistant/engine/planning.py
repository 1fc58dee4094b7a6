"""Settling how a model is loaded, in the process that will load it: its drivers are awake there anyway."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from assistant.catalog.gguf import GGUFInfo, inspect
from assistant.engine.options import IDLE_SLOTS, LoadOptions, Planned
from assistant.hardware import devices, system
from assistant.hardware.expected import tokens_per_second
from assistant.hardware.fit import LoadWishes, Wants, fit
from assistant.hardware.machine import Hardware
from assistant.hardware.memory import KVType, Load
from assistant.hardware.probe import probe
from assistant.hardware.requirements import requirements
from assistant.hardware.widening import Widening, widening


def planned(options: LoadOptions, gguf: GGUFInfo, hardware: Hardware | None = None) -> Planned:
    """The options with everything settled that was left open; what was set stays.

    Args:
        options: what is wanted.
        gguf: the file's header.
        hardware: the machine; looked at now if left out.
    """
    model = requirements(gguf)
    wants = replace(Wants.of(options), flash_attn=options.flash_attn)
    hardware = hardware or probe(devices.listed)
    plan = fit(model, hardware, wants)
    settled = replace(
        options,
        n_ctx=plan.n_ctx,
        n_batch=plan.n_batch,
        n_seq_max=plan.n_seq_max,
        n_threads=plan.n_threads,
        n_gpu_layers=plan.n_gpu_layers,
        kv_type=plan.kv_type,
        n_cpu_experts=plan.n_cpu_experts,
        tensor_split=plan.shares,
        can_quantize_kv=model.can_quantize_kv,
        # repacked weights are a copy in memory; those that do not fit there are read from their file
        use_extra_bufts=options.use_extra_bufts and not plan.is_paged,
        is_planned=True,
    )
    return Planned(settled, plan.note, tokens_per_second(model, plan, hardware))


def wider(options: LoadOptions, n_ctx: int, wishes: LoadWishes, pid: int | None) -> Widening:
    """Whether a loaded model can have a larger context, in the process that talks to the one that has it.

    Args:
        options: how it is loaded.
        n_ctx: its context, in tokens.
        wishes: what the user has set.
        pid: the process that has it.

    Raises:
        ModelFileError: its file cannot be read any more.
    """
    now = Load(
        n_ctx=n_ctx,
        n_slots=options.n_seq_max + IDLE_SLOTS,
        kv_type=cast("KVType", options.kv_type),
        n_batch=options.n_batch,
        flash_attn=options.flash_attn,
        n_gpu_layers=max(options.n_gpu_layers, 0),
        n_cpu_experts=options.n_cpu_experts,
        shares=options.tensor_split or (1.0,),
    )
    held = system.held_bytes(pid) if pid is not None else None
    return widening(requirements(inspect(Path(options.path))), probe(), Wants.of(wishes), now, held)
