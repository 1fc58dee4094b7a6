"""Asking every question under every policy, through the pipeline that a user's questions take.

Greedy or sampled exactly as a user gets it; question i draws with seed + i. What a session learns from its
runs stays in memory, is kept beside the finished questions, and starts anew with each policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from typing import Any, Protocol

from assistant.config import Settings
from assistant.control import Control
from assistant.engine.lanes import Job, side_by_side
from assistant.engine.protocol import Batch, ModelInfo
from assistant.engine.shared import SharedBatch
from assistant.errors import EngineError, MullError
from assistant.evaluation.ablation import first_budget, is_near, next_budget, pilot
from assistant.evaluation.datasets import Item
from assistant.evaluation.figures import mean
from assistant.evaluation.grade import grade, is_leaked, markers_of
from assistant.evaluation.policies import FIXED, Policy, policy
from assistant.evaluation.records import Kept, Record
from assistant.events import Answer, Event
from assistant.query import Query

MOST_ERRORS = 5
"""So many errors in a row end the evaluation."""
_MOST_SEQUENCES = 64
_CTX_EACH = 8192
_USUAL_SAMPLES = 8
_MOST_CTX = 1 << 17


class Asks(Protocol):
    """What answers the questions: a `Session`."""

    @property
    def model(self) -> ModelInfo | None:
        """What is loaded; None until it is."""

    def load(self) -> Iterator[Event]:
        """Load the model if it is not loaded."""

    def measure(self, control: Control) -> None:
        """Measure the speed of the model that is loaded, as far as it is not known."""

    def run(
        self, query: Query, *, settings: Settings | None = None, batch: Batch | None = None
    ) -> Iterator[Event]:
        """Answer the query as these settings wish, in this batch if there is one; the answer comes last."""

    def engine_batch(self) -> AbstractContextManager[Batch]:
        """A batch for several runs."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One more question is finished."""

    policy: str
    n_done: int
    """Questions of this policy that are finished, those of an earlier run included."""
    n_items: int
    n_right: int
    n_kept: int
    """Those that an earlier run has finished."""
    step: int
    """Which policy this is, from 1."""
    n_steps: int


@dataclass(slots=True)
class Outcome:
    """What an evaluation found."""

    records: dict[str, list[Record]] = field(default_factory=dict)
    """By policy, in the order of the questions; the fixed budget under "fixed"."""
    fixed: dict[str, Any] | None = None
    """The fixed budget: "thinking_budget", its mean tokens over auto's as "token_ratio", and "tried"."""


def parallel_settings(settings: Settings, parallel: int) -> Settings:
    """The settings to load the model with for so many questions at a time.

    Each question may use as many samples as before, up to 64 in all. The context, which all share, is
    what the user set; else 8,192 tokens a question, up to 131,072.
    """
    if parallel == 1:
        return settings
    return settings.model_copy(
        update={
            "n_seq_max": max(min(_samples(settings) * parallel, _MOST_SEQUENCES), parallel),
            "n_ctx": settings.n_ctx or min(_CTX_EACH * parallel, _MOST_CTX),
        }
    )


def _samples(settings: Settings) -> int:
    """Samples that a question may have side by side."""
    return settings.n_seq_max or _USUAL_SAMPLES


class Evaluation:
    """Questions, policies, and the session that answers.

    Args:
        session: opened with `parallel_settings(settings, parallel)`.
        items: the questions.
        settings: the user's.
        seed: what question i adds i to.
        parallel: questions answered side by side; 1 to 64.
        kept: where finished questions are and go; by default only into memory.
        tell: is called after each finished question, and once for each policy before its first.
    """

    def __init__(
        self,
        session: Asks,
        items: Sequence[Item],
        settings: Settings,
        *,
        seed: int = 0,
        parallel: int = 1,
        kept: Kept | None = None,
        tell: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self.session = session
        self.items = list(items)
        self.settings = settings
        self._seed = seed
        self._parallel = parallel
        self._kept = kept if kept is not None else Kept(None, {})
        self.tell = tell
        self._profile = _dump(session)
        self._markers: list[str] | None = None
        self._step = self._n_steps = 0

    def run(self, policies: Sequence[Policy], with_ablation: bool = True) -> Outcome:
        """Ask all questions under all policies; with the ablation if `auto` is one of them.

        Raises:
            MullError: several questions in a row could not be answered, for the last one's reason.
        """
        outcome = Outcome()
        with_ablation = with_ablation and any(each.name == "auto" for each in policies)
        self._step, self._n_steps = 0, len(policies) + with_ablation
        learning = getattr(self.session, "learning", None)
        if learning is not None:
            learning.is_frozen = True
        try:
            for each in policies:
                outcome.records[each.name] = self.ask(each)
            if with_ablation:
                self._ablate(outcome)
        finally:
            _restore(self.session, self._profile)
            if learning is not None:
                learning.is_frozen = False
        return outcome

    def ask(self, chosen: Policy, items: Sequence[Item] | None = None) -> list[Record]:
        """Ask all questions, or these, under one policy; those that are kept are not asked again."""
        items = self.items if items is None else items
        found = {item.id: record for item in items if (record := self._kept.get(chosen.name, item.id))}
        todo = [item for item in items if item.id not in found]
        _restore(self.session, self._kept.profile(chosen.name) or self._profile)
        self._step = min(self._step + 1, self._n_steps)
        n_kept = len(found)

        def tell() -> None:
            n_right = sum(record.correct for record in found.values())
            self.tell(
                Progress(chosen.name, len(found), len(items), n_right, n_kept, self._step, self._n_steps)
            )

        tell()
        held_back: list[Record] = []  # errors that a later start may be spared
        for record, error in self._answers(chosen, todo):
            if error is not None:
                held_back.append(record)
                if len(held_back) == MOST_ERRORS:
                    raise error
                continue
            for done in (*held_back, record):
                self._kept.add(done, _dump(self.session))
                found[done.id] = done
            held_back = []
            tell()
        for done in held_back:
            self._kept.add(done, _dump(self.session))
            found[done.id] = done
        return [found[item.id] for item in items]

    def _answers(self, chosen: Policy, items: Sequence[Item]) -> Iterator[tuple[Record, MullError | None]]:
        """Each question's record as it is finished, with the error if it could not be answered."""
        if self._parallel > 1:
            yield from self._answers_side_by_side(chosen, items)
            return
        for item in items:
            yield self._finish(chosen, item, self._alone(chosen, item))

    def _answers_side_by_side(
        self, chosen: Policy, items: Sequence[Item]
    ) -> Iterator[tuple[Record, MullError | None]]:
        """As `_answers`. Where the engine fails, those that it took along are asked one by one."""
        left = list(items)
        while left:
            finished: set[int] = set()
            started: list[int] = []
            lost: list[int] = []
            try:
                for i, outcome in self._in_lanes(chosen, left, started):
                    if isinstance(outcome, EngineError):
                        lost.append(i)
                        continue
                    finished.add(i)
                    yield self._finish(chosen, left[i], outcome)
            except EngineError:
                lost += [i for i in started if i not in finished and i not in lost]
            for i in sorted(lost):
                finished.add(i)
                yield self._finish(chosen, left[i], self._alone(chosen, left[i]))
            left = [item for i, item in enumerate(left) if i not in finished]

    def _in_lanes(
        self, chosen: Policy, items: Sequence[Item], started: list[int]
    ) -> Iterator[tuple[int, Answer | MullError]]:
        def jobs() -> Iterator[Job[Answer]]:
            for i, item in enumerate(items):
                started.append(i)
                yield lambda batch, item=item: self._answer(chosen, item, batch)  # type: ignore[misc]

        for _ in self.session.load():
            pass
        model = self.session.model
        assert model is not None
        with self.session.engine_batch() as batch:
            shared = SharedBatch(batch, model.n_seq_max, _samples(self.settings))
            n = min(self._parallel, model.n_seq_max)
            with closing(side_by_side(shared, jobs(), n)) as outcomes:  # type: ignore[type-var]
                yield from outcomes

    def _alone(self, chosen: Policy, item: Item) -> Answer | MullError:
        try:
            return self._answer(chosen, item)
        except MullError as error:
            return error

    def _answer(self, chosen: Policy, item: Item, batch: Batch | None = None) -> Answer:
        settings = chosen.settings(self.settings, self._seed + item.index)
        options: dict[str, Any] = {"batch": batch} if batch is not None else {}
        answer = None
        for event in self.session.run(Query(item.question), settings=settings, **options):
            if isinstance(event, Answer):
                answer = event
        if answer is None:
            raise EngineError("The run ended without an answer.", "Ask again.")
        return answer

    def _finish(
        self, chosen: Policy, item: Item, outcome: Answer | MullError
    ) -> tuple[Record, MullError | None]:
        about = {"id": item.id, "policy": chosen.name, "level": item.level, "source": item.source}
        if isinstance(outcome, MullError):
            return Record.model_validate({**about, "error": str(outcome)}), outcome
        if self._markers is None:
            model = self.session.model
            self._markers = markers_of(model.family) if model is not None else []
        return record_of(item, outcome, about, self._markers), None

    def _ablate(self, outcome: Outcome) -> None:
        """Find the fixed budget whose mean tokens are nearest to auto's, and run it for real."""
        goal = _mean_tokens(outcome.records["auto"])
        budgets = {k: found for name, found in outcome.records.items() if (k := policy(name).budget)}
        if not budgets:
            chosen = policy(f"think:{pilot(self.settings.max_tokens)}")
            step = max(1, len(self.items) // 32)
            self._n_steps += 1
            budgets = {chosen.budget or 0: self.ask(chosen, self.items[::step])}
        budget = first_budget(budgets, goal)
        tried = []
        for attempt in range(2):
            chosen = policy(f"think:{budget}")
            if attempt:
                self._n_steps += 1
            records = self.ask(chosen)
            tokens = _mean_tokens(records)
            tried.append((abs(tokens - goal), budget, tokens, records))
            following = next_budget(budget, records, goal)
            if is_near(tokens, goal) or following == budget:
                break
            budget = following
        _, budget, tokens, records = min(tried, key=lambda each: each[0])
        outcome.records[FIXED] = [record.model_copy(update={"policy": FIXED}) for record in records]
        outcome.fixed = {
            "thinking_budget": budget,
            "token_ratio": round(tokens / goal, 4) if goal else None,
            "tried": [{"thinking_budget": b, "mean_tokens": round(t, 2)} for _, b, t, _ in tried],
        }


def record_of(item: Item, answer: Answer, about: dict[str, Any], markers: Sequence[str]) -> Record:
    """What is kept of an answer; `about` are the fields that do not depend on it."""
    return Record.model_validate(
        {
            **about,
            "answer": answer.text,
            "correct": grade(item, answer.text),
            "tokens": answer.total_tokens or answer.completion_tokens,
            "thinking_tokens": answer.total_thinking_tokens or answer.thinking_tokens,
            "seconds": answer.seconds,
            "stages": answer.stages or (answer.strategy,),
            "reason": answer.reason,
            "n_samples": answer.n_samples,
            "certainty": answer.certainty,
            "agreement": answer.agreement,
            "kind": answer.kind,
            "score": answer.score,
            "plan_s": answer.plan_s,
            "finish_reason": answer.finish_reason,
            "empty": not answer.text.strip(),
            "leaked": is_leaked(answer.text, markers),
        }
    )


def _mean_tokens(records: Sequence[Record]) -> float:
    return mean(record.tokens for record in records if not record.error)


def _dump(session: object) -> dict[str, Any] | None:
    """What the session has learned, ready for JSON; None if it does not learn."""
    dump = getattr(session, "profile_dump", None)
    return None if dump is None else dict(dump())


def _restore(session: object, profile: dict[str, Any] | None) -> None:
    if profile is not None and (restore := getattr(session, "profile_restore", None)) is not None:
        restore(profile)
