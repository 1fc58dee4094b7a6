"""The plan for each wish and each kind of model."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.engine.protocol import ModelInfo
from assistant.engine.scripted import scripted_model
from assistant.policy import AUTO_BUDGET, Plan, plan
from assistant.strategies import STRATEGIES

SWITCHED = scripted_model()
"""Thinks, and can be told not to."""
ALWAYS = replace(SWITCHED, can_answer_directly=False)
NEVER = replace(SWITCHED, has_thinking=False)

OFF = "Thinking is off: answering at once."
CUT = "Thinking is off, and cut short where the model starts it."
NO_MODE = "This model has no thinking mode: answering at once."


@pytest.mark.parametrize(
    ("think", "model", "expected"),
    [
        ("off", SWITCHED, Plan("direct", OFF, 100)),
        (0, SWITCHED, Plan("direct", OFF, 100)),
        ("off", ALWAYS, Plan("direct", CUT, 100)),
        (0, ALWAYS, Plan("direct", CUT, 100)),
        ("off", NEVER, Plan("direct", OFF, 100)),
        ("auto", NEVER, Plan("direct", NO_MODE, 100)),
        (500, NEVER, Plan("direct", NO_MODE, 100)),
        (
            "auto",
            SWITCHED,
            Plan(
                "extended_thinking",
                "Thinking as long as it helps, up to 1,024 tokens.",
                100 + AUTO_BUDGET,
                thinking_budget=AUTO_BUDGET,
            ),
        ),
        (
            5000,
            ALWAYS,
            Plan(
                "extended_thinking", "Thinking as you asked, up to 5,000 tokens.", 5100, thinking_budget=5000
            ),
        ),
    ],
)
def test_the_plan(think: Literal["auto", "off"] | int, model: ModelInfo, expected: Plan) -> None:
    assert plan(think, 100, model) == expected


@settings(deadline=None)
@given(
    think=st.one_of(st.sampled_from(["auto", "off"]), st.integers(0, 10**6)),
    max_tokens=st.integers(1, 10**6),
    model=st.sampled_from([SWITCHED, ALWAYS, NEVER]),
)
def test_thinking_never_takes_from_the_answer(
    think: Literal["auto", "off"] | int, max_tokens: int, model: ModelInfo
) -> None:
    made = plan(think, max_tokens, model)
    assert made.max_tokens - made.thinking_budget == max_tokens
    assert made.strategy in STRATEGIES
    assert made.reason.endswith(".")
