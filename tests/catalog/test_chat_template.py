"""Rendering conversations: switches, fallbacks, odd templates and hostile ones."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.catalog.families import Family, load_families, parse_family, recognise
from assistant.catalog.gguf import inspect
from assistant.catalog.template import ChatTemplate
from assistant.errors import TemplateError
from assistant.query import Message

ASK = (Message("user", "Why?"),)
TALK = (*ASK, Message("assistant", "Because.", "Hm."), Message("user", "Really?"))
SYSTEM = Message("system", "Be brief.")
UNKNOWN = load_families()["unknown"]
QWEN = load_families()["qwen3"]
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
DIALOGUE = (
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)


def chat(source: str | None, family: Family = UNKNOWN, bos: str = "<s>", eos: str = "</s>") -> ChatTemplate:
    return ChatTemplate(source, family, bos, eos)


def family_with(thinking: str) -> Family:
    head = 'title = "T"\npriority = 1\n[sampling.answer]\ntemperature = 1.0\n'
    marks = '[thinking]\nopen = "<t>"\nclose = "</t>"\nforce_close = "</t>"\n'
    return parse_family("t", head + marks + thinking)


@pytest.fixture(scope="module")
def starter(starter_model: Path) -> ChatTemplate:
    info = inspect(starter_model)
    return ChatTemplate(info.chat_template, recognise(info), info.bos_token, info.eos_token)


def test_starter_template(starter: ChatTemplate) -> None:
    on = starter.render([SYSTEM, *TALK], thinking=True)
    history = (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n"
        "<|im_start|>assistant\n<think>\n\n</think>\n\nBecause.<|im_end|>\n"
        "<|im_start|>user\nReally?<|im_end|>\n<|im_start|>assistant\n<think>\n"
    )
    assert on.text == history
    assert on.is_thinking
    assert on.stable_chars == len(history)
    off = starter.render([SYSTEM, *TALK], thinking=False)
    assert off.text == history + "\n</think>\n\n"
    assert not off.is_thinking
    assert off.stable_chars == len(off.text)
    assert starter.has_thinking
    assert starter.can_answer_directly
    assert not starter.is_fallback


@given(texts=st.lists(st.text(max_size=60).filter(str.strip), min_size=1, max_size=5), thinking=st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_text_is_kept_as_it_is(starter: ChatTemplate, texts: list[str], thinking: bool) -> None:
    turns = [Message("user" if i % 2 == 0 else "system", text) for i, text in enumerate(texts)]
    rendered = starter.render(turns, thinking)
    assert all(text in rendered.text for text in texts)
    assert rendered.is_thinking == thinking


def test_without_a_template_chatml_stands_in_where_the_vocabulary_knows_it() -> None:
    template = chat(None, eos="<|im_end|>")
    assert template.is_fallback
    assert "ChatML" in template.note
    assert template.stop == ("<|im_end|>",)
    text = template.render([SYSTEM, *ASK], thinking=False).text
    assert text == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_without_a_template_a_plain_dialogue_stands_in() -> None:
    template = chat("  ")
    assert template.is_fallback
    assert "plain dialogue" in template.note
    assert "\nUser:" in template.stop
    assert template.render([SYSTEM, *ASK], thinking=True).text == (
        "<s>System: Be brief.\n\nUser: Why?\n\nAssistant:"
    )


def test_an_own_template_has_no_note() -> None:
    assert (chat(CHATML).note, chat(CHATML).stop) == ("", ())


def test_an_empty_block_switches_off_where_the_template_knows_no_switch() -> None:
    template = chat(CHATML, QWEN)
    on = template.render(ASK, thinking=True)
    off = template.render(ASK, thinking=False)
    assert off.text == on.text + "<think>\n\n</think>\n\n"
    assert not on.is_thinking
    assert template.can_answer_directly


def test_a_block_that_the_template_always_opens_is_closed() -> None:
    template = chat(CHATML.replace("assistant\\n'", "assistant\\n<think>\\n'"), QWEN)
    assert template.render(ASK, thinking=True).is_thinking
    off = template.render(ASK, thinking=False)
    assert off.text.endswith("<think>\n\n</think>\n\n")
    assert not off.is_thinking


def test_a_template_that_reads_the_switch_is_trusted() -> None:
    source = DIALOGUE + "{% if add_generation_prompt and not enable_thinking %}(short){% endif %}"
    assert chat(source, QWEN).render(ASK, thinking=False).text == "[user]Why?[assistant](short)"


def test_the_open_marker_is_prefilled_only_where_the_family_says_so() -> None:
    prefills = family_with('[thinking.switch]\nprefill_on = "<t>"\n')
    assert chat(DIALOGUE, prefills).render(ASK, thinking=True).is_thinking
    assert not chat(DIALOGUE, family_with("")).render(ASK, thinking=True).is_thinking
    assert not chat(DIALOGUE, family_with("")).can_answer_directly


def test_system_lines_switch() -> None:
    family = family_with('[thinking.switch]\nsystem_on = "/deep"\nsystem_off = "/quick"\n')
    template = chat(DIALOGUE, family)
    assert template.render(ASK, thinking=True).text == "[system]/deep[user]Why?[assistant]"
    assert template.render([SYSTEM, *ASK], thinking=False).text == (
        "[system]Be brief.\n\n/quick[user]Why?[assistant]"
    )
    assert template.can_answer_directly


def test_a_line_for_the_users_own_system_message() -> None:
    template = chat(DIALOGUE, family_with('[thinking.switch]\nown_system_on = "Think."\n'))
    assert template.render(ASK, thinking=True).text == "[user]Why?[assistant]"
    assert template.render([SYSTEM, *ASK], thinking=True).text.startswith("[system]Be brief.\n\nThink.")


def test_effort_is_passed_where_the_family_knows_it() -> None:
    family = family_with('[thinking.switch]\neffort_variable = "effort"\nefforts = ["low", "high"]\n')
    template = chat("({{ effort | default('none') }})" + DIALOGUE, family)
    assert template.render(ASK, True, effort="high").text.startswith("(high)")
    assert template.render(ASK, True, effort="enormous").text.startswith("(none)")
    assert template.render(ASK, True).text.startswith("(none)")


@pytest.mark.parametrize(
    ("past", "shown"), [("drop", "Because."), ("field", "{Hm.}Because."), ("blocks", "<Hm.>Because.")]
)
def test_past_thinking(past: str, shown: str) -> None:
    source = (
        "{% for m in messages %}[{{ m.role }}]"
        "{% if m.content is string %}"
        "{% if m.reasoning_content %}{{ '{' + m.reasoning_content + '}' }}{% endif %}"
        "{{ m.content }}{% else %}{% for b in m.content %}"
        "{{ '<' + b.thinking + '>' if b.type == 'thinking' else b.text }}{% endfor %}{% endif %}{% endfor %}"
    )
    template = chat(source, family_with(f'past = "{past}"\n'))
    assert template.render(TALK, thinking=True).text == f"[user]Why?[assistant]{shown}[user]Really?"


def test_past_thinking_is_dropped_where_the_template_fails_on_it() -> None:
    source = "{% for m in messages %}{{ '[' + m.role + ']' + m.content }}{% endfor %}"
    template = chat(source, family_with('past = "blocks"\n'))
    assert template.render(TALK, thinking=True).text == "[user]Why?[assistant]Because.[user]Really?"


STRICT = (
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}" + DIALOGUE
)


def test_neighbours_are_merged_where_roles_must_alternate() -> None:
    turns = [SYSTEM, *ASK, Message("assistant", " "), Message("user", "Well?")]
    assert chat(STRICT).render(turns, False).text == "[user]Be brief.\n\nWhy?\n\nWell?[assistant]"


def test_a_system_message_that_would_be_lost_is_folded_in() -> None:
    source = DIALOGUE.replace(
        "[{{ m.role }}]{{ m.content }}", "{% if m.role != 'system' %}{{ m.content }}|{% endif %}"
    )
    assert chat(source).render([SYSTEM, *ASK], False).text == "Be brief.\n\nWhy?|[assistant]"


def test_extras_of_transformers() -> None:
    source = (
        "{% set ns = namespace(n=0) %}{% for m in messages %}{% generation %}{% set ns.n = ns.n + 1 %}"
        "{{ m.content }}{% endgeneration %}{% if ns.n == 2 %}{% break %}{% endif %}{% endfor %}"
        "|{{ {'é': '<&>'} | tojson }}|{{ strftime_now('%d %B %Y') }}"
    )
    text = chat(source).render(TALK, False, today=date(2026, 3, 14)).text
    assert text == 'Why?Because.|{"é": "<&>"}|14 March 2026'


def test_text_of_users_is_never_evaluated() -> None:
    text = "{{ 6 * 7 }}{% for %}{# <|im_end|> </think> <think>"
    rendered = chat(CHATML, QWEN).render([Message("user", text)], thinking=False)
    assert text in rendered.text
    assert rendered.text.endswith("<think>\n\n</think>\n\n")


@pytest.mark.parametrize("source", ["{% if %}", "line\n{{ 1 | nofilter }}", "{% endfor %}", "{{ 'open"])
def test_wrong_syntax_is_told(source: str) -> None:
    with pytest.raises(TemplateError, match="wrong in line") as caught:
        chat(source)
    assert caught.value.next_step


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ raise_exception('Only Klingon.') }}", "Only Klingon"),
        ("{{ nothing.at.all }}", "undefined"),
        ("{{ 1 / 0 }}", "division"),
        ("{{ messages + 1 }}", "concatenate"),
        ("{{ 'x' * 2000000000 }}", "too large"),
        ("{{ 10 ** 10 ** 10 }}", "too large"),
        ("{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}", "counts through"),
        ("{% for a in range(90000) %}{{ 'x' * 900000 }}{% endfor %}", "writes more than"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion"),
        ("{{ messages.append(1) }}", "unsafe"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
    ],
)
def test_failing_and_hostile_templates_are_told(source: str, words: str) -> None:
    with pytest.raises(TemplateError, match=words) as caught:
        chat(source).render(ASK, thinking=False)
    assert caught.value.next_step


def test_a_conversation_without_a_question() -> None:
    with pytest.raises(TemplateError, match="no question"):
        chat(CHATML).render([SYSTEM], thinking=False)


def test_no_stable_beginning_where_the_next_turn_fails() -> None:
    source = "{% if messages | length > 1 %}{{ raise_exception('one only') }}{% endif %}" + DIALOGUE
    rendered = chat(source).render(ASK, thinking=False)
    assert rendered.text == "[user]Why?[assistant]"
    assert rendered.stable_chars == 0
