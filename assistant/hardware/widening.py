"""Whether a loaded model can have a larger context, and what that costs. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from assistant.engine.options import IDLE_SLOTS
from assistant.hardware.fit import LoadPlan, Wants, fit, in_words, shortage
from assistant.hardware.machine import Hardware, size
from assistant.hardware.memory import KV_BITS, Load, ModelMemory, Needs

_BITS: Final = {"q8_0": "the cache in 8 bits", "q4_0": "the cache in 4 bits, which loses some quality"}
_STEP: Final = 1024


@dataclass(frozen=True, slots=True)
class Widening:
    """A larger context."""

    n_ctx: int
    """Tokens that can be had; 0 where no more can."""
    sentence: str
    """What it costs, or why it cannot be had."""
    cost: str = ""
    """The cost in a few words: "96 MiB of memory and the cache in 8 bits"; empty where it is hardly any."""


def widening(
    model: ModelMemory, hardware: Hardware, wants: Wants, now: Load, held_bytes: int | None = None
) -> Widening:
    """The next larger context: twice the present one, or half as much more where memory ends before that.

    Args:
        model: what it is made of.
        hardware: the machine as it is now, with the model loaded.
        wants: what the user has set; the context in it counts no more.
        now: how the model is loaded.
        held_bytes: the machine's memory that comes back when the model is let go; None if nobody knows.
    """
    most = model.n_ctx_train
    if not most:
        return Widening(0, "The model's file does not say what context it was trained for.")
    if now.n_ctx >= most:
        return Widening(0, f"This model was trained for {most:,} tokens of context, and has them.")
    freed = _freed(model, hardware, now, held_bytes)
    for n_ctx in (min(now.n_ctx * 2, most), min(now.n_ctx * 3 // 2 // _STEP * _STEP, most)):
        plan = fit(model, freed, replace(wants, n_ctx=n_ctx))
        if plan.is_fit and n_ctx > now.n_ctx:
            cost = _cost(model, plan, now)
            costs = f"costs {cost}" if cost else "costs hardly any memory"
            return Widening(n_ctx, f"It {costs}, and the conversation is read once more.", cost)
    return Widening(0, f"A context of {n_ctx:,} tokens would take {shortage(plan, freed)}.")


def _freed(model: ModelMemory, hardware: Hardware, now: Load, held_bytes: int | None) -> Hardware:
    """The machine once the model is let go."""
    needs = Needs(model)
    host = needs.host(now)
    # weights in the machine's memory are pages of their file, which count as free already
    held = host.total - host.weights if held_bytes is None else held_bytes
    shares = list(zip(hardware.gpus, needs.gpus(now), strict=False))
    gpus = tuple(
        replace(gpu, free_bytes=min(gpu.free_bytes + need.total, gpu.total_bytes)) for gpu, need in shares
    )
    if held_bytes is None:
        held += sum(need.total - need.weights for gpu, need in shares if gpu.is_unified)
    free = min(hardware.free_bytes + held, hardware.ram_bytes)
    return replace(hardware, free_bytes=free, gpus=gpus)


def _cost(model: ModelMemory, plan: LoadPlan, now: Load) -> str:
    needs = Needs(model)
    before = needs.host(now).total + sum(need.total for need in needs.gpus(now))
    parts = []
    if (grown := plan.total_bytes - before) >= 1 << 20:
        parts.append(f"{size(grown)} of memory")
    if KV_BITS[plan.kv_type] < KV_BITS[now.kv_type]:
        parts.append(_BITS[plan.kv_type])
    if plan.n_seq_max + IDLE_SLOTS < now.n_slots:
        parts.append(f"votes of {plan.n_seq_max}")
    is_moved = plan.n_gpu_layers < min(now.n_gpu_layers, model.n_layer + 1)
    if is_moved or plan.n_cpu_experts > now.n_cpu_experts:
        place = in_words(plan.n_gpu_layers, plan.n_layer, plan.n_cpu_experts, len(plan.gpus))
        parts.append(f"speed ({place})")
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)
