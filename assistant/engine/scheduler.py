"""Who computes how much in the next batch: pure, so its laws can be tested.

Laws: a batch holds at most `n_batch` tokens; no sequence gets more than it has waiting; and among k
sequences each is served at least once in every ceil(k / n_batch) batches, whatever the others want.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """Tokens of one sequence: waiting before `schedule`, granted after it."""

    seq_id: int
    n_tokens: int


def schedule(waiting: Sequence[Share], n_batch: int, turn: int) -> list[Share]:
    """Grant each sequence one token, then give what is left of the batch to the long prompts.

    Args:
        waiting: tokens that each sequence has to compute, in a stable order; zeros are passed over.
        n_batch: most tokens of one batch, at least 1.
        turn: a counter of batches; whoever is first moves on with it.
    """
    ready = [share for share in waiting if share.n_tokens > 0]
    if not ready:
        return []
    first = turn * n_batch % len(ready)
    served = (ready[first:] + ready[:first])[:n_batch]
    spare = n_batch - len(served)
    granted = []
    for share in served:
        more = min(share.n_tokens - 1, spare)
        spare -= more
        granted.append(Share(share.seq_id, 1 + more))
    return granted
