"""Nothing but a download uses the network: everything else runs with sockets refused.

A `sitecustomize` on the path of every interpreter, of the engine's child process too, writes down each
attempt to use the network and refuses it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

REFUSING = """
import os, socket, sys

REFUSED = {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
LOCAL = {socket.AF_INET, socket.AF_INET6}


def refuse(event, arguments):
    if event == "socket.__new__" and arguments[1] not in LOCAL:
        return
    if event != "socket.__new__" and event not in REFUSED:
        return
    if event in ("socket.connect", "socket.bind") and isinstance(arguments[1], (str, bytes)):
        return  # a name in the file system
    with open(os.environ["REFUSED_LOG"], "a") as log:
        log.write(f"{event} {arguments[1:]}\\n")
    raise OSError(f"the network is refused: {event}")


sys.addaudithook(refuse)
"""

CHAT = """
import asyncio
from tests.tui.driving import ask, chat, phase, wait_until
from tests.tui.scripted import ScriptedSession, short_run

async def main():
    async with chat(ScriptedSession(short_run("Four."))) as pilot:
        await ask(pilot, "What is 2 + 2?")
        await wait_until(pilot, lambda: phase(pilot) == "ready")

asyncio.run(main())
"""


MODELS = """
import asyncio
from assistant.config import Settings
from assistant.tui.app import MullApp
from assistant.tui.screens.models import ModelsScreen
from assistant.tui.stock import stock
from assistant.tui.widgets.models.offer import Offer
from tests.tui.driving import phase, wait_until
from tests.tui.scripted import ScriptedSession

async def main():
    app = MullApp(ScriptedSession, clock=lambda: 0.0, stock=stock(Settings))
    async with app.run_test() as pilot:
        await wait_until(pilot, lambda: phase(pilot) == "ready" and app.screen.query(Offer))
        await pilot.press("f7")
        await wait_until(pilot, lambda: isinstance(app.screen, ModelsScreen) and app.screen._items)
        await pilot.press("i", "escape")

asyncio.run(main())
"""


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that attempts are written to."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(REFUSING)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    log = tmp_path / "refused.log"
    monkeypatch.setenv("REFUSED_LOG", str(log))
    return log


def run(*arguments: str, status: int = 0) -> str:
    """Standard output and error of an interpreter that ends with this status."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def attempts(log: Path) -> str:
    return log.read_text() if log.exists() else ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("ask", "2 + 2"),
        ("ask", "--json", "--think", "32", "2 + 2"),
        ("doctor",),
        ("history", "list"),
        ("models", "list"),
        ("models", "import"),
        ("models", "inspect", "starter"),
        ("models", "inspect", "qwen3-4b", "--as", "16GiB ram"),
        ("models", "recommend"),
        ("models", "use", "starter"),
        ("models", "get", "qwen3-4b", "--offline"),
        ("config", "show"),
        ("--help",),
    ],
    ids=" ".join,
)
def test_no_command_uses_the_network(refused: Path, arguments: tuple[str, ...]) -> None:
    run("-m", "assistant", *arguments, status=3 if "--offline" in arguments else 0)
    assert attempts(refused) == ""


@pytest.mark.parametrize("script", [CHAT, MODELS], ids=["chat", "first start and models"])
def test_the_chat_uses_no_network(refused: Path, script: str) -> None:
    run("-c", script)
    assert attempts(refused) == ""


def test_a_download_is_what_would_be_refused(refused: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    text = run("-m", "assistant", "models", "get", "qwen3-4b", status=3)
    assert "cannot be reached" in text
    assert "socket." in attempts(refused)
