"""A Jinja environment for the chat templates of model files: the extras that they expect, in a sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any, Final, NoReturn

from jinja2 import Template, nodes
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from assistant.errors import TemplateError

MAX_CHARS: Final = 32_000_000
"""Most characters of a rendered prompt: far more than any context holds."""
_MAX_REPEAT: Final = 1_000_000
_MAX_STEPS: Final = 5_000_000
_NEXT_STEP: Final = "Try another GGUF of this model, or another model."


class _Generation(Extension):
    """`{% generation %}` marks what a model is trained on; for a prompt it means nothing."""

    tags = {"generation"}  # noqa: RUF012 - Jinja's own attribute

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Sandbox(ImmutableSandboxedEnvironment):
    """The sandbox, with a bound on the two operators that make much out of little."""

    intercepted_binops = frozenset(["*", "**"])

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or any(isinstance(v, int) and abs(v) > _MAX_REPEAT for v in (left, right)):
            raise SecurityError(f"the template computes {operator} with too large a number")
        return super().call_binop(context, operator, left, right)


def _raise_exception(message: str) -> NoReturn:
    raise JinjaError(message)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # Jinja's own filter escapes <, > and &, which no model was trained on.
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def compile_template(source: str) -> Template:
    """Compile the source of a chat template.

    Raises:
        TemplateError: its syntax is wrong.
    """
    environment = _Sandbox(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise_exception
    try:
        return environment.from_string(source)
    except TemplateSyntaxError as error:
        reason = (error.message or "its syntax").rstrip(".")
        raise TemplateError(
            f"The model's chat template is wrong in line {error.lineno}: {reason}.", _NEXT_STEP
        ) from None
    except (RecursionError, ValueError, OverflowError) as error:
        raise TemplateError(f"The model's chat template cannot be compiled: {error}.", _NEXT_STEP) from None


def run_template(template: Template, today: date, variables: dict[str, Any]) -> str:
    """Render a compiled template; `strftime_now` tells `today`, at midnight.

    Raises:
        TemplateError: the template refuses these messages, fails, or writes without end.
    """
    pieces: list[str] = []
    n_chars = 0
    try:
        for piece in template.generate(strftime_now=_clock(today), range=_counted_range(), **variables):
            pieces.append(piece)
            n_chars += len(piece)
            if n_chars > MAX_CHARS:
                raise SecurityError(f"it writes more than {MAX_CHARS:,} characters")
    # The boundary to the template, a foreign program: whatever it raises is its own failure.
    except Exception as error:  # noqa: BLE001
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise TemplateError(
            f"The model's chat template fails on this conversation: {reason}.", _NEXT_STEP
        ) from None
    return "".join(pieces)


def _counted_range() -> Callable[..., range]:
    # Loops inside loops count through `range`: a bound on their sum ends a template that would never end.
    left = _MAX_STEPS

    def counted(*bounds: int) -> range:
        nonlocal left
        steps = range(*bounds)
        left -= len(steps) + 1
        if left < 0:
            raise SecurityError(f"it counts through more than {_MAX_STEPS:,} steps")
        return steps

    return counted


def _clock(today: date) -> Callable[[str], str]:
    midnight = datetime.combine(today, time())
    return midnight.strftime
