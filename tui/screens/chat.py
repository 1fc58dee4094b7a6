"""The conversation with one model."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from assistant.errors import MullError, defect

from .. import commands, pieces
from ..compositor import NearCompositor
from ..conversation import Asked, OpenConversation
from ..job import Job
from ..lazy_session import LazySession
from ..messages import JobArrived, JobEnded
from ..pace import Pace
from ..progress import Phase
from ..widgets.prompt.composer import Composer
from ..widgets.prompt.prompt import Prompt
from ..widgets.room import RoomOffer
from ..widgets.sidebar.sidebar import Sidebar
from ..widgets.status.keys import KeyLine
from ..widgets.status.status import Status, StatusLine
from ..widgets.transcript.assistant import AssistantTurn
from ..widgets.transcript.transcript import Transcript
from ..widgets.transcript.user import UserTurn
from ..widgets.transcript.welcome import Example
from .idling import IdlingScreen

if TYPE_CHECKING:
    from assistant.events import AnyEvent, Event
    from assistant.store.journal import Journal
    from assistant.store.values import Status as Outcome

SILENT: tuple[Phase, ...] = ("planning", "reading")
"""Phases in which the model may say nothing for long."""


class ChatScreen(IdlingScreen):
    """Owns the runs; the worker only iterates the session and posts what came."""

    BINDINGS: ClassVar[list[BindingType]] = [*commands.bindings("chat")]

    def __init__(
        self,
        session: LazySession,
        clock: Callable[[], float],
        journal: Journal,
        conversation_id: str | None = None,
    ) -> None:
        super().__init__(session, clock, journal, conversation_id)
        self._turn: AssistantTurn | None = None
        self._queue: deque[UserTurn] = deque()
        self._frame: asyncio.TimerHandle | None = None
        self._pace = Pace()
        self._next_load: Job | None = None
        self._compositor = NearCompositor()

    def compose(self) -> ComposeResult:
        yield Sidebar()
        yield Transcript()
        with Vertical(id="composer"):
            yield RoomOffer()
            yield Composer()
            yield StatusLine()
        yield KeyLine()

    def on_mount(self) -> None:
        """Open and load the model once the first paint is done."""
        self.query_one(Prompt).focus()
        self.set_interval(1, self._count_the_wait)
        self._job = Job()
        self.call_after_refresh(self._begin, self._job)
        self.call_after_refresh(self.begin_keeping)
        self.call_after_refresh(self._import_ahead)

    @work(thread=True, group="import")
    def _import_ahead(self) -> None:
        """Import what the first answer needs while nobody waits for it."""
        import_module("..widgets.transcript.answer", __package__)

    def on_unmount(self) -> None:
        """Stop what runs; the session itself is closed by the app."""
        self.end_idleness()
        if self._frame is not None:
            self._frame.cancel()
        if self._job is not None:
            self._job.control.stop()

    # -- the work ------------------------------------------------------------------------------------

    def _begin(self, job: Job) -> None:
        self.end_idleness()
        self._job = job
        self._progress.begin()
        self._show("planning" if job.query else "loading")
        self._perform(job)

    @work(thread=True, exclusive=True, exit_on_error=False, group="run")
    def _perform(self, job: Job) -> None:
        """Iterate the session in a thread; touches no widget."""
        error: MullError | None = None
        try:
            with closing(self._events(job)) as events:
                for event in events:
                    if job.put(event):
                        self.post_message(JobArrived(job))
                    if job.query is None and job.control.is_stopped:
                        break
        except MullError as caught:
            error = caught
        except Exception as caught:  # noqa: BLE001 - the boundary: a defect must not take the conversation along
            error = defect(
                caught, "This is a defect in Mull; the conversation is kept, so ask again or start Mull anew."
            )
        self.post_message(JobEnded(job, error))

    def _events(self, job: Job) -> Generator[Event, None, None]:
        if job.query is None or job.turn is None:
            return job.load() if job.load else self._session.load()
        run = self._session.run(job.query, job.control, job.effort or None)
        return self._journal.recorded(run, job.turn)

    def load(self, events: Callable[[], Generator[Event, None, None]], done: Callable[[], None]) -> None:
        """Load another model, now or once the run that is on has ended.

        Args:
            events: makes what is iterated in the thread.
            done: called when it is loaded, or could not be.
        """
        job = Job()
        job.load, job.done = events, done
        if self._job is None:
            self._begin(job)
        else:
            self._next_load = job

    @on(JobArrived)
    async def _schedule_frame(self) -> None:
        if self._frame is not None:
            return
        if wait_s := self._pace.wait_s():
            # not a timer of Textual's, which is a task of its own
            self._frame = asyncio.get_running_loop().call_later(wait_s, self.call_next, self._show_frame)
        else:
            await self._show_frame()

    async def _show_frame(self) -> None:
        self._frame = None
        self._pace.frame()
        if self._job is not None:
            await self._show_events(self._job)

    @on(JobEnded)
    async def _finish(self, message: JobEnded) -> None:
        job = message.job
        await self._show_events(job)
        self._job = None
        if self._turn is not None and job.next_effort and message.error is None:
            await self._turn.begin_again()
            self._begin(job.again())
            return
        if self._turn is not None:
            await self._break_off(job, self._turn, message.error)
        elif message.error is not None and not job.control.is_stopped:
            await self.query_one(Transcript).add_error(message.error)
        self._progress.end()
        self._show("no model" if self._session.model is None else "ready")
        # The phase may have come with the answer: that the run is over changes what can be had.
        self.refresh_bindings()
        if job.query is None:
            self.has_learned_context()
        job.done()
        if self._next_load is not None:
            load, self._next_load = self._next_load, None
            self._begin(load)
        elif self._queue and self._job is None:
            await self._start(self._queue.popleft())
        elif self._job is None:
            self.await_idleness()

    def load_again(self) -> None:
        """Load a model that did not survive being idle, before somebody waits for it."""
        if self._job is None:
            self._begin(Job())

    async def _break_off(self, job: Job, turn: AssistantTurn, error: MullError | None) -> None:
        """The job ended without an `Answer`: what was streamed stays and belongs to the conversation."""
        self._turn = None
        self._progress.tokens_per_second = 0.0
        await turn.break_off(error)
        self._remember(job, turn, "stopped" if error is None else "failed", error)

    def _remember(
        self, job: Job, turn: AssistantTurn, outcome: Outcome, error: MullError | None = None
    ) -> None:
        if job.turn is not None:
            self._talk.settle(job.turn, turn.answer, turn.thinking, outcome, str(error or ""))
            self.has_settled(error)

    # -- what comes ----------------------------------------------------------------------------------

    async def _show_events(self, job: Job) -> None:
        """Take in all that has come, and show it once."""
        turn, events = self._turn, job.take()
        for event in events:
            if event.event == "notice":
                await self._show_notice(event.text)
            elif event.event == "loading" or (self._turn is not None and not job.next_effort):
                self._progress.take(event)
                if self._turn is not None:
                    await self._show_in_turn(job, self._turn, event)
        if turn is not None:
            turn.paint(self._progress)
        if any(event.event == "plan" for event in events):
            self.refresh_bindings()
        self._show(self._progress.phase, self._progress.state)

    def _count_the_wait(self) -> None:
        if self.phase in SILENT:
            self._show(self.phase, self._progress.state)

    async def _show_notice(self, text: str) -> None:
        if self._turn is not None:
            await self._turn.add_notice(text)
        else:
            await self.query_one(Transcript).add_notice(text)

    async def _show_in_turn(self, job: Job, turn: AssistantTurn, event: AnyEvent) -> None:
        if event.event == "answer":
            self._turn = None
        await turn.show(event, self._session.model_note)
        if event.event == "answer":
            self._remember(job, turn, "stopped" if event.finish_reason == "stopped" else "done")

    def _show(self, phase: Phase, state: str = "") -> None:
        """Say what the model does."""
        job = self._job
        if job is not None and job.query is not None and job.control.is_stopped:
            phase, state = "stopping", "starting again" if job.next_effort else ""
        self.phase = phase
        session, model = self._session, self._session.model
        effort = (job.effort if job is not None and job.query is not None else self.effort) or session.wish
        self.query_one(StatusLine).status = Status(
            model=session.model_name,
            note=session.model_note,
            state=(state or phase) + (self._progress.waiting() if phase in SILENT else ""),
            effort=effort,
            tokens_per_second=self._progress.tokens_per_second,
            filling=self.filling_now,
        )
        self.query_one(Transcript).welcome.show_model(
            session.model_name, session.model_note, model.plan if model else ""
        )

    # -- what the user does --------------------------------------------------------------------------

    @on(Prompt.Submitted)
    @on(Example.Asked)
    async def _ask(self, message: Prompt.Submitted | Example.Asked) -> None:
        if self.is_editing and self.is_free and self.once_idle(partial(self.post_message, message)):
            return
        files = message.attachments if isinstance(message, Prompt.Submitted) else ()
        if not await self.ask_edited(message.text, files):
            is_queued = self._job is not None
            turn = await self.query_one(Transcript).add_user(message.text, files, is_queued=is_queued)
            await self.put_to_model(turn)
        self.query_one(Prompt).focus()

    async def put_to_model(self, turn: UserTurn) -> None:
        """Have a question at the end answered, now or when its turn comes."""
        if self._job is not None:
            self._queue.append(turn)
        else:
            await self._start(turn)

    async def _start(self, turn: UserTurn) -> None:
        await self.start(self._talk.ask(turn.text, turn.attachments), turn)

    async def start(self, asked: Asked, turn: UserTurn, effort: str = "") -> None:
        """Have a question answered under its turn."""
        turn.message_id = asked.turn.question_id
        self._turn = await self.query_one(Transcript).answer(turn)
        self._turn.message_id = asked.turn.answer_id
        self.mark_turn(turn)
        self.mark_turn(self._turn)
        self.count()
        self._begin(Job(asked.query, effort or self.effort, asked.turn))

    @property
    def is_waiting(self) -> bool:
        """Whether questions wait in the queue."""
        return bool(self._queue)

    @on(Prompt.WentUp)
    async def action_take_back(self) -> None:
        """Have the last queued question in the prompt again, or else the one sent before."""
        if self._queue:
            turn = self._queue.pop()
            self.query_one(Prompt).put(turn.text)
            await turn.remove()
        else:
            self.query_one(Prompt).recall_older()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what makes sense at the moment."""
        for could in (self.can_away, self.can_steer, self.can_keep, self.can_branch, self.can_make_room):
            can = could(action)
            if can is not None:
                return can
        if action == "copy":
            what = self._what(parameters)
            return bool(pieces.piece(self._answer_with(what), what))
        if action == "save_code":
            return bool(pieces.piece(self._answer_with("code"), "code"))
        if action == "formulas":
            return self.query_one(Transcript).has_formulas
        if action == "take_back":
            return bool(self._queue)
        if action == "new_conversation":
            return bool(self.query_one(Transcript).turns)
        return True

    def _what(self, parameters: tuple[object, ...]) -> str:
        """What is to be copied: what is named, else the turn at hand."""
        if parameters:
            return str(parameters[0])
        return "question" if isinstance(self.focused_turn, UserTurn) else "answer"

    def _answer_with(self, what: str) -> AssistantTurn | None:
        """The answer at hand; for code, the newest that has some, unless a turn has the focus."""
        answer = self.answer_at_hand
        if what != "code" or self.focused_turn is not None or pieces.piece(answer, "code"):
            return answer
        return pieces.with_code(self.query_one(Transcript).turns)

    def action_copy(self, what: str = "") -> None:
        """Copy the answer at hand, the question, its last code block or the thinking."""
        if self.once_at_hand(partial(self.action_copy, what)):
            return
        what = what or self._what(())
        pieces.copy(self.app, self._answer_with(what), what)

    def action_save_code(self, name: str = "") -> None:
        """Save a code block of the answer at hand, or of the newest that has one."""
        if not self.once_at_hand(partial(self.action_save_code, name)):
            pieces.save_code(self.app, self._answer_with("code"), name)

    def action_formulas(self) -> None:
        """Show formulas as the model wrote them, or readable again."""
        self.query_one(Transcript).toggle_formulas()

    def action_new_conversation(self) -> None:
        """Forget this conversation and stop what runs for it."""
        # An action runs in the app's task: what changes the transcript waits for its turn in the screen's.
        self.call_later(self.clear)

    async def leave(self) -> None:
        """Stop the run and let go of its turn, so that nothing is written into a widget that goes away."""
        if self._job is not None:
            self._job.control.stop()
        turn, self._turn = self._turn, None
        if turn is not None:
            await turn.break_off(None)

    async def clear(self) -> None:
        """Begin a new conversation."""
        if self._control is not None:
            await self.leave()
        self._queue.clear()
        self.begin_talk(OpenConversation())
        self._progress.clear()
        await self.query_one(Transcript).clear()
        self._show("ready" if self._job is None else self.phase)
        self.refresh_bindings()
