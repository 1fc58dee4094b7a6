"""Conversations as JSON, to be taken elsewhere and back: all branches, runs and files.

The shape is a border: what comes in is checked field by field, and a message names its parent by its
place in the list, so a file can be read, and written, without knowing any ids of ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from assistant.errors import UsageError
from assistant.query import Attachment
from assistant.store.ids import ALPHABET, LENGTH
from assistant.store.store import Store
from assistant.store.values import Run, Status, StoredMessage, Summary, TitleBy, Whole

FORMAT: Literal["mull-conversations"] = "mull-conversations"
VERSION = 1
_LAST_S = 2.0**37
"""A time that a damaged disk may hold is cut to what a date can say."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class _File(_Part):
    name: str
    text: str


class _Run(_Part):
    model: str = ""
    kind: str = ""
    score: float = 0.0
    n_thinking: Annotated[int, Field(ge=0, lt=1 << 53)] = 0
    n_completion: Annotated[int, Field(ge=0, lt=1 << 53)] = 0
    seconds: Annotated[float, Field(ge=0)] = 0.0
    signals: list[tuple[str, float]] = []
    plans: list[dict[str, Any]] = []
    samples: list[dict[str, Any]] = []
    tally: dict[str, Any] | None = None
    answer: dict[str, Any] | None = None
    system: str = ""
    error: str = ""


class _Message(_Part):
    parent: Annotated[int, Field(ge=0)] | None = None
    """The place of the message that it follows; None begins the conversation."""
    role: Literal["user", "assistant", "system"]
    status: Status = "done"
    created: AwareDatetime
    content: str
    thinking: str = ""
    files: list[_File] = []
    run: _Run | None = None


class _Conversation(_Part):
    id: Annotated[str, Field(pattern=f"^([{ALPHABET}]{{{LENGTH}}})?$")] = ""
    title: str = ""
    title_by: TitleBy = "rule"
    created: AwareDatetime
    updated: AwareDatetime
    pinned: bool = False
    archived: bool = False
    leaf: int | None = None
    """The place of the active branch's end."""
    first_sent: int | None = None
    """The place of the first message that the model is still told, where older ones are left out."""
    messages: list[_Message]

    @model_validator(mode="after")
    def _check_places(self) -> _Conversation:
        for place, message in enumerate(self.messages):
            if message.parent is not None and message.parent >= place:
                raise ValueError(f"message {place} follows message {message.parent}, which comes later")
        for name, at in (("leaf", self.leaf), ("first_sent", self.first_sent)):
            if at is not None and not 0 <= at < len(self.messages):
                raise ValueError(f"{name} is {at}, and there are {len(self.messages)} messages")
        return self


class _Exchange(_Part):
    format: Literal["mull-conversations"]
    version: Annotated[int, Field(ge=1)]
    conversations: list[_Conversation]


def exported(conversations: Iterable[Whole]) -> str:
    """Conversations as JSON, with a line end."""
    exchange = _Exchange(
        format=FORMAT, version=VERSION, conversations=[_exported(whole) for whole in conversations]
    )
    return json.dumps(exchange.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def parsed(text: str | bytes, name: str) -> list[Whole]:
    """The conversations in JSON that `exported` has written, or somebody in its shape.

    Raises:
        UsageError: it is something else; `name` says of which file.
    """
    next_step = 'Give a file that "mull history export --format json" has written.'
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name} is not JSON: {error}.", next_step) from None
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise UsageError(f"{name} holds no conversations of Mull.", next_step)
    if isinstance(version := value.get("version"), int) and version > VERSION:
        raise UsageError(f"{name} was written by a newer Mull.", "Update Mull, or export it there again.")
    try:
        exchange = _Exchange.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        what = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{name} is damaged at {place}: {what}.", next_step) from None
    return [_whole(each) for each in exchange.conversations]


def imported(store: Store, conversations: Iterable[Whole]) -> tuple[list[str], int]:
    """Put conversations in; the ids of the new ones, and how many there were already.

    One that is there already, under its id and with the same content, is left as it is.

    Raises:
        StoreError: it cannot be written; those before are in.
    """
    new: list[str] = []
    n_known = 0
    for whole in conversations:
        if _is_known(store, whole):
            n_known += 1
        else:
            new.append(store.insert(whole))
    return new, n_known


def _is_known(store: Store, whole: Whole) -> bool:
    try:
        there = store.whole(whole.summary.id)
    except UsageError:
        return False
    return there.summary.deleted_s is None and _said(there) == _said(whole)


def _said(whole: Whole) -> list[tuple[int | None, str, str, str]]:
    """What makes two conversations the same: who said what after what."""
    places = {message.id: place for place, message in enumerate(whole.messages)}
    return [(places.get(m.parent_id or -1), m.role, m.content, m.thinking) for m in whole.messages]


def _exported(whole: Whole) -> _Conversation:
    summary = whole.summary
    places = {message.id: place for place, message in enumerate(whole.messages)}
    return _Conversation(
        id=summary.id,
        title=summary.title,
        title_by=summary.title_by,
        created=_time(summary.created_s),
        updated=_time(summary.updated_s),
        pinned=summary.is_pinned,
        archived=summary.is_archived,
        leaf=None if whole.leaf_id is None else places[whole.leaf_id],
        first_sent=None if whole.first_sent_id is None else places[whole.first_sent_id],
        messages=[
            _Message(
                parent=None if each.parent_id is None else places[each.parent_id],
                role=each.role,
                status="interrupted" if each.status == "running" else each.status,
                created=_time(each.created_s),
                content=each.content,
                thinking=each.thinking,
                files=[_File(name=file.name, text=file.text) for file in each.attachments],
                run=_exported_run(each, whole.runs.get(each.id)),
            )
            for each in whole.messages
        ],
    )


def _exported_run(message: StoredMessage, run: Run | None) -> _Run | None:
    if run is None:
        return None
    return _Run(
        model=run.model,
        kind=run.kind,
        score=run.score,
        n_thinking=message.n_thinking,
        n_completion=message.n_completion,
        seconds=message.seconds,
        signals=list(run.signals),
        plans=run.plans,
        samples=run.samples,
        tally=run.tally,
        answer=run.answer,
        system=run.system,
        error=run.error,
    )


def _whole(conversation: _Conversation) -> Whole:
    messages, runs = [], {}
    for place, each in enumerate(conversation.messages, 1):
        run = each.run
        message = StoredMessage(
            id=place,
            parent_id=None if each.parent is None else each.parent + 1,
            role=each.role,
            content=each.content,
            thinking=each.thinking,
            status=each.status,
            created_s=each.created.timestamp(),
            siblings=(),
            attachments=tuple(Attachment(file.name, file.text) for file in each.files),
        )
        if run is not None:
            message = message._replace(
                n_thinking=run.n_thinking, n_completion=run.n_completion, seconds=run.seconds
            )
            fields = run.model_dump(exclude={"n_thinking", "n_completion", "seconds", "signals"})
            runs[place] = Run(place, each.status, signals=tuple(run.signals), **fields)
        messages.append(message)
    summary = Summary(
        id=conversation.id,
        title=conversation.title,
        title_by=conversation.title_by,
        created_s=conversation.created.timestamp(),
        updated_s=conversation.updated.timestamp(),
        n_messages=len(messages),
        is_pinned=conversation.pinned,
        is_archived=conversation.archived,
    )
    leaf_id, first_sent_id = (
        None if place is None else place + 1 for place in (conversation.leaf, conversation.first_sent)
    )
    return Whole(summary, tuple(messages), runs, leaf_id, first_sent_id)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(min(max(seconds, 0.0), _LAST_S), UTC)
