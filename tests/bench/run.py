"""Speed, printed and not asserted: every figure that counts is a ratio within this run.

`make bench` runs all of it; names of parts as arguments run only those. BENCH_MODEL takes another GGUF.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from assistant import paths
from assistant.engine.candidates import Candidates
from assistant.engine.gguf_runner import GGUFRunner
from assistant.engine.local import LocalEngine
from assistant.engine.options import LoadOptions, usable_threads
from assistant.engine.process import ProcessEngine
from assistant.engine.protocol import (
    Delta,
    Engine,
    Finished,
    Prefilled,
    Request,
    Sampling,
    ThinkingBudget,
    Usage,
)
from assistant.query import Message
from tests.bench.bare import BareLoop
from tests.bench.kv_types import bench_kv

MODEL = Path(os.environ.get("BENCH_MODEL") or paths.starter_model())
N_STEPS = 96
ROUNDS = 7
PATIENCE_S = 0.03
"""As the strategies of one sequence have it."""
SAMPLING = Sampling(temperature=0.7, top_k=40, top_p=0.95, seed=1)
STORY = "Tell me a long story about a fisherman, his daughter and the sea, with many small details."


def request(text: str, max_tokens: int, history: tuple[Message, ...] = ()) -> Request:
    """A question that is answered without thinking."""
    return Request((*history, Message("user", text)), SAMPLING, ThinkingBudget(0), max_tokens)


def say(name: str, figure: str, goal: str = "") -> None:
    """One line of the report."""
    print(f"{name:<58} {figure:>22}   {goal}", flush=True)


def seconds_per_step(engine: Engine, n: int) -> float:
    """Mean seconds to advance `n` sequences by a token, from an empty cache where that can be had."""
    if isinstance(engine, LocalEngine):
        engine._cache.forget()
    with engine.batch() as batch:
        batch.add(request(STORY, 4 * N_STEPS), n)
        while not any(not isinstance(event, Prefilled) for event in batch.step()):
            pass
        n_done = 0
        started = time.perf_counter()
        while n_done < N_STEPS * n:
            n_done += sum(isinstance(event, Delta) for event in batch.step(PATIENCE_S))
        return (time.perf_counter() - started) * n / n_done


def paired(first: Callable[[], float], second: Callable[[], float]) -> tuple[float, float, float]:
    """Median of both and of their ratio first / second, taken in turns so that noise hits both."""
    pairs = [(first(), second()) for _ in range(ROUNDS)]
    ratios = [a / b for a, b in pairs]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(ratios),
    )


def bench_step() -> None:
    """`Batch.step` against a bare loop, in this process and through the child."""
    runner = GGUFRunner(LoadOptions(str(MODEL)))
    local = LocalEngine(runner)
    process = ProcessEngine(LoadOptions(str(MODEL)))
    for _ in process.load():
        pass
    bare = BareLoop(runner._llama._model, 8, usable_threads())
    prompt = f"<|im_start|>user\n{STORY}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    for n in (1, 8):
        engines: list[tuple[str, Engine, str]] = [
            ("in this process", local, "at least 0.95"),
            ("through the child", process, ""),
        ]
        for name, engine, goal in engines:
            raw, step, ratio = paired(
                partial(bare.seconds_per_step, prompt, n, N_STEPS), partial(seconds_per_step, engine, n)
            )
            say(f"Batch.step, {n} sequences, {name}: speed of a bare loop", f"{ratio:.3f}", goal)
            say("", f"{n / step:.0f} against {n / raw:.0f} tok/s")
    bare.close()
    process.close()
    local.close()


def bench_samples() -> None:
    """Eight samples of one prompt against eight runs one after the other."""
    engine = LocalEngine(GGUFRunner(LoadOptions(str(MODEL))))

    def run(n: int, seed: int) -> None:
        with engine.batch() as batch:
            wish = replace(request(STORY, N_STEPS), sampling=replace(SAMPLING, seed=seed))
            batch.add(wish, n)
            n_open = n
            while n_open:
                n_open -= sum(isinstance(event, Finished) for event in batch.step())

    def together() -> float:
        started = time.perf_counter()
        run(8, 1)
        return time.perf_counter() - started

    def apart() -> float:
        started = time.perf_counter()
        for seed in range(1, 9):
            run(1, seed)
        return time.perf_counter() - started

    batched, single, ratio = paired(together, apart)
    say("8 samples on one prefill: wall time of 8 runs in turn", f"{ratio:.3f}", "at most 0.60")
    say("", f"{batched:.2f} s against {single:.2f} s")
    engine.close()


def bench_confidence() -> None:
    """Log-probability and confidence of a token against the time to decode it."""
    import numpy as np

    runner = GGUFRunner(LoadOptions(str(MODEL)))
    engine = LocalEngine(runner)
    step = min(seconds_per_step(engine, 1) for _ in range(3))
    step_of_8 = min(seconds_per_step(engine, 8) for _ in range(3)) / 8
    n_vocab = runner._llama.n_vocab
    logits = np.random.default_rng(0).normal(0, 3, n_vocab).astype(np.float32)
    logits[:40] += 10
    candidates = Candidates(n_vocab)

    def cost(with_facts: bool) -> float:
        started = time.perf_counter()
        for _ in range(500):
            candidates.gather(logits, 40, with_facts=with_facts)
        return (time.perf_counter() - started) / 500

    extra = min(cost(True) - cost(False) for _ in range(ROUNDS))
    say("log-probability and confidence: share of decoding, 1 sequence", f"{extra / step:.2%}", "under 3 %")
    say(
        "log-probability and confidence: share of decoding, 8 sequences",
        f"{extra / step_of_8:.2%}",
        "under 3 %",
    )
    engine.close()


def bench_turns() -> None:
    """Tokens computed for the second turn of a conversation."""
    engine = LocalEngine(GGUFRunner(LoadOptions(str(MODEL))))

    def turn(history: tuple[Message, ...], text: str) -> tuple[Usage, str]:
        answer = ""
        with engine.batch() as batch:
            batch.add(request(text, 64, history))
            while True:
                for event in batch.step():
                    answer += getattr(event, "answer", "")
                    if isinstance(event, Finished):
                        return event.usage, answer

    first, answer = turn((), "How many days are in three weeks?")
    history = (Message("user", "How many days are in three weeks?"), Message("assistant", answer))
    second, _ = turn(history, "And in five weeks?")
    n_computed = second.prompt_tokens - second.cached_tokens
    n_new = second.prompt_tokens - first.prompt_tokens - first.completion_tokens
    say("second turn: tokens of the prompt", f"{second.prompt_tokens}")
    say("second turn: prefilled tokens, new tokens", f"{n_computed}, {n_new}", "equal")
    engine.close()


def bench_stop() -> None:
    """From `interrupt` to the end of the running step, through the child."""
    engine = ProcessEngine(LoadOptions(str(MODEL)))
    for _ in engine.load():
        pass
    for name, text in (("decoding", STORY), ("prefilling", "word " * 4000)):
        delays = []
        for i in range(ROUNDS):
            with engine.batch() as batch:
                batch.add(request(f"{i} {text}", 512))
                batch.step()
                if name == "decoding":
                    for _ in range(4):
                        batch.step()
                asked = [0.0]

                def stop(asked: list[float] = asked) -> None:
                    asked[0] = time.perf_counter()
                    engine.interrupt()

                timer = threading.Timer(0.05, stop)
                timer.start()
                while batch.step():
                    pass
                delays.append((time.perf_counter() - asked[0]) * 1000)
                timer.join()
        say(
            f"stop while {name}: median, longest",
            f"{statistics.median(delays):.1f}, {max(delays):.1f} ms",
            "150 ms",
        )
    engine.close()


def bench_start() -> None:
    """How long a user waits for the first sign of life."""

    def wall(*command: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started

    python = min(wall("-c", "pass") for _ in range(ROUNDS))
    version = min(wall("-m", "assistant", "--version") for _ in range(ROUNDS))
    say("mull --version", f"{version:.3f} s", f"0.3 s (Python alone {python:.3f} s)")
    paint = [float(_first_paint()) for _ in range(ROUNDS)]
    say(
        "first paint of the chat: fastest, median",
        f"{min(paint):.3f}, {statistics.median(paint):.3f} s",
        "0.7 s",
    )


def _first_paint() -> str:
    """Seconds from the start of a Python process to the chat's first frame."""
    code = Path(__file__).with_name("first_paint.py")
    return subprocess.run(
        [sys.executable, str(code), str(time.time())], check=True, capture_output=True, text=True
    ).stdout


PARTS: dict[str, Callable[[], None]] = {
    "start": bench_start,
    "step": bench_step,
    "samples": bench_samples,
    "confidence": bench_confidence,
    "turns": bench_turns,
    "stop": bench_stop,
    "kv": partial(bench_kv, MODEL, say),
}


def main() -> None:
    """Run the parts that were asked for, or all."""
    print(f"model {MODEL.name}, {usable_threads()} threads")
    for name in sys.argv[1:] or PARTS:
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
            PARTS[name]()


if __name__ == "__main__":
    main()
