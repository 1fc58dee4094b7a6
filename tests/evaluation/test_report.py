"""The report as JSON, as a table and as a plot; and how progress is told."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console

from assistant.config import Settings
from assistant.errors import UsageError
from assistant.evaluation.plot import Axes, Point, png, text_plot
from assistant.evaluation.policies import policies, policy
from assistant.evaluation.progress import Bar, Lines
from assistant.evaluation.records import write_atomically
from assistant.evaluation.report import build, points, sentences, tables, to_bytes
from assistant.evaluation.runner import Evaluation, Progress
from tests.evaluation.asking import Asking, items

NAMES = ["auto", "direct", "think:50"]


def report(parallel: int = 1, **fields: Any) -> dict[str, Any]:
    session = Asking()
    outcome = Evaluation(session, items(6, **fields), Settings(), seed=3).run([policy(n) for n in NAMES])
    return build(outcome, session.model, 3, parallel)


def test_the_report_has_what_was_promised() -> None:
    found: dict[str, Any] = json.loads(to_bytes(report()))
    assert set(found) == {"model", "machine", "seed", "parallel", "policies", "items"}
    assert (found["seed"], found["parallel"], found["model"]["name"]) == (3, 1, "scripted")
    assert list(found["policies"]) == [*NAMES, "fixed"]
    for figures in found["policies"].values():
        assert set(figures) >= {
            "n", "accuracy", "ci95", "mean_tokens", "mean_thinking_tokens",
            "p50_s", "p90_s", "empty", "leaked", "strategies",
        }  # fmt: skip
    assert "versus" not in found["policies"]["auto"]
    assert found["policies"]["direct"]["versus"]["policy"] == "auto"
    assert found["policies"]["fixed"]["thinking_budget"] == 0
    assert found["policies"]["auto"]["versus_fixed"]["accuracy"] == 0.0
    assert len(found["items"]) == 24
    for item in found["items"]:
        assert set(item) >= {
            "id", "policy", "answer", "correct", "tokens", "thinking_tokens", "seconds",
            "stages", "reason", "certainty", "kind", "score", "error",
        }  # fmt: skip


def test_half_a_character_does_not_spoil_the_report() -> None:
    assert json.loads(to_bytes({"answer": "\ud83d é"}))["answer"] == "? é"


def test_the_table_fits_80_columns() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, markup=False)
    for part in tables(report(parallel=4, level=2)):
        console.print(part)
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert "think:50" in text
    assert "100.0%" in text
    assert "4 questions ran side by side" in text.replace("\n", " ")
    assert "\x1b" not in text


def test_what_is_wrong_is_said() -> None:
    found = report()
    found["policies"]["direct"] |= {"empty": 1, "leaked": 0, "errors": 2}
    assert "direct: 1 empty, 2 with an error of 6." in sentences(found)


@given(
    st.lists(
        st.tuples(
            st.text("abc:1", min_size=1, max_size=12),
            st.floats(0, 1e6),
            st.floats(0, 1),
            st.tuples(st.floats(0, 1), st.floats(0, 1)),
        ),
        max_size=12,
    )
)
def test_any_points_can_be_plotted_as_text(
    raw: list[tuple[str, float, float, tuple[float, float]]],
) -> None:
    found: list[Point] = [(name, x, y, (min(y, *ends), max(y, *ends))) for name, x, y, ends in raw]
    axes = Axes.around(found)
    assert all(0 <= axes.x(x) <= 1 and -1e-9 <= axes.y(y) <= 1 + 1e-9 for _, x, y, _ in found)
    lines = text_plot(found).splitlines()
    assert max(map(len, lines)) <= 78
    assert len(lines) == 19 + len(found)


def test_the_plot_shows_each_policy() -> None:
    drawn = text_plot(points(report()))
    assert "A auto: 100.0% at" in drawn
    assert "D fixed (0): 100.0% at" in drawn


def test_the_picture_is_a_png() -> None:
    found = [*points(report()), ("vote:8", 9000.0, 0.9, (0.8, 0.95)), ("think:1024", 9001.0, 0.9, (0.8, 1.0))]
    image = Image.open(io.BytesIO(png(found, "Scripted, 6 questions")))
    assert (image.format, image.size) == ("PNG", (1200, 800))
    colours = image.convert("RGB").getcolors(1 << 20)
    assert colours is not None
    assert len(colours) > 10


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    with pytest.raises(UsageError, match="cannot be written"):
        write_atomically(tmp_path / "none" / "report.json", b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]


def news(n_done: int, n_kept: int = 0, step: int = 1) -> Progress:
    return Progress("auto", n_done, 10, n_done // 2, n_kept, step, 2)


def test_a_file_gets_a_line_now_and_then() -> None:
    now = [0.0]
    out = io.StringIO()
    lines = Lines(out, lambda: now[0])
    with lines:
        for n_done in range(2, 11):
            lines(news(n_done, n_kept=2))
            now[0] += 4.0
    assert out.getvalue().splitlines() == [
        "auto (1/2): 2 of 10, 50% right",
        "auto (1/2): 5 of 10, 40% right, about 20 s left",
        "auto (1/2): 8 of 10, 50% right, about 8 s left",
        "auto (1/2): 10 of 10, 50% right",
    ]


def test_a_person_gets_a_bar() -> None:
    out = io.StringIO()
    with Bar(Console(file=out, force_terminal=True, width=80, _environ={})) as bar:
        bar(news(0))
        bar(news(10))
        bar(news(0, step=2))
    assert "auto (1/2)" in out.getvalue()
    assert "auto (2/2)" in out.getvalue()
    assert "10/10" in out.getvalue()


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("auto", {}),
        ("HIGH", {"effort": "high"}),
        ("direct", {"effort": "direct"}),
        ("think:256", {"think": 256, "strategy": "extended_thinking"}),
        ("think:0", {"think": "off"}),
        ("vote:8", {"strategy": "self_consistency", "samples": 8}),
        ("fullvote:8", {"strategy": "self_consistency", "samples": 8, "certainty": 1.0}),
        ("beam:4", {"strategy": "beam_search", "samples": 4}),
        ("best:4", {"strategy": "best_of_n", "samples": 4}),
        ("cot", {"strategy": "chain_of_thought"}),
        ("refine", {"strategy": "self_refine"}),
        ("draft", {"strategy": "draft_agreement"}),
    ],
)
def test_policies(name: str, changes: dict[str, object]) -> None:
    found = policy(name)
    assert found.name == name.lower()
    neutral: dict[str, object] = {"effort": "auto", "think": "auto", "strategy": "auto", "samples": 0}
    assert found.changes == neutral | changes


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fast", '"fast" is not a policy.'),
        ("think", '"think" is not a policy.'),
        ("vote:x", '"vote:x" is not a policy.'),
        ("auto:3", '"auto:3" is not a policy.'),
        ("", '"" is not a policy.'),
        ("vote:0", "The policy vote:N takes a number from 1 to 64, not 0."),
        ("vote:65", "The policy vote:N takes a number from 1 to 64, not 65."),
    ],
)
def test_a_policy_that_is_none(name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        policy(name)
    assert caught.value.message == message
    assert caught.value.next_step


def test_unknown_policies_are_told_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        policy("fast")
    assert caught.value.next_step == (
        "Policies are auto, direct, low, medium, high, max, cot, refine, draft, think:N, vote:N, "
        "fullvote:N, beam:N, best:N; N is a number."
    )


def test_each_policy_once_and_three_if_none_is_named() -> None:
    assert [each.name for each in policies(["low", "auto", "low"])] == ["low", "auto"]
    assert [each.name for each in policies([])] == ["auto", "direct", "think:1024"]


def test_a_policy_replaces_the_users_own_wishes() -> None:
    own = Settings(think=77, top_k=3)
    found = policy("auto").settings(own, 2**31 + 5)
    assert (found.think, found.top_k, found.seed) == ("auto", 3, 5)
