"""The first start, the Models screen, fetching beside the chat, and switching between models."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from assistant.tui.screens.models import ModelsScreen
from assistant.tui.widgets.models.fetch_line import FetchLine
from assistant.tui.widgets.models.offer import Offer
from assistant.tui.widgets.transcript.transcript import Transcript
from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from assistant.catalog import elsewhere, installed, shelf
from assistant.catalog.elsewhere import Found
from assistant.catalog.families import load_offers
from assistant.config import load as load_settings
from assistant.download import get
from assistant.download.meter import Progress
from assistant.errors import ModelFileError, ModelLoadError
from assistant.hardware.machine import parse
from tests.download.fixtures import FILE, REPO
from tests.download.hub import Hub, stall, status
from tests.tui.driving import ask, footer, phase, prompt, shown, wait_until, words
from tests.tui.models import Shop, chat_with, offer_from, offer_lines
from tests.tui.scripted import ScriptedSession, short_run

OTHER = "Other 4B"
OFFER = offer_from(REPO, FILE, "Wanted 4B")


def other(*runs: Any, **options: Any) -> ScriptedSession:
    return ScriptedSession(*runs, name=OTHER, note="", **options)


def notices(pilot: Pilot[None]) -> str:
    return "\n".join(note.message for note in pilot.app._notifications)


def has_offer(pilot: Pilot[None]) -> bool:
    return any(offer.is_attached for offer in pilot.app.screen_stack[0].query(Offer))


async def offered(pilot: Pilot[None]) -> str:
    await wait_until(pilot, lambda: any(offer_lines(pilot)[:1]))
    return "\n".join(offer_lines(pilot))


async def models(pilot: Pilot[None]) -> ModelsScreen:
    """The Models screen with its list."""
    await pilot.press("f7")
    await wait_until(pilot, lambda: isinstance(pilot.app.screen, ModelsScreen))
    screen = pilot.app.screen
    assert isinstance(screen, ModelsScreen)
    await wait_until(pilot, lambda: screen.query_one(OptionList).option_count > 1)
    return screen


def mark(screen: ModelsScreen, name: str) -> None:
    options = screen.query_one(OptionList)
    options.highlighted = options.get_option_index(name)


def page(screen: ModelsScreen) -> str:
    return words(screen.query_one(".page Static", Static))


def told(screen: ModelsScreen) -> str:
    return words(screen.query_one(".told", Static))


def fetch_line(pilot: Pilot[None]) -> str:
    return "\n".join(words(line) for line in pilot.app.screen.query(FetchLine) if line.display)


def arrived() -> list[int]:
    """Bytes of each file that has come in part."""
    return [part.stat().st_size for part in installed.models_dir().rglob("*.part")]


# -- the first start ---------------------------------------------------------------------------------


async def test_the_offer_names_machine_and_model_once() -> None:
    async with chat_with(ScriptedSession(), Shop(is_first=True)) as pilot:
        text = await offered(pilot)
        assert "8 cores, 16.0 GiB of memory" in text
        assert "tokens/s, context" in text
        assert "the best balance of strength and speed here" in text
        assert {"Fetch it", "Starter model"} <= footer(pilot)
        await pilot.press("escape")
        await wait_until(pilot, lambda: not has_offer(pilot))
        assert "Fetch it" not in footer(pilot)
        assert prompt(pilot).has_focus
    async with chat_with(ScriptedSession(), Shop(is_first=True)) as pilot:
        await pilot.pause()
        assert not has_offer(pilot)


async def test_the_welcome_with_the_offer_is_seen_from_its_first_line_on() -> None:
    async with chat_with(ScriptedSession(), Shop(is_first=True)) as pilot:
        await offered(pilot)
        name = pilot.app.query_one("Welcome .name")
        await wait_until(pilot, lambda: pilot.app.query_one(Transcript).region.contains_region(name.region))


async def test_whoever_types_just_chats() -> None:
    session = ScriptedSession(short_run("Hello!"))
    async with chat_with(session, Shop(is_first=True)) as pilot:
        await offered(pilot)
        await pilot.press("h", "i", "enter")
        await wait_until(pilot, lambda: "Hello!" in shown(pilot))
        assert "Fetch it" not in footer(pilot)
    assert session.queries[0].text == "hi"


@pytest.mark.parametrize("found", [(), (Found(Path("/x.gguf"), "Ollama", "qwen3:4b"),)])
async def test_offline_says_so_and_offers_what_is_here(found: tuple[Found, ...]) -> None:
    async with chat_with(ScriptedSession(), Shop(is_first=True, is_offline=True, found=found)) as pilot:
        text = await offered(pilot)
        assert "The setting offline is on: nothing is fetched." in text
        assert ("Other programs have 1 model here: F7" in text) == bool(found)
        assert "Ctrl+G" not in text
        assert "Fetch it" not in footer(pilot)
        screen = await models(pilot)
        mark(screen, "qwen3-4b")
        await pilot.press("g")
        assert "offline is on" in told(screen)


async def test_a_machine_that_no_model_fits() -> None:
    async with chat_with(ScriptedSession(), Shop(is_first=True, hardware=parse("1GiB ram"))) as pilot:
        assert "starter model" in await offered(pilot)


async def test_one_key_fetches_while_the_starter_model_chats_and_then_it_answers(hub: Hub) -> None:
    over = threading.Event()
    hub.faults.append(stall(70_000, over))
    session, second = ScriptedSession(short_run("Hello!")), other(short_run("I am larger."))
    shop = Shop(second, is_first=True, offer=OFFER)
    async with chat_with(session, shop) as pilot:
        await offered(pilot)
        await pilot.press("ctrl+g")
        await wait_until(pilot, lambda: arrived() == [70_000])
        assert "↓ Wanted 4B: " in fetch_line(pilot)
        assert "· /cancel" in fetch_line(pilot)
        await ask(pilot, "hi")
        await wait_until(pilot, lambda: "Hello!" in shown(pilot))
        over.set()
        await wait_until(pilot, lambda: f"{OTHER} answers from now on." in shown(pilot))
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        assert fetch_line(pilot) == ""
        assert session.is_closed
        await ask(pilot, "who are you?")
        await wait_until(pilot, lambda: "I am larger." in shown(pilot))
    name = OFFER.name
    assert shop.opened == [name]
    assert [message.content for message in second.queries[0].history] == ["hi", "Hello!"]
    assert load_settings().model == Path(name)
    assert installed.find(name) is not None


async def test_a_fetch_is_stopped_and_gone_on_with(hub: Hub) -> None:
    over = threading.Event()
    hub.faults.append(stall(70_000, over))
    shop = Shop(offer=OFFER)
    async with chat_with(ScriptedSession(), shop) as pilot:
        screen = await models(pilot)
        mark(screen, OFFER.name)
        await pilot.press("enter")
        await wait_until(pilot, lambda: arrived() == [70_000])
        mark(screen, "qwen3-4b")
        await pilot.press("g")
        assert "one at a time" in notices(pilot)
        await pilot.press("escape")
        await wait_until(pilot, lambda: not isinstance(pilot.app.screen, ModelsScreen))
        await ask(pilot, "/cancel")
        # though the connection still stands
        await wait_until(pilot, lambda: "What has come is kept" in notices(pilot))
        over.set()
        assert arrived() == [70_000]
        screen = await models(pilot)
        mark(screen, OFFER.name)
        await pilot.press("g")
        await wait_until(pilot, lambda: f"/models {OFFER.name} uses it" in notices(pilot))
        assert hub.requests("cdn")[-1].range == "bytes=70000-"
        await wait_until(pilot, lambda: screen._items[OFFER.name].is_here)


async def test_a_fetch_that_fails_says_why(hub: Hub) -> None:
    hub.hub_faults.append(status(404))
    async with chat_with(ScriptedSession(), Shop(offer=OFFER)) as pilot:
        screen = await models(pilot)
        mark(screen, OFFER.name)
        await pilot.press("g")
        await wait_until(pilot, lambda: "Wanted 4B was not fetched." in notices(pilot))
        assert fetch_line(pilot) == ""


async def test_a_long_note_of_a_fetch_wraps_and_the_word_that_stops_it_stays_in_sight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    note = "the.hub.example cannot be reached: Name or service not known. Going on in 16 s."
    over = threading.Event()

    def waiting(*_: object, **__: object) -> Iterator[Progress]:
        yield Progress("model.gguf", 0, 0, note=note)
        over.wait()

    monkeypatch.setattr(get, "download", waiting)
    async with chat_with(ScriptedSession(), Shop(is_first=True, offer=OFFER)) as pilot:
        await offered(pilot)
        await pilot.press("ctrl+g")
        await wait_until(pilot, lambda: note in fetch_line(pilot))
        line = pilot.app.screen.query_one(FetchLine)
        await wait_until(pilot, lambda: line.region.height == 2)
        drawn = " ".join(line.render_line(y).text.strip() for y in range(2))
        assert drawn == f"↓ Wanted 4B: {note} · /cancel"
        over.set()


async def test_quitting_stops_a_fetch_and_keeps_the_part(hub: Hub) -> None:
    over = threading.Event()
    hub.faults.append(stall(70_000, over))
    async with chat_with(ScriptedSession(), Shop(offer=OFFER)) as pilot:
        screen = await models(pilot)
        mark(screen, OFFER.name)
        await pilot.press("g")
        await wait_until(pilot, lambda: arrived() == [70_000])
        app: Any = pilot.app
        fetch = app.fetch
    assert fetch.is_stopped
    over.set()
    assert arrived() == [70_000]


async def test_news_of_a_fetch_that_come_while_the_app_ends_are_nothing_to_fail_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = threading.Event()

    def waiting(*_: object, **__: object) -> Iterator[Progress]:
        yield Progress("model.gguf", 0, 0, note="wait")
        over.wait()

    monkeypatch.setattr(get, "download", waiting)
    async with chat_with(ScriptedSession(), Shop(is_first=True, offer=OFFER)) as pilot:
        await offered(pilot)
        await pilot.press("ctrl+g")
        await wait_until(pilot, lambda: "wait" in fetch_line(pilot))
        await pilot.app.screen.query("#composer > *").remove()
        app: Any = pilot.app
        over.set()
        await wait_until(pilot, lambda: app.fetch is None)


# -- the Models screen -------------------------------------------------------------------------------


async def test_the_list_and_the_page() -> None:
    async with chat_with(ScriptedSession(), Shop(), size=(120, 40)) as pilot:
        screen = await models(pilot)
        options = screen.query_one(OptionList)
        rows = [str(options.get_option_at_index(i).prompt) for i in range(options.option_count)]
        assert rows[0] == "On this machine"
        assert "starter" in rows[1]
        assert rows[2].startswith("To fetch")
        verdicts = {item.verdict for item in screen._items.values()}
        assert {"fits on the GPU", "fits", "too large"} <= verdicts
        assert all(
            item.verdict in row for row, item in zip(rows[3:], list(screen._items.values())[1:], strict=True)
        )
        mark(screen, "qwen3-4b")
        await wait_until(pilot, lambda: "Qwen3 4B" in page(screen))
        for said in ("licence", "Apache-2.0", "good for", "context", "tokens/s", "GGUF/Qwen3-4B"):
            assert said in page(screen), said
        await pilot.press("u")
        assert "is not here yet" in told(screen)
        await pilot.press("x")
        assert "Only what is on this machine" in told(screen)
        mark(screen, "starter")
        await pilot.press("g")
        assert "is here already" in told(screen)
        await pilot.press("x")
        assert "belongs to Mull and stays" in told(screen)


async def test_use_switches_and_the_conversation_stays(starter_model: Path) -> None:
    installed.add(starter_model.absolute(), "mine")
    session, second = ScriptedSession(short_run("One")), other(short_run("Two"))
    shop = Shop(second)
    async with chat_with(session, shop) as pilot:
        await ask(pilot, "first")
        await wait_until(pilot, lambda: "One" in shown(pilot))
        screen = await models(pilot)
        mark(screen, "mine")
        await pilot.press("enter")
        await wait_until(pilot, lambda: f"{OTHER} answers from now on." in shown(pilot))
        await wait_until(pilot, lambda: told(screen) == f"{OTHER} answers from now on.")
        await pilot.press("escape")
        await ask(pilot, "second")
        await wait_until(pilot, lambda: "Two" in shown(pilot))
    assert session.is_closed
    assert [message.content for message in second.queries[0].history] == ["first", "One"]
    assert load_settings().model == Path("mine")


async def test_a_switch_waits_for_the_answer_that_runs(starter_model: Path) -> None:
    installed.add(starter_model.absolute(), "mine")
    gate = threading.Event()
    run = short_run("One")
    session, second = ScriptedSession([run[0], gate, *run[1:]]), other()
    async with chat_with(session, Shop(second)) as pilot:
        await ask(pilot, "first")
        await wait_until(pilot, lambda: session.queries)
        app: Any = pilot.app
        app.switch("mine")
        await pilot.pause()
        assert not session.is_closed
        gate.set()
        await wait_until(pilot, lambda: f"{OTHER} answers from now on." in shown(pilot))
        assert "One" in shown(pilot)


@pytest.mark.parametrize(
    "broken",
    [
        other(load=[ModelLoadError("There is no room for it.", "Take a smaller one.")]),
        ModelFileError("It is damaged.", "Fetch it again."),
    ],
)
async def test_a_model_that_fails_gives_way_to_the_one_before(
    broken: ScriptedSession | Exception, starter_model: Path
) -> None:
    installed.add(starter_model.absolute(), "mine")
    session, again = ScriptedSession(short_run("One")), ScriptedSession(short_run("Two"))
    sessions = [session, again]
    shop = Shop()

    def opened(name: str) -> ScriptedSession:
        if isinstance(broken, Exception):
            raise broken
        return broken

    from assistant.tui.app import MullApp
    from assistant.tui.stock import Stock

    app: Any = MullApp(lambda: sessions.pop(0), clock=lambda: 0.0, stock=Stock(shop.stock.shelf, opened))
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        screen = await models(pilot)
        app.switch("mine")
        await wait_until(pilot, lambda: "goes on answering." in shown(pilot))
        await wait_until(pilot, lambda: told(screen) == "mine was not loaded; the chat says why.")
        await pilot.press("escape")
        await wait_until(pilot, lambda: phase(pilot) == "ready")
        await ask(pilot, "first")
        await wait_until(pilot, lambda: "One" in shown(pilot) or "Two" in shown(pilot))
    assert session.is_closed
    assert load_settings().model is None
    assert len(sessions) == (1 if isinstance(broken, Exception) else 0)


async def test_models_by_name() -> None:
    async with chat_with(ScriptedSession(), Shop(other())) as pilot:
        await ask(pilot, "/models nonsense")
        await wait_until(pilot, lambda: 'no model "nonsense" here' in notices(pilot))
        await ask(pilot, "/models starter")
        await wait_until(pilot, lambda: "answers from now on" in shown(pilot))


async def test_remove_asks_first(hub: Hub, starter_model: Path, content: bytes) -> None:
    path = installed.models_dir() / "maker" / "Mine-GGUF" / "mine.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    installed.add(path, "mine")
    async with chat_with(ScriptedSession(), Shop()) as pilot:
        screen = await models(pilot)
        mark(screen, "mine")
        await pilot.press("x")
        assert "x again deletes its file" in told(screen)
        await pilot.press("down", "up", "x")
        assert path.exists()
        assert "x again deletes its file" in told(screen)
        await pilot.press("x")
        await wait_until(pilot, lambda: "are free again" in told(screen))
        assert not path.exists()
        await wait_until(pilot, lambda: "mine" not in screen._items)


async def test_what_has_come_in_part_can_be_given_up() -> None:
    offer = next(offer for offer in load_offers() if offer.name == "qwen3-4b")
    part = installed.models_dir() / offer.file.repo / f"{offer.file.file}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"GGUF" * 1000)
    async with chat_with(ScriptedSession(), Shop()) as pilot:
        screen = await models(pilot)
        mark(screen, "qwen3-4b")
        await wait_until(pilot, lambda: "4.0 kB of it are here" in page(screen))
        await pilot.press("x")
        assert "x again deletes what has come of it" in told(screen)
        await pilot.press("x")
        await wait_until(pilot, lambda: "4.0 kB are free again" in told(screen))
        assert not part.exists()


async def test_import_takes_in_what_other_programs_have(
    starter_model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found: list[Found] = []
    monkeypatch.setattr(elsewhere, "search", lambda: iter(found))
    async with chat_with(ScriptedSession(), Shop()) as pilot:
        screen = await models(pilot)
        await pilot.press("i")
        await wait_until(pilot, lambda: "no model here that runs" in told(screen))
        (tmp_path / "bad.gguf").write_bytes(b"GGUF")
        found += [
            Found(starter_model.absolute(), "Ollama", "small:135m"),
            Found(tmp_path / "bad.gguf", "LM Studio", "bad"),
        ]
        await pilot.press("i")
        await wait_until(
            pilot, lambda: "1 model of other programs can be used. 1 cannot be run." in told(screen)
        )
        await wait_until(pilot, lambda: "small:135m" in screen._items)


async def test_a_model_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    (tmp_path / "half.gguf").write_bytes(b"GGUF")
    installed.add(tmp_path / "half.gguf", "half")
    async with chat_with(ScriptedSession(), Shop()) as pilot:
        screen = await models(pilot)
        mark(screen, "half")
        await pilot.press("u")
        assert "is incomplete" in told(screen)


async def test_a_list_that_cannot_be_made_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ValueError("a bad day")

    monkeypatch.setattr(shelf, "load_offers", broken)
    async with chat_with(ScriptedSession(), Shop()) as pilot:
        await pilot.press("f7")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, ModelsScreen))
        await wait_until(pilot, lambda: "a bad day" in words(pilot.app.screen.query_one(".machine", Static)))


async def test_without_a_stock_there_are_no_models() -> None:
    from tests.tui.driving import chat

    async with chat(ScriptedSession()) as pilot:
        assert "Models" not in footer(pilot)
        await pilot.press("f7")
        assert not isinstance(pilot.app.screen, ModelsScreen)
