"""The small parts: joined deltas, figures, the status line, the history, the session that opens late."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

import pytest
from assistant.tui import figures
from assistant.tui.filling import Filling, grown
from assistant.tui.job import Job
from assistant.tui.lazy_session import LazySession
from assistant.tui.speed import Speed
from assistant.tui.widgets.prompt.history import PromptHistory
from assistant.tui.widgets.status.gauge import MARKS, colour, gauge
from assistant.tui.widgets.status.keys import fitting
from assistant.tui.widgets.status.status import Status, wording
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import ModelFileError
from assistant.events import AnswerDelta, AnyEvent, ThinkingDelta
from tests.tui.scripted import ScriptedSession, answer, planned, short_run, text, thinking

deltas = st.builds(
    lambda is_thinking, words, sample: (
        thinking(words).model_copy(update={"sample": sample})
        if is_thinking
        else text(words).model_copy(update={"sample": sample})
    ),
    st.booleans(),
    st.text(max_size=5),
    st.integers(0, 1),
)


@given(st.lists(st.one_of(deltas, st.just(planned())), max_size=30))
def test_joining_deltas_keeps_every_text_in_its_order(events: list[AnswerDelta | ThinkingDelta]) -> None:
    job = Job()
    for event in events:
        job.put(event)

    def channel(of: Sequence[AnyEvent], name: str, sample: int) -> str:
        pieces = (e for e in of if isinstance(e, AnswerDelta | ThinkingDelta) and e.event == name)
        return "".join(e.text for e in pieces if e.sample == sample)

    joined = job.take()
    for name in ("text", "thinking"):
        for sample in (0, 1):
            assert channel(joined, name, sample) == channel(events, name, sample)
    kinds = [(e.event, getattr(e, "sample", None)) for e in joined]
    assert all(a != b or a[0] == "plan" for a, b in pairwise(kinds)), "neighbours are joined"
    assert job.take() == []


def test_the_screen_is_told_once_until_it_has_looked() -> None:
    job = Job()
    assert job.put(text("a"))
    assert not job.put(text("b"))
    job.take()
    assert job.put(text("c"))


@pytest.mark.parametrize(
    ("n_tokens", "duration_s", "title"),
    [(1, 0.4, "thought for 1 token, 0.4 s"), (1412, 75.2, "thought for 1,412 tokens, 1 min 15 s")],
)
def test_the_title_of_a_folded_thinking(n_tokens: int, duration_s: float, title: str) -> None:
    assert figures.thought_title(n_tokens, duration_s, "itself") == title


def test_an_early_end_of_the_thinking_is_told() -> None:
    assert figures.thought_title(5, 1, "budget").endswith("limit reached")


@pytest.mark.parametrize(
    ("duration_s", "words"),
    [(59.4, "59 s"), (59.6, "1 min"), (74, "1 min 14 s"), (3_600, "1 h"), (26_129, "7 h 15 min")],
)
def test_a_duration_is_told_in_the_units_of_its_size(duration_s: float, words: str) -> None:
    assert figures.seconds(duration_s) == words


FULL = Status(
    model="A model of some size Q4_0",
    note="starter model, 135M: for a try-out",
    state="reading the prompt 300/1,200",
    tokens_per_second=32.14,
    filling=Filling(system=100, history=1000, thinking=134, n_ctx=4096),
)


@pytest.mark.parametrize("width", range(1, 160))
def test_the_status_line_always_fits(width: int) -> None:
    assert wording(FULL, width).cell_length <= width


def test_the_status_line_says_all_where_there_is_room() -> None:
    line = wording(FULL, 160).plain
    for part in (FULL.model, FULL.note, FULL.state, "32.1 tokens/s", "context ▓▓▓░········ 1,234 / 4,096"):
        assert part in line


def test_the_status_line_drops_what_matters_least_first() -> None:
    line = wording(FULL, 80).plain
    assert FULL.note not in line
    assert FULL.state in line
    assert "1.2k/4.1k" in line
    assert wording(FULL, 20).plain.startswith("reading the prompt")


counts = st.integers(0, 5000)


@given(counts, counts, counts, counts, st.integers(1, 5000), st.integers(1, 60))
def test_the_gauge_is_as_long_as_it_says(
    system: int, history: int, thinking: int, files: int, n_ctx: int, width: int
) -> None:
    full = Filling(system, history, thinking, files, n_ctx)
    cells = gauge(full, width).plain
    assert len(cells) == width
    assert set(cells) <= set(MARKS.values())
    n_used = len(cells.rstrip(MARKS["free"]))
    assert cells[:n_used].count(MARKS["free"]) == 0
    assert abs(n_used - min(full.share, 1) * width) <= 0.5 or (n_used == 1 and full.total)
    order = [list(MARKS.values()).index(cell) for cell in cells]
    assert order == sorted(order), "the parts come in one order"


def test_the_gauge_shows_a_little_and_changes_its_colour() -> None:
    assert gauge(Filling(n_ctx=4096), 8).plain == "········"
    assert gauge(Filling(history=3, n_ctx=4096), 8).plain == "▓·······"
    colours = [colour(Filling(history=n, n_ctx=100)) for n in (10, 79, 80, 95)]
    assert colours == ["$text-accent", "$text-accent", "$text-warning", "$text-error"]


@given(counts, counts, counts, counts, counts)
def test_a_filling_that_grows_adds_up(
    system: int, history: int, files: int, n_tokens: int, n_thinking: int
) -> None:
    now = grown(Filling(system, history, 0, files, 4096), n_tokens, min(n_thinking, n_tokens))
    assert now.total == n_tokens
    assert min(now.system, now.history, now.thinking, now.files) >= 0


KEYS = [(name, len(name) + 5) for name in ("Copy", "Why", "New", "Conversations", "Models", "Quit", "Help")]


@pytest.mark.parametrize("width", range(1, 90))
def test_the_keys_that_are_shown_fit_and_help_is_among_them(width: int) -> None:
    places = fitting(KEYS, width)
    names = {KEYS[place][0] for place in places}
    assert "Help" in names
    assert len(places) == 1 or sum(KEYS[place][1] for place in places) <= width
    if width >= sum(cells for _, cells in KEYS):
        assert len(names) == len(KEYS)


def test_speed_is_that_of_the_last_seconds() -> None:
    now = [0.0]
    speed = Speed(lambda: now[0])
    assert speed.update(1) == 0
    now[0] = 1.0
    assert speed.update(11) == 10
    now[0] = 100.0
    speed.update(12)
    now[0] = 101.0
    assert speed.update(62) == 50
    assert speed.update(3) == 0, "a counter that falls starts anew"


def test_the_history_forgets_neither_draft_nor_order() -> None:
    history = PromptHistory()
    assert history.older("draft") is None
    history.add("one")
    history.add("two")
    history.add("two")
    assert [history.older("draft"), history.older("two"), history.older("one")] == ["two", "one", None]
    assert [history.newer("one"), history.newer("two"), history.newer("draft")] == ["two", "draft", None]


@given(st.lists(st.sampled_from("abc"), max_size=5), st.lists(st.lists(st.sampled_from("abcde"), max_size=6)))
def test_the_walk_goes_on_into_earlier_conversations(own: list[str], pages: list[list[str]]) -> None:
    history = PromptHistory()
    for prompt in own:
        history.add(prompt)
    walked, text = [], "draft"
    for page in [[], *pages]:
        history.put_before(page)
        while (older := history.older(text)) is not None:
            walked.append(text := older)
    n_own = len(list(groupby(own)))
    assert walked[:n_own] == [prompt for prompt, _ in groupby(reversed(own))]
    earlier = [prompt for page in pages for prompt in page if prompt not in own]
    assert walked[n_own:] == list(dict.fromkeys(earlier)), "newest first, each once"
    for _ in walked:
        text = history.newer(text) or ""
    assert text == "draft"
    assert history.newer(text) is None


def test_a_session_is_opened_once_and_on_use() -> None:
    opened: list[ScriptedSession] = []

    def factory() -> ScriptedSession:
        opened.append(ScriptedSession(short_run()))
        return opened[-1]

    session = LazySession(factory)
    assert (session.model, session.model_name, session.model_note) == (None, "", "")
    assert opened == []
    list(session.load())
    list(session.load())
    assert len(opened) == 1
    assert session.model_name == opened[0].model_name
    session.close()
    assert opened[0].is_closed


def test_a_session_that_failed_to_open_is_opened_again() -> None:
    outcomes: Iterator[ScriptedSession | Exception] = iter([ModelFileError("No."), ScriptedSession()])

    def factory() -> ScriptedSession:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    session = LazySession(factory)
    with pytest.raises(ModelFileError):
        list(session.load())
    list(session.load())
    assert session.model is not None


def test_a_session_closed_before_it_opened_stays_closed() -> None:
    scripted = ScriptedSession()
    session = LazySession(lambda: scripted)
    session.close()
    assert list(session.load()) == []
    assert scripted.is_closed


@pytest.mark.parametrize(
    ("kind", "is_said"), [("maths", True), ("fact", True), ("chat", False), ("creative", False)]
)
def test_how_sure_it_is_is_said_where_there_is_something_to_be_sure_of(kind: str, is_said: bool) -> None:
    end = answer("Hello!").model_copy(update={"certainty": 0.97, "kind": kind})
    assert ("97 % sure" in figures.answer_figures(end, "")) == is_said


@pytest.mark.parametrize(("certainty", "is_said"), [(0.0, False), (0.004, True), (0.3, True)])
def test_of_an_answer_in_which_none_was_found_it_is_not_said_how_sure_it_is(
    certainty: float, is_said: bool
) -> None:
    end = answer("See the code.").model_copy(update={"certainty": certainty, "kind": "puzzle"})
    assert ("% sure" in figures.answer_figures(end, "")) == is_said
