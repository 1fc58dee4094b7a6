"""From a conversation to the prompt that the model was trained on, thinking switched on or off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any, Final

from assistant.catalog.families import Family, Switch
from assistant.catalog.jinja import compile_template, run_template
from assistant.errors import TemplateError
from assistant.query import Message

_CHATML: Final = """\
{%- for message in messages -%}
{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}
"""
_PLAIN: Final = """\
{{- bos_token -}}
{%- for message in messages -%}
{{- message['role'] | capitalize + ': ' + message['content'] + '\\n\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- 'Assistant:' -}}{%- endif -%}
"""

# Texts that no template holds by itself, to see what becomes of a message.
_SYSTEM: Final = Message("system", "zq system probe")
_FIRST: Final = Message("user", "zq first probe")
_REPLY: Final = Message("assistant", "zq reply probe")
_THOUGHT: Final = Message("assistant", "zq reply probe", "zq thinking probe")
_SECOND: Final = Message("user", "zq second probe")
_LATE: Final = Message("system", "zq late probe")
_ANY_DAY: Final = date(2026, 1, 1)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt."""

    text: str
    """The whole prompt; the start token is in it if the template writes one."""
    is_thinking: bool
    """Whether it ends inside an open thinking block."""
    stable_chars: int
    """Leading characters that the next turn's prompt repeats, as long as thinking stays as it is."""


class ChatTemplate:
    """A model's chat template, bent so that every conversation fits it."""

    def __init__(self, source: str | None, family: Family, bos: str, eos: str) -> None:
        """Compile `source`; without one, a common format stands in.

        Raises:
            TemplateError: the template's syntax is wrong.
        """
        self.is_fallback = not (source and source.strip())
        """Whether the file had no template of its own."""
        self._is_chatml = "<|im_end|>" in (bos, eos) or "<|im_start|>" in (bos, eos)
        fallback = _CHATML if self._is_chatml else _PLAIN
        self._template = compile_template(fallback if self.is_fallback else source or "")
        self._family = family
        self._bos = bos
        self._eos = eos
        self._switch = family.thinking.switch if family.thinking else Switch()

    @property
    def note(self) -> str:
        """A sentence for the user where the file had no template; else ""."""
        if not self.is_fallback:
            return ""
        form = "ChatML" if self._is_chatml else "a plain dialogue"
        return f"The model file has no chat template, so {form} stands in: answers may be poor."

    @property
    def stop(self) -> tuple[str, ...]:
        """Texts that end the model's turn besides its end token."""
        if not self.is_fallback:
            return ()
        return ("<|im_end|>",) if self._is_chatml else ("\nUser:", "\nSystem:")

    @property
    def has_thinking(self) -> bool:
        """Whether the model has a thinking channel."""
        return self._family.thinking is not None

    @cached_property
    def can_answer_directly(self) -> bool:
        """Whether thinking can be left out."""
        if not self.has_thinking:
            return True
        prompt = self._prompt([_FIRST], False, None, _ANY_DAY)
        closed = any(close in prompt.tail for close in self._closes)
        return not prompt.is_thinking and bool(closed or self._reacts or self._switch.system_off)

    def render(
        self,
        messages: Sequence[Message],
        thinking: bool,
        effort: str | None = None,
        today: date | None = None,
    ) -> Rendered:
        """The prompt of a conversation, up to where the assistant's next turn begins.

        `effort` counts only where the family knows it; `today` is what a template tells the model.

        Raises:
            TemplateError: the template refuses the conversation.
        """
        if not any(message.role == "user" for message in messages):
            raise TemplateError("The conversation has no question in it.", "Ask something.")
        today = today or date.today()
        prompt = self._prompt(messages, thinking, effort, today)
        return Rendered(
            prompt.text, prompt.is_thinking, self._stable(prompt.text, messages, thinking, effort, today)
        )

    def _stable(
        self, text: str, messages: Sequence[Message], thinking: bool, effort: str | None, today: date
    ) -> int:
        # Two answers that begin differently, with and without thinking: what both prompts share with this
        # one holds for any answer.
        variables = self._variables(thinking, effort)
        for answer, thought in (("zq", "zq"), ("07", "")):
            turns = [*messages, Message("assistant", answer, thought), Message("user", answer)]
            try:
                following = self._run(self._fit(turns, thinking), True, variables, today)
            except TemplateError:
                return 0
            text = text[: _n_common(text, following)]
        return len(text)

    def _prompt(
        self, messages: Sequence[Message], thinking: bool, effort: str | None, today: date
    ) -> _Prompt:
        turns = self._fit(messages, thinking)
        variables = self._variables(thinking, effort)
        text = self._run(turns, True, variables, today)
        prompt = _Prompt(text, self._tail(text, turns, variables, today), False)
        prompt = replace(prompt, is_thinking=self._is_open(prompt.tail))
        if self._family.thinking is None:
            return prompt
        closed = any(close in prompt.tail for close in self._closes)
        if thinking and not prompt.is_thinking and not closed and self._switch.prefill_on:
            return self._extended(prompt, self._switch.prefill_on)
        if not thinking and prompt.is_thinking:
            return self._extended(prompt, self._family.thinking.force_close)
        if not thinking and not closed and self._switch.prefill_off and not self._reacts:
            return self._extended(prompt, self._switch.prefill_off)
        return prompt

    def _extended(self, prompt: _Prompt, more: str) -> _Prompt:
        tail = prompt.tail + more
        return _Prompt(prompt.text + more, tail, self._is_open(tail))

    def _variables(self, thinking: bool, effort: str | None) -> dict[str, Any]:
        variables: dict[str, Any] = dict(self._switch.on if thinking else self._switch.off)
        if effort in self._switch.efforts and self._switch.effort_variable:
            variables[self._switch.effort_variable] = effort
        return variables

    def _run(
        self, turns: Sequence[Message], with_prompt: bool, variables: dict[str, Any], today: date
    ) -> str:
        # `functions` and `datetime` are what templates for calling functions take for granted.
        given = {
            "messages": [self._as_dict(turn) for turn in turns],
            "add_generation_prompt": with_prompt,
            "bos_token": self._bos,
            "eos_token": self._eos,
            "functions": "[]",
            "datetime": today.isoformat(),
            **variables,
        }
        return run_template(self._template, today, given)

    def _as_dict(self, turn: Message) -> dict[str, Any]:
        past = self._family.thinking.past if self._family.thinking else "drop"
        plain = {"role": turn.role, "content": turn.content}
        if turn.role != "assistant" or not turn.thinking or past == "drop":
            return plain
        if past == "field":
            return {**plain, "reasoning_content": turn.thinking, "thinking": turn.thinking}
        blocks = [{"type": "thinking", "thinking": turn.thinking}, {"type": "text", "text": turn.content}]
        return {"role": turn.role, "content": blocks}

    def _tail(self, text: str, turns: Sequence[Message], variables: dict[str, Any], today: date) -> str:
        """What the template wrote to begin the assistant's turn, so that users' own markers do not count."""
        try:
            without = self._run(turns, False, variables, today)
        except TemplateError:
            without = ""
        if without and len(without) < len(text) and text.startswith(without):
            return text[len(without) :]
        question = next((t.content.strip() for t in reversed(turns) if t.role == "user"), "")
        at = text.rfind(question) if question else -1
        return text[at + len(question) :] if at >= 0 else text[-200:]

    @property
    def _closes(self) -> tuple[str, ...]:
        return self._family.thinking.all_closes if self._family.thinking else ()

    def _is_open(self, tail: str) -> bool:
        if self._family.thinking is None:
            return False
        opened = max(tail.rfind(marker) for marker in self._family.thinking.all_opens)
        return opened > max(tail.rfind(marker) for marker in self._closes)

    # What the template can take, found by trying it.

    @cached_property
    def _reacts(self) -> bool:
        """Whether the template itself reads the switch."""
        try:
            on, off = (
                self._run([_FIRST], True, self._variables(thinking, None), _ANY_DAY)
                for thinking in (True, False)
            )
        except TemplateError:
            return False
        return on != off

    @cached_property
    def _takes_system(self) -> bool:
        return self._takes([_SYSTEM, _FIRST])

    @cached_property
    def _takes_late_system(self) -> bool:
        return self._takes([_SYSTEM, _FIRST, _REPLY, _LATE, _SECOND])

    @cached_property
    def _takes_runs(self) -> bool:
        return self._takes([_FIRST, _SECOND]) and self._takes([_FIRST, _REPLY, _REPLY, _SECOND])

    @cached_property
    def _takes_thinking(self) -> bool:
        return self._takes([_FIRST, _THOUGHT, _SECOND])

    def _takes(self, turns: Sequence[Message]) -> bool:
        try:
            text = self._run(turns, True, self._variables(True, None), _ANY_DAY)
        except TemplateError:
            return False
        # The first may stand anywhere: some templates put the system message before the last question.
        places = [text.find(turn.content) for turn in turns]
        return min(places) >= 0 and places[1:] == sorted(places[1:])

    def _fit(self, messages: Sequence[Message], thinking: bool) -> list[Message]:
        """The conversation in a form that the template takes."""
        # An answer that was stopped before its first word says nothing, and some templates refuse it.
        turns = [m for m in messages if m.role != "assistant" or m.content.strip()]
        if not self._takes_thinking:
            turns = [replace(turn, thinking="") for turn in turns]
        n_head = next((i for i, turn in enumerate(turns) if turn.role != "system"), len(turns))
        system = "\n\n".join(turn.content for turn in turns[:n_head] if turn.content.strip())
        system = "\n\n".join(part for part in (system, self._system_line(bool(system), thinking)) if part)
        turns = turns[n_head:]
        if any(turn.role == "system" for turn in turns) and not self._takes_late_system:
            turns = [replace(turn, role="user") if turn.role == "system" else turn for turn in turns]
        if system and self._takes_system:
            turns = [Message("system", system), *turns]
        elif system:
            at = next((i for i, turn in enumerate(turns) if turn.role == "user"), 0)
            turns[at] = replace(turns[at], content=f"{system}\n\n{turns[at].content}")
        return turns if self._takes_runs else _merged(turns)

    def _system_line(self, has_own: bool, thinking: bool) -> str:
        if not thinking:
            return self._switch.system_off
        own = self._switch.own_system_on if has_own else ""
        return self._switch.system_on or own


@dataclass(frozen=True, slots=True)
class _Prompt:
    text: str
    tail: str
    """The part of the text that begins the assistant's turn."""
    is_thinking: bool


def _merged(turns: Sequence[Message]) -> list[Message]:
    """Neighbours of one role as one turn."""
    merged: list[Message] = []
    for turn in turns:
        if merged and merged[-1].role == turn.role:
            last = merged[-1]
            thinking = "\n\n".join(part for part in (last.thinking, turn.thinking) if part)
            merged[-1] = Message(turn.role, f"{last.content}\n\n{turn.content}", thinking)
        else:
            merged.append(turn)
    return merged


def _n_common(left: str, right: str) -> int:
    """Length of the beginning that two texts share."""
    ends = (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b)
    return next(ends, min(len(left), len(right)))
