"""The one pipeline that the front ends and the server iterate; the composition root."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

from assistant import idle, paths
from assistant.catalog import installed
from assistant.catalog.families import recognise
from assistant.catalog.gguf import inspect
from assistant.config import Settings
from assistant.control import Control
from assistant.engine.options import LoadOptions
from assistant.engine.process import Loaded, ProcessEngine
from assistant.engine.protocol import Batch, Engine, ModelInfo
from assistant.errors import EngineError, MullError, OutOfMemory, UsageError
from assistant.events import AnswerDelta, Event, Loading, Notice, Retracted
from assistant.hardware.speed import SpeedStore
from assistant.learning import Learning
from assistant.pipeline import Pipeline
from assistant.profile import Profile
from assistant.query import Message, Query

if TYPE_CHECKING:
    from assistant.hardware.widening import Widening


class LoadableEngine(Engine, Protocol):
    """An engine that is loaded when it is needed, and again after it died."""

    @property
    def is_loaded(self) -> bool: ...

    @property
    def asks_for_less(self) -> bool: ...

    @property
    def options(self) -> LoadOptions:
        """How the model is loaded, or is to be."""

    @property
    def pid(self) -> int | None:
        """The process that has it; None if there is none."""

    def load(self) -> Iterator[Loaded]: ...


class Session:
    """One model and the settings it answers with.

    Args:
        settings: what the user wants.
        engine: what runs the model; it may be loaded later.
        model_name: for the status line, known before the model is loaded.
        model_note: a sentence that goes with every answer, such as the starter model's.
        learning: what is known of models on this machine; nothing is known nor kept where it is left out.
    """

    def __init__(
        self,
        settings: Settings,
        engine: LoadableEngine,
        model_name: str,
        model_note: str = "",
        learning: Learning | None = None,
    ) -> None:
        self.settings = settings
        self._engine = engine
        self.model_name = model_name
        self.model_note = model_note
        self.learning = learning or Learning()

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Look at the model file and prepare to load it; quick, as no weights are read.

        Raises:
            ModelFileError: the file is missing, truncated, corrupt, or no GGUF at all.
        """
        gguf = inspect(installed.resolve(settings.model) if settings.model else paths.starter_model())
        family = recognise(gguf)
        options = LoadOptions.of(gguf.path, settings)
        learning = Learning(paths.state_dir(), SpeedStore(n_threads=settings.n_threads))
        return cls(settings, ProcessEngine(options), gguf.name, family.note, learning)

    def with_context(self, n_ctx: int) -> Self:
        """Another session of the same model with a context of so many tokens, not loaded yet; 0 chooses."""
        return self.open(self.settings.model_copy(update={"n_ctx": n_ctx}))

    def wider(self) -> Widening:
        """Whether the model, which is loaded, can have a larger context on this machine, and at what cost.

        The machine is looked at, which takes seconds where drivers of GPUs are asked.

        Raises:
            ModelError: the model's file cannot be read any more.
            EngineError: no model is loaded.
        """
        from assistant.engine.planning import wider

        engine = self._engine
        return wider(engine.options, engine.model.n_ctx, self.settings, engine.pid)

    @property
    def model(self) -> ModelInfo | None:
        """What is loaded; None until it is. Any thread may ask, also while another one closes the session."""
        try:
            return self._engine.model if self._engine.is_loaded else None
        except EngineError:  # it was let go between the two questions
            return None

    def load(self) -> Iterator[Event]:
        """Load the model if it is not loaded, telling how it goes.

        Raises:
            ModelError: the file cannot be used.
            EngineError: the engine crashes even with the safest settings.
        """
        for news in self._engine.load():
            if news.sentence:
                yield Notice(text=news.sentence)
            else:
                yield Loading(model=self.model_name, progress=news.progress)
        self.model_note = self._engine.model.note or self.model_note
        self.learning.begin(self._engine.model)

    def run(
        self,
        query: Query,
        control: Control | None = None,
        *,
        settings: Settings | None = None,
        batch: Batch | None = None,
    ) -> Iterator[Event]:
        """Answer a query: events as they come, the last one an `Answer`. Closing the iterator stops it.

        Args:
            query: what is asked.
            control: the user's hand in the run.
            settings: other wishes for this query; how the model is loaded stays as it is.
            batch: an open batch to run in; a batch of its own if left out.

        Raises:
            MullError: whatever keeps the query from being answered.
        """
        if not query.text.strip() and not query.attachments:
            raise UsageError("The question is empty.", "Ask something.")
        control = control or Control()
        if batch is None:
            control.on_stop(self._engine.interrupt)
        try:
            yield from self.load()
        except MullError:
            if not control.is_stopped:
                raise
        if not self._engine.is_loaded:
            raise EngineError("Loading the model was stopped.", "Ask again to load it.")
        settings = settings or self.settings
        while True:
            shown = False
            try:
                for event in self._answer(query, control, settings, batch):
                    shown |= isinstance(event, AnswerDelta)
                    yield event
                return
            except OutOfMemory:
                if batch is not None or control.is_stopped or not self._engine.asks_for_less:
                    raise
            # the next start asks for less, step by step, until the question is answered after all
            if shown:
                yield Retracted()
            yield from self.load()

    def _answer(
        self, query: Query, control: Control, settings: Settings, batch: Batch | None
    ) -> Iterator[Event]:
        """Answer with the model that is loaded."""
        pipeline = Pipeline(settings, self._engine.model, self.learning)
        opened: AbstractContextManager[Batch] = nullcontext(batch) if batch else self.engine_batch()
        with opened as within:
            yield from pipeline.run(query, within, control, is_alone=batch is None)

    def measure(self, control: Control, history: tuple[Message, ...] = ()) -> None:
        """Measure what is not known of the model's speed; see `assistant.idle.measure`."""
        if self._engine.is_loaded and self.learning.needs_speed:
            idle.measure(self._engine, self.learning, control, self._as_told(history))
            if not self._engine.is_loaded:
                self.learning.give_up_measuring()

    def title(self, control: Control, history: tuple[Message, ...]) -> str:
        """What the model would call a conversation, "" if it is not asked; see `assistant.idle.title`."""
        if self.settings.titles == "rule" or not self._engine.is_loaded or not history:
            return ""
        return idle.title(self._engine, control, self._as_told(history))

    def _as_told(self, history: tuple[Message, ...]) -> tuple[Message, ...]:
        """A conversation as the engine was told it when it was asked last."""
        return Query("", history, system=self.settings.system).messages()[:-1]

    def engine_batch(self) -> AbstractContextManager[Batch]:
        """An empty batch of the loaded model, for several runs side by side."""
        return cast("AbstractContextManager[Batch]", self._engine.batch())

    def profile_dump(self) -> dict[str, Any]:
        """What is known of the model's habits, to be restored later."""
        return self.learning.profile.model_dump(mode="json")

    def profile_restore(self, dump: dict[str, Any]) -> None:
        """Take the model's habits for what they were."""
        self.learning.profile = Profile.model_validate(dump)

    def close(self) -> None:
        """Give the model back."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
