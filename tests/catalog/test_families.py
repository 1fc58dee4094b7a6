"""Model families: their files, and which model belongs to which."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assistant.catalog.families import UNKNOWN, Thinking, load_families, parse_family, recognise
from assistant.catalog.gguf import GGUFInfo, inspect
from assistant.engine.markers import markers
from assistant.engine.protocol import Sampling
from assistant.errors import ModelError

CHATML_THINK = "<|im_start|>assistant\n<think>\n</think>"
CHATML = "<|im_start|>assistant\n"

# Architecture, name, what its template holds, family.
MODELS = [
    ("qwen3", "Qwen3 4B", CHATML_THINK, "qwen3"),
    ("qwen3moe", "Qwen3 30B A3B Thinking 2507", CHATML_THINK, "qwen3"),
    ("qwen3", "Qwen3 4B Instruct 2507", CHATML, "qwen"),
    ("qwen35", "Qwen3.6 27B", CHATML_THINK, "qwen3.5"),
    ("qwen35moe", "Qwen3.5 35B A3B", CHATML_THINK, "qwen3.5"),
    ("qwen2", "QwQ 32B", CHATML_THINK, "qwq"),
    ("qwen2", "DeepSeek R1 Distill Qwen 7B", "<｜User｜><｜Assistant｜><think>\n</think>", "deepseek-r1"),
    ("qwen3", "DeepSeek R1 0528 Qwen3 8B", "<｜User｜><｜Assistant｜> </think>", "deepseek-r1"),
    ("llama", "DeepSeek-R1-Distill-Llama-8B", "<｜User｜><｜Assistant｜><think>\n</think>", "deepseek-r1"),
    ("deepseek2", "DeepSeek V3.1", "<｜Assistant｜></think> {% if thinking %}", "deepseek-v3"),
    ("gpt-oss", "Gpt Oss 20b", "", "gpt-oss"),
    ("gemma3", "Gemma 3 4b It", "<start_of_turn>", "gemma3"),
    ("gemma3n", "Gemma 3n E4B It", "<start_of_turn>", "gemma3"),
    ("gemma4", "Gemma 4 E4B It", "<|turn>", "gemma4"),
    ("llama", "SmolLM2 1.7B Instruct", CHATML, "smollm2"),
    ("smollm3", "SmolLM3 3B", CHATML_THINK, "smollm3"),
    ("phi3", "Phi 4", "<|im_start|>user<|im_sep|>", "phi4"),
    ("phi3", "Phi 4 Mini Instruct", "<|user|>", "phi4"),
    ("phi3", "Phi 4 Reasoning Plus", "<|im_start|>user<|im_sep|><think>", "phi4-reasoning"),
    ("phi3", "Phi-4-mini-reasoning", "<|user|>", "phi4-reasoning"),
    ("mistral3", "Ministral 3 8B Reasoning 2512", "[INST][THINK][/THINK]", "mistral-reasoning"),
    ("llama", "Magistral Small 2509", "[INST][THINK][/THINK]", "mistral-reasoning"),
    ("mistral3", "Ministral 3 8B Instruct 2512", "[INST][/INST]", "mistral"),
    ("granitehybrid", "Granite 4.0 H Tiny", "<|start_of_role|>", "granite4"),
    ("granite", "Granite 3.3 8b Instruct", "<|start_of_role|> <think>", "granite3"),
    ("glm4moe", "GLM 4.5 Air", "[gMASK]<sop> <think></think>", "glm4"),
    ("deepseek2", "GLM 4.7 Flash", "[gMASK]<sop> <think></think>", "glm4"),
    ("lfm2", "LFM2.5 1.2B Instruct", "keep_past_thinking </think>", "lfm2"),
    ("lfm2", "LFM2.5 1.2B Thinking", "keep_past_thinking </think>", "lfm2.5-thinking"),
    ("lfm2", "LFM2 1.2B", CHATML, "lfm2"),
    ("nemotron_h", "NVIDIA Nemotron Nano 9B v2", "/think /no_think <SPECIAL_10>", "nemotron2"),
    ("nemotron_h", "Nemotron 3 Nano 4B", "enable_thinking <think>", "nemotron3"),
    ("seed_oss", "Seed OSS 36B Instruct", "<seed:think>", "seed-oss"),
    ("llama", "Llama 3.2 3B Instruct", "<|start_header_id|>", "llama3"),
    ("llama", "Mull Starter 135M", CHATML_THINK, "starter"),
    ("llama", "Something Else", CHATML_THINK, UNKNOWN),
    ("olmo2", "OLMo 2", "<|user|>", UNKNOWN),
    ("falcon-h1", "No Template", "", UNKNOWN),
]


def model(architecture: str, name: str, template: str) -> GGUFInfo:
    return GGUFInfo(
        path=Path("model.gguf"),
        name=name,
        architecture=architecture,
        n_params=1,
        size_bytes=1,
        quantisation="Q4_0",
        n_ctx_train=4096,
        n_layer=1,
        chat_template=template or None,
        bos_token="",
        eos_token="",
        add_bos=False,
        sliding_window=0,
        is_recurrent=False,
        metadata={},
        arrays={},
    )


def split(text: str, thinking: Thinking, is_thinking: bool = False) -> tuple[str, str]:
    """Thinking and answer of a text, as the docstring of `Thinking` tells to split it."""
    spellings = [
        *((marker, True) for marker in thinking.all_opens),
        *((marker, False) for marker in thinking.all_closes),
        *((marker, None) for marker in thinking.noise),
    ]
    spellings.sort(key=lambda spelling: -len(spelling[0]))
    channels = {True: "", False: ""}
    while text:
        for marker, opens in spellings:
            if text.startswith(marker):
                text = text[len(marker) :]
                is_thinking = is_thinking if opens is None else opens
                break
        else:
            channels[is_thinking] += text[0]
            text = text[1:]
    return channels[True].strip(), channels[False].strip()


@pytest.mark.parametrize(("architecture", "name", "template", "family"), MODELS)
def test_recognition(architecture: str, name: str, template: str, family: str) -> None:
    assert recognise(model(architecture, name, template)).name == family


def test_every_family_file_is_told_by_a_model() -> None:
    assert {family for *_, family in MODELS} == set(load_families())


def test_the_published_end_of_qwens_thinking() -> None:
    thinking = load_families()["qwen3"].thinking
    assert thinking is not None
    assert thinking.handover + thinking.force_close == (
        "\n\nConsidering the limited time by the user, I have to give the solution based on the thinking "
        "directly now.\n</think>\n\n"
    )


def test_the_files_name_counts_too() -> None:
    unnamed = replace(model("llama", "Model", CHATML), path=Path("SmolLM2-360M-Instruct-Q8_0.gguf"))
    assert recognise(unnamed).name == "smollm2"


def test_priorities_decide_without_ties() -> None:
    families = load_families()
    priorities = [family.priority for family in families.values()]
    assert priorities == sorted(set(priorities), reverse=True)
    assert list(families)[-1] == UNKNOWN
    assert not families[UNKNOWN].match
    assert all(family.match for name, family in families.items() if name != UNKNOWN)


def test_starter_model(starter_model: Path) -> None:
    family = recognise(inspect(starter_model))
    assert family.name == "starter"
    assert family.note == "starter model, 135M: for a try-out"
    assert family.thinking_sampling.temperature == 0
    assert family.thinking is not None
    assert family.thinking.force_close == "\n</think>\n\n"


def test_sampling_differs_with_thinking_where_the_makers_say_so() -> None:
    qwen = load_families()["qwen3"]
    assert qwen.thinking_sampling == Sampling(temperature=0.6, top_k=20, top_p=0.95)
    assert qwen.answer_sampling == Sampling(temperature=0.7, top_k=20, top_p=0.8)
    gemma = load_families()["gemma4"]
    assert gemma.thinking_sampling == gemma.answer_sampling


@pytest.mark.parametrize(
    ("template", "marker"),
    [
        ("... [THINK] ...", "[THINK]"),
        ("... <seed:think> ...", "<seed:think>"),
        ("... <|channel>thought ...", "<|channel>thought"),
        ("... <|channel|>analysis<|message|> ...", "<|channel|>analysis<|message|>"),
        ("... split('</think>') ...", "<think>"),
        ("nothing", None),
    ],
)
def test_an_unknown_model_is_looked_at_for_markers(template: str, marker: str | None) -> None:
    family = recognise(model("llama2000", "Novel", template))
    assert (family.thinking.open if family.thinking else None) == marker


def every_thinking() -> list[tuple[str, Thinking]]:
    families = load_families()
    known = [(name, family.thinking) for name, family in families.items() if family.thinking]
    return known + [(f"guess {guess.template}", guess.thinking) for guess in families[UNKNOWN].guesses]


@pytest.mark.parametrize(("name", "thinking"), every_thinking())
def test_forced_ends_split_clean(name: str, thinking: Thinking) -> None:
    text = f"{thinking.open}\nOne, two.{thinking.handover}{thinking.force_close}Three."
    hidden, answer = split(text, thinking)
    assert hidden.startswith("One, two.")
    assert answer == "Three."
    off = thinking.switch.prefill_off
    assert split(f"{off}Three.", thinking) == ("", "Three.")
    assert split(f"{thinking.switch.prefill_on or thinking.open}Hm", thinking) == ("Hm", "")


@pytest.mark.parametrize(
    ("text", "hidden", "answer"),
    [
        (
            "<|channel|>analysis<|message|>Add.<|end|><|start|>assistant<|channel|>final<|message|>4<|return|>",
            "Add.",
            "4",
        ),
        ("<|channel|>final<|message|>4<|return|>", "", "4"),
        (
            "<|channel|>analysis<|message|>A.<|end|><|start|>assistant<|channel|>analysis<|message|>B.<|end|>"
            "<|start|>assistant<|channel|>commentary<|message|>C.<|end|>"
            "<|start|>assistant<|channel|>final<|message|>D",
            "A.B.C.",
            "D",
        ),
        (
            "<|channel|>analysis<|message|>J.<|end|><|start|>assistant"
            "<|channel|>final <|constrain|>json<|message|>{}<|return|>",
            "J.",
            "{}",
        ),
    ],
)
def test_harmony_leaks_nothing(text: str, hidden: str, answer: str) -> None:
    thinking = load_families()["gpt-oss"].thinking
    assert thinking is not None
    assert split(text, thinking) == (hidden, answer)


def test_markers_of_families_with_and_without_thinking() -> None:
    found = markers(load_families()["gpt-oss"])
    assert "<|channel|>final<|message|>" in found.close
    assert "<|end|>" in found.noise
    assert markers(load_families()["llama3"], stop=("User:",)).stop == ("User:",)


GOOD = (
    'title = "New"\npriority = 7\n[[match]]\narchitectures = ["new"]\n[sampling.answer]\ntemperature = 0.5\n'
)


def test_a_good_file() -> None:
    assert parse_family("new", GOOD).answer_sampling.temperature == 0.5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title = ", "no valid TOML"),
        (GOOD.replace("0.5", '"hot"'), "sampling.answer.temperature"),
        (GOOD.replace("priority = 7\n", ""), "priority"),
        (GOOD + "colour = 1\n", "sampling.answer.colour"),
        (GOOD.replace('architectures = ["new"]', ""), "match.0"),
        (
            GOOD + '[thinking]\nopen = "<a>"\nclose = "</a>"\nforce_close = "."\n',
            "force_close must hold the close marker",
        ),
    ],
)
def test_a_broken_file_is_named_with_its_field(text: str, words: str) -> None:
    with pytest.raises(ModelError) as caught:
        parse_family("new", text)
    assert "new.toml" in caught.value.message
    assert words in caught.value.message
    assert caught.value.next_step
