"""The model that ships, in the real engine: what a person sees who has just installed Mull."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from assistant.config import Settings
from assistant.engine.gguf_runner import GGUFRunner
from assistant.engine.local import LocalEngine
from assistant.engine.options import LoadOptions
from assistant.engine.protocol import Sampling, ThinkingBudget
from assistant.engine.runner import Piece
from assistant.events import Answer, ThinkingDone
from assistant.query import Message, Query
from assistant.session import Session
from tests.engine.running import Runs, ask, complete, completion, drain

THINK = 512
STRAWBERRY = "How many r's are in strawberry?"
MULTIPLICATION = "347 * 28 + 19"
OPEN = "Tell me something nice."


@pytest.fixture(scope="module")
def runner() -> Iterator[GGUFRunner]:
    # One thread: two that share their CPUs with other programs wait for each other.
    path = Path(__file__).parents[2] / "models" / "starter" / "mull-starter-135m-q4_0.gguf"
    runner = GGUFRunner(LoadOptions(str(path), n_ctx=2048, n_seq_max=4, n_threads=1))
    yield runner
    runner.close()


@pytest.fixture(scope="module")
def engine(runner: GGUFRunner) -> LocalEngine:
    return LocalEngine(runner)


@pytest.fixture
def forgetful(engine: LocalEngine) -> LocalEngine:
    """The engine with an empty cache: a prompt that is read in other pieces may end in another text."""
    engine._cache.forget()
    return engine


@pytest.mark.parametrize(
    ("question", "right"), [("hi", "Hello"), (STRAWBERRY, "3"), (MULTIPLICATION, "9735")]
)
def test_it_is_right_with_thinking(engine: LocalEngine, question: str, right: str) -> None:
    run = completion(engine, ask(question, think=THINK, max_tokens=THINK + 64))

    assert right in run.answer
    assert run.reason == "stop"
    assert [ended.reason for ended in run.ended] == ["itself"]
    assert run.thinking
    assert "<" not in run.thinking + run.answer, "markup is shown"


@pytest.mark.parametrize(("question", "right"), [(STRAWBERRY, "3"), (MULTIPLICATION, "9735")])
def test_it_is_wrong_without(engine: LocalEngine, question: str, right: str) -> None:
    """What the thinking is for; a starter model that needs none could not show it."""
    run = completion(engine, ask(question, max_tokens=64))

    assert run.answer
    assert right not in run.answer
    assert (run.thinking, run.ended) == ("", [])


@pytest.mark.parametrize("budget", [0, 1, 8, 16, 64])
def test_a_budget_is_kept_and_an_answer_follows(engine: LocalEngine, budget: int) -> None:
    run = completion(engine, ask(MULTIPLICATION, think=budget, max_tokens=budget + 48))

    assert max(delta.thinking_tokens for delta in run.deltas) <= budget
    assert run.finished is not None
    assert run.finished.usage.thinking_tokens <= budget
    assert run.answer.strip()
    assert [ended.reason for ended in run.ended] == (["budget"] if budget else [])
    assert bool(run.thinking) == bool(budget)


def test_the_answer_can_be_had_now(engine: LocalEngine) -> None:
    runs: Runs = {}
    with engine.batch() as batch:
        (seq_id,) = batch.add(ask(MULTIPLICATION, think=THINK, max_tokens=THINK + 48))
        drain(
            batch,
            runs,
            until=lambda: bool(runs[seq_id].deltas) and runs[seq_id].deltas[-1].thinking_tokens >= 12,
        )
        batch.steer(seq_id, ThinkingBudget(0))
        drain(batch, runs)

    assert [ended.reason for ended in runs[seq_id].ended] == ["answer_now"]
    assert runs[seq_id].answer.strip()


def test_a_seed_gives_its_text_again_and_another_gives_another(forgetful: LocalEngine) -> None:
    first, again, other = (
        completion(forgetful, ask(OPEN, temperature=0.9, seed=seed, think=16, max_tokens=40))
        for seed in (1, 1, 2)
    )

    assert (first.n_cached, again.n_cached > 0) == (0, True)
    assert first.text == again.text
    assert first.text != other.text


def test_samples_share_one_prompt_and_differ(engine: LocalEngine) -> None:
    runs = complete(engine, ask(OPEN, temperature=1.0, think=16, max_tokens=40), n=4)

    assert len({run.text for run in runs}) == 4
    assert [len(run.prefilled) > 0 for run in runs] == [True, False, False, False]


def test_figures_of_confidence_are_what_they_say(runner: GGUFRunner, forgetful: LocalEngine) -> None:
    """Held against the raw logits in double precision."""
    tokens = runner.prompt(ask(OPEN, think=8)).tokens
    runner.decode([Piece(0, 0, tokens, wants_logits=True)])
    logits = runner._llama.logits(0).astype(np.float64)
    drawn = runner.draw(0, runner.sampler(Sampling(temperature=1.0), seed=3), "nothing", None)
    forgetful._cache.forget()

    logprobs = logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())
    assert drawn.logprob == pytest.approx(logprobs[drawn.token], abs=1e-4)
    assert drawn.confidence == pytest.approx(-np.sort(logprobs)[-20:].mean(), abs=1e-4)


def test_figures_of_a_run_are_finite(engine: LocalEngine) -> None:
    run = completion(engine, ask("hi", think=64, max_tokens=96))

    figures = [figure for delta in run.deltas for figure in (delta.logprob, delta.confidence)]
    assert run.finished is not None
    figures += [run.finished.usage.mean_logprob, run.finished.usage.confidence]
    assert np.isfinite(figures).all()
    assert all(delta.logprob <= 1e-5 and delta.confidence > 0 for delta in run.deltas)


def test_a_prompt_broken_off_in_the_middle_leaves_no_trace(forgetful: LocalEngine) -> None:
    long = ask("The sky is blue and the grass is green. " * 25 + "Say hello.", think=8, max_tokens=20)
    begun = threading.Event()

    def interrupt() -> None:
        begun.wait()
        forgetful.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with forgetful.batch() as batch:
        batch.add(long)
        batch.step()
        begun.set()
        assert batch.step() == [], "the whole prompt was read before the interrupt came"
    thread.join()

    after = completion(forgetful, long)
    forgetful._cache.forget()
    assert after.n_cached == 0
    assert after.text == completion(forgetful, long).text


def test_a_conversation_goes_on_from_the_cache(engine: LocalEngine) -> None:
    first = completion(engine, ask(STRAWBERRY, think=16, max_tokens=48))
    second = completion(engine, ask(STRAWBERRY, first.answer, "Thank you.", think=16, max_tokens=48))

    assert second.n_cached >= first.prefilled[-1].n_total - 2, "only the thinking may be read again"
    assert second.answer


def test_a_session_answers_with_it(starter_model: Path) -> None:
    settings = Settings(think=64, max_tokens=48, temperature=0.0, n_threads=1, n_ctx=1024)
    with closing(Session.open(settings)) as session:
        assert session.model is None
        events = list(session.run(Query("hi")))
        model = session.model
        answer = events[-1]
        assert isinstance(answer, Answer)
        history = (Message("user", "hi"), Message("assistant", answer.text))
        *_, follow_up = session.run(Query("Thank you.", history=history))

    assert "Hello" in answer.text
    assert answer.finish_reason == "stop"
    assert answer.thinking_end == "itself"
    assert any(isinstance(event, ThinkingDone) for event in events)
    assert isinstance(follow_up, Answer)
    assert follow_up.cached_tokens > 0
    assert model is not None
    assert (model.family, model.n_ctx, Path(model.path).name) == ("starter", 1024, starter_model.name)
    assert "try-out" in model.note
