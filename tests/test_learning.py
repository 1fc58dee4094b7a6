"""What is learned of a model, and that nothing of it is worth an error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assistant.engine.scripted import scripted_model
from assistant.events import Answer
from assistant.hardware.speed import SpeedStore
from assistant.learning import Learning
from assistant.limits import SpeedCurve
from assistant.profile import Profile
from tests.cli.scripted import answer

MODEL = replace(scripted_model(), path="/models/some.gguf", size_bytes=1000)
CURVE = SpeedCurve(100.0, ((1, 10.0),), measured=(0, 1, 2, 4, 8))


def thought(tokens: int, **fields: object) -> Answer:
    return answer(
        "12",
        thinking_end="itself",
        thinking_tokens=tokens,
        total_tokens=tokens + 40,
        tokens_per_second=20.0,
        **fields,
    )


def learning(folder: Path | None) -> Learning:
    begun = Learning(folder, SpeedStore(folder) if folder else None)
    begun.begin(MODEL)
    return begun


def test_what_is_learned_is_there_the_next_time(tmp_path: Path) -> None:
    first = learning(tmp_path)
    assert first.needs_speed
    first.note_speed(CURVE)
    first.note_run(thought(100), is_alone=True)
    first.note_run(thought(200), is_alone=True)
    again = learning(tmp_path)
    assert not again.needs_speed
    assert again.profile == first.profile
    assert (again.profile.source, again.profile.n_thoughts, again.profile.thinking_tokens) == (
        "learned",
        2,
        150,
    )
    assert 10.0 < again.speed.tokens_per_second() < 20.0


def test_another_model_is_another_story(tmp_path: Path) -> None:
    first = learning(tmp_path)
    first.note_run(thought(100), is_alone=True)
    first.begin(replace(MODEL, size_bytes=1001))
    assert first.profile == Profile()
    first.begin(MODEL)
    assert first.profile.n_thoughts == 1


def test_a_run_alone_is_no_measurement(tmp_path: Path) -> None:
    """It says nothing of prompts, nor of several sequences: these may still be measured."""
    first = learning(tmp_path)
    first.note_run(thought(100), is_alone=True)
    assert first.needs_speed
    assert first.speed.tokens_per_second() == 20.0
    assert learning(tmp_path).needs_speed


def test_a_machine_that_has_become_slow_is_noticed() -> None:
    one = learning(None)
    one.note_speed(SpeedCurve(100.0, ((1, 40.0),)))
    for n, slow in enumerate((20.0, 21.0, 19.0)):
        assert not one.is_slowed, n
        one.note_run(thought(100).model_copy(update={"tokens_per_second": slow}), is_alone=True)
    assert one.is_slowed

    one.note_run(thought(100).model_copy(update={"tokens_per_second": 39.0}), is_alone=True)
    assert not one.is_slowed, "it has cooled down"


def test_runs_side_by_side_say_nothing_of_the_speed() -> None:
    one = learning(None)
    one.note_speed(CURVE)
    one.note_run(thought(100), is_alone=False)
    assert one.speed == CURVE
    assert one.profile.n_thoughts == 1


def test_a_vote_corrects_the_speed_of_as_many_as_ran_side_by_side() -> None:
    one = learning(None)
    one.note_speed(SpeedCurve(100.0, ((1, 20.0), (4, 40.0), (8, 60.0))))
    vote = thought(100, n_samples=4).model_copy(update={"tokens_per_second": 30.0, "n_side_by_side": 4.0})
    one.note_run(vote, is_alone=True)
    assert one.speed.tokens_per_second(1) == 20.0
    assert 30.0 < one.speed.tokens_per_second(4) < 40.0
    assert one.speed.tokens_per_second(8) == 60.0
    assert not one.is_slowed


def test_a_vote_says_nothing_of_one_thinking() -> None:
    one = learning(None)
    one.note_run(thought(100, n_samples=4), is_alone=True)
    assert one.profile == Profile()


def test_while_it_is_frozen_nothing_is_written(tmp_path: Path) -> None:
    one = learning(tmp_path)
    one.is_frozen = True
    one.note_speed(CURVE)
    one.note_run(thought(100), is_alone=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"draft_gate": "much"}', "\0"])
def test_a_damaged_profile_is_no_profile(tmp_path: Path, content: str) -> None:
    first = learning(tmp_path)
    first.keep(Profile(source="calibrated", draft_gate=0.5))
    (path,) = (tmp_path / "profiles").iterdir()
    path.write_text(content)
    again = learning(tmp_path)
    assert again.profile == Profile()
    again.keep(Profile(source="calibrated", draft_gate=0.6))
    assert learning(tmp_path).profile.draft_gate == 0.6


def test_a_folder_that_cannot_be_written_is_forgiven(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    one = learning(tmp_path / "file")
    one.keep(Profile(draft_gate=0.5))
    one.note_speed(CURVE)
    assert one.profile.draft_gate == 0.5


def test_assumptions_are_not_kept_beyond_their_version(tmp_path: Path) -> None:
    first = learning(tmp_path)
    first.keep(Profile(draft_gate=0.1).with_thought(80))
    assert learning(tmp_path).profile == Profile().with_thought(80)


def test_drafts_are_remembered_and_the_oldest_forgotten(tmp_path: Path) -> None:
    first = learning(tmp_path)
    for i in range(250):
        first.note_draft(i / 250, was_right=i % 2 == 0)
    kept = learning(tmp_path).profile.drafts
    assert [(d.certainty, d.was_right) for d in kept] == [(i / 250, i % 2 == 0) for i in range(50, 250)]


def test_until_something_is_seen_the_planner_is_believed(tmp_path: Path) -> None:
    first = Learning(tmp_path, SpeedStore(tmp_path))
    first.begin(replace(MODEL, expected_speed=30.0))
    assert first.speed.tokens_per_second() == 30.0
    assert not first.speed.is_known()

    first.note_run(thought(100), is_alone=True)

    assert first.speed.tokens_per_second() == 20.0, "what was seen counts alone"
    assert first.speed.is_known()
    assert not first.speed.is_known(2)


def test_a_measurement_is_gone_on_with_at_the_next_start(tmp_path: Path) -> None:
    learning(tmp_path).note_speed(SpeedCurve(100.0, ((1, 10.0),), measured=(0, 1)))
    again = learning(tmp_path)
    assert again.needs_speed
    assert again.seen.measured == (0, 1)


def test_what_leads_to_nothing_is_given_up_until_the_next_load(tmp_path: Path) -> None:
    one = learning(tmp_path)
    one.give_up_measuring()
    assert not one.needs_speed
    one.begin(replace(MODEL, device="another"))
    assert one.needs_speed
