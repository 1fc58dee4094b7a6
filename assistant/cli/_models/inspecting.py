"""Show what a model file is, and what memory it takes."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.cli._exit_codes import ExitCode
from assistant.cli._flags import add_settings, typed
from assistant.cli._models._words import parameters, say, show_json, table, thousands

if TYPE_CHECKING:
    from assistant.catalog.families import Family
    from assistant.catalog.gguf import GGUFInfo
    from assistant.hardware.memory import KVType, ModelMemory

_CONTEXTS = (2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144)
_TEMPLATE_LINES = 12


def add(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", metavar="MODEL", help="A GGUF file, or the name of a model.")
    parser.add_argument(
        "--as", dest="described", metavar="MACHINE", help='Plan for another machine: "8GiB cuda, 16GiB ram".'
    )
    parser.add_argument("--template", action="store_true", help="Show the whole chat template.")
    parser.add_argument("--json", action="store_true", help="Print everything as JSON.")
    add_settings(parser, only=("n_ctx",))


def run(args: Namespace) -> ExitCode:
    """Print what is known."""
    from assistant.catalog.families import load_families, recognise
    from assistant.cli._models._machine import machine, wants
    from assistant.config import load
    from assistant.hardware.expected import tokens_per_second
    from assistant.hardware.fit import fit
    from assistant.hardware.requirements import requirements

    settings = load(typed(args))
    info, family_name = _info(args.model)
    family = load_families()[family_name] if family_name else recognise(info)
    memory, hardware = requirements(info), machine(args.described)
    plan = fit(memory, hardware, wants(args, settings))
    speed = tokens_per_second(memory, plan, hardware)
    if args.json:
        show_json(_as_json(info, family, memory) | {"plan": plan.sentence, "is_fit": plan.is_fit})
        return ExitCode.ANSWERED
    _print_header(info, family, is_here=not family_name)
    if info.chat_template:
        _print_template(info.chat_template, is_whole=args.template)
    _print_memory(memory)
    say(f"The machine: {hardware.sentence()}.")
    say(f"There it would run with {plan.sentence}" + (f", about {speed:.0f} tokens/s." if speed else "."))
    if plan.note:
        say(plan.note)
    return ExitCode.ANSWERED


def _info(model: str) -> tuple[GGUFInfo, str]:
    """What the header says; what it will say, and the family, of a model that is only in the catalogue."""
    from assistant import paths
    from assistant.catalog import installed
    from assistant.catalog.families import load_offers
    from assistant.catalog.gguf import inspect
    from assistant.catalog.offers import find
    from assistant.catalog.outline import outline

    path = Path(model).expanduser()
    if installed.is_name(path) and model.lower() != installed.STARTER and installed.find(model) is None:
        offer = find(load_offers(), model)
        if offer is not None:
            return outline(offer), offer.family
    if model.lower() == installed.STARTER and installed.is_name(path):
        return inspect(paths.starter_model()), ""
    return inspect(installed.resolve(path)), ""


def _print_header(info: GGUFInfo, family: Family, *, is_here: bool) -> None:
    from assistant.download.meter import amount

    facts = [
        ("File", str(info.path) if is_here else f"{info.path} (not here yet: this is from the catalogue)"),
        ("Name", info.name),
        ("Architecture", f"{info.architecture}, {info.n_layer} layers"),
        ("Weights", f"{parameters(info.n_params)} in {info.quantisation}, {amount(info.size_bytes)}"),
        ("Context", f"trained for {info.n_ctx_train:,} tokens" if info.n_ctx_train else "not said"),
        ("Family", family.title),
        ("Thinking", _thinking(family)),
        ("Sampling", _sampling(family)),
    ]
    if info.sliding_window:
        facts.append(("Window", f"some layers see {info.sliding_window:,} tokens back"))
    for key, value in facts:
        say(f"{key:<13} {value}")
    say()


def _thinking(family: Family) -> str:
    thinking = family.thinking
    if thinking is None:
        return "none"
    switch = thinking.switch
    can_leave = bool(switch.off or switch.system_off or switch.prefill_off)
    return f"between {thinking.open} and {thinking.close}; " + (
        "can be switched off" if can_leave else "cannot be switched off"
    )


def _sampling(family: Family) -> str:
    sampling = family.thinking_sampling
    return f"temperature {sampling.temperature:g}, top-k {sampling.top_k}, top-p {sampling.top_p:g}"


def _print_template(template: str, *, is_whole: bool) -> None:
    lines = template.splitlines()
    shown = lines if is_whole else lines[:_TEMPLATE_LINES]
    say(f"Chat template, {len(lines)} lines of Jinja:")
    for line in shown:
        say(f"  | {line if is_whole or len(line) <= 100 else line[:99] + '…'}")
    if len(shown) < len(lines):
        say("  … (--template shows all of it)")
    say()


def _contexts(memory: ModelMemory) -> list[int]:
    most = memory.n_ctx_train or _CONTEXTS[-1]
    return [n for n in _CONTEXTS if n <= most] or [most]


def _kv_types(memory: ModelMemory) -> tuple[KVType, ...]:
    return ("f16", "q8_0", "q4_0") if memory.can_quantize_kv else ("f16",)


def _takes(memory: ModelMemory, n_ctx: int, kv_type: KVType) -> int:
    """Bytes of one conversation with the whole model in one memory."""
    from assistant.engine.options import IDLE_SLOTS
    from assistant.hardware.memory import Load, Needs

    return Needs(memory).host(Load(n_ctx, 1 + IDLE_SLOTS, kv_type)).total


def _print_memory(memory: ModelMemory) -> None:
    from assistant.hardware.machine import size

    kinds = _kv_types(memory)
    rows = [
        (thousands(n_ctx), *(size(_takes(memory, n_ctx, kind)) for kind in kinds))
        for n_ctx in _contexts(memory)
    ]
    say("Memory by context and KV cache, weights included:")
    for line in table(("CONTEXT", *kinds), rows, right=range(1 + len(kinds))):
        say(f"  {line}")
    say()


def _as_json(info: GGUFInfo, family: Family, memory: ModelMemory) -> dict[str, Any]:
    return {
        "path": str(info.path),
        "name": info.name,
        "architecture": info.architecture,
        "n_params": info.n_params,
        "size_bytes": info.size_bytes,
        "quantisation": info.quantisation,
        "n_ctx_train": info.n_ctx_train,
        "n_layer": info.n_layer,
        "family": family.name,
        "has_thinking": family.thinking is not None,
        "chat_template": info.chat_template,
        "memory_bytes": {
            str(n_ctx): {kind: _takes(memory, n_ctx, kind) for kind in _kv_types(memory)}
            for n_ctx in _contexts(memory)
        },
    }
