"""One file a strategy; each is a function that turns a query and its plan into events."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from assistant.control import Control
from assistant.engine.protocol import Batch, ModelInfo, Request
from assistant.events import Event
from assistant.policy import Plan

Strategy = Callable[[Request, Plan, Batch, Control, ModelInfo], Iterator[Event]]
