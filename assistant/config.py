"""The settings, and where they come from: defaults < file < environment < flags.

A field of `Settings` with a sentence under it is all that a new setting needs: the key of the file,
the variable `MULL_<FIELD>`, the flag and the documentation derive from it.
"""

from __future__ import annotations

import difflib
import json
import os
import textwrap
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import ErrorDetails

from assistant import paths
from assistant.effort import parse as parse_effort
from assistant.errors import ConfigError

_MOST_TOKENS = 1 << 24


def _parse_path(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str):
        if not value.strip():
            raise ValueError("must name a file")
        path = Path(info.context or "") / Path(value).expanduser()
        # a bare word is the name of a model on this machine, unless there is a file of that name
        is_name = Path(value).parent == Path() and not value.lower().endswith(".gguf") and not path.exists()
        return Path(value) if is_name else path
    return value


def _parse_think(value: object) -> object:
    text = str(value).strip().lower()
    if text in ("auto", "off"):
        return text
    if not isinstance(value, bool) and text.isascii() and text.isdecimal() and int(text) <= _MOST_TOKENS:
        return int(text) or "off"
    raise ValueError("must be auto, off, or a number of tokens")


def _parse_keys(value: object) -> object:
    """Any table of texts: what it names is for the chat to judge, which goes on without what is wrong."""
    if isinstance(value, str):
        pairs = [pair.partition("=") for pair in value.split()]
        if not all(name and keys for name, _, keys in pairs):
            raise ValueError("must be like stop=ctrl+x,escape help=f2")
        return {name: keys for name, _, keys in pairs}
    if isinstance(value, Mapping):
        return {
            name: ",".join(map(str, keys)) if isinstance(keys, list) else str(keys)
            for name, keys in value.items()
        }
    return value


def _check_n_ctx(value: int) -> int:
    if value and not 256 <= value <= _MOST_TOKENS:
        raise ValueError(f"must be 0 or from 256 to {_MOST_TOKENS}")
    return value


def _check_n_batch(value: int) -> int:
    if value and not 32 <= value <= 1 << 16:
        raise ValueError(f"must be 0 or from 32 to {1 << 16}")
    return value


class Settings(BaseModel):
    """What the user can set; every value has been checked."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: Annotated[Path | None, BeforeValidator(_parse_path)] = None
    """The GGUF file to run, or the name of a model that "mull models list" shows. Unset: the starter model
    that comes with Mull."""

    think: Annotated[Literal["auto", "off"] | int, BeforeValidator(_parse_think)] = "auto"
    """How long to think: auto decides for each question, off answers at once, a number is the most
    thinking tokens."""

    effort: Annotated[
        Literal["auto", "direct", "low", "medium", "high", "max"] | str, AfterValidator(parse_effort)
    ] = "auto"
    """How hard to try: auto decides for each question, direct never thinks, low and medium keep the
    thinking short, high always thinks, max puts every answer to a vote. Two of these levels, as in
    low..high, are the least and the most of it."""

    strategy: Literal[
        "auto",
        "direct",
        "draft_agreement",
        "chain_of_thought",
        "extended_thinking",
        "self_consistency",
        "beam_search",
        "best_of_n",
        "self_refine",
    ] = "auto"
    """How to find the answer; auto chooses for each question."""

    samples: Annotated[int, Field(ge=0, le=64)] = 0
    """Samples of a vote or a search; 0 chooses, more than 1 puts the answer to a vote."""

    certainty: Annotated[float, Field(ge=0.5, le=1)] = 0.95
    """How sure the leader of a vote must be for the vote to end, 0.5 to 1; 1 hears every sample that
    could still change it."""

    time: Annotated[float, Field(gt=0, le=86400)] = 30.0
    """Seconds that an answer may take where Mull decides how long to think; less on battery."""

    system: str | None = None
    """The system message that goes before the conversation. Unset: none."""

    history: Literal["on", "off"] = "on"
    """Whether conversations are kept on this machine, to be searched and gone on with later."""

    titles: Literal["auto", "rule"] = "auto"
    """Who gives conversations their titles: auto lets a model of a billion parameters or more do it while
    nobody asks, rule takes the question's first words; a title of your own stays in any case."""

    offline: bool = False
    """Whether to refuse what needs the network, which is fetching a model and nothing else."""

    max_tokens: Annotated[int, Field(ge=1, le=_MOST_TOKENS)] = 1024
    """Most tokens of the answer; the thinking is counted apart."""

    n_ctx: Annotated[int, AfterValidator(_check_n_ctx)] = 0
    """Context in tokens, 256 or more; 0 chooses what the model and the memory allow."""

    n_batch: Annotated[int, AfterValidator(_check_n_batch)] = 0
    """Prompt tokens computed at a time, 32 or more; fewer need less memory. 0 chooses."""

    n_seq_max: Annotated[int, Field(ge=0, le=64)] = 0
    """Samples that can run side by side, 1 to 64; 0 chooses what the model and the memory allow."""

    kv_type: Literal["auto", "f16", "q8_0", "q4_0"] = "auto"
    """How the context is kept in memory: f16 in full, q8_0 in half and next to no loss, q4_0 in a quarter
    and some loss; auto chooses what the memory allows."""

    n_threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """CPU threads; 0 chooses."""

    n_gpu_layers: Annotated[int, Field(ge=-1, le=1 << 16)] = -1
    """Layers of the model on the GPU, the output counted as one; -1 puts all there that fit, 0 none."""

    temperature: Annotated[float | None, Field(ge=0, le=5)] = None
    """How freely tokens are drawn, 0 to 5; 0 always takes the likeliest. Unset: the model family's
    value."""

    top_k: Annotated[int | None, Field(ge=0, le=1 << 20)] = None
    """Likeliest tokens to draw from; 0 keeps all. Unset: the model family's value."""

    top_p: Annotated[float | None, Field(ge=0, le=1)] = None
    """Share of the probability to draw from, 0 to 1. Unset: the model family's value."""

    min_p: Annotated[float | None, Field(ge=0, le=1)] = None
    """Tokens below this share of the likeliest one are dropped, 0 to 1. Unset: the model family's
    value."""

    repeat_penalty: Annotated[float | None, Field(gt=0, le=5)] = None
    """How much recent tokens are held back; 1 is off. Unset: the model family's value."""

    seed: Annotated[int | None, Field(ge=0, lt=1 << 31)] = None
    """The same seed and settings give the same text. Unset: a new one for each run."""

    theme: str | None = None
    """Colours of the chat, such as nord or textual-light. Unset: those last chosen in the chat."""

    keys: Annotated[dict[str, str], BeforeValidator(_parse_keys)] = {}
    """Keys of the chat by the name of what they do, as in stop=ctrl+x,escape help=f2; a table in the
    settings file. "mull config keys" lists the names."""

    def at_effort(self, effort: str) -> Settings:
        """These settings at an effort that was chosen later: what fixed the thinking before gives way.

        Args:
            effort: as `assistant.effort.parse` gives it.
        """
        return self.model_copy(update={"effort": effort, "think": "auto", "strategy": "auto", "samples": 0})


@dataclass(frozen=True, slots=True)
class _Source:
    """One place that settings come from."""

    where: Callable[[str], str]
    """Names a field in this place, for an error message."""
    next_step: str
    """What to do about a wrong value here."""
    is_typed: bool = False
    """Whether values have types of their own, so that text is no number."""
    folder: Path | None = None
    """What relative paths start from; None is the working directory."""


_ENVIRONMENT = _Source(lambda name: variable(name), "Set the variable to such a value, or unset it.")
_FLAGS = _Source(lambda name: flag(name), 'See "mull --help" for what each flag takes.')


def variable(name: str) -> str:
    """The environment variable of a field."""
    return f"MULL_{name.upper()}"


def flag(name: str) -> str:
    """The flag of a field."""
    return "--" + name.replace("_", "-")


def load(flags: Mapping[str, object] | None = None) -> Settings:
    """The settings in force; `flags` are those that were typed, by field name, as text or as values.

    Raises:
        ConfigError: a value, a key, the file or a variable is wrong.
    """
    values = _from_file(paths.config_file())
    values |= _checked(_from_environment(os.environ), _ENVIRONMENT)
    values |= _checked(flags or {}, _FLAGS)
    return Settings.model_construct(**values)


def origins() -> dict[str, str]:
    """Where each setting that is not left to its default stands: the settings file, or a variable's name.

    Raises:
        ConfigError: as `load` does.
    """
    path = paths.config_file()
    where = dict.fromkeys(_from_file(path), str(path))
    return where | {name: variable(name) for name in _checked(_from_environment(os.environ), _ENVIRONMENT)}


def _from_file(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        if "MULL_CONFIG_FILE" not in os.environ:
            return {}
        raise ConfigError(
            f"MULL_CONFIG_FILE names {path}, which does not exist.", "Create the file, or unset the variable."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"The settings file {path} cannot be read: {error.strerror or error}.",
            "Make it readable, or set MULL_CONFIG_FILE to another file.",
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"The settings file {path} is not UTF-8 text (byte {error.start}).", "Save it again as UTF-8."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"The settings file {path} is not valid TOML: {error}.",
            'Correct that line; texts need quotes, as in think = "auto".',
        ) from None
    source = _Source(
        where=lambda name: f"{name} in {path}",
        next_step="Correct the value, or delete the line to have the default.",
        is_typed=True,
        folder=path.parent,
    )
    return _checked(content, source)


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    by_variable = {variable(name): name for name in Settings.model_fields}
    found = {}
    for key, value in environment.items():
        if key in by_variable:
            # an empty variable is how a shell or a container file leaves one unset
            if value:
                found[by_variable[key]] = value
        # other programs may have variables of this prefix: only what looks like a slip is one
        elif key.startswith("MULL_") and (near := difflib.get_close_matches(key, by_variable, 1, 0.85)):
            raise ConfigError(
                f"The environment variable {key} is not known.",
                f"Did you mean {near[0]}? Rename the variable, or unset it.",
            )
    return found


def _checked(values: Mapping[str, object], source: _Source) -> dict[str, Any]:
    """The values of one source, checked and of the right types."""
    try:
        settings = Settings.model_validate(values, strict=source.is_typed, context=source.folder)
    except ValidationError as error:
        raise _config_error(error.errors(include_url=False)[0], source) from None
    return {name: getattr(settings, name) for name in settings.model_fields_set}


def _config_error(error: ErrorDetails, source: _Source) -> ConfigError:
    name = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name.lower().replace("-", "_"), Settings.model_fields, 1)
        next_step = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(Settings.model_fields)}."
        return ConfigError(f"{source.where(name)} is not a setting.", next_step)
    given = textwrap.shorten(json.dumps(error["input"], ensure_ascii=False, default=str), 60)
    return ConfigError(f"{source.where(name)} {_expected(error)}, not {given}.", source.next_step)


def _expected(error: ErrorDetails) -> str:
    """What a wrong value should have been, in words."""
    limits = error.get("ctx", {})
    match error["type"]:
        case "value_error":
            return str(limits["error"])
        case "int_type" | "int_parsing" | "int_from_float" | "int_parsing_size":
            return "must be a whole number"
        case "float_type" | "float_parsing" | "finite_number":
            return "must be a number"
        case "string_type":
            return "must be a text in quotes"
        case "path_type" | "is_instance_of":
            return "must be a path in quotes"
        case "dict_type":
            return "must be a table of keys"
        case "bool_type" | "bool_parsing":
            return "must be true or false"
        case "literal_error":
            return f"must be one of {limits['expected']}"
        case "greater_than_equal":
            return f"must be at least {limits['ge']}"
        case "less_than_equal":
            return f"must be at most {limits['le']}"
        case "greater_than":
            return f"must be more than {limits['gt']}"
        case "less_than":
            return f"must be less than {limits['lt']}"
        case _:
            return f"is wrong ({error['msg']})"
