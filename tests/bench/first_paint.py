"""Starts the chat without a terminal and prints the seconds from the given time to its first frame."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from assistant.tui import app as app_module
from assistant.tui.app import MullApp
from assistant.tui.protocol import SessionLike

from assistant.config import load


class FirstPaint(MullApp):  # type: ignore[misc]
    """The chat, until it is on the screen."""

    CSS_PATH = str(Path(app_module.__file__).with_name("mull.tcss"))

    def on_ready(self) -> None:
        """The first frame is out."""
        self.call_after_refresh(self._report)

    def _report(self) -> None:
        seconds = time.time() - float(sys.argv[1])
        self.exit()
        print(f"{seconds:.3f}", file=sys.__stdout__)


def main() -> None:
    """Open the chat as the command line does."""
    settings = load({})

    def open_session() -> SessionLike:
        from assistant.session import Session

        return Session.open(settings)

    FirstPaint(open_session).run(headless=True)


if __name__ == "__main__":
    main()
