"""The policies that an evaluation compares: what a user could have set, by a short name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from assistant.config import Settings
from assistant.errors import UsageError

FIXED = "fixed"
"""The name under which a report gives the fixed budget that costs as much as `auto`."""
DEFAULT = ("auto", "direct", "think:1024")

_AUTO: dict[str, object] = {"effort": "auto", "think": "auto", "strategy": "auto", "samples": 0}
_EFFORTS = ("direct", "low", "medium", "high", "max")
_PLAIN: dict[str, dict[str, object]] = {
    "auto": {},
    **{effort: {"effort": effort} for effort in _EFFORTS},
    "cot": {"strategy": "chain_of_thought"},
    "refine": {"strategy": "self_refine"},
    "draft": {"strategy": "draft_agreement"},
}
_COUNTED: dict[str, tuple[int, int, Callable[[int], dict[str, object]]]] = {
    "think": (0, 1 << 20, lambda n: {"think": n, "strategy": "extended_thinking"} if n else {"think": "off"}),
    "vote": (1, 64, lambda n: {"strategy": "self_consistency", "samples": n}),
    "fullvote": (1, 64, lambda n: {"strategy": "self_consistency", "samples": n, "certainty": 1.0}),
    "beam": (1, 64, lambda n: {"strategy": "beam_search", "samples": n}),
    "best": (1, 64, lambda n: {"strategy": "best_of_n", "samples": n}),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """One way to answer all questions."""

    name: str
    changes: dict[str, object] = field(default_factory=dict, hash=False)
    """Fields of `Settings` that it sets, by name."""
    budget: int | None = None
    """Thinking tokens of a `think:N`; None for the others."""

    def settings(self, base: Settings, seed: int) -> Settings:
        """The user's settings with the policy's wishes and a seed in them."""
        known = {name: value for name, value in self.changes.items() if name in Settings.model_fields}
        return base.model_copy(update={**known, "seed": seed % (1 << 31)})


def policy(name: str) -> Policy:
    """The policy of a name such as auto, high, think:256 or vote:8.

    Raises:
        UsageError: there is no such policy.
    """
    word, colon, count = name.strip().lower().partition(":")
    if not colon and word in _PLAIN:
        return Policy(word, {**_AUTO, **_PLAIN[word]})
    if word in _COUNTED and count.isascii() and count.isdecimal():
        least, most, changes = _COUNTED[word]
        n = int(count)
        if least <= n <= most:
            return Policy(f"{word}:{n}", {**_AUTO, **changes(n)}, n if word == "think" else None)
        raise UsageError(
            f"The policy {word}:N takes a number from {least} to {most}, not {n}.", "Write another number."
        )
    counted = [f"{known}:N" for known in _COUNTED]
    raise UsageError(
        f'"{name}" is not a policy.', f"Policies are {', '.join([*_PLAIN, *counted])}; N is a number."
    )


def policies(names: list[str]) -> list[Policy]:
    """These policies in order, each once; the default ones if none is named."""
    found = {each.name: each for each in map(policy, names or DEFAULT)}
    return list(found.values())
