"""What the app needs of a session; `assistant.session.Session` fits it, and so does a scripted one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from assistant.control import Control
from assistant.query import Message, Query

if TYPE_CHECKING:
    # Pydantic costs 90 ms to import, which first paint need not wait for.
    from assistant.config import Settings
    from assistant.engine.protocol import ModelInfo
    from assistant.events import Event
    from assistant.hardware.widening import Widening


class SessionLike(Protocol):
    """A model to talk to; one thread at a time calls `load` or `run` and iterates what they return."""

    def load(self) -> Iterator[Event]:
        """Load the model if it is not loaded; raises MullError."""

    def run(
        self, query: Query, control: Control | None = None, *, settings: Settings | None = None
    ) -> Iterator[Event]:
        """Answer a query, the `Answer` last; closing the iterator stops it. Raises MullError.

        `settings` are other wishes for this query; how the model is loaded stays as it is.
        """

    @property
    def settings(self) -> Settings:
        """What it answers with where a query has no settings of its own."""

    @property
    def model(self) -> ModelInfo | None:
        """What is loaded; None until then."""

    @property
    def model_name(self) -> str:
        """A name for the status line, known before the model is loaded."""

    @property
    def model_note(self) -> str:
        """What the user should know of this model wherever it answers; may be empty."""

    def measure(self, control: Control, history: tuple[Message, ...] = ()) -> None:
        """Measure the speed as far as it is not known, until `control` is stopped; raises nothing."""

    def title(self, control: Control, history: tuple[Message, ...]) -> str:
        """What the model would call a conversation, "" if it is not asked; raises nothing."""

    def with_context(self, n_ctx: int) -> SessionLike:
        """Another session of the same model with a context of so many tokens, not loaded yet."""

    def wider(self) -> Widening:
        """Whether the loaded model can have a larger context, and what that costs; it may take seconds.

        Raises:
            MullError: it cannot be told.
        """

    def close(self) -> None:
        """Give the model back; closing twice is harmless."""
