"""A hub for each test, and a client that knows no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.download.hub import Hub, serving
from tests.download.models import gguf_bytes

REPO, FILE = "maker/Model-GGUF", "Model-Q4_K_M.gguf"


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    """The file that the hub has."""
    return gguf_bytes(tmp_path)


@pytest.fixture
def hub(content: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one model; the client is told of it, and of no token, proxy or wish for no network."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    hub = Hub()
    hub.add(REPO, FILE, content)
    with serving(hub):
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub
        from huggingface_hub.utils._http import close_session

        close_session()
