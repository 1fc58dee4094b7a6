"""Asking all questions: nothing twice, nothing lost, and the same side by side as one by one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from assistant.config import Settings
from assistant.errors import EngineDied, EngineError, OutOfMemory, UsageError
from assistant.evaluation.policies import Policy, policy
from assistant.evaluation.records import Kept, Record, fingerprint
from assistant.evaluation.runner import Evaluation, Progress, parallel_settings
from tests.evaluation.asking import Asking, items, numbers, raising

SETTINGS = Settings()
ENDLESS = "".join(f"{i} and {i * i}, " for i in range(200))
DIED = EngineDied("The model's process crashed (SIGSEGV).", "Ask again.")


def identity(n: int = 6, settings: Settings = SETTINGS, **changes: Any) -> dict[str, Any]:
    about: dict[str, Any] = {"seed": 0, "model": ("m", 5), "parallel": 1, **changes}
    return fingerprint(items(n), settings, **about)


def figures(records: Sequence[Record]) -> list[dict[str, Any]]:
    """What must not depend on how it was run."""
    return [record.model_dump(exclude={"seconds"}) for record in records]


def test_every_question_is_asked_under_every_policy() -> None:
    session = Asking()
    outcome = Evaluation(session, items(4), SETTINGS, seed=10).run([policy("think:50"), policy("direct")])
    assert numbers(session.asked) == [0, 1, 2, 3] * 2
    assert session.seeds == [10, 11, 12, 13] * 2
    assert list(outcome.records) == ["think:50", "direct"]
    records = outcome.records["think:50"]
    assert [(r.id, r.answer, r.correct, r.thinking_tokens) for r in records] == [
        (f"q{i}", str(i), True, 3 + i) for i in range(4)
    ]
    assert outcome.fixed is None


def test_progress_is_told_from_the_first_question_to_the_last() -> None:
    news: list[Progress] = []
    Evaluation(Asking(), items(3), SETTINGS, tell=news.append).run([policy("direct"), policy("low")])
    assert [(n.policy, n.n_done, n.step, n.n_steps) for n in news] == [
        *(("direct", i, 1, 2) for i in range(4)),
        *(("low", i, 2, 2) for i in range(4)),
    ]
    assert news[3].n_right == 3


@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize("n_before", range(9))
def test_an_interrupted_run_goes_on_without_loss_and_without_repeating(
    tmp_path: Path, n_before: int, parallel: int
) -> None:
    path = tmp_path / "kept.jsonl"
    chosen = [policy("think:50"), policy("direct")]
    whole = Evaluation(Asking(), items(4), SETTINGS).run(chosen).records
    first = Asking(breaks=raising(*[None] * n_before, KeyboardInterrupt()))
    kept = Kept(path, identity(4))
    if n_before < 8:
        with pytest.raises(KeyboardInterrupt):
            Evaluation(first, items(4), SETTINGS, kept=kept, parallel=parallel).run(chosen)
    else:
        Evaluation(first, items(4), SETTINGS, kept=kept, parallel=parallel).run(chosen)
    kept.close()
    n_kept = len(path.read_text().splitlines()) - 1
    second = Asking()
    again = Evaluation(second, items(4), SETTINGS, kept=Kept(path, identity(4)), parallel=parallel)
    assert {k: figures(v) for k, v in again.run(chosen).records.items()} == {
        k: figures(v) for k, v in whole.items()
    }
    assert len(second.asked) == 8 - n_kept
    if parallel == 1:
        assert n_kept == n_before
    again._kept.close()


def test_a_line_that_was_cut_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    kept = Kept(path, identity(3))
    Evaluation(Asking(), items(3), SETTINGS, kept=kept).run([policy("direct")])
    kept.close()
    path.write_bytes(path.read_bytes()[:-5])
    session = Asking()
    kept = Kept(path, identity(3))
    Evaluation(session, items(3), SETTINGS, kept=kept).run([policy("direct")])
    kept.close()
    assert numbers(session.asked) == [2]
    assert len(path.read_text().splitlines()) == 4


def test_what_was_learned_goes_on_and_each_policy_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    seen: list[int] = []
    session = Asking()
    session._breaks = lambda _: seen.append(session.profile)
    session.profile = 7
    Evaluation(session, items(3), SETTINGS).run([policy("auto"), policy("direct")], with_ablation=False)
    assert seen == [7, 8, 9] * 2
    assert session.profile == 7
    kept = Kept(path, identity(3))
    first = Asking(breaks=raising(None, None, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        Evaluation(first, items(3), SETTINGS, kept=kept).run([policy("auto")])
    kept.close()
    seen.clear()
    session.profile = 0
    kept = Kept(path, identity(3))
    Evaluation(session, items(3), SETTINGS, kept=kept).run([policy("auto")], with_ablation=False)
    kept.close()
    assert seen == [2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "was begun with another seed: 0, not 1."),
        ({"model": ("n", 5)}, "was begun with another model: m, not n."),
        ({"model": ("m", 6)}, "was begun with another model size: 5, not 6."),
        ({"parallel": 2}, "was begun with another parallel: 1, not 2."),
        ({"n": 5}, "was begun with another data: "),
        ({"settings": Settings(top_k=3)}, "was begun with another setting top_k: None, not 3."),
    ],
)
def test_another_evaluation_is_not_mixed_in(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "kept.jsonl"
    Kept(path, identity()).close()
    with pytest.raises(UsageError) as caught:
        Kept(path, identity(**change))
    assert message in caught.value.message
    Kept(path, identity(**change), fresh=True).close()
    Kept(path, identity(**change)).close()


@pytest.mark.parametrize("content", [b"hello\n", b"[]\n", b'{"identity": {}}\n', b"\xff\n"])
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "kept.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError):
        Kept(path, identity())
    assert path.read_bytes() == content


@pytest.mark.parametrize("parallel", [1, 2])
def test_a_crash_costs_one_question(parallel: int) -> None:
    def breaks(text: str) -> None:
        if text == "Say 2.":
            raise DIED

    session = Asking(breaks=breaks)
    records = Evaluation(session, items(5), SETTINGS, parallel=parallel).ask(policy("direct"))
    assert [bool(record.error) for record in records] == [False, False, True, False, False]
    assert not records[2].correct
    assert records[2].error == str(DIED)


def test_those_that_a_crash_takes_along_are_asked_again() -> None:
    session = Asking()
    died: list[bool] = []
    decode = session.engine.runner.decode

    def crash(pieces: Any) -> Any:
        if session.engine.runner.n_decoded > 60 and not died:
            died.append(True)
            raise DIED
        return decode(pieces)

    session.engine.runner.decode = crash  # type: ignore[method-assign]
    records = Evaluation(session, items(8), SETTINGS, parallel=4).ask(policy("think:50"))
    assert died
    assert [(record.answer, record.error) for record in records] == [(str(i), "") for i in range(8)]


@pytest.mark.parametrize("parallel", [1, 3])
def test_five_errors_in_a_row_end_it_and_are_not_kept(tmp_path: Path, parallel: int) -> None:
    kept = Kept(tmp_path / "kept.jsonl", identity())

    def breaks(text: str) -> None:
        if text != "Say 0.":
            raise OutOfMemory("There is no memory left.", "Close something.")

    with pytest.raises(OutOfMemory):
        Evaluation(Asking(breaks=breaks), items(12), SETTINGS, kept=kept, parallel=parallel).ask(
            policy("direct")
        )
    kept.close()
    session = Asking()
    kept = Kept(tmp_path / "kept.jsonl", identity())
    records = Evaluation(session, items(12), SETTINGS, kept=kept).ask(policy("direct"))
    kept.close()
    assert numbers(session.asked) == list(range(1, 12))
    assert not any(record.error for record in records)


def test_four_errors_in_a_row_do_not(tmp_path: Path) -> None:
    session = Asking(breaks=raising(*[DIED] * 4, None, *[DIED] * 4))
    records = Evaluation(session, items(10), SETTINGS).ask(policy("direct"))
    assert sum(bool(record.error) for record in records) == 8


def test_a_mistake_of_ours_is_not_taken_for_an_engine_that_failed() -> None:
    for parallel in (1, 2):
        session = Asking(breaks=raising(None, ZeroDivisionError()))
        with pytest.raises(ZeroDivisionError):
            Evaluation(session, items(4), SETTINGS, parallel=parallel).ask(policy("direct"))
        assert session.engine._cache.n_idle == 8


@given(
    n=st.integers(1, 12),
    parallel=st.integers(2, 6),
    samples=st.integers(1, 4),
    n_seq_max=st.integers(5, 12),
    think=st.sampled_from([0, 5, 50]),
)
@hypothesis_settings(max_examples=60, deadline=None)
def test_side_by_side_gives_what_one_by_one_gives(
    n: int, parallel: int, samples: int, n_seq_max: int, think: int
) -> None:
    chosen = Policy("p", {"think": think or "off", "samples": samples})
    base = SETTINGS.model_copy(update={"n_seq_max": 5, "samples": samples})
    session = Asking(n_seq_max=n_seq_max, n_ctx=16384)
    together = Evaluation(session, items(n), base, parallel=parallel).ask(chosen)
    alone = Evaluation(Asking(n_seq_max=5), items(n), base).ask(chosen)
    assert figures(together) == figures(alone)
    assert session.engine._cache.n_idle == n_seq_max


def test_the_model_is_loaded_with_room_for_all() -> None:
    assert parallel_settings(SETTINGS, 1) is SETTINGS
    four = parallel_settings(SETTINGS, 4)
    assert (four.n_seq_max, four.n_ctx) == (32, 32768)
    many = parallel_settings(SETTINGS, 40)
    assert (many.n_seq_max, many.n_ctx) == (64, 131072)
    assert parallel_settings(Settings(n_ctx=5000), 4).n_ctx == 5000


def spending(lengths: dict[str, int]) -> Any:
    """A script that thinks as long as this about each question, or to just before the limit."""

    def script(request: Any, _i: int) -> str:
        if not (budget := request.thinking.maximum):
            return "7"
        length = lengths[request.messages[-1].content]
        return f"{ENDLESS[: max(0, min(length, budget - 15))]}</think>\n\n7"

    return script


class AutoAsking(Asking):
    """`auto` thinks up to 300 tokens."""

    def run(self, query: Any, *, settings: Settings | None = None, batch: Any = None) -> Any:
        assert settings is not None
        if settings.think == "auto":
            settings = settings.model_copy(update={"think": 300})
        return super().run(query, settings=settings, batch=batch)


@pytest.mark.parametrize("others", [[], ["think:1000"], ["think:200"], ["direct", "think:1"]])
def test_the_fixed_budget_costs_what_auto_costs(others: list[str]) -> None:
    lengths = {f"Say {i}.": 100 + 130 * i % 600 for i in range(12)}
    session = AutoAsking(spending(lengths))
    outcome = Evaluation(session, items(12), SETTINGS).run([policy(name) for name in ["auto", *others]])
    assert outcome.fixed is not None
    assert abs(outcome.fixed["token_ratio"] - 1) <= 0.05
    assert 260 <= outcome.fixed["thinking_budget"] <= 340
    assert len(outcome.records["fixed"]) == 12
    assert {record.policy for record in outcome.records["fixed"]} == {"fixed"}
    assert 1 <= len(outcome.fixed["tried"]) <= 2


def test_without_auto_there_is_nothing_to_match() -> None:
    outcome = Evaluation(Asking(), items(2), SETTINGS).run([policy("think:9")])
    assert "fixed" not in outcome.records


def test_an_engine_error_without_an_answer_is_told() -> None:
    class Silent(Asking):
        def run(self, query: Any, *, settings: Settings | None = None, batch: Any = None) -> Any:
            return iter(())

    (record,) = Evaluation(Silent(), items(1), SETTINGS).ask(policy("direct"))
    assert record.error == "The run ended without an answer. Ask again."
    assert isinstance(EngineError("", ""), Exception)
