"""One file a strategy: a function that turns a task into events, the last an `Answer`.

A strategy does no input or output and never talks to a model: it asks the batch, looks at the control
between two steps, and yields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from assistant.events import Event
from assistant.strategies.beam_search import beam_search
from assistant.strategies.best_of_n import best_of_n
from assistant.strategies.chain_of_thought import chain_of_thought
from assistant.strategies.direct import direct
from assistant.strategies.draft_agreement import draft_agreement
from assistant.strategies.extended_thinking import extended_thinking
from assistant.strategies.self_consistency import self_consistency
from assistant.strategies.self_refine import self_refine
from assistant.strategies.task import Task

Strategy = Callable[[Task], Iterator[Event]]

STRATEGIES: dict[str, Strategy] = {
    "direct": direct,
    "draft_agreement": draft_agreement,
    "chain_of_thought": chain_of_thought,
    "extended_thinking": extended_thinking,
    "self_consistency": self_consistency,
    "beam_search": beam_search,
    "best_of_n": best_of_n,
    "self_refine": self_refine,
}
