"""What rests in a column is not laid out, and everything is where it would be otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from assistant.tui.widgets.transcript.column import Column
from assistant.tui.widgets.transcript.resting import Resting
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.geometry import Region
from textual.widgets import Static

from tests.tui.driving import stand_still

Things = list[tuple[int, int, int, bool]]
THING = st.tuples(st.integers(1, 5), st.integers(0, 2), st.integers(0, 2), st.booleans())


class Page(App[None]):
    """A column that is higher than the screen or not."""

    CSS = """
    #column { height: auto; padding: 1 2; align-horizontal: center; & > * { max-width: 30; } }
    """

    def __init__(self, things: Things) -> None:
        super().__init__()
        self._things = things

    def compose(self) -> ComposeResult:
        with VerticalScroll(), Column(id="column"):
            for height, above, below, may_rest in self._things:
                thing = Resting() if may_rest else Static("\n" * (height - 1))
                thing.styles.margin = (above, 0, below, 0)
                if may_rest:
                    thing.compose_add_child(Static("\n" * (height - 1)))
                yield thing


async def places(things: Things, *, rest: bool) -> tuple[list[Region], list[Region], int, int]:
    """Where each thing is in the column and on the screen, the lines of all, and how many are laid out."""
    async with Page(things).run_test(size=(50, 20)) as pilot:
        if rest:
            for each in pilot.app.query(Resting):
                each.settle()
                each.rest()
        pane = pilot.app.query_one(VerticalScroll)
        pane.scroll_to(y=7, animate=False, immediate=True)
        await stand_still(pilot)
        shown = list(pilot.app.query_one(Column).children)
        n_placed = sum(each in pilot.app.screen._compositor.full_map for each in shown)
        there = [each.virtual_region for each in shown], [each.region for each in shown]
        return *there, pane.virtual_size.height, n_placed


@settings(max_examples=15, deadline=None)
@given(st.lists(THING, min_size=1, max_size=9))
def test_each_thing_keeps_its_place(things: Things) -> None:
    awake = asyncio.run(places(things, rest=False))
    resting = asyncio.run(places(things, rest=True))
    assert [each.y for each in resting[0]] == [each.y for each in awake[0]]
    assert [each.size for each in resting[0]] == [each.size for each in awake[0]]
    assert [each.y for each in resting[1]] == [each.y for each in awake[1]]
    assert resting[2] == awake[2]
    assert awake[3] == len(things)
    assert resting[3] == len(things) - sum(may_rest for _, _, _, may_rest in things[1:-1])


def lines_of(things: Iterable[Resting]) -> list[tuple[int, int, int]]:
    """Where each begins, in the column and on the screen, and how high it is."""
    return [(each.virtual_region.y, each.region.y, each.virtual_region.height) for each in things]


async def test_what_is_woken_is_where_it_was_until_it_is_laid_out_again() -> None:
    async with Page([(3, 1, 0, True)] * 4).run_test(size=(50, 20)) as pilot:
        shown = [*pilot.app.query(Resting)]
        before = lines_of(shown)
        for each in shown:
            each.settle()
            each.rest()
        await stand_still(pilot)
        for each in shown:
            each.wake()
        assert lines_of(shown) == before
        await stand_still(pilot)
        assert lines_of(shown) == before
        assert all(each.place is None for each in shown)
