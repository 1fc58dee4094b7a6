"""Room in the model's context: how full it is, and what the user can have done about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assistant.errors import ContextFull, MullError
from assistant.query import Attachment, Query
from assistant.reasons import share
from assistant.wording import prompt

from ..conversation import OpenConversation
from ..filling import (
    LEAST_FREE,
    Filling,
    Ratio,
    filling,
    first_to_tell,
    fitting,
    grown,
    learned,
    n_characters,
    n_turns,
)
from ..widgets.room import RoomOffer
from ..widgets.transcript.transcript import Transcript
from ..widgets.transcript.turn import Turn
from ..widgets.transcript.user import UserTurn
from .enlarging import EnlargingScreen

if TYPE_CHECKING:
    from assistant.store.values import Run

    from .context import ContextScreen

SHARE_KEPT = 0.5
"""Old turns are left out until what is told fills this share of the context."""
LATER = 0.1
"""Who does not want to hear of it now hears of it again when so much more is full."""


@dataclass(frozen=True, slots=True)
class Compaction:
    """A summary that is being written."""

    answer_id: int
    old_leaf: int | None
    """The end of the branch that is summed up."""
    n_left_out: int
    """Turns that did not fit into the summary's own context."""
    question: str = ""
    """A question that did not fit, to be asked after the summary."""
    files: tuple[Attachment, ...] = ()


class RoomScreen(EnlargingScreen):
    """Never shortens anything by itself: it says that the context is full, and offers."""

    _ratio = Ratio()
    _counted = Filling()
    """The filling before the run that is on."""
    _compaction: Compaction | None = None
    _unfit: int | None = None
    """The question that did not fit."""
    _offered_from = 0.0
    """No offer is made below this share."""

    async def put_to_model(self, turn: UserTurn) -> None:
        """Have a question at the end answered, now or when its turn comes."""
        raise NotImplementedError

    @property
    def filling(self) -> Filling:
        """What the context holds."""
        model, dialogue = self._session.model, self._talk.dialogue
        n_ctx = model.n_ctx if model is not None else 0
        return filling(dialogue.told_messages, self._session.system, self._ratio, n_ctx)

    @property
    def filling_now(self) -> Filling:
        """The same, counted on while an answer runs; cheap, for every frame shows it."""
        progress, model = self._progress, self._session.model
        counted = replace(self._counted, n_ctx=model.n_ctx if model is not None else 0)
        if progress.phase in ("thinking", "answering") and progress.context_tokens:
            return grown(counted, progress.context_tokens, progress.n_thinking)
        return counted

    def count(self) -> None:
        """Count anew what the context holds."""
        self._counted = self.filling

    # -- watching ------------------------------------------------------------------------------------

    def has_settled(self, error: MullError | None = None) -> None:
        """An answer has come to its end: see what room it has left."""
        super().has_settled(error)
        self._learn()
        self.count()
        leaf = self._talk.dialogue.leaf_id
        self._unfit = self._talk.dialogue[leaf].parent_id if isinstance(error, ContextFull) and leaf else None
        if self._compaction is not None:
            self.call_later(self._end_compaction)
        self.offer_room(error)

    def has_learned_context(self) -> None:
        """A model was loaded, maybe after the conversation was opened: see whether its context is enough."""
        self._counted = self.filling_now
        self.offer_room()

    async def show_talk(self, runs: dict[int, Run] | None = None, at: int | None = None) -> None:
        """Show the open conversation anew, and how full it is."""
        await super().show_talk(runs, at)
        self._ratio = Ratio()
        self._learn()
        self._unfit = None
        self._count_anew()

    def begin_talk(self, talk: OpenConversation) -> None:
        """Another conversation is open from now on."""
        super().begin_talk(talk)
        self._ratio, self._compaction, self._unfit, self._offered_from = Ratio(), None, None, 0.0
        self._counted = Filling()
        self.query_one(RoomOffer).withdraw()

    def _learn(self) -> None:
        answer = self._last_turn.record.answer if self._last_turn is not None else None
        told = self._talk.dialogue.told_messages
        if any(message.content == prompt("summary") for message in told[-2:]):
            # the model was told what the summary takes the place of, which says nothing of what is left
            self._ratio = Ratio(self._ratio.chars_per_token)
        elif answer is not None and answer.context_tokens:
            tokens = answer.context_tokens, answer.thinking_tokens
            self._ratio = learned(told, self._session.system, *tokens)

    def _count_anew(self) -> None:
        self.count()
        self._progress.context_tokens = self._counted.total
        self._show(self.phase, self._progress.state)
        self.offer_room()

    def offer_room(self, error: MullError | None = None) -> None:
        """Say that the context is full or nearly so, and what can be done, as long as it is so."""
        full, offer = self._counted, self.query_one(RoomOffer)
        answer = self._last_turn.record.answer if self._last_turn is not None else None
        if isinstance(error, ContextFull):
            told = error.message
        elif answer is not None and answer.finish_reason == "context":
            told = "The answer was cut off, for the context is full."
        elif full.is_near and full.share >= self._offered_from:
            told = f"{share(full.share)} of the context is full."
        else:
            offer.withdraw()
            return
        has_history = bool(self._talk.dialogue.told(self._unfit))
        # a question that is too long by itself gains nothing from what is left out before it
        actions = ("compact", "drop") if has_history and not self._is_too_long(error) else ()
        offer.offer(told, actions, self.widening)
        self.ask_planner(lambda: self._offer_larger(told, actions))

    def _is_too_long(self, error: MullError | None) -> bool:
        """Whether what did not fit is a question that fits no context of this size, whatever is before it."""
        if self._unfit is None or not isinstance(error, ContextFull):
            return False
        question, told = self._talk.dialogue[self._unfit], self._talk.dialogue.told_messages
        return n_characters((question,)) * error.n_tokens >= n_characters(told) * error.n_ctx

    def _offer_larger(self, told: str, actions: tuple[str, ...]) -> None:
        """Add the larger context to the offer, if there is one."""
        if (offer := self.query_one(RoomOffer)).display:
            offer.offer(told, actions, self.widening)

    def action_later(self) -> None:
        """Say no more of it until the context is fuller."""
        self._offered_from = self.filling.share + LATER
        self.query_one(RoomOffer).withdraw()

    def mark_turn(self, turn: Turn) -> None:
        """Say at a turn which version it is, and where the model is no longer told what is above."""
        super().mark_turn(turn)
        is_first = turn.message_id is not None and turn.message_id == self._talk.dialogue.first_sent
        turn.set_class(is_first, "-first-told")
        turn.border_title = "the model is not told what is above" if is_first else None

    # -- what can be done ----------------------------------------------------------------------------

    def can_make_room(self, action: str) -> bool | None:
        """Whether an action makes sense at the moment; None if it is none of these."""
        if action == "context":
            return self._session.model is not None
        if action == "compact":
            return self.is_free and bool(self._talk.dialogue.told(self._unfit))
        if action == "drop":
            dialogue = self._talk.dialogue
            n_told = len(dialogue.told(self._unfit))
            return self.is_free and (n_told > (0 if self._unfit else 2) or dialogue.first_sent is not None)
        if action == "larger":
            return self.is_free and self._session.model is not None
        return None

    def action_context(self) -> None:
        """Tell what fills the context, and offer what can be done."""
        from .context import ContextScreen

        words = {
            "compact": "/compact goes on from a summary; the whole stays as a branch",
            "drop": "/drop no longer tells the model the older turns",
        }
        choices = {name: said for name, said in words.items() if self.can_make_room(name)}
        if self._talk.dialogue.first_sent in self._talk.dialogue.path:
            choices["drop('none')"] = "/drop none tells the model again what was left out"
        screen = ContextScreen(self.filling, choices)

        def act(action: str | None) -> None:
            if action:
                self.app.call_later(self.run_action, action)

        self.app.push_screen(screen, act)
        self.ask_planner(lambda: self._tell_larger(screen))

    def _tell_larger(self, screen: ContextScreen) -> None:
        found = self.widening
        if found is not None and screen.is_attached:
            is_possible = bool(found.n_ctx) and self.is_free
            words = f"/larger loads the model again with {found.n_ctx:,} tokens" if is_possible else ""
            screen.tell_larger(words, found.sentence)

    def action_drop(self, what: str = "older") -> None:
        """No longer tell the model the older turns, or tell it all again."""
        dialogue, full = self._talk.dialogue, self.filling
        if what == "none":
            self._tell_from(None)
            self.notify("The model is told the whole conversation again.")
        else:
            first = first_to_tell(dialogue.told_messages, int(full.n_ctx * SHARE_KEPT), self._ratio)
            if first is None:
                self.notify("There is nothing to leave out but the last question.", severity="warning")
                return
            self._tell_from(first.id)
            n = n_turns(dialogue.shown, first.id)
            turns = "first turn" if n == 1 else f"first {n} turns"
            self.notify(f"The model is no longer told the {turns}. /drop none tells it all again.", timeout=8)
        for turn in self.query_one(Transcript).turns:
            self.mark_turn(turn)
        self._ask_unfit()
        self._count_anew()

    def _tell_from(self, message_id: int | None) -> None:
        """Tell the model from this message on, or everything; the store keeps it so."""
        self._talk.dialogue.first_sent = message_id
        if (name := self._talk.id) is not None and self._journal.is_kept:
            self._at_store(lambda store: store.tell_from(name, message_id))

    def has_enlarged(self) -> None:
        """The context is larger now: ask what did not fit."""
        self._ask_unfit()
        self._count_anew()

    def _ask_unfit(self) -> None:
        """Ask again what did not fit."""
        unfit, self._unfit = self._unfit, None
        question = self.query_one(Transcript).turn_of(unfit) if unfit is not None else None
        if isinstance(question, UserTurn):
            self.call_later(self.answer_again, question, None, "")

    # -- summing up ----------------------------------------------------------------------------------

    def action_compact(self) -> None:
        """Go on from a summary, which the model writes now."""
        self.call_later(self._compact)

    async def _compact(self) -> None:
        """Ask for the summary at the conversation's beginning, beside what it began with."""
        if not self.is_free or self.once_idle(self._compact):
            return
        dialogue, full, unfit = self._talk.dialogue, self.filling, self._unfit
        history = dialogue.told(unfit)
        kept = fitting(history, full.n_ctx - max(LEAST_FREE, full.n_ctx // 8) - full.system, self._ratio)
        if not kept:
            self.notify("The last turn alone fills the context: there is no room to sum it up.")
            return
        old_leaf, question = dialogue.leaf_id, dialogue[unfit] if unfit is not None else None
        self._unfit = None
        transcript = self.query_one(Transcript)
        await transcript.cut_after(None)
        turn = await transcript.add_user(prompt("summary"), (), is_queued=False)
        asked = self._talk.begin_anew(Query(prompt("summary"), kept))
        self._compaction = Compaction(
            asked.turn.answer_id,
            old_leaf,
            (len(history) - len(kept)) // 2,
            question.content if question is not None else "",
            question.attachments if question is not None else (),
        )
        await self.start(asked, turn, "direct")

    async def _end_compaction(self) -> None:
        """Go on from the summary, or from the whole where there is none."""
        made, dialogue = self._compaction, self._talk.dialogue
        if made is None or made.answer_id not in dialogue:
            return
        answer = dialogue[made.answer_id]
        if answer.status == "running":
            return
        self._compaction = None
        transcript = self.query_one(Transcript)
        if answer.status != "done" or not answer.content.strip():
            if made.old_leaf is not None:
                await self.go_to_version(made.old_leaf)
            await transcript.add_notice("There is no summary: the conversation is as it was.")
            return
        left = f" Its oldest {made.n_left_out} turns did not fit into the summary." if made.n_left_out else ""
        model = self._session.model
        if model is not None and not model.can_sum_up:
            left += " A model as small as this one sums up poorly: read it."
        await transcript.add_notice(
            f"The conversation goes on from this summary.{left} "
            "The whole is the version before: ‹ at the top, or /before."
        )
        if made.question:
            turn = await transcript.add_user(made.question, made.files, is_queued=self._job is not None)
            await self.put_to_model(turn)
