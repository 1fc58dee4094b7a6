"""What was found, as values: a part that could not be looked at says why. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from assistant.hardware.fit import LoadPlan
from assistant.hardware.machine import Hardware
from assistant.limits import Power

MOST_SMOKED_BYTES = 256 << 20
"""A model of more bytes is not loaded unless that is asked for: reading it takes seconds."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A part that could not be looked at."""

    why: str
    """A sentence without its full stop."""


_Part = TypeVar("_Part")
Or: TypeAlias = _Part | Failed


@dataclass(frozen=True, slots=True)
class System:
    """What Mull runs in."""

    mull: str
    """Mull's version."""
    system: str
    """The operating system, its version and the processor's architecture."""
    python: str
    """Python's version."""
    executable: str
    """The Python that runs."""
    checkout: str = ""
    """The folder that `make` is to be called in; "" where Mull was installed from a package."""


@dataclass(frozen=True, slots=True)
class Build:
    """The compiled llama.cpp, as its files tell."""

    version: str
    """Of llama-cpp-python; "" if it is not installed."""
    backends: tuple[str, ...] = ()
    """GPU backends that it was compiled for; empty for the CPU alone."""
    compiler: str = ""
    """Such as "GCC 12.2.0"; "" unknown."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The hardware, and what else bears on it."""

    hardware: Hardware
    n_cpus: int
    """Logical processors of the machine, whoever may use them."""
    swap_used_bytes: int
    swap_bytes: int
    power: Power
    unused_gpu: str = ""
    """A GPU that the system has a driver for while llama.cpp sees none, such as "An NVIDIA GPU"."""
    unused_backend: str = ""
    """The backend that would use it: cuda, rocm or metal."""
    has_compiler: bool = False
    """Whether that backend's compiler (nvcc, hipcc) is installed."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where Mull is read."""

    is_terminal: bool
    columns: int
    lines: int
    colours: str
    """How many: 16 million, 256, 16 or none."""
    encoding: str
    locale: str
    """As the environment says; "" if it says nothing."""
    name: str
    """TERM_PROGRAM or TERM."""
    through: tuple[str, ...] = ()
    """What stands between: tmux, screen, SSH."""


@dataclass(frozen=True, slots=True)
class Folder:
    """One of the folders that Mull uses."""

    use: str
    """What lies there, such as settings."""
    path: str
    is_there: bool
    is_writable: bool
    """Whether files can be written there; of a folder that is not there, whether it can be made."""
    size_bytes: int
    """Of all files in it."""
    free_bytes: int
    """On its disk; 0 where that cannot be told."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A setting that is not as it is by default."""

    name: str
    value: str
    where: str
    """The settings file, or the environment variable."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings file and the environment."""

    path: str
    is_there: bool
    changed: tuple[Changed, ...] = ()
    problem: str = ""
    """What is wrong with them; "" if nothing is."""
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Store:
    """The file of conversations."""

    path: str
    state: str
    """none, current, older, newer, damaged, foreign, or unreadable."""
    size_bytes: int = 0
    n_conversations: int = 0
    problem: str = ""
    """What keeps it from being read."""
    next_step: str = ""
    set_aside: tuple[str, ...] = ()
    """Damaged files of earlier days that lie beside it."""
    is_kept: bool = True
    """Whether the settings have conversations kept."""


@dataclass(frozen=True, slots=True)
class Model:
    """The model that the settings name."""

    name: str
    path: str
    size_bytes: int = 0
    quantisation: str = ""
    family: str = ""
    plan: LoadPlan | None = None
    """How it would be loaded now."""
    tokens_per_second: float = 0.0
    is_measured: bool = False
    """Whether that was measured on this machine, and not reckoned."""
    is_starter: bool = False
    problem: str = ""
    """Why it cannot be used."""
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Here:
    """A model that is installed."""

    name: str
    path: str
    size_bytes: int
    problem: str = ""
    """Why it cannot be used."""


@dataclass(frozen=True, slots=True)
class Smoke:
    """A few tokens, computed in the process that answers are computed in."""

    model: str
    """Its name; "" if none was loaded."""
    text: str = ""
    load_s: float = 0.0
    first_s: float = 0.0
    """From the question to the first token, in seconds."""
    tokens_per_second: float = 0.0
    n_tokens: int = 0
    build: str = ""
    """llama.cpp's own line on what it was compiled for."""
    plan: str = ""
    """How the model was loaded, in a few words."""
    news: tuple[str, ...] = ()
    """What the engine had to say of the load, such as settings that it fell back on."""
    left_out: str = ""
    """Why the chosen model was not loaded; "" if it was."""
    problem: str = ""
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was looked at."""

    system: Or[System]
    build: Or[Build]
    machine: Or[Machine]
    terminal: Or[Terminal]
    folders: Or[tuple[Folder, ...]]
    settings: Or[Settings]
    store: Or[Store]
    model: Or[Model]
    models: Or[tuple[Here, ...]]
    smoke: Or[Smoke]
    took_s: float = 0.0
    """Seconds that it all took."""
