"""Scripted engines with a view of their cells, for the tests of batches and budgets."""

from __future__ import annotations

from assistant.engine.local import LocalBatch, LocalEngine
from assistant.engine.scripted import THINK, Script, ScriptedRunner, scripted_model
from assistant.engine.splitter import Markers


class Replay(LocalEngine):
    """A scripted engine whose runner can be looked at."""

    def __init__(
        self,
        script: Script | str,
        markers: Markers = THINK,
        n_ctx: int = 4096,
        n_seq_max: int = 8,
        n_batch: int = 32,
        can_truncate: bool = True,
    ) -> None:
        say: Script = (lambda _request, _i: script) if isinstance(script, str) else script
        self.runner = ScriptedRunner(say, scripted_model(n_ctx, n_seq_max), markers, n_batch)
        self.runner.can_truncate = can_truncate
        super().__init__(self.runner)

    @property
    def cells(self) -> list[str]:
        """The text that each slot of the runner holds."""
        return ["".join(map(chr, cells)) for cells in self.runner._cells]

    @property
    def slots(self) -> list[str]:
        """The text that the cache believes each slot to hold."""
        return ["".join(map(chr, slot.tokens)) for slot in self._cache._slots]

    def check(self, batch: LocalBatch) -> None:
        """The cache knows what the cells hold, and each slot serves at most one sequence, which it fits."""
        assert self.slots == self.cells
        owned = {s.seq_id: s for s in batch._sequences.values() if s.slot is not None}
        busy = [slot.index for slot in self._cache._slots if slot.is_busy]
        assert sorted(s.slot.index for s in owned.values() if s.slot) == busy, "a slot is lost or shared"
        for seq_id, sequence in owned.items():
            assert sequence.slot is not None
            n = len(sequence.slot.tokens)
            assert sequence.slot.tokens == sequence.tokens[:n], (
                f"sequence {seq_id} is not what its slot holds"
            )
        for slot in self._cache._slots:
            for checkpoint in slot.checkpoints:
                assert checkpoint.state.decode() == self.cells[slot.index][: checkpoint.n_tokens]
