"""Cards and bars fit their width whatever the samples say, and lose none of them."""

from __future__ import annotations

from assistant.tui.cards import bars, cards
from assistant.tui.run_record import StageRecord
from hypothesis import given
from hypothesis import strategies as st

from assistant.events import SampleNews
from tests.tui import runs

states = st.sampled_from(["thinking", "answering", "done", "dropped"])
answers = st.text(alphabet="a1 漢\n\x1b", max_size=40)
samples = st.lists(
    st.builds(
        SampleNews,
        sample=st.just(0),
        state=states,
        tokens=st.integers(0, 99_999),
        answer=answers,
        confidence=st.floats(0, 99),
    ),
    max_size=20,
)


def stage_of(news: list[SampleNews]) -> StageRecord:
    stage = StageRecord(runs.VOTE_PLAN)
    stage.samples = {i: each.model_copy(update={"sample": i}) for i, each in enumerate(news)}
    return stage


@given(samples, st.integers(16, 160))
def test_cards_fit_and_show_every_sample(news: list[SampleNews], width: int) -> None:
    lines = cards(stage_of(news), width)
    assert all(line.cell_length <= width for line in lines)
    text = "\n".join(line.plain for line in lines)
    assert "\x1b" not in text
    marks = sum(text.count(mark) for mark in "◌◍●×")
    assert marks == len(news)


@given(st.lists(st.tuples(answers, st.floats(0.01, 10)), max_size=9), st.integers(40, 160))
def test_bars_fit_and_the_longest_is_the_leader(shares: list[tuple[str, float]], width: int) -> None:
    ordered = sorted(shares, key=lambda share: -share[1])
    stage = stage_of([])
    stage.tally = runs.tally(
        *((answer, (i,), weight) for i, (answer, weight) in enumerate(ordered)),
        n_done=len(shares),
        certainty=0.5,
        decided=False,
    )
    lines = bars(stage, width)
    assert all(line.cell_length <= width for line in lines)
    assert 1 <= len(lines) <= 5
    if shares:
        counted = [line.plain.count("█") for line in lines[:-1]]
        if len(shares) <= 4:
            assert counted[0] == max(counted)


def test_cards_stand_side_by_side_where_there_is_room() -> None:
    stage = stage_of([runs.sample(i, "thinking", 10) for i in range(8)])
    assert [len(cards(stage, width)) // 2 for width in (20, 46, 70, 100, 182)] == [8, 4, 3, 2, 1]
