"""One thing that the user can have done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Owner = Literal["app", "chat", "prompt", "turn", "list"]


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that the user can have done."""

    id: str
    """Its name in the table `keys` of the settings file."""
    name: str
    """What footer and palette call it."""
    sentence: str
    """What it does, for the help."""
    owner: Owner
    """The node that has the keys: `turn` is a focused turn, `list` the list of conversations. These two
    and `chat` have their actions on the screen, `app` and `prompt` their own."""
    action: str
    """The action's name, without `action_`."""
    keys: str = ""
    """The default keys, separated by commas."""
    word: str = ""
    """The slash command, without its slash."""
    choices: tuple[str, ...] = ()
    """What may follow the word; the palette offers each."""
    takes_effort: bool = False
    """Whether two of the choices may follow as well, as in low..high."""
    argument: str = ""
    """What may follow the word where it is free, such as FILE."""
    when: str = ""
    """When it can be had, where that is not always: "while an answer runs"."""
    parameters: tuple[str, ...] = ()
    """What key and palette give to the action."""
    is_shown: bool = True
    """Whether the footer shows its key."""
    has_priority: bool = False
    """Whether its key goes before those of the text field."""
    is_plain: bool = False
    """Whether the plain chat knows it too."""

    @property
    def usage(self) -> str:
        """The slash command with what may follow it."""
        after = "|".join(self.choices) or self.argument
        return f"/{self.word} [{after}]" if after else f"/{self.word}"
