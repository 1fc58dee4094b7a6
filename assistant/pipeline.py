"""From a query to its answer: assess, plan, run a strategy, and plan again until the answer stands."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import replace

from assistant import answers
from assistant.config import Settings
from assistant.control import Control
from assistant.difficulty import Difficulty, assess
from assistant.engine.protocol import Batch, ModelInfo, Request, Sampling, ThinkingBudget
from assistant.events import Answer, AnswerDelta, Event, Planned, Retracted
from assistant.hardware.power import power
from assistant.judge import AnswerJudge, CodeJudge
from assistant.learning import Learning
from assistant.limits import limits
from assistant.plans import Outcome, Plan, Situation, Wishes
from assistant.policy import continued, doubt, draft_seen, next_plan, plan
from assistant.query import Query
from assistant.strategies import STRATEGIES
from assistant.strategies.task import Task

_SAMPLING = ("temperature", "top_k", "top_p", "min_p", "repeat_penalty")
_CHARS_PER_TOKEN = 3
"""For the room that a prompt takes, before it is read; few characters make a token in most languages."""
_TERSE_CHARS = 120
_LEAD_CHARS = 48
"""A draft this short, with this little before its answer, shows how the model comes to the point."""


class Pipeline:
    """Answers queries with one model.

    Args:
        settings: what the user wants.
        model: what answers.
        learning: what is known of it, and what is learned.
    """

    def __init__(self, settings: Settings, model: ModelInfo, learning: Learning) -> None:
        self._settings = settings
        self._model = model
        self._learning = learning

    def run(self, query: Query, batch: Batch, control: Control, is_alone: bool = True) -> Iterator[Event]:
        """Stage by stage: a plan, its events, and at the end of the last one the `Answer`.

        Args:
            query: what is asked.
            batch: where it is decoded.
            control: the user's hand.
            is_alone: whether nothing else is decoded there, so that the speed says something.
        """
        started = time.monotonic()
        difficulty = assess(query)
        judge = judge_for(query, difficulty)
        if difficulty.kind == "code" and judge.kind != "code":
            difficulty = replace(difficulty, kind="reasoning")  # about a program, and none is to be written
        at = self._situation(query, difficulty, judge)
        chosen: Plan | None = plan(at) if query.begun is None else continued(at, query.begun)
        plan_s = time.monotonic() - started
        seed = self._settings.seed
        seed = random.getrandbits(31) if seed is None else seed
        outcomes: list[Outcome] = []
        stages: list[Answer] = []
        shown = _Shown()
        while chosen is not None:
            yield _planned(chosen, difficulty)
            task = self._task(query, chosen, batch, control, judge, seed, stages)
            answer: Answer | None = None
            for event in STRATEGIES[chosen.strategy](task):
                if isinstance(event, Answer):
                    answer = event
                else:
                    shown.take(event)
                    yield event
            assert answer is not None, "a strategy ends with its answer"
            stages.append(answer)
            if not control.is_stopped and query.begun is None:
                self._learning.note_run(answer, is_alone)
            outcome = _outcome(answer, judge, control)
            outcomes.append(outcome)
            at = replace(at, spent_s=time.monotonic() - started, profile=self._learning.profile)
            last, chosen = chosen, None if query.begun is not None else next_plan(at, chosen, outcomes)
            if chosen is not None:
                chosen = replace(chosen, stage=len(outcomes) + 1)
        if (seen := draft_seen(outcomes)) is not None:
            self._learning.note_draft(*seen)
        final = _chosen(stages, outcomes)
        yield from shown.settle(final)
        yield _closed(final, stages, difficulty, plan_s, time.monotonic() - started, doubt(at, outcome, last))

    def _situation(self, query: Query, difficulty: Difficulty, judge: AnswerJudge) -> Situation:
        settings, model = self._settings, self._model
        n_chars = sum(len(message.content) for message in query.messages())
        wishes = Wishes(
            effort=settings.effort,
            think=settings.think,
            strategy=settings.strategy,
            samples=settings.samples,
            certainty=settings.certainty,
            max_tokens=settings.max_tokens,
        )
        n_prompt = n_chars // _CHARS_PER_TOKEN + 16
        learned = self._learning
        limited = limits(power(), model, learned.speed, settings.time, n_prompt, learned.is_slowed)
        # several runs may share an engine that holds more sequences than one of them may have
        limited = replace(limited, n_samples=min(limited.n_samples, settings.n_seq_max or limited.n_samples))
        return Situation(difficulty, limited, wishes, model, learned.profile, can_vote=judge.can_vote)

    def _task(
        self,
        query: Query,
        chosen: Plan,
        batch: Batch,
        control: Control,
        judge: AnswerJudge,
        seed: int,
        earlier: list[Answer],
    ) -> Task:
        settings, model = self._settings, self._model
        if query.system is None and settings.system:
            query = replace(query, system=settings.system)
        usual = model.thinking_sampling if chosen.thinking_budget else model.sampling
        request = Request(
            messages=query.messages(),
            sampling=self._sampling(usual, seed),
            thinking=ThinkingBudget(chosen.thinking_budget, chosen.min_thinking),
            max_tokens=chosen.max_tokens,
            begun=query.begun,
        )
        vote_sampling = self._sampling(model.vote_sampling, seed)
        return Task(request, chosen, batch, control, model, judge, vote_sampling, tuple(earlier))

    def _sampling(self, default: Sampling, seed: int) -> Sampling:
        wishes = {name: getattr(self._settings, name) for name in _SAMPLING}
        return replace(
            default, seed=seed, **{name: wish for name, wish in wishes.items() if wish is not None}
        )


class _Shown:
    """The text of the answer that the front end has seen, so that the last word can be put right."""

    def __init__(self) -> None:
        self._text = ""

    def take(self, event: Event) -> None:
        """Follow what is streamed."""
        if isinstance(event, AnswerDelta):
            self._text += event.text
        elif isinstance(event, Retracted):
            self._text = ""

    def settle(self, answer: Answer) -> Iterator[Event]:
        """What brings the front end from what it has seen to the answer."""
        if self._text and not answer.text.startswith(self._text):
            yield Retracted()
            self._text = ""
        if rest := answer.text[len(self._text) :]:
            yield AnswerDelta(text=rest, tokens=answer.completion_tokens)


def judge_for(query: Query, difficulty: Difficulty) -> AnswerJudge:
    """Who reads the answers to a query."""
    kind = answers.kind_of(query.text, difficulty.kind)
    if kind == "code":
        from assistant.sandbox import behaviour

        return CodeJudge(query.text, behaviour.agreement_key, behaviour.examples_share)
    return AnswerJudge(kind, answers.options_of(query.text) if kind == "choice" else ())


def _planned(chosen: Plan, difficulty: Difficulty) -> Planned:
    return Planned(
        strategy=chosen.strategy,
        reason=chosen.reason,
        thinking_budget=chosen.thinking_budget,
        n_samples=chosen.n_samples,
        max_tokens=chosen.max_tokens,
        stage=chosen.stage,
        kind=difficulty.kind,
        score=difficulty.score,
        signals=difficulty.signals[:6],
        expected_s=chosen.expected_s,
        is_guess=chosen.is_guess,
    )


def _outcome(answer: Answer, judge: AnswerJudge, control: Control) -> Outcome:
    is_stopped = control.is_stopped
    span = judge.span(answer.text)
    is_terse = span is not None and span[0] <= _LEAD_CHARS and len(answer.text) <= _TERSE_CHARS
    return Outcome(
        strategy=answer.strategy,
        # the key of a program is what it does: it is not run for one that nothing is compared with
        key=None if is_stopped or answer.strategy == "direct" else judge.key(answer.text),
        final=judge.final(answer.text),
        lead=answer.text[: span[0]] if span is not None and is_terse else "",
        certainty=answer.certainty,
        agreement=answer.agreement,
        check=None if is_stopped else judge.check(answer.text),
        thinking_end=answer.thinking_end,
        seconds=answer.seconds,
        is_stopped=is_stopped,
    )


def _chosen(stages: list[Answer], outcomes: list[Outcome]) -> Answer:
    """The newest answer, unless it is none or fails more of the question's own examples than an older one."""
    best = len(stages) - 1
    for i in reversed(range(len(stages) - 1)):
        here, there = outcomes[best], outcomes[i]
        is_blank = not stages[best].text.strip() and stages[i].text.strip() and not there.is_stopped
        is_worse = here.check is not None and there.check is not None and here.check < there.check
        if is_blank or is_worse:
            best = i
    return stages[best]


def _closed(
    answer: Answer, stages: list[Answer], difficulty: Difficulty, plan_s: float, seconds: float, doubt: str
) -> Answer:
    """The answer with what all stages cost together."""
    return answer.model_copy(
        update={
            "total_tokens": sum(stage.total_tokens for stage in stages),
            "total_thinking_tokens": sum(stage.total_thinking_tokens for stage in stages),
            "stages": tuple(stage.strategy for stage in stages),
            "seconds": seconds,
            "kind": difficulty.kind,
            "score": difficulty.score,
            "plan_s": plan_s,
            "doubt": doubt,
        }
    )
