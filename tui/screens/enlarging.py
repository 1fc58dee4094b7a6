"""A larger context: whether this machine has room for one, what it costs, and loading it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from textual import work

from assistant.errors import MullError

from .branching import BranchingScreen

if TYPE_CHECKING:
    from assistant.events import Event
    from assistant.hardware.widening import Widening


class EnlargingScreen(BranchingScreen):
    """Asks the planner in a thread, for drivers of GPUs may take seconds, and loads only what fits."""

    widening: Widening | None = None
    """What the planner said last; None until it was asked."""

    def load(self, events: Callable[[], Generator[Event, None, None]], done: Callable[[], None]) -> None:
        """Load a model, now or once the run that is on has ended."""
        raise NotImplementedError

    def has_enlarged(self) -> None:
        """The context is larger now."""
        raise NotImplementedError

    @work(thread=True, exclusive=True, exit_on_error=False, group="planner")
    def ask_planner(self, then: Callable[[], object]) -> None:
        """Have `widening` said anew, for memory comes and goes; `then` is called once it is known."""
        try:
            widening = self._session.wider()
        except MullError:  # the model died or its file went: whoever asks next is told
            widening = None
        self.call_later(self._take_widening, widening, then)

    def _take_widening(self, widening: Widening | None, then: Callable[[], object]) -> None:
        self.widening = widening
        then()

    def action_larger(self) -> None:
        """Load the model again with a larger context, or say why there is none."""
        self.ask_planner(self._enlarge)

    def _enlarge(self) -> None:
        found = self.widening
        if found is None:
            return
        if not found.n_ctx:
            self.notify(f"There is no larger context. {found.sentence}", severity="warning", timeout=10)
        elif self.is_free:
            self.notify(f"Loading the model with {found.n_ctx:,} tokens. {found.sentence}", timeout=8)
            self.load(lambda: self._session.reload(found.n_ctx), lambda: self._has_loaded(found.n_ctx))

    def _has_loaded(self, n_ctx: int) -> None:
        """The model was loaded again, or could not be: then that was told."""
        model = self._session.model
        self.widening = None
        if model is not None and model.n_ctx >= n_ctx:
            self.notify(
                f"The context now has {n_ctx:,} tokens, until Mull ends; the setting n_ctx keeps it so.",
                timeout=8,
            )
            self.has_enlarged()
