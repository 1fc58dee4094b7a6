"""The laws of a conversation's shape."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from assistant.store.tree import Tree


@st.composite
def shapes(draw: st.DrawFn) -> list[tuple[int, int | None]]:
    """Messages that each follow an earlier one, or none."""
    n = draw(st.integers(1, 30))
    ids = sorted(draw(st.sets(st.integers(1, 1 << 61), min_size=n, max_size=n)))
    return [(ids[i], draw(st.sampled_from([None, *ids[:i]]))) for i in range(n)]


@given(shapes())
def test_a_path_leads_from_the_beginning_to_its_end(pairs: list[tuple[int, int | None]]) -> None:
    tree = Tree(pairs)
    for message, _ in pairs:
        path = tree.path(message)
        assert path[-1] == message
        assert tree.parent(path[0]) is None
        assert all(tree.parent(later) == earlier for earlier, later in pairwise(path))


@given(shapes())
def test_siblings_have_one_parent_and_every_message_is_its_own_sibling(
    pairs: list[tuple[int, int | None]],
) -> None:
    tree = Tree(pairs)
    for message, parent in pairs:
        siblings = tree.siblings(message)
        assert message in siblings
        assert siblings == tree.children(parent) == tuple(sorted(siblings))
        assert all(tree.siblings(other) == siblings for other in siblings)


@given(shapes())
def test_children_make_up_the_whole_tree_once(pairs: list[tuple[int, int | None]]) -> None:
    tree = Tree(pairs)
    below = [child for message in (None, *(m for m, _ in pairs)) for child in tree.children(message)]
    assert sorted(below) == [message for message, _ in pairs]
    assert len(tree) == len(pairs)


@given(shapes())
def test_the_newest_leaf_is_a_leaf_of_its_branch(pairs: list[tuple[int, int | None]]) -> None:
    tree = Tree(pairs)
    for message in (None, *(m for m, _ in pairs)):
        leaf = tree.newest_leaf(message)
        assert leaf is not None
        assert tree.children(leaf) == ()
        path = tree.path(leaf)
        assert message is None or message in path
        begin = 0 if message is None else path.index(message) + 1
        assert all(each == tree.siblings(each)[-1] for each in path[begin:])


@given(shapes())
def test_a_walk_meets_every_message_once_and_after_its_parent(pairs: list[tuple[int, int | None]]) -> None:
    tree = Tree(pairs)
    walk = list(tree)
    assert sorted(walk) == sorted(message for message, _ in pairs)
    for place, message in enumerate(walk):
        assert tree.parent(message) in (None, *walk[:place])


def test_an_empty_tree() -> None:
    tree = Tree([])
    assert (tree.newest_leaf(), tree.path(None), tree.children(None)) == (None, (), ())
    assert 1 not in tree


@given(st.lists(st.tuples(st.integers(1, 6), st.none() | st.integers(1, 8)), max_size=12))
def test_a_damaged_tree_ends(pairs: list[tuple[int, int | None]]) -> None:
    """Circles and missing parents: nothing runs for ever or fails."""
    tree = Tree(pairs)
    for message, _ in pairs:
        assert len(tree.path(message)) <= len(tree)
        leaf = tree.newest_leaf(message)
        assert leaf is not None
        assert leaf in tree
