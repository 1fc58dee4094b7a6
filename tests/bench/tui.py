"""How fast the chat is, printed and not asserted. No terminal is needed.

`make bench-tui` runs all of it; names of parts as arguments run only those, and BENCH_TOKENS sets another
length of the transcript. Another program on the same
processors lengthens every pause, so pauses are told twice: by the clock, and in processor time of the thread
that paints, which is what Mull itself takes.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from assistant.tui import garbage
from assistant.tui.app import MullApp
from textual import events
from textual.pilot import Pilot

from assistant.config import Settings
from assistant.control import Control
from assistant.events import Event
from assistant.paths import starter_model
from assistant.session import Session
from tests.tui import runs
from tests.tui.driving import app_for, ask, phase, shown, wait_until
from tests.tui.scripted import ScriptedSession, Step, answer, planned, text, thinking

ROUNDS = 5
SIZE = (120, 40)
TOKENS_PER_SECOND = 200
N_SAMPLES = 8
STREAM_S = 4.0
N_TRANSCRIPT = int(os.environ.get("BENCH_TOKENS", "50000"))
TOKENS_A_TURN = 1_000
N_DELTAS = 200
RATE = 50
"""Tokens per second of a fast answer."""

PARAGRAPH = (
    "The tide **turned** at noon, and the `net` came up heavier than it had been all the week; they counted "
    "fish until the light went, and [sold](https://example.org) half of them on the quay.\n\n"
    "- one for the *house*\n- two for the smoke\n\n"
)


def say(name: str, figure: str, goal: str = "") -> None:
    """One line of the report."""
    print(f"{name:<66} {figure:>24}   {goal}", flush=True)


def tokens(n: int) -> list[str]:
    """`n` pieces of Markdown of four characters, which is what a token has in English."""
    whole = PARAGRAPH * (4 * n // len(PARAGRAPH) + 1)
    return [whole[4 * i : 4 * i + 4] for i in range(n)]


class Pauses:
    """Watches the event loop it runs in: how long it did not come round, and what it did meanwhile."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.busy: list[float] = []

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[None]:
        """Look as often as the loop allows."""
        task = asyncio.create_task(self._look())
        try:
            yield
        finally:
            task.cancel()

    async def _look(self) -> None:
        while True:
            wall, busy = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0)
            self.wall.append(time.perf_counter() - wall)
            self.busy.append(time.thread_time() - busy)
            await asyncio.sleep(0.001)


async def ready(pilot: Pilot[None]) -> None:
    """The model waits for a question."""
    await wait_until(pilot, lambda: phase(pilot) == "ready")


def bench_paint() -> None:
    """Seconds from the start of a Python process to the chat's first frame."""
    code = Path(__file__).with_name("first_paint.py")
    found = []
    for _ in range(2 * ROUNDS + 1):
        command = [sys.executable, str(code)]
        found.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    figure = f"{min(found):.3f}, {statistics.median(found):.3f} s"
    say("first paint: fastest, median", figure, "0.5 s")


def sampled(control: Control) -> Iterator[Event]:
    """Samples side by side, each with news of every token, and the thinking of the first."""
    started, n = time.perf_counter(), 0
    while time.perf_counter() - started < STREAM_S and not control.is_stopped:
        n += 1
        for i in range(N_SAMPLES):
            yield runs.sample(i, "thinking", n, str(n // 50), 12.0)
            yield thinking("word ", n, 4096, n / TOKENS_PER_SECOND).model_copy(update={"sample": i})
        if n % 50 == 0:
            shares = (("51", (0, 1), 2.0), (str(n), (2,), 1.0))
            yield runs.tally(*shares, n_done=3, certainty=0.8, decided=False)
        time.sleep(max(0.0, started + n / TOKENS_PER_SECOND - time.perf_counter()))


class Streaming(ScriptedSession):
    """A session whose runs are made by a function, as fast as that is."""

    def __init__(self, make: Callable[[Control], Iterator[Event]]) -> None:
        super().__init__([])
        self._make = make

    def run(self, query: object, control: Control | None = None, **_: object) -> Iterator[Event]:
        """What the function makes."""
        yield from self._make(control or Control())


def bench_samples() -> None:
    """The longest pause of the event loop while eight samples stream."""

    def vote(control: Control) -> Iterator[Event]:
        yield runs.VOTE_PLAN
        yield from sampled(control)
        yield runs.voted()

    async def once() -> tuple[float, float]:
        pauses = Pauses()
        async with app_for(Streaming(vote)).run_test(size=SIZE) as pilot:
            await ready(pilot)
            await ask(pilot, "hi")
            await wait_until(pilot, lambda: "8 thinking" in shown(pilot))
            async with pauses.watch():
                while phase(pilot) != "ready":
                    await asyncio.sleep(0.05)
        return max(pauses.wall), max(pauses.busy)

    found = [asyncio.run(once()) for _ in range(ROUNDS)]
    name = f"longest pause, {N_SAMPLES} samples of {TOKENS_PER_SECOND} tokens/s: median, longest"
    for i, measure in enumerate(("by the clock", "in processor time")):
        each = [1000 * pair[i] for pair in found]
        say(
            f"{name}, {measure}",
            f"{statistics.median(each):.1f}, {max(each):.1f} ms",
            "" if i == 0 else "50 ms",
        )


async def work_per_delta(pilot: Pilot[None], feed: threading.Semaphore, n: int) -> tuple[float, float, float]:
    """Milliseconds of processor time that one delta takes, mean and median, and the longest pause."""
    each = []
    pauses = Pauses()
    async with pauses.watch():
        for _ in range(n):
            before = time.thread_time()
            feed.release()
            await asyncio.sleep(0.045)
            each.append(1000 * (time.thread_time() - before))
    return statistics.mean(each), statistics.median(each), 1000 * max(pauses.busy)


async def work_at_rate(feed: threading.Semaphore, n: int) -> float:
    """Milliseconds of processor time for each of `n` deltas that come `RATE` a second, several to a frame."""
    before = time.thread_time()
    for _ in range(n):
        feed.release()
        await asyncio.sleep(1 / RATE)
    return 1000 * (time.thread_time() - before) / n


def fed(start: list[str], feed: threading.Semaphore) -> list[Step]:
    """A run that has written `start`, then writes a token whenever it is fed."""

    def write(piece: str, i: int) -> Step:
        def step(_: Control) -> Event:
            feed.acquire()
            return text(piece, i)

        return step

    written: list[Step] = [text("".join(start))] if start else []
    return [planned(), *written, *(write(piece, i) for i, piece in enumerate(tokens(2 * N_DELTAS + 1)))]


async def idle_work() -> float:
    """Milliseconds of processor time that waiting for a delta takes by itself."""
    pauses = Pauses()
    before = time.thread_time()
    async with pauses.watch():
        for _ in range(50):
            await asyncio.sleep(0.045)
    return 1000 * (time.thread_time() - before) / 50


def bench_deltas() -> None:
    """Work for one delta, painted by itself, in a long transcript."""

    async def in_turns() -> tuple[float, float, float, float]:
        feed = threading.Semaphore(0)
        whole = "".join(tokens(TOKENS_A_TURN))
        full: list[Step] = [planned(), text(whole), answer(whole)]
        n_turns = N_TRANSCRIPT // TOKENS_A_TURN
        session = ScriptedSession(*[full] * n_turns, fed([], feed))
        async with app_for(session).run_test(size=SIZE) as pilot:
            await ready(pilot)
            for i in range(n_turns):
                await ask(pilot, f"question {i}")
                await wait_until(pilot, lambda i=i: len(session.queries) > i and phase(pilot) == "ready")  # type: ignore[misc]
            return await streamed(pilot, feed)

    async def in_one() -> tuple[float, float, float, float]:
        feed = threading.Semaphore(0)
        session = ScriptedSession(fed(tokens(N_TRANSCRIPT), feed))
        async with app_for(session).run_test(size=SIZE) as pilot:
            await ready(pilot)
            return await streamed(pilot, feed)

    async def streamed(pilot: Pilot[None], feed: threading.Semaphore) -> tuple[float, float, float, float]:
        await ask(pilot, "go on")
        feed.release()
        await wait_until(pilot, lambda: phase(pilot) == "answering")
        for _ in range(20):
            await pilot.pause()
        idle = await idle_work()
        mean, median, longest = await work_per_delta(pilot, feed, N_DELTAS - 1)
        at_rate = await work_at_rate(feed, N_DELTAS)
        feed.release(N_DELTAS)  # a thread that waits for more would keep the program
        pilot.app.exit()
        return mean - idle, median - idle, longest, at_rate

    for name, run in (("in many answers", in_turns), ("in one answer", in_one)):
        mean, median, longest, at_rate = asyncio.run(run())
        goal = f"5 ms (longest pause {longest:.0f} ms)"
        say(
            f"work per delta at {N_TRANSCRIPT:,} tokens {name}: mean, median",
            f"{mean:.1f}, {median:.1f} ms",
            goal,
        )
        say(f"the same, {RATE} deltas a second: mean", f"{at_rate:.1f} ms")


def bench_open() -> None:
    """Opening a conversation of 10,000 messages."""
    from tests.bench import conversations

    conversations.main()


def bench_stop() -> None:
    """From the key to the end of the run, with the starter model."""
    story = "Tell me a long story about a fisherman, his daughter and the sea, with many small details."

    async def delays(wish: dict[str, Any], question: str, at: str) -> list[float]:
        settings = Settings(model=starter_model(), seed=1, **wish)
        app = MullApp(lambda: Session.open(settings))
        found = []
        async with app.run_test(size=SIZE) as pilot:
            await ready(pilot)
            for i in range(ROUNDS):
                await ask(pilot, f"{i}. {question}")
                await wait_until(pilot, lambda: phase(pilot) == at)
                await asyncio.sleep(0.2 if at != "planning" else 0.02)
                asked = time.perf_counter()
                app.post_message(events.Key("escape", None))
                while phase(pilot) != "ready":
                    await asyncio.sleep(0.001)
                found.append(1000 * (time.perf_counter() - asked))
        return found

    for name, wish, question, at in (
        ("in an answer", {"effort": "direct"}, story, "answering"),
        ("in a thinking", {"think": 2048}, "What is 12 * 13 + 5 * 7?", "thinking"),
        ("in a vote", {"samples": 8, "think": 256}, "What is 12 * 13 + 5 * 7?", "thinking"),
        ("in a long prompt", {"effort": "direct"}, "word " * 4000, "planning"),
    ):
        found = asyncio.run(delays(wish, question, at))
        figure = f"{statistics.median(found):.0f}, {max(found):.0f} ms"
        say(f"Esc to silence {name}: median, longest", figure, "150 ms")


PARTS = {
    "paint": bench_paint,
    "samples": bench_samples,
    "deltas": bench_deltas,
    "stop": bench_stop,
    "open": bench_open,
}


def main() -> None:
    """Run the parts that were asked for, or all, in a home of their own."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["MULL_HOME"] = home
        garbage.begin()  # as the program does
        for name in sys.argv[1:] or PARTS:
            PARTS[name]()


if __name__ == "__main__":
    main()
