"""Model families: what Mull knows of a model beyond its file, one TOML file each in `models/`.

A family says how it is recognised, how its thinking is marked, switched and closed, how its makers
advise to sample, and where its models are to be had. A new family is a new file: nothing here knows one by
name but `unknown`.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from assistant.catalog.gguf import GGUFInfo
from assistant.catalog.offers import Model, Offer
from assistant.engine.protocol import Sampling
from assistant.errors import ModelError

UNKNOWN: Final = "unknown"
"""Name of the family of every model that no other family claims."""

Variable = bool | int | str


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Match(_Data):
    """One way to recognise a family; each list that is not empty must agree."""

    architectures: tuple[str, ...] = ()
    """`general.architecture` is one of these."""
    names: tuple[str, ...] = ()
    """One of these is part of the model's or the file's name; only letters, digits and dots count."""
    template: tuple[str, ...] = ()
    """All of these are part of the chat template."""
    template_without: tuple[str, ...] = ()
    """None of these is part of the chat template."""

    @model_validator(mode="after")
    def _says_something(self) -> Match:
        if not (self.architectures or self.names or self.template):
            raise ValueError("a match needs architectures, names or template")
        return self

    def agrees(self, info: GGUFInfo) -> bool:
        """Whether the file is of this family."""
        template = info.chat_template or ""
        name = f"{plain(info.name)} {plain(info.path.stem)}"
        return (
            (not self.architectures or info.architecture in self.architectures)
            and (not self.names or any(plain(part) in name for part in self.names))
            and all(part in template for part in self.template)
            and not any(part in template for part in self.template_without)
        )


class Switch(_Data):
    """How thinking is switched on and off, and how hard it should be."""

    on: dict[str, Variable] = Field(default_factory=dict)
    """Template variables that ask for thinking."""
    off: dict[str, Variable] = Field(default_factory=dict)
    """Template variables that ask for none."""
    system_on: str = ""
    """A line for the system message that asks for thinking."""
    system_off: str = ""
    """A line for the system message that asks for none."""
    own_system_on: str = ""
    """A line that asks for thinking, for a system message of the user's that replaces the template's."""
    prefill_on: str = ""
    """Put after the prompt to think, where the template has opened no thinking by itself."""
    prefill_off: str = ""
    """Put after the prompt not to think, where the template has not seen to it by itself."""
    effort_variable: str = ""
    """Template variable of the effort."""
    efforts: tuple[str, ...] = ()
    """Its levels, least first."""


class Thinking(_Data):
    """The thinking channel, as text.

    To split a text: in the answer, `open` or one of `opens` begins thinking; in thinking, `close` or one
    of `closes` ends it; where the channel does not change, a marker is dropped; `noise` is dropped always.
    At a position where several match, the longest counts. White space next to a marker belongs to it.
    """

    open: str = Field(min_length=1)
    """Begins the thinking, such as <think>."""
    close: str = Field(min_length=1)
    """Ends it, such as </think>."""
    opens: tuple[str, ...] = ()
    """Other spellings of `open`."""
    closes: tuple[str, ...] = ()
    """Other spellings of `close`."""
    noise: tuple[str, ...] = ()
    """Text of the protocol that belongs to neither channel."""
    force_close: str
    """Forced to end the thinking; after it the answer begins."""
    nudge: str = ""
    """Its first token is made likelier as the budget runs out; the close marker if empty."""
    handover: str = "\n\nI have thought long enough. I will give the answer now, from what I have so far."
    """Forced before `force_close` when the budget is used up; may be empty."""
    wait: str = "\nWait"
    """Forced in place of an end that comes too early."""
    past: Literal["drop", "field", "blocks"] = "drop"
    """Past thinking: left out, passed as `reasoning_content`, or passed as a block of the content."""
    switch: Switch = Switch()

    @model_validator(mode="after")
    def _closes_itself(self) -> Thinking:
        if not any(marker in self.force_close for marker in self.all_closes):
            raise ValueError("force_close must hold the close marker")
        return self

    @property
    def all_opens(self) -> tuple[str, ...]:
        """Every spelling that begins the thinking."""
        return (self.open, *self.opens)

    @property
    def all_closes(self) -> tuple[str, ...]:
        """Every spelling that ends it."""
        return (self.close, *self.closes)


class Draw(_Data):
    """Sampling as the model's makers advise it; what they leave out is neutral."""

    temperature: float = Field(ge=0, le=5)
    top_k: int = Field(default=0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    min_p: float = Field(default=0.0, ge=0, le=1)
    repeat_penalty: float = Field(default=1.0, gt=0)
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0

    def sampling(self) -> Sampling:
        """The same values for the engine; the seed is left for the run."""
        return Sampling(**self.model_dump())


class Draws(_Data):
    """Sampling by what is drawn."""

    answer: Draw
    """Without thinking."""
    thinking: Draw | None = None
    """With thinking; as without, if the makers make no difference."""
    vote: Draw | None = None
    """For several samples that are to differ; if left out, as with thinking unless that is greedy."""


class Guess(_Data):
    """Thinking that is taken for granted in an unknown model whose template holds a sign of it."""

    template: tuple[str, ...] = Field(min_length=1)
    """All of these are part of the template."""
    thinking: Thinking


class Family(_Data):
    """What is known of a family of models."""

    name: str
    """Name of its file, without .toml."""
    title: str = Field(min_length=1)
    """For people."""
    priority: int
    """Of all families that match a file, the one with the highest priority is taken."""
    note: str = ""
    """A sentence that the user should read."""
    match: tuple[Match, ...] = ()
    """One of these must agree."""
    thinking: Thinking | None = None
    """None where the models do not think."""
    sampling: Draws
    guesses: tuple[Guess, ...] = ()
    """Only of `unknown`: the first that agrees is its thinking."""
    models: tuple[Model, ...] = ()
    """Those that can be fetched."""

    @property
    def answer_sampling(self) -> Sampling:
        """Default sampling of an answer without thinking."""
        return self.sampling.answer.sampling()

    @property
    def thinking_sampling(self) -> Sampling:
        """Default sampling with thinking."""
        return (self.sampling.thinking or self.sampling.answer).sampling()

    @property
    def vote_sampling(self) -> Sampling:
        """Default sampling of several samples that are to differ; never greedy."""
        if self.sampling.vote is not None:
            return self.sampling.vote.sampling()
        usual = self.thinking_sampling
        return usual if usual.temperature > 0 else Sampling()


@cache
def load_families() -> dict[str, Family]:
    """Every family by name, highest priority first.

    Raises:
        ModelError: a family file is broken; the message names the file and the field.
    """
    found = [
        parse_family(entry.name.removesuffix(".toml"), entry.read_text(encoding="utf-8"))
        for entry in files("assistant.models").iterdir()
        if entry.name.endswith(".toml")
    ]
    found.sort(key=lambda family: (-family.priority, family.name))
    return {family.name: family for family in found}


@cache
def load_offers() -> tuple[Offer, ...]:
    """Every file that can be fetched, the smallest first.

    Raises:
        ModelError: a family file is broken.
    """
    found = [
        Offer(model, file, family.name)
        for family in load_families().values()
        for model in family.models
        for file in model.files
    ]
    return tuple(sorted(found, key=lambda offer: (offer.file.size_bytes, offer.name)))


def parse_family(name: str, text: str) -> Family:
    """One family from the text of its TOML file.

    Raises:
        ModelError: it is no TOML, or a field is wrong.
    """
    next_step = "Correct the file, or install Mull again."
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"The family file {name}.toml is no valid TOML: {error}.", next_step) from None
    try:
        return Family.model_validate({"name": name, **data})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise ModelError(
            f"The family file {name}.toml is wrong at {where}: {first['msg']}.", next_step
        ) from None


def recognise(info: GGUFInfo) -> Family:
    """The family of a model file; `unknown`, with the thinking that its template shows, if none matches."""
    families = load_families()
    for family in families.values():
        if any(match.agrees(info) for match in family.match):
            return family
    unknown = families[UNKNOWN]
    template = info.chat_template or ""
    for guess in unknown.guesses:
        if all(part in template for part in guess.template):
            return unknown.model_copy(update={"thinking": guess.thinking})
    return unknown


def plain(name: str) -> str:
    """A name without case, spaces and dashes, so that spellings of it compare equal."""
    return re.sub(r"[^a-z0-9.]", "", name.lower())
