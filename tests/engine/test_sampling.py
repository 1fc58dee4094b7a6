"""Drawing a token: llama.cpp's chains do what their settings say, also on the few candidates they get."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from assistant.engine.gguf_runner import GGUFRunner
from assistant.engine.llama import LlamaSampler
from assistant.engine.options import LoadOptions
from assistant.engine.protocol import Sampling
from assistant.engine.runner import Drawn, Nudge, Piece
from assistant.engine.thinking import Ban
from tests import tiny_gguf
from tests.engine.running import ask

Probabilities = npt.NDArray[np.float64]

EVERYTHING = Sampling(temperature=1.0, top_k=0, top_p=1.0)
GREEDY = Sampling(temperature=0.0)
N_VOCAB = 49_152
"""Of the starter model."""


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GGUFRunner]:
    path = tiny_gguf.write(tmp_path_factory.mktemp("models") / "tiny.gguf", "llama", seed=3)
    runner = GGUFRunner(LoadOptions(str(path), n_ctx=256, n_seq_max=1, n_threads=1))
    yield runner
    runner.close()


@pytest.fixture(scope="module")
def starter() -> Iterator[GGUFRunner]:
    path = Path(__file__).parents[2] / "models" / "starter" / "mull-starter-135m-q4_0.gguf"
    runner = GGUFRunner(LoadOptions(str(path), n_ctx=256, n_seq_max=1, n_threads=1))
    yield runner
    runner.close()


@pytest.fixture(scope="module")
def starter_rows(starter: GGUFRunner) -> list[npt.NDArray[np.float32]]:
    """The logits of 60 steps of an answer."""
    tokens = starter.prompt(ask("Tell me something nice.", think=64)).tokens
    read(starter, tokens)
    rows = []
    for position in range(len(tokens), len(tokens) + 60):
        rows.append(starter._llama.logits(0).copy())
        starter.decode([Piece(0, position, [int(rows[-1].argmax())], wants_logits=True)])
    return rows


@pytest.fixture
def row(runner: GGUFRunner) -> Probabilities:
    """Probabilities at temperature 1 after a prompt, whose logits the runner holds; shape (n_vocab,)."""
    return read(runner, runner.tokenize("What is 7 + 5?"))


def read(runner: GGUFRunner, tokens: list[int]) -> Probabilities:
    """Probabilities after these tokens."""
    runner.clear(0)
    assert runner.decode([Piece(0, 0, tokens, wants_logits=True)]) == "done"
    return probabilities(runner)


def probabilities(runner: GGUFRunner) -> Probabilities:
    """Probabilities of the last batch."""
    logits = runner._llama.logits(0).astype(np.float64)
    weights: Probabilities = np.exp(logits - logits.max())
    weights /= weights.sum()
    return weights


def draw(
    runner: GGUFRunner, sampler: LlamaSampler, ban: Ban = "nothing", nudge: Nudge | None = None
) -> Drawn:
    """Draw from the last batch."""
    return runner.draw(0, sampler, ban, nudge)


def draws(runner: GGUFRunner, sampling: Sampling, n: int, seed: int = 0) -> list[int]:
    """Tokens drawn one after the other from the same logits."""
    sampler = runner.sampler(sampling, seed)
    tokens = [draw(runner, sampler).token for _ in range(n)]
    sampler.close()
    return tokens


def test_greedy_takes_the_likeliest(runner: GGUFRunner, row: Probabilities) -> None:
    assert draws(runner, GREEDY, 3) == [int(row.argmax())] * 3


def test_one_candidate_is_greedy(runner: GGUFRunner, row: Probabilities) -> None:
    assert set(draws(runner, Sampling(temperature=1.5, top_k=1), 50)) == {int(row.argmax())}


def test_only_what_the_settings_keep_is_drawn(runner: GGUFRunner, row: Probabilities) -> None:
    by_rank = np.argsort(row)[::-1]
    n_in_half = int(np.searchsorted(np.cumsum(row[by_rank]), 0.5)) + 1

    few = set(draws(runner, Sampling(temperature=2.0, top_k=5, top_p=1.0), 300))
    half = set(draws(runner, Sampling(temperature=2.0, top_k=0, top_p=0.5), 300))
    near = set(draws(runner, Sampling(temperature=2.0, top_k=0, top_p=1.0, min_p=0.3), 300))

    assert few == set(by_rank[:5].tolist())
    assert half == set(by_rank[:n_in_half].tolist())
    assert near == set(np.flatnonzero(row >= 0.3 * row.max()).tolist())


def test_tokens_come_as_often_as_they_are_likely(runner: GGUFRunner, row: Probabilities) -> None:
    counts = np.bincount(draws(runner, EVERYTHING, 4000), minlength=len(row))

    assert np.abs(counts / 4000 - row).max() < 0.04


def test_heat_flattens_and_cold_sharpens(runner: GGUFRunner, row: Probabilities) -> None:
    best = int(row.argmax())
    cold, hot = (
        draws(runner, Sampling(temperature=t, top_k=0, top_p=1.0), 500).count(best) for t in (0.3, 3.0)
    )

    assert cold > 500 * row[best] > hot


def test_a_seed_draws_the_same_again(runner: GGUFRunner, row: Probabilities) -> None:
    first, again, other = (draws(runner, EVERYTHING, 30, seed) for seed in (7, 7, 8))

    assert first == again != other


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**32 - 1, 2**32, 2**40])
def test_any_seed_repeats(runner: GGUFRunner, row: Probabilities, seed: int) -> None:
    """llama.cpp takes one value of 32 bits to mean a random seed."""
    assert draws(runner, EVERYTHING, 40, seed) == draws(runner, EVERYTHING, 40, seed)


@pytest.mark.parametrize("sharpness", [1, 20])
def test_seen_tokens_are_held_back(runner: GGUFRunner, row: Probabilities, sharpness: int) -> None:
    """A penalty larger than any logit: each draw takes the next likeliest, however far behind it is."""
    runner._llama.logits(0)[:] *= sharpness
    by_rank = np.argsort(row)[::-1].tolist()

    presence = draws(runner, Sampling(temperature=0.0, presence_penalty=1000.0), 20)
    frequency = draws(runner, Sampling(temperature=0.0, frequency_penalty=1000.0), 20)
    forgetful = draws(runner, Sampling(temperature=0.0, presence_penalty=1000.0, penalty_last_n=2), 7)

    assert presence == frequency == by_rank[:20]
    assert forgetful == [by_rank[i % 3] for i in range(7)]


def test_a_repeat_penalty_divides(runner: GGUFRunner, row: Probabilities) -> None:
    logits = runner._llama.logits(0)
    first, second = np.argsort(logits)[::-1][:2]
    assert logits[second] > 0
    just_enough = 1.01 * float(logits[first] / logits[second])

    weak = draws(runner, Sampling(temperature=0.0, repeat_penalty=1 + (just_enough - 1) / 2), 2)
    strong = draws(runner, Sampling(temperature=0.0, repeat_penalty=just_enough), 2)

    assert weak == [first, first]
    assert strong == [first, second]


def test_forced_tokens_count_as_seen(runner: GGUFRunner, row: Probabilities) -> None:
    by_rank = np.argsort(row)[::-1].tolist()
    sampler = runner.sampler(Sampling(temperature=0.0, presence_penalty=1000.0), 0)
    sampler.accept(by_rank[0])

    assert draw(runner, sampler).token == by_rank[1]


def test_penalties_do_not_change_the_figures(runner: GGUFRunner, row: Probabilities) -> None:
    """Log-probability and confidence are the model's own, whatever the sampler made of its logits."""
    plain = draw(runner, runner.sampler(GREEDY, 0))
    sampler = runner.sampler(Sampling(temperature=0.2, presence_penalty=1.5), 0)
    sampler.accept(plain.token)
    drawn = draw(runner, sampler)

    assert plain.logprob == pytest.approx(np.log(row.max()), abs=1e-4)
    assert drawn.logprob == pytest.approx(np.log(row[drawn.token]), abs=1e-4)
    assert drawn.confidence == plain.confidence


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(),
        Sampling(temperature=0.0),
        Sampling(temperature=1.0, top_k=0, top_p=0.9),
        Sampling(temperature=1.3, top_k=20, top_p=1.0, min_p=0.02),
        Sampling(temperature=0.8, top_k=10, repeat_penalty=1.3),
        Sampling(temperature=1.0, top_k=64, presence_penalty=2.0, frequency_penalty=0.5, penalty_last_n=16),
        Sampling(temperature=0.0, repeat_penalty=1.2, penalty_last_n=-1),
        Sampling(temperature=2.0, top_k=0, top_p=1.0),
    ],
    ids=["family", "greedy", "top-p", "min-p", "repeat", "seen", "all-seen", "everything"],
)
def test_leaving_hopeless_candidates_out_changes_no_draw(
    starter: GGUFRunner, starter_rows: list[npt.NDArray[np.float32]], sampling: Sampling
) -> None:
    """Held against chains that get the whole vocabulary."""
    few = [starter.sampler(sampling, seed) for seed in range(2)]
    whole = [starter.sampler(sampling, seed) for seed in range(2)]
    for sampler in whole:
        sampler.n_needed = N_VOCAB

    for row in starter_rows:
        starter._llama.logits(0)[:] = row
        for one, other in zip(few, whole, strict=True):
            drawn, reference = draw(starter, one), draw(starter, other)
            assert drawn.token == reference.token
            assert drawn.logprob == pytest.approx(reference.logprob, abs=1e-4)
            assert drawn.confidence == pytest.approx(reference.confidence, abs=1e-4)


def test_a_turn_that_may_not_end_goes_on(tmp_path: Path) -> None:
    path = tiny_gguf.write(tmp_path / "tiny.gguf", "llama", biases={"<|im_end|>": 40.0, "Ċ": 30.0})
    with closing(GGUFRunner(LoadOptions(str(path), n_ctx=256, n_seq_max=1, n_threads=1))) as runner:
        sampler = runner.sampler(Sampling(temperature=0.7), 0)
        bans: tuple[Ban, ...] = ("nothing", "end", "blank")
        drawn = []
        for ban in bans:
            read(runner, runner.tokenize("What?"))
            drawn.append(draw(runner, sampler, ban).token)

        assert runner.is_end(drawn[0])
        assert runner.text_of(drawn[1]) == b"\n"
        assert runner.text_of(drawn[2]).strip()


@pytest.mark.parametrize(("strength", "is_favoured"), [(0.01, False), (1.0, True)])
def test_a_nudge_favours_its_token(runner: GGUFRunner, strength: float, is_favoured: bool) -> None:
    row = read(runner, runner.tokenize("What is 7 + 5?"))
    token = int(np.argsort(row)[-8])
    assert 0.1 < np.log(row.max() / row[token]) < 7

    drawn = draw(runner, runner.sampler(GREEDY, 0), nudge=Nudge(token, strength))

    assert (drawn.token == token) is is_favoured


def test_a_nudge_forces_nothing_that_is_out_of_the_question(runner: GGUFRunner) -> None:
    row = read(runner, runner.tokenize("What is 7 + 5?"))
    token = int(row.argmin())
    assert np.log(row.max() / row[token]) > 9

    assert draw(runner, runner.sampler(GREEDY, 0), nudge=Nudge(token, 1.0)).token == row.argmax()
