"""Pictures of the first start, the Models screen and a fetch, of a list that is made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from assistant.tui.app import MullApp
from assistant.tui.fetch import Fetch
from assistant.tui.screens.models import ModelsScreen
from assistant.tui.stock import Stock
from textual.pilot import Pilot
from textual.widgets import OptionList

from assistant.catalog.elsewhere import Found
from assistant.catalog.first_start import FirstStart
from assistant.catalog.installed import Installed
from assistant.catalog.offers import Model, ModelFile, Offer
from assistant.catalog.ranking import Advice
from assistant.catalog.shelf import Item, offered, verdict
from assistant.download.meter import Progress
from assistant.hardware.expected import tokens_per_second
from assistant.hardware.fit import fit
from assistant.hardware.machine import parse
from tests.assumed import assumed
from tests.tui.driving import phase, prompt, wait_until
from tests.tui.models import offer_lines
from tests.tui.scripted import ScriptedSession

SIZES = [(80, 24), (120, 40)]
THEMES = ["textual-dark", "textual-light"]
MACHINE = parse("8GiB cuda, 16GiB ram, 45GB/s bandwidth")

Compare = Callable[..., bool]


def advice(name: str, title: str, billions: float, size_bytes: int, good_for: str) -> Advice:
    """A made-up model on the machine."""
    n_params = int(billions * 1e9)
    memory = assumed(title, size_bytes, n_params, n_ctx_train=32768)
    plan = fit(memory, MACHINE)
    header: Any = {
        "architecture": "llama",
        "block_count": 28,
        "context_length": 32768,
        "embedding_length": 2048,
        "vocab_size": 32000,
    }
    file = ModelFile(
        repo="maker/Model-GGUF", file=f"{name}.gguf", quantisation="Q4_K_M", size_bytes=size_bytes
    )
    model = Model(
        name=name,
        title=title,
        n_params=n_params,
        licence="Apache-2.0",
        released="2026-03",
        good_for=good_for,
        header=header,
        files=(file,),
    )
    speed = tokens_per_second(memory, plan, MACHINE)
    reason = f"the best balance of strength and speed here; {good_for}"
    return Advice(Offer(model, file, "maker"), memory, plan, speed, False, 1.0, reason)


BEST = advice("mill-8b", "Mill 8B", 8.2, 5_000_000_000, "reasoning, programs, many languages")
OTHERS = (
    advice("mill-14b", "Mill 14B", 14.8, 9_000_000_000, "reasoning, where there is time"),
    advice("mill-1.7b", "Mill 1.7B", 1.7, 1_100_000_000, "quick answers"),
    advice("mill-70b", "Mill 70B", 70.0, 42_000_000_000, "everything, on a large machine"),
)


def items() -> tuple[Item, ...]:
    small = offered(OTHERS[1])
    mine = replace(
        small,
        name="mill-0.6b",
        title="Mill 0.6B",
        entry=Installed(
            "mill-0.6b", Path("/home/me/models/mill-0.6b.gguf"), "hf:maker/Model-GGUF/mill-0.6b.gguf"
        ),
        offer=None,
        size_bytes=480_000_000,
        n_params=600_000_000,
        tokens_per_second=212.0,
        is_measured=True,
        is_used=True,
    )
    half = Item(
        "half",
        "half",
        "cannot be used",
        Installed("half", Path("/home/me/models/half.gguf"), "LM Studio"),
        size_bytes=1_000_000,
        problem="/home/me/models/half.gguf is incomplete: it ends inside its header.",
    )
    tight = replace(offered(OTHERS[0]), verdict="tight", part_bytes=2_100_000_000)
    return mine, half, offered(BEST), small, tight, offered(OTHERS[2])


def app(*, is_first: bool = False, is_offline: bool = False) -> Any:
    found = (Found(Path("/x.gguf"), "Ollama", "mill:8b"),)
    first = FirstStart(MACHINE, BEST, found if is_offline else (), is_offline)
    stock = Stock(
        lambda _: (MACHINE.sentence(), items()),
        lambda _: ScriptedSession(),
        lambda: first if is_first else None,
        is_offline,
    )
    return MullApp(ScriptedSession, clock=lambda: 0.0, stock=stock)


async def ready(pilot: Pilot[None]) -> None:
    await wait_until(pilot, lambda: phase(pilot) == "ready")
    prompt(pilot).cursor_blink = False


async def offer_is_there(pilot: Pilot[None]) -> None:
    await ready(pilot)
    await wait_until(pilot, lambda: any(offer_lines(pilot)[:1]))


async def models(pilot: Pilot[None], name: str) -> None:
    await ready(pilot)
    await pilot.press("f7")
    await wait_until(pilot, lambda: isinstance(pilot.app.screen, ModelsScreen))
    screen: Any = pilot.app.screen
    options = screen.query_one(OptionList)
    await wait_until(pilot, lambda: options.option_count > 1)
    options.highlighted = options.get_option_index(name)
    await wait_until(pilot, lambda: screen._shown == name)
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", THEMES)
def test_first_start(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    shown = app(is_first=True)
    shown.theme = theme
    assert snap_compare(shown, terminal_size=size, run_before=offer_is_there)


def test_first_start_offline(snap_compare: Compare) -> None:
    assert snap_compare(
        app(is_first=True, is_offline=True), terminal_size=(80, 24), run_before=offer_is_there
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", THEMES)
def test_models(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await models(pilot, "mill-8b")

    shown = app()
    shown.theme = theme
    assert snap_compare(shown, terminal_size=size, run_before=drive)


def test_removing(snap_compare: Compare) -> None:
    async def drive(pilot: Pilot[None]) -> None:
        await models(pilot, "half")
        await pilot.press("x")

    assert snap_compare(app(), terminal_size=(80, 24), run_before=drive)


@pytest.mark.parametrize("where", ["chat", "models"])
def test_fetching(snap_compare: Compare, where: str) -> None:
    """How far it is stands in the chat and on the Models screen."""

    async def drive(pilot: Pilot[None]) -> None:
        await ready(pilot)
        shown: Any = pilot.app
        shown.fetch = Fetch(offered(BEST), lambda _: None, is_offline=False)
        shown.fetch.progress = Progress("mill-8b.gguf", 2_400_000_000, 5_000_000_000, 12_000_000.0, 216.0)
        shown._show_fetch()
        if where == "models":
            await models(pilot, "mill-8b")

    assert snap_compare(app(), terminal_size=(80, 24), run_before=drive)


def test_verdicts_come_from_plans() -> None:
    assert verdict(BEST.plan, 32768) == "fits on the GPU"
    assert verdict(OTHERS[2].plan, 32768) == "too large"
    assert verdict(replace(BEST.plan, n_ctx=2048), 32768) == "tight"
    assert verdict(replace(BEST.plan, n_ctx=2048), 2048) == "fits on the GPU"
    assert verdict(replace(BEST.plan, n_gpu_layers=3), 32768) == "fits"
