"""The one pipeline that the front ends and the server iterate; the composition root."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import Protocol, Self

from assistant import paths
from assistant.catalog.families import recognise
from assistant.catalog.gguf import inspect
from assistant.config import Settings
from assistant.control import Control
from assistant.engine.options import LoadOptions
from assistant.engine.process import Loaded, ProcessEngine
from assistant.engine.protocol import Engine, ModelInfo, Request, Sampling, ThinkingBudget
from assistant.errors import EngineError, MullError, UsageError
from assistant.events import Answer, Event, Loading, Notice, Planned
from assistant.policy import Plan, plan
from assistant.query import Query
from assistant.strategies import STRATEGIES

_SAMPLING = ("temperature", "top_k", "top_p", "min_p", "repeat_penalty")


class LoadableEngine(Engine, Protocol):
    """An engine that is loaded when it is needed, and again after it died."""

    @property
    def is_loaded(self) -> bool: ...

    def load(self) -> Iterator[Loaded]: ...


class Session:
    """One model and the settings it answers with.

    Args:
        settings: what the user wants.
        engine: what runs the model; it may be loaded later.
        model_name: for the status line, known before the model is loaded.
        model_note: a sentence that goes with every answer, such as the starter model's.
    """

    def __init__(
        self, settings: Settings, engine: LoadableEngine, model_name: str, model_note: str = ""
    ) -> None:
        self._settings = settings
        self._engine = engine
        self.model_name = model_name
        self.model_note = model_note

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Look at the model file and prepare to load it; quick, as no weights are read.

        Raises:
            ModelFileError: the file is missing, truncated, corrupt, or no GGUF at all.
        """
        path = settings.model or paths.starter_model()
        gguf = inspect(path)
        family = recognise(gguf)
        options = LoadOptions(
            path=str(gguf.path),
            n_ctx=settings.n_ctx,
            n_batch=settings.n_batch,
            n_seq_max=settings.n_seq_max,
            n_threads=settings.n_threads,
            n_gpu_layers=settings.n_gpu_layers,
        )
        return cls(settings, ProcessEngine(options), gguf.name, family.note)

    @property
    def model(self) -> ModelInfo | None:
        """What is loaded; None until it is."""
        return self._engine.model if self._engine.is_loaded else None

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

    def run(self, query: Query, control: Control | None = None) -> Iterator[Event]:
        """Answer a query: events as they come, the last one an `Answer`. Closing the iterator stops it.

        Raises:
            MullError: whatever keeps the query from being answered.
        """
        if not query.text.strip() and not query.attachments:
            raise UsageError("The question is empty.", "Ask something.")
        control = control or Control()
        control.on_stop(self._engine.interrupt)
        try:
            yield from self.load()
        except MullError:
            if not control.is_stopped:
                raise
        if not self._engine.is_loaded:
            raise EngineError("Loading the model was stopped.", "Ask again to load it.")
        model = self._engine.model
        chosen = plan(self._settings.think, self._settings.max_tokens, model)
        yield Planned(
            strategy=chosen.strategy,
            reason=chosen.reason,
            thinking_budget=chosen.thinking_budget,
            n_samples=chosen.n_samples,
            max_tokens=chosen.max_tokens,
        )
        request = self._request(query, chosen, model)
        with self._engine.batch() as batch:
            for event in STRATEGIES[chosen.strategy](request, chosen, batch, control, model):
                if not isinstance(event, Answer):
                    yield event
                    continue
                answer = event
        yield answer

    def close(self) -> None:
        """Give the model back."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _request(self, query: Query, chosen: Plan, model: ModelInfo) -> Request:
        if query.system is None and self._settings.system:
            query = replace(query, system=self._settings.system)
        return Request(
            messages=query.messages(),
            sampling=self._sampling(model.thinking_sampling if chosen.thinking_budget else model.sampling),
            thinking=ThinkingBudget(chosen.thinking_budget, chosen.min_thinking),
            max_tokens=chosen.max_tokens,
        )

    def _sampling(self, default: Sampling) -> Sampling:
        wishes = {name: getattr(self._settings, name) for name in _SAMPLING}
        seed = self._settings.seed
        return replace(
            default,
            seed=random.getrandbits(31) if seed is None else seed,
            **{name: wish for name, wish in wishes.items() if wish is not None},
        )
