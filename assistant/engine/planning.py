"""Settling how a model is loaded, in the process that will load it: its drivers are awake there anyway."""

from __future__ import annotations

from dataclasses import replace

from assistant.catalog.gguf import GGUFInfo
from assistant.engine.options import LoadOptions, Planned
from assistant.hardware import devices
from assistant.hardware.fit import Wants, fit
from assistant.hardware.machine import Hardware
from assistant.hardware.probe import probe
from assistant.hardware.requirements import requirements


def planned(options: LoadOptions, gguf: GGUFInfo, hardware: Hardware | None = None) -> Planned:
    """The options with everything settled that was left open; what was set stays.

    Args:
        options: what is wanted.
        gguf: the file's header.
        hardware: the machine; looked at now if left out.
    """
    model = requirements(gguf)
    wants = replace(Wants.of(options), flash_attn=options.flash_attn)
    plan = fit(model, hardware or probe(devices.listed), wants)
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
    return Planned(settled, plan.note)
