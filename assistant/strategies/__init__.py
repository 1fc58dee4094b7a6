"""One file a strategy: a function that turns a request and its plan into events, the last an `Answer`.

A strategy does no input or output and never talks to a model: it asks the batch, looks at the control
between two steps, and yields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from assistant.control import Control
from assistant.engine.protocol import Batch, ModelInfo, Request
from assistant.events import Event
from assistant.policy import Plan
from assistant.strategies.direct import direct
from assistant.strategies.extended_thinking import extended_thinking

Strategy = Callable[[Request, Plan, Batch, Control, ModelInfo], Iterator[Event]]

STRATEGIES: dict[str, Strategy] = {
    "direct": direct,
    "extended_thinking": extended_thinking,
}
