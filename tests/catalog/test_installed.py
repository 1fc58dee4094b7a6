"""The list of models on this machine, and models that other programs have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.catalog import installed
from assistant.catalog.elsewhere import search
from assistant.config import load as load_settings
from assistant.errors import ModelFileError
from tests.download.models import gguf_bytes


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "elsewhere" / "Some Model-Q4_K_M.gguf"
    path.parent.mkdir()
    path.write_bytes(gguf_bytes(tmp_path))
    return path


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_model_is_remembered_found_and_forgotten(model: Path) -> None:
    entry = installed.add(model, "some-model", "LM Studio")
    assert installed.find("SOME-model") == entry
    assert (entry.is_ours, entry.size_bytes) == (False, model.stat().st_size)
    assert installed.resolve(Path("some-model")) == model
    installed.forget(entry)
    assert installed.load() == ()
    assert model.exists()


def test_names_are_there_once_and_paths_too(model: Path, tmp_path: Path) -> None:
    other = put(tmp_path / "other.gguf", model.read_bytes())
    assert installed.add(model, "m").name == "m"
    assert installed.add(other, "M").name == "M-2"
    assert installed.add(model, "again", sha256="a" * 64).name == "m"
    assert [entry.name for entry in installed.load()] == ["M-2", "m"]


def test_a_file_in_the_folder_needs_no_entry(model: Path) -> None:
    root = installed.models_dir()
    put(root / "maker" / "X-GGUF" / "X-00001-of-00002.gguf", b"GGUF")
    put(root / "maker" / "X-GGUF" / "X-00002-of-00002.gguf", b"GGUF")
    put(root / "maker" / "X-GGUF" / "Y.gguf.part", b"GGUF")
    (entry,) = installed.load()
    assert (entry.name, entry.size_bytes, entry.is_ours) == ("x", 8, True)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"models": 3}', '{"models": [3, {"name": 1}, {"x": "y"}]}']
)
def test_a_damaged_list_costs_names_alone(model: Path, content: str) -> None:
    put(installed.models_dir() / "installed.json", content.encode())
    put(installed.models_dir() / "a.gguf", b"GGUF")
    assert [entry.name for entry in installed.load()] == ["a"]
    installed.add(model, "m")
    assert [entry.name for entry in installed.load()] == ["a", "m"]


def test_two_processes_add_without_loss(model: Path, tmp_path: Path) -> None:
    import subprocess
    import sys

    program = (
        "import sys; from pathlib import Path; from assistant.catalog import installed\n"
        "for i in range(10): installed.add(Path(sys.argv[1]) / f'{sys.argv[2]}{i}.gguf', f'{sys.argv[2]}{i}')"
    )
    root = Path(__file__).resolve().parents[2]
    children = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name], cwd=root) for name in "ab"
    ]
    assert [child.wait(60) for child in children] == [0, 0]
    assert len(installed.load()) == 20


@pytest.mark.parametrize(
    ("name", "words", "next_step"),
    [
        ("qwen3-4b", "is not on this machine", "mull models get qwen3-4b"),
        ("some-mode", "no model", "Did you mean some-model?"),
        ("qwen9-4b", "no model", "mull models list"),
        ("gone", "is gone", "mull models remove gone"),
    ],
)
def test_names_that_lead_nowhere(model: Path, tmp_path: Path, name: str, words: str, next_step: str) -> None:
    installed.add(model, "some-model")
    installed.add(tmp_path / "gone.gguf", "gone")
    with pytest.raises(ModelFileError) as caught:
        installed.resolve(Path(name))
    assert words in caught.value.message
    assert next_step in caught.value.next_step


def test_what_is_a_name_and_what_a_path(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "blob").write_bytes(b"GGUF")
    for text, is_name in [
        ("qwen3-0.6b", True),
        ("qwen3:4b", True),
        ("x.gguf", False),
        ("models/x", False),
        ("blob", False),
        ("~/x", False),
    ]:
        setting = load_settings({"model": text}).model
        assert setting is not None
        assert installed.is_name(setting) == is_name, text


def test_a_name_in_the_settings_file_is_no_path_beside_it(own_home: Path) -> None:
    from assistant.paths import config_file

    put(config_file(), b'model = "some-model"\n')
    assert load_settings().model == Path("some-model")
    put(config_file(), b'model = "models/x.gguf"\n')
    assert load_settings().model == config_file().parent / "models" / "x.gguf"


def test_models_of_other_programs(model: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OLLAMA_MODELS", "LLAMA_CACHE", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    content = model.read_bytes()
    put(own_home / ".lmstudio" / "models" / "maker" / "A-GGUF" / "A-Q4_K_M.gguf", content)
    put(own_home / ".cache" / "llama.cpp" / "maker_B-GGUF_B-Q8_0.gguf", content)
    hub = own_home / ".cache" / "huggingface" / "hub" / "models--maker--C-GGUF"
    blob = put(hub / "blobs" / ("c" * 64), content)
    for commit in ("old", "new"):
        link = hub / "snapshots" / commit / "C.gguf"
        link.parent.mkdir(parents=True)
        link.symlink_to(blob)
    digest = "d" * 64
    put(own_home / ".ollama" / "models" / "blobs" / f"sha256-{digest}", content)
    manifests = own_home / ".ollama" / "models" / "manifests" / "registry.ollama.ai"
    layers = [
        {"mediaType": "application/vnd.ollama.image.template", "digest": f"sha256:{'e' * 64}"},
        {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}"},
    ]
    put(manifests / "library" / "qwen3" / "4b", json.dumps({"layers": layers}).encode())
    put(manifests / "library" / "broken" / "1b", b"{")
    put(manifests / "me" / "tuned" / "latest", json.dumps({"layers": [{"digest": 3}]}).encode())

    found = {item.name: item for item in search()}

    assert {name: item.program for name, item in found.items()} == {
        "a-q4_k_m": "LM Studio",
        "maker_b-gguf_b-q8_0": "llama.cpp",
        "c": "Hugging Face",
        "qwen3:4b": "Ollama",
    }
    assert all(item.path.read_bytes() == content for item in found.values())


def test_places_that_are_named_by_variables(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA_CACHE", str(model.parent))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "none"))
    assert [item.program for item in search()] == ["llama.cpp"]
