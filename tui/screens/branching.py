"""Going back in a conversation: other answers, other questions, and the branches that they make."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from textual import events, on

from assistant.query import Attachment

from .. import effort as efforts
from ..conversation import Asked, OpenConversation
from ..widgets.prompt.prompt import Prompt
from ..widgets.transcript.assistant import AssistantTurn
from ..widgets.transcript.transcript import Transcript
from ..widgets.transcript.turn import Turn
from ..widgets.transcript.user import UserTurn
from .arranging import ArrangingScreen

BREATH_S = 0.02
"""What waits for the model to be idle looks so often, in seconds."""
AT_HAND = ("regenerate", "edit_question", "copy", "save_code", "why", "toggle_thinking")
"""What acts on the turn at hand."""
EDITING = "a question again, with other words: Enter asks it, Esc leaves it"


class BranchingScreen(ArrangingScreen):
    """Acts on the turn that has the focus, or else on the last one."""

    _edited: int | None = None
    """The question that the text in the prompt is another version of."""

    async def start(self, asked: Asked, turn: UserTurn, effort: str = "") -> None:
        """Have a question answered under its turn."""
        raise NotImplementedError

    def begin_talk(self, talk: OpenConversation) -> None:
        """Another conversation is open from now on; an edit of the one before is over."""
        self._mark_edited(None)
        super().begin_talk(talk)

    # -- the turn at hand ----------------------------------------------------------------------------

    @property
    def is_away(self) -> bool:
        """Whether the turn at hand is the last one, and another part of the conversation is shown."""
        return self.focused_turn is None and not self.query_one(Transcript).shows_end

    def once_at_hand(self, act: Callable[[], object]) -> bool:
        """Whether the turn at hand is not shown; then the end of the conversation comes, and `act`."""
        is_away = self.is_away
        if is_away:
            self.call_later(self._show_end, act)
        return is_away

    async def _show_end(self, act: Callable[[], object]) -> None:
        await self.query_one(Transcript).follow()
        act()

    @property
    def focused_turn(self) -> Turn | None:
        """The turn that keys went to; None while the prompt has them."""
        focused = self.focused
        if focused is None:
            return None
        return next((node for node in focused.ancestors_with_self if isinstance(node, Turn)), None)

    @property
    def answer_at_hand(self) -> AssistantTurn | None:
        """The answer that has the focus, or that of the question that has it, or else the last one."""
        turn = self.focused_turn
        if turn is None:
            return self._last_turn
        if isinstance(turn, AssistantTurn):
            return turn
        turns = self.query_one(Transcript).turns
        following = turns[turns.index(turn) + 1 :][:1]
        return following[0] if following and isinstance(following[0], AssistantTurn) else None

    @property
    def question_at_hand(self) -> UserTurn | None:
        """The question that has the focus, or that of the answer that has it, or else the last one."""
        turn = self.focused_turn or self._last_turn
        if turn is None or isinstance(turn, UserTurn):
            return turn
        turns = self.query_one(Transcript).turns
        before = turns[: turns.index(turn)] if turn in turns else []
        return before[-1] if before and isinstance(before[-1], UserTurn) else None

    def action_turn(self, step: str) -> None:
        """Give the keys to the turn before or after, and behind the last one to the prompt."""
        turns, now = self.query_one(Transcript).turns, self.focused_turn
        at = turns.index(now) if now in turns else len(turns)
        to = max(at + int(step), 0)
        if to >= len(turns):
            self.query_one(Transcript).anchor()
            self.query_one(Prompt).focus()
        else:
            self.query_one(Transcript).release_anchor()
            turns[to].focus()

    @on(Prompt.Paged)
    def _page(self, event: Prompt.Paged) -> None:
        self.query_one(Transcript).page(event.step)

    async def _to_beginning(self) -> None:
        transcript, shown = self.query_one(Transcript), self._talk.dialogue.shown
        if transcript.has_more_before and self.is_free and shown:
            await self.show_talk(at=shown[0].id)
        transcript.release_anchor()
        transcript.scroll_home(animate=False)

    def action_to_beginning(self) -> None:
        """Show the beginning of the conversation; while an answer runs, of the part that is shown."""
        self.call_later(self._to_beginning)

    def action_to_end(self) -> None:
        """Show the end of the conversation, and what comes there."""
        self.call_later(self.query_one(Transcript).follow)

    def on_key(self, event: events.Key) -> None:
        """What is typed at a turn belongs into the prompt; Escape goes there, or ends an edit."""
        if event.key == "escape" and self._edited is not None:
            self._mark_edited(None)
            self.query_one(Prompt).put("")
        elif self.focused_turn is None:
            return
        elif event.is_printable and event.character:
            self.query_one(Prompt).insert(event.character)
        elif event.key != "escape":
            return
        self.query_one(Prompt).focus()

    # -- what can be done with it --------------------------------------------------------------------

    @property
    def is_free(self) -> bool:
        """Whether nothing runs and nothing waits, so that the conversation may change its course."""
        is_running = self._job is not None and self._job.query is not None and self.phase != "ready"
        return not is_running and not self.is_waiting

    def once_idle(self, act: Callable[[], object]) -> bool:
        """Whether the model loads, or is at the last breath of a run; then `act` comes once it is not."""
        if self._job is not None:
            self.set_timer(BREATH_S, act)
        return self._job is not None

    @property
    def is_waiting(self) -> bool:
        """Whether questions wait in the queue."""
        return False

    def can_away(self, action: str) -> bool | None:
        """Whether an action makes sense, as far as that is known while the turn at hand is not shown."""
        if action not in AT_HAND or not self.is_away:
            return None
        return self.is_free or action not in ("regenerate", "edit_question")

    def can_branch(self, action: str) -> bool | None:
        """Whether an action makes sense at the moment; None if it is none of these."""
        if action in ("turn", "to_beginning", "to_end"):
            return bool(self.query_one(Transcript).turns)
        if action in ("regenerate", "edit_question"):
            question = self.question_at_hand
            is_asked = question is not None and question.message_id is not None
            return is_asked and self.is_free
        if action == "continue":
            return self.is_free and self._unfinished is not None
        if action in ("version", "version_of"):
            turn = self.focused_turn or self._last_turn
            return self.is_free and turn is not None and turn.n_versions > 1
        return None

    @property
    def _unfinished(self) -> int | None:
        """The answer at the end of what is shown, if it did not come to its end."""
        leaf = self._talk.dialogue.leaf_id
        if leaf is None:
            return None
        message = self._talk.dialogue[leaf]
        return leaf if message.is_unfinished and (message.content or message.thinking) else None

    def action_regenerate(self, effort: str = "") -> None:
        """Have the question at hand answered again, at another effort if one is named."""
        if self.once_at_hand(partial(self.action_regenerate, effort)):
            return
        question = self.question_at_hand
        if effort:
            effort = efforts.named(self.app, effort)
            if not effort:
                return
        if question is not None and question.message_id is not None:
            self.call_later(self.answer_again, question, None, effort)

    def action_continue(self) -> None:
        """Go on with the unfinished answer at the end."""
        answer = self._unfinished
        transcript = self.query_one(Transcript)
        if answer is None:
            return
        if not transcript.shows_end:
            self.call_later(self._show_end, self.action_continue)
            return
        question = transcript.turn_of(self._talk.dialogue[answer].parent_id)
        if isinstance(question, UserTurn):
            self.call_later(self.answer_again, question, answer, "")

    async def answer_again(self, question: UserTurn, begun_by: int | None, effort: str) -> None:
        """Have a question answered again, from its beginning or where an answer to it broke off."""
        if not self.is_free or question.message_id is None:
            return
        if self.once_idle(partial(self.answer_again, question, begun_by, effort)):
            return
        await self.query_one(Transcript).cut_after(question)
        await self.start(self._talk.again(question.message_id, begun_by=begun_by), question, effort)
        self.query_one(Prompt).focus()

    def action_edit_question(self) -> None:
        """Put the question at hand into the prompt; what is sent then is another version of it."""
        question = self.question_at_hand
        if self.once_at_hand(self.action_edit_question) or question is None or question.message_id is None:
            return
        self._mark_edited(question)
        prompt = self.query_one(Prompt)
        prompt.put(question.text)
        prompt.focus()

    def _mark_edited(self, question: UserTurn | None) -> None:
        """Say at the prompt, and at the question, that it is being edited."""
        self._edited = question.message_id if question is not None else None
        for turn in self.query_one(Transcript).turns:
            turn.set_class(turn is question, "-edited")
        frame = self.query_one("#prompt-frame")
        frame.border_title = EDITING if question is not None else None

    @property
    def is_editing(self) -> bool:
        """Whether what is in the prompt is another version of an earlier question."""
        return self._edited is not None

    async def ask_edited(self, text: str, files: tuple[Attachment, ...]) -> bool:
        """Whether the text was another version of an earlier question, which is asked now."""
        edited = self._edited
        self._mark_edited(None)
        if edited is None or edited not in self._talk.dialogue or not self.is_free:
            return False
        transcript = self.query_one(Transcript)
        old = transcript.turn_of(edited)
        if old is None:
            return False
        turns = transcript.turns
        above = turns[: turns.index(old)]
        await transcript.cut_after(above[-1] if above else None)
        turn = await transcript.add_user(text, files, is_queued=False)
        await self.start(self._talk.edit(edited, text, files), turn)
        return True

    def action_version(self, step: str) -> None:
        """Show another version of the turn at hand."""
        turn = self.focused_turn or self._last_turn
        if turn is not None and turn.message_id is not None:
            self.action_version_of(str(turn.message_id), step)

    def action_version_of(self, message_id: str, step: str) -> None:
        """Show another version of a message, and what followed it."""
        if not self.is_free or int(message_id) not in self._talk.dialogue:
            return
        to = self._talk.dialogue.neighbour(int(message_id), int(step))
        if to is not None:
            self.call_later(self.go_to_version, to)

    async def go_to_version(self, message_id: int) -> None:
        """Show the branch of a message, and make it the one that the store opens."""
        talk, had_focus = self._talk, self.focused_turn is not None
        talk.dialogue.switch(message_id)
        if (name := talk.id) is not None and self._journal.is_kept:
            self._at_store(lambda store: store.switch(name, message_id))
        await self.show_talk(at=message_id)
        if had_focus and (turn := self.query_one(Transcript).turn_of(message_id)) is not None:
            turn.focus(scroll_visible=False)
