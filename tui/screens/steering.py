"""What the user does to a run while it is on, and to the effort of those that follow."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.reactive import reactive
from textual.screen import Screen

from assistant.control import Control
from assistant.effort import easier, harder

from .. import effort as efforts
from ..job import Job
from ..lazy_session import LazySession
from ..progress import Phase, Progress
from ..run_record import VOTE
from ..widgets.status.status import StatusLine
from ..widgets.transcript.assistant import AssistantTurn
from ..widgets.transcript.transcript import Transcript

MORE_TOKENS = 256
"""What "think more" grants, in thinking tokens."""


class SteeringScreen(Screen[None]):
    """Holds the run that is on; whoever derives from it starts runs and shows them."""

    phase: reactive[Phase] = reactive[Phase]("starting", bindings=True)
    effort: reactive[str] = reactive("")
    """How hard to try in this conversation, as `assistant.effort.parse` gives it; empty: as the settings
    say."""

    def __init__(self, session: LazySession, clock: Callable[[], float]) -> None:
        super().__init__()
        self._session = session
        self._progress = Progress(clock)
        self._job: Job | None = None

    @property
    def _last_turn(self) -> AssistantTurn | None:
        """The last answer; None if there is none, or another part of the conversation is shown."""
        return self.query_one(Transcript).last_answer

    @property
    def answer_at_hand(self) -> AssistantTurn | None:
        """The answer that is acted on."""
        return self._last_turn

    def once_at_hand(self, act: Callable[[], object]) -> bool:
        """Whether what is to be acted on is not shown; then `act` comes once it is."""
        return False

    def _show(self, phase: Phase, state: str = "") -> None:
        """Say what the model does."""
        raise NotImplementedError

    @property
    def _control(self) -> Control | None:
        """The user's hand in the run, if one is on."""
        return self._job.control if self._job is not None and self._job.query is not None else None

    def can_steer(self, action: str) -> bool | None:
        """Whether an action makes sense at the moment; None if it is none of these."""
        is_on = self._control is not None and self.phase != "stopping"
        if action == "stop":
            return is_on or bool(self._job and self._job.next_effort)
        if action == "answer_now":
            return self.phase == "thinking"
        if action == "think_more":
            model = self._session.model
            is_able = self._progress.can_think_more and (model is None or model.has_thinking)
            return self.phase in ("thinking", "answering") and is_able
        if action in ("quicker", "deeper"):
            return is_on and self._other_effort(action) != ""
        if action == "why":
            return (answer := self.answer_at_hand) is not None and bool(answer.record.stages)
        if action == "toggle_thinking":
            return (answer := self.answer_at_hand) is not None and answer.has_thinking
        return None

    def action_stop(self) -> None:
        """Stop the run."""
        if (control := self._control) is not None and self._job is not None:
            self._job.next_effort = ""
            control.stop()
            self._show("stopping")

    def action_answer_now(self) -> None:
        """End the thinking and answer."""
        if (control := self._control) is not None:
            control.answer_now()

    def action_think_more(self) -> None:
        """Grant more thinking."""
        if (control := self._control) is not None:
            control.think_more(MORE_TOKENS)
            if self._progress.strategy == VOTE:
                self.notify(f"Samples that still think may think {MORE_TOKENS} tokens more.")

    def action_quicker(self) -> None:
        """Ask this question again, with less effort."""
        self._ask_again(self._other_effort("quicker"))

    def action_deeper(self) -> None:
        """Ask this question again, with more effort."""
        self._ask_again(self._other_effort("deeper"))

    def _other_effort(self, direction: str) -> str:
        way = harder if direction == "deeper" else easier
        return way(self._progress.strategy) or ""

    def _ask_again(self, effort: str) -> None:
        """Stop the run and answer its question anew; cheap, as the prompt stays in the cache."""
        if effort and self._control is not None and self._job is not None:
            self._job.next_effort = effort
            self._control.stop()
            self._show("stopping")

    def action_effort(self, level: str = "") -> None:
        """Choose how hard to try in this conversation; without a level, from a list."""
        if level:
            self._take_effort(efforts.chosen(self.app, level, self.effort))
        else:
            from .effort import EffortScreen

            self.app.push_screen(EffortScreen(self.effort or self._session.wish), self._take_effort)

    def _take_effort(self, effort: str | None) -> None:
        if effort:
            self.effort = effort
            self._show(self.phase, self._progress.state)

    @on(StatusLine.EffortClicked)
    def _choose_effort(self) -> None:
        self.action_effort()

    def action_why(self) -> None:
        """Tell why the question at hand was answered as it was, and what it cost."""
        if not self.once_at_hand(self.action_why) and (answer := self.answer_at_hand) is not None:
            from .why import WhyScreen

            self.app.push_screen(WhyScreen(answer.record))

    def action_toggle_thinking(self) -> None:
        """Open or close the thinking of the answer at hand."""
        if not self.once_at_hand(self.action_toggle_thinking) and (answer := self.answer_at_hand) is not None:
            answer.toggle_thinking()
