"""Where the real program can be driven."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.program.driving import Start

# Windows has no pseudo terminals of this kind
collect_ignore_glob = ["*"] if sys.platform == "win32" else []


@pytest.fixture(params=["pty", "tmux"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts the real program, in a pseudo terminal and in tmux: a test that takes this runs in both."""
    from tests.program import terminal, tmux

    if request.param == "pty":
        yield terminal.Program
    elif shutil.which("tmux") is None:
        pytest.skip("tmux is not installed; the same test ran in a pseudo terminal")
    else:
        folder = tmp_path_factory.mktemp("t")
        yield partial(tmux.InTmux, folder)
        tmux.end_server(folder)
