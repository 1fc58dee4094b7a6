"""What fewer bits in the KV cache cost in speed: `make bench ARGS=kv`.

The model is loaded once for each type, and the three take turns, so that noise of the machine hits all; with
one thread, as other programs then take less of it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from assistant.engine.gguf_runner import GGUFRunner
from assistant.engine.options import LoadOptions
from assistant.engine.runner import Piece

TYPES = ("f16", "q8_0", "q4_0")
DEPTHS = (512, 4096)
N_STEPS = 12
ROUNDS = 9
_TEXT = "The fisherman looked out over the grey sea and thought of all the winters he had seen. "


def bench_kv(model: Path, say: Callable[[str, str], None]) -> None:
    """Print the speed of each type against f16: reading a prompt of so many tokens, and decoding after it."""
    runners = {
        kind: GGUFRunner(LoadOptions(str(model), n_ctx=5120, n_seq_max=1, n_threads=1, kv_type=kind))
        for kind in TYPES
    }
    for depth in DEPTHS:
        read = {kind: _read(runner, depth) for kind, runner in runners.items()}
        steps: dict[str, list[float]] = {kind: [] for kind in TYPES}
        for turn in range(ROUNDS):
            for kind in TYPES[turn % 3 :] + TYPES[: turn % 3]:
                steps[kind].append(_step(runners[kind], depth))
        for kind in TYPES:
            decoding = statistics.median(a / b for a, b in zip(steps["f16"], steps[kind], strict=True))
            figure = f"{read['f16'] / read[kind]:.2f}, {decoding:.2f}"
            speed = f"({1 / statistics.median(steps[kind]):.0f} tok/s)"
            say(f"KV cache in {kind}, {depth:,} tokens: prompt, decoding", f"{figure} {speed}")
    for runner in runners.values():
        runner.close()


def _read(runner: GGUFRunner, depth: int) -> float:
    """Seconds to read so many tokens into an empty cache."""
    runner.clear(0)
    tokens = (runner.tokenize(_TEXT) * depth)[:depth]
    began = time.perf_counter()
    for at in range(0, depth, runner.n_batch):
        _decode(runner, at, tokens[at : at + runner.n_batch])
    return time.perf_counter() - began


def _step(runner: GGUFRunner, depth: int) -> float:
    """Seconds of a step after so many tokens; the cache is left as it was."""
    tokens = runner.tokenize(_TEXT)[:N_STEPS]
    began = time.perf_counter()
    for i, token in enumerate(tokens):
        _decode(runner, depth + i, [token])
    took = time.perf_counter() - began
    runner.truncate(0, depth)
    return took / len(tokens)


def _decode(runner: GGUFRunner, at: int, tokens: list[int]) -> None:
    status = runner.decode([Piece(0, at, tokens, wants_logits=True)])
    assert status == "done", status
