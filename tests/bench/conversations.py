"""Opens a conversation of 10,000 messages in the chat and prints what it took, in seconds.

Measured from asking for the conversation until its end is laid out.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from assistant.store.store import Store
from assistant.store.values import Run, StoredMessage, Summary, Whole
from tests.tui.keeping import keeping, said, screen, until
from tests.tui.scripted import ScriptedSession, answer, planned

N_TURNS = 5_000
N_TIMES = 5
WORDS = "The rest of the answer goes on for some words. " * 12 + "\n\n```python\nprint(1)\n```\n"


def fill(path: Path) -> str:
    """Keep a conversation of `N_TURNS` turns; returns its id."""
    plan = planned().model_dump(mode="json", exclude={"event"})
    messages: list[StoredMessage] = []
    runs: dict[int, Run] = {}
    for number in range(N_TURNS):
        begun_s, place = 1.7e9 + number, 2 * number + 1
        end = answer(f"It is **{number}**.\n\n{WORDS}", "thinking about it. " * 20)
        told = end.model_dump(mode="json", exclude={"event", "text", "thinking"})
        question = StoredMessage(
            place, place - 1 or None, "user", f"Question {number}?", "", "done", begun_s, ()
        )
        messages += [
            question,
            StoredMessage(
                place + 1, place, "assistant", end.text, end.thinking, "done", begun_s, (), n_thinking=412
            ),
        ]
        runs[place + 1] = Run(place + 1, "done", "m", "fact", 0.1, (), [plan], [], None, told)
    summary = Summary("", "Long", "rule", 1.7e9, 1.7e9, len(messages))
    with closing(Store.open(path)) as store:
        return store.insert(Whole(summary, tuple(messages), runs, messages[-1].id))


async def measure(path: Path, name: str) -> None:
    """Open it, leave it, and open it again."""
    last = f"Question {N_TURNS - 1}?"
    async with keeping(ScriptedSession(), path, (120, 40)) as pilot:
        for _ in range(N_TIMES):
            begun_s = time.perf_counter()
            screen(pilot)._read(name, None)
            await until(lambda: last in said(pilot) and screen(pilot)._talk.id == name)
            shown = asyncio.Event()
            screen(pilot).call_after_refresh(shown.set)
            await shown.wait()
            print(f"opened in {time.perf_counter() - begun_s:.3f} s")
            screen(pilot).call_later(screen(pilot).clear)
            await until(lambda: not said(pilot))


def main() -> None:
    """Fill a store and measure."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "conversations.db"
        asyncio.run(measure(path, fill(path)))


if __name__ == "__main__":
    main()
