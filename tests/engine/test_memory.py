"""What llama.cpp's caches hold is what was said, on every kind of memory.

The models are tiny and random, so whatever is wrong in the cache changes what is likely next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from assistant.engine.gguf_runner import GGUFRunner
from assistant.engine.local import LocalEngine
from assistant.engine.options import LoadOptions
from assistant.engine.protocol import Sampling, ThinkingBudget
from assistant.engine.runner import Piece
from tests import tiny_gguf
from tests.engine.running import NOISE, Run, Runs, ask, assert_alike, complete, completion, drain

Open = Callable[..., LocalEngine]

QUESTION = "What is the sum of 7 and 5, and why is it the same as that of 5 and 7?"
CHANNEL = tiny_gguf.DEFAULT_CHATML_WITH_THINK.replace("</think>", "<channel|>").replace(
    "<think>", "<|channel>thought"
)
"""A template that any architecture thinks with; its markers are ordinary text in these vocabularies."""


@pytest.fixture
def open_tiny(tmp_path: Path) -> Iterator[Open]:
    engines: list[LocalEngine] = []

    def open_engine(
        architecture: str, n_ctx: int = 512, n_batch: int = 32, n_seq_max: int = 4
    ) -> LocalEngine:
        path = tmp_path / f"{architecture}.gguf"
        if not path.exists():
            tiny_gguf.write(path, architecture, chat_template=CHANNEL)
        options = LoadOptions(str(path), n_ctx=n_ctx, n_batch=n_batch, n_seq_max=n_seq_max, n_threads=1)
        engines.append(LocalEngine(GGUFRunner(options)))
        return engines[-1]

    yield open_engine
    for engine in engines:
        engine.close()


def n_computed(run: Run) -> int:
    """Prompt tokens that were not taken from the cache."""
    return run.prefilled[-1].n_done - run.prefilled[0].n_done


@pytest.mark.parametrize("architecture", tiny_gguf.ARCHITECTURES)
@pytest.mark.parametrize("think", [0, 12])
def test_a_second_turn_is_as_if_read_anew(open_tiny: Open, architecture: str, think: int) -> None:
    engine = open_tiny(architecture)
    first = completion(engine, ask(QUESTION, think=think))
    second = ask(QUESTION, first.answer, "Are you sure?", think=think)

    run = completion(engine, second)
    anew = completion(open_tiny(architecture), second)

    assert_alike(run, anew)
    assert anew.n_cached == 0
    n_opening = first.prefilled[-1].n_total - run.n_cached
    assert n_opening < 30, "only the assistant's opening, with its thinking block, is read again"
    assert n_computed(run) == run.prefilled[-1].n_total - run.n_cached
    assert run.prefilled[-1].n_done == run.prefilled[-1].n_total


@pytest.mark.parametrize("architecture", tiny_gguf.ARCHITECTURES)
def test_a_question_asked_twice_gets_the_same_answer(open_tiny: Open, architecture: str) -> None:
    engine = open_tiny(architecture)
    request = ask(QUESTION, think=8, temperature=0.8, seed=5)

    first, second = completion(engine, request), completion(engine, request)

    assert first.text == second.text
    assert second.n_cached > 0


@pytest.mark.parametrize("architecture", tiny_gguf.ARCHITECTURES)
@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_samples_are_what_single_runs_with_their_seeds_are(
    open_tiny: Open, architecture: str, temperature: float
) -> None:
    samples = complete(open_tiny(architecture), ask(QUESTION, temperature=temperature, seed=11), n=3)
    alone = [
        completion(open_tiny(architecture), ask(QUESTION, temperature=temperature, seed=11 + i))
        for i in range(3)
    ]

    for run, reference in zip(samples, alone, strict=True):
        assert_alike(run, reference, is_greedy=not temperature)
    assert len({run.text for run in samples}) == (3 if temperature else 1)


@pytest.mark.parametrize("architecture", tiny_gguf.ARCHITECTURES)
def test_a_fork_goes_on_like_its_original(open_tiny: Open, architecture: str) -> None:
    request = ask(QUESTION, think=8, max_tokens=40)
    alone = completion(open_tiny(architecture), request)
    engine = open_tiny(architecture)
    runs: Runs = {}
    with engine.batch() as batch:
        (original,) = batch.add(request)
        drain(batch, runs, until=lambda: bool(runs[original].answer))
        said = runs[original].text
        forks = [batch.fork(original)]
        forks.append(batch.fork(forks[0]))
        runs |= {fork: runs[original].copy() for fork in forks}
        drain(batch, runs)

    assert len(said) < len(alone.text)
    assert len(runs) == 3
    for run in runs.values():
        assert_alike(run, alone)
        assert run.reason == "length"


@pytest.mark.parametrize("architecture", tiny_gguf.ARCHITECTURES)
def test_a_fork_lives_on_after_its_original(open_tiny: Open, architecture: str) -> None:
    request = ask(QUESTION)
    alone = completion(open_tiny(architecture), request)
    runs: Runs = {}
    with open_tiny(architecture).batch() as batch:
        (original,) = batch.add(request)
        drain(batch, runs, until=lambda: bool(runs[original].answer))
        fork = batch.fork(original)
        runs[fork] = runs[original].copy()
        batch.remove(original)
        batch.add(ask("Something else entirely"))
        drain(batch, runs)

    assert_alike(runs[fork], alone)


@pytest.mark.parametrize("architecture", tiny_gguf.ARCHITECTURES)
def test_more_thinking_takes_the_answer_back(open_tiny: Open, architecture: str) -> None:
    """The thinking goes on as it does where the same words are forced and nothing was taken back."""
    runs: Runs = {}
    with open_tiny(architecture).batch() as batch:
        (seq_id,) = batch.add(ask(QUESTION, think=10, max_tokens=200))
        drain(batch, runs, until=lambda: len(runs[seq_id].answer) > 4)
        n_said, thought = len(runs[seq_id].deltas), runs[seq_id].thinking
        batch.steer(seq_id, ThinkingBudget(30))
        drain(batch, runs, until=lambda: len(runs[seq_id].ended) == 2)
        reopened = Run(thinking=runs[seq_id].thinking, deltas=runs[seq_id].deltas[n_said + 1 :])
        batch.steer(seq_id, ThinkingBudget(50))
        drain(batch, runs, until=lambda: len(runs[seq_id].ended) == 3)

    straight: Runs = {}
    with open_tiny(architecture).batch() as batch:
        (other,) = batch.add(ask(QUESTION, think=30, max_tokens=200))
        drain(batch, straight, until=lambda: straight[other].thinking == thought)
        n_before = len(straight[other].deltas)
        batch.append(other, "\nWait")
        drain(batch, straight, until=lambda: bool(straight[other].ended))

    assert runs[seq_id].n_reopened == 2
    assert_alike(
        reopened, Run(thinking=straight[other].thinking, deltas=straight[other].deltas[n_before + 1 :])
    )
    assert [ended.reason for ended in runs[seq_id].ended] == ["budget"] * 3
    assert runs[seq_id].ended[-1].thinking_tokens <= 50


@pytest.mark.parametrize("architecture", tiny_gguf.ARCHITECTURES)
def test_the_answer_can_be_had_now(open_tiny: Open, architecture: str) -> None:
    runs: Runs = {}
    with open_tiny(architecture).batch() as batch:
        (seq_id,) = batch.add(ask(QUESTION, think=100, max_tokens=150))
        drain(batch, runs, until=lambda: len(runs[seq_id].thinking) > 10)
        batch.steer(seq_id, ThinkingBudget(0))
        drain(batch, runs)

    assert [ended.reason for ended in runs[seq_id].ended] == ["answer_now"]
    assert runs[seq_id].answer


@pytest.mark.parametrize("architecture", tiny_gguf.ARCHITECTURES)
def test_an_interrupted_run_leaves_no_trace(open_tiny: Open, architecture: str) -> None:
    engine = open_tiny(architecture)
    request = ask(QUESTION, think=8)
    alone = completion(open_tiny(architecture), request)
    for n_steps in (1, 2, 3, 4, 9):
        with engine.batch() as batch:
            batch.add(request, n=2)
            for _ in range(n_steps):
                batch.step()
            engine.interrupt()
            while batch.step():
                pass
        assert_alike(completion(engine, request), alone)


@pytest.mark.parametrize("architecture", tiny_gguf.ARCHITECTURES)
def test_conversations_that_had_to_go_come_back(open_tiny: Open, architecture: str) -> None:
    """More conversations than sequences and than cells: they are parked, brought back, and right."""
    engine = open_tiny(architecture, n_ctx=256, n_seq_max=1)
    questions = [f"{number} is a number. {QUESTION}" for number in range(6)]
    firsts = [completion(engine, ask(question)) for question in questions]

    for question, first in zip(questions, firsts, strict=True):
        second = ask(question, first.answer, "Are you sure?")
        run = completion(engine, second)
        assert run.reason == "length"
        assert run.n_cached >= 64, "brought back and not read again"
        assert_alike(run, completion(open_tiny(architecture, n_ctx=256, n_seq_max=1), second))


@pytest.mark.parametrize("architecture", tiny_gguf.ARCHITECTURES)
def test_a_full_context_ends_the_answer_and_nothing_else(open_tiny: Open, architecture: str) -> None:
    engine = open_tiny(architecture, n_ctx=256)

    full = completion(engine, ask(QUESTION, max_tokens=1000))
    after = completion(engine, ask(QUESTION))

    assert full.reason == "context"
    assert full.finished is not None
    usage = full.finished.usage
    assert usage.prompt_tokens + usage.completion_tokens <= 256
    assert after.reason == "length"
    assert_alike(after, Run(deltas=full.deltas))


@pytest.mark.parametrize("architecture", tiny_gguf.ARCHITECTURES)
def test_samples_that_fill_the_context_together_all_end(open_tiny: Open, architecture: str) -> None:
    engine = open_tiny(architecture, n_ctx=256)

    runs = complete(engine, ask(QUESTION, max_tokens=1000, temperature=0.7), n=4)
    after = completion(engine, ask(QUESTION))

    assert {run.reason for run in runs} == {"context"}
    assert all(run.answer for run in runs)
    assert_alike(after, completion(open_tiny(architecture, n_ctx=256), ask(QUESTION)))


def test_a_window_slides_over_a_long_prompt_and_its_forks(open_tiny: Open) -> None:
    """Far longer than the window of 32 tokens and than the cells kept for it."""
    engine = open_tiny("gemma3", n_ctx=2048, n_batch=64)
    long = ask(" ".join([QUESTION] * 8), max_tokens=100)
    (alone,) = complete(open_tiny("gemma3", n_ctx=2048, n_batch=64), long)

    samples = complete(engine, long, n=4)
    runs: Runs = {}
    with engine.batch() as batch:
        (seq_id,) = batch.add(long)
        for n_said in (10, 20, 30):
            drain(batch, runs, until=lambda n_said=n_said: len(runs[seq_id].deltas) >= n_said)  # type: ignore[misc]
            fork = batch.fork(seq_id)
            runs[fork] = runs[seq_id].copy()
        drain(batch, runs)

    everyone = [alone, *samples, *runs.values()]
    assert {run.reason for run in everyone} == {"length"}
    for run in everyone:
        assert_alike(run, alone)


def test_a_window_keeps_what_a_later_turn_goes_back_to(open_tiny: Open) -> None:
    """The second turn branches off a window's length and more before the end of the first."""
    engine = open_tiny("gemma3")
    first = completion(engine, ask(QUESTION, think=100, max_tokens=200))
    second = ask(QUESTION, first.answer[:20], "Are you sure?")

    run = completion(engine, second)

    assert run.n_cached > 0
    assert_alike(run, completion(open_tiny("gemma3"), second))


@pytest.mark.parametrize("architecture", tiny_gguf.ARCHITECTURES)
@pytest.mark.parametrize("n_kept", [20, 360, 399])
def test_a_cut_is_refused_or_right(tmp_path: Path, architecture: str, n_kept: int) -> None:
    """llama.cpp cuts a sliding window as far back as it is asked to, cells or no cells."""
    path = tiny_gguf.write(tmp_path / "tiny.gguf", architecture)
    options = LoadOptions(str(path), n_ctx=1024, n_batch=64, n_seq_max=1, n_threads=1)
    with closing(GGUFRunner(options)) as runner:
        tokens = runner.tokenize(QUESTION * 8)[:401]
        for start in range(0, 400, 50):
            runner.decode([Piece(0, start, tokens[start : start + 50], wants_logits=False)])

        is_cut = runner.truncate(0, n_kept)
        start = n_kept if is_cut else 400
        runner.decode([Piece(0, start, tokens[start : start + 1], wants_logits=True)])
        drawn = runner.draw(0, runner.sampler(Sampling(temperature=0), 0), "nothing", None)

        runner.clear(0)
        for i in range(0, start, 50):
            runner.decode([Piece(0, i, tokens[i : min(i + 50, start)], wants_logits=False)])
        runner.decode([Piece(0, start, tokens[start : start + 1], wants_logits=True)])
        anew = runner.draw(0, runner.sampler(Sampling(temperature=0), 0), "nothing", None)

    assert drawn.logprob == pytest.approx(anew.logprob, abs=NOISE)
    assert drawn.confidence == pytest.approx(anew.confidence, abs=NOISE)
    assert is_cut or architecture != "llama"
