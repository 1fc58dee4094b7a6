"""Downloads against a hub on this machine: what arrives, and what is said when it does not."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from assistant.download.disk import part_of, record_of
from assistant.download.get import Fetched, download, parts_of
from assistant.download.meter import Progress
from assistant.download.source import HubFile, Source, WebFile, parse
from assistant.download.transfer import Clock
from assistant.errors import DownloadError
from tests.download.fixtures import FILE, REPO
from tests.download.hub import Hub, cut, endless, spoilt, stall, status, whole
from tests.download.models import gguf_bytes

MODEL = HubFile(REPO, FILE)
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Hours:
    """Time that passes only where somebody waits."""

    now_s: float = 0.0

    def clock(self) -> Clock:
        return Clock(lambda: self.now_s, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds


def run(source: Source, root: Path, hours: Hours | None = None) -> tuple[Fetched, list[Progress]]:
    """Fetch to the end."""
    *news, last = download(source, root, clock=(hours or Hours()).clock())
    assert isinstance(last, Fetched)
    assert all(isinstance(item, Progress) for item in news)
    return last, [item for item in news if isinstance(item, Progress)]


def refusal(source: Source, root: Path) -> DownloadError:
    """Why it cannot be fetched."""
    with pytest.raises(DownloadError) as caught:
        run(source, root)
    assert caught.value.next_step
    assert caught.value.message.endswith((".", "…"))
    return caught.value


def files_in(root: Path) -> set[str]:
    return {path.name for path in root.rglob("*") if path.is_file()}


def test_a_file_of_the_hub(hub: Hub, content: bytes, tmp_path: Path) -> None:
    fetched, news = run(MODEL, tmp_path / "models")
    assert fetched.path == tmp_path / "models" / "maker" / "Model-GGUF" / FILE
    assert fetched.path.read_bytes() == content
    assert fetched.sha256 == hashlib.sha256(content).hexdigest()
    assert fetched.info.name == "Small Model"
    assert fetched.source == f"hf:{REPO}/{FILE}"
    assert not fetched.was_here
    assert files_in(tmp_path / "models") == {FILE}
    assert news[-1].done_bytes == news[-1].total_bytes == len(content)


def test_nothing_but_the_file_is_asked_for(hub: Hub, tmp_path: Path) -> None:
    run(MODEL, tmp_path)
    paths = [(asked.method, asked.path.partition("?")[0]) for asked in hub.asked]
    assert paths == [
        ("HEAD", f"/{REPO}/resolve/main/{FILE}"),
        ("GET", f"/{REPO}/resolve/{'c0ffee' * 6}c0ff/{FILE}"),
        ("GET", f"/{REPO}/{FILE}"),
    ]


def test_what_is_here_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    run(MODEL, tmp_path)
    hub.asked.clear()
    fetched, _ = run(MODEL, tmp_path)
    assert fetched.was_here
    assert not hub.requests("cdn")


def test_a_new_version_replaces_the_old_one(hub: Hub, tmp_path: Path) -> None:
    run(MODEL, tmp_path)
    newer = gguf_bytes(tmp_path, seed=1) + b"\0" * 32
    hub.add(REPO, FILE, newer)
    fetched, _ = run(MODEL, tmp_path)
    assert fetched.path.read_bytes() == newer


def test_another_file_of_the_same_length_is_not_taken_for_it(hub: Hub, tmp_path: Path) -> None:
    fetched, _ = run(MODEL, tmp_path)
    content = fetched.path.read_bytes()
    fetched.path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    again, _ = run(MODEL, tmp_path)
    assert not again.was_here
    assert again.path.read_bytes() == content


def test_a_checksum_that_is_known_is_not_made_again(hub: Hub, tmp_path: Path) -> None:
    fetched, _ = run(MODEL, tmp_path)
    fetched.path.write_bytes(fetched.path.read_bytes()[::-1])
    with pytest.raises(DownloadError, match="cannot be run"):
        list(download(MODEL, tmp_path, known_sha256={fetched.path: fetched.sha256}))
    assert fetched.path.exists()


def test_a_cut_connection_is_gone_on_with(hub: Hub, content: bytes, tmp_path: Path) -> None:
    hub.faults.extend([cut(70_000), cut(50_000)])
    hours = Hours()
    fetched, news = run(MODEL, tmp_path, hours)
    assert fetched.path.read_bytes() == content
    ranges = [asked.range for asked in hub.requests("cdn")]
    assert ranges[0] == ""
    begins = [int(text.removeprefix("bytes=").removesuffix("-")) for text in ranges[1:]]
    assert begins == [70_000, 120_000]
    assert any("Going on in 1 s" in item.note for item in news)
    assert 2.0 <= hours.now_s < 3.0


def test_what_does_not_come_is_given_up_and_the_part_kept(hub: Hub, content: bytes, tmp_path: Path) -> None:
    hub.faults.extend([cut(70_000), *[cut(0)] * 20])
    error = refusal(MODEL, tmp_path)
    assert "kept" in error.next_step
    part = part_of(tmp_path / "maker" / "Model-GGUF" / FILE)
    assert part.read_bytes() == content[:70_000]
    hub.faults.clear()
    fetched, _ = run(MODEL, tmp_path)
    assert hub.requests("cdn")[-1].range == "bytes=70000-"
    assert fetched.path.read_bytes() == content


def test_a_server_without_ranges(hub: Hub, content: bytes, tmp_path: Path) -> None:
    hub.faults.extend([cut(70_000), whole()])
    fetched, news = run(MODEL, tmp_path)
    assert fetched.path.read_bytes() == content
    assert all(item.done_bytes <= len(content) for item in news)


def test_a_wrong_checksum(hub: Hub, content: bytes, tmp_path: Path) -> None:
    hub.faults.append(spoilt())
    error = refusal(MODEL, tmp_path)
    assert "not what the hub has on record" in error.message
    assert hashlib.sha256(content).hexdigest()[:12] in error.message
    assert not {name for name in files_in(tmp_path) if name.startswith("Model") and "lock" not in name}
    fetched, _ = run(MODEL, tmp_path)
    assert fetched.path.read_bytes() == content


def test_a_part_that_was_spoilt_on_the_disk_is_noticed(hub: Hub, tmp_path: Path) -> None:
    hub.faults.extend([cut(70_000), *[cut(0)] * 20])
    refusal(MODEL, tmp_path)
    part = part_of(tmp_path / "maker" / "Model-GGUF" / FILE)
    part.write_bytes(b"\0" * 70_000)
    hub.faults.clear()
    assert "not what the hub has on record" in refusal(MODEL, tmp_path).message
    assert not part.exists()


def test_a_part_of_another_version_is_not_gone_on_with(hub: Hub, tmp_path: Path) -> None:
    hub.faults.extend([cut(70_000), *[cut(0)] * 20])
    refusal(MODEL, tmp_path)
    hub.faults.clear()
    newer = gguf_bytes(tmp_path, seed=1)
    hub.add(REPO, FILE, newer)
    hub.asked.clear()
    fetched, _ = run(MODEL, tmp_path)
    assert hub.requests("cdn")[0].range == ""
    assert fetched.path.read_bytes() == newer


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (HubFile("nobody/Nothing-GGUF", "x.gguf"), "There is no repository nobody/Nothing-GGUF"),
        (HubFile(REPO, "Other-Q4_K_M.gguf"), "There is no Other-Q4_K_M.gguf in maker/Model-GGUF"),
        (HubFile(REPO, FILE, "old"), "has no such version"),
        (HubFile(REPO, "", quantisation="Q6_K"), "no GGUF file in Q6_K"),
        (HubFile("nobody/Nothing-GGUF", ""), "There is no repository nobody/Nothing-GGUF"),
    ],
)
def test_what_the_hub_does_not_have(hub: Hub, tmp_path: Path, source: HubFile, words: str) -> None:
    assert words in refusal(source, tmp_path).message
    assert not hub.requests("cdn")


def test_a_private_repository_wants_the_token(
    hub: Hub, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.private.add(REPO)
    error = refusal(MODEL, tmp_path)
    assert "or it is private" in error.message
    assert "HF_TOKEN" in error.next_step
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    fetched, _ = run(MODEL, tmp_path)
    assert fetched.path.read_bytes() == content
    assert all("authorization" not in asked.headers for asked in hub.requests("cdn"))


@pytest.mark.parametrize("token", ["", "hf_right"])
def test_a_gated_repository_says_where_to_agree(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    hub.gated.add(REPO)
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    error = refusal(MODEL, tmp_path)
    assert "gated" in error.message
    assert f"{hub.url}/{REPO}" in error.next_step


def test_a_hub_that_fails_for_a_while(hub: Hub, content: bytes, tmp_path: Path) -> None:
    hub.hub_faults.extend([status(503), status(502)])
    hub.faults.append(status(500))
    fetched, news = run(MODEL, tmp_path)
    assert fetched.path.read_bytes() == content
    assert any("(503)" in item.note for item in news)


def test_too_many_requests_are_waited_for(hub: Hub, content: bytes, tmp_path: Path) -> None:
    hub.faults.append(status(429, Retry_After="7"))
    hours = Hours()
    fetched, news = run(MODEL, tmp_path, hours)
    assert fetched.path.read_bytes() == content
    assert any("asks to wait 7 s" in item.note for item in news)
    assert 7.0 <= hours.now_s < 8.0


def test_a_long_wait_is_left_to_the_user(hub: Hub, tmp_path: Path) -> None:
    hub.faults.append(status(429, Retry_After="3600"))
    assert "1 h 0 min" in refusal(MODEL, tmp_path).message


def test_no_hub_at_all(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    error = refusal(MODEL, tmp_path)
    assert "127.0.0.1:9 cannot be reached" in error.message
    assert "HF_ENDPOINT" in error.next_step


def test_an_endpoint_that_is_no_hub(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.cdn)
    hub.files[f"{REPO.split('/')[0]}/{REPO.split('/')[1]}", f"resolve/main/{FILE}"] = b"GGUF"
    assert "does not answer as a Hugging Face hub does" in refusal(MODEL, tmp_path).message


def test_offline_refuses(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="setting offline"):
        next(iter(download(MODEL, tmp_path, is_offline=True)))
    assert not hub.asked


def test_a_proxy_is_used(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example")
    monkeypatch.setenv("http_proxy", hub.url)
    monkeypatch.setenv("no_proxy", "")
    refusal(MODEL, tmp_path)
    assert hub.asked[0].path == f"http://hub.example/{REPO}/resolve/main/{FILE}"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:9", "SOCKS"),
        ("SSL_CERT_FILE", "/nowhere/certificates.pem", "network settings of the environment"),
        ("HF_ENDPOINT", "nonsense", "no address of the web"),
        ("HF_ENDPOINT", "http://[bad", "no address of the web"),
    ],
)
def test_an_environment_that_makes_no_sense(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    for source in (MODEL, HubFile(REPO, "")):
        assert words in refusal(source, tmp_path).message
    if name != "HF_ENDPOINT":
        assert words in refusal(WebFile(f"{hub.cdn}/{REPO}/{FILE}"), tmp_path).message


def test_the_hubs_own_wish_for_no_network(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE forbids" in refusal(MODEL, tmp_path).message


def test_a_full_disk_is_seen_before(
    hub: Hub, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    free = shutil.disk_usage(tmp_path)._replace(free=200_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
    error = refusal(MODEL, tmp_path)
    assert "needs 269 MB of disk" in error.message
    assert "200 MB left" in error.message
    assert not hub.requests("cdn")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_disk_that_fills_up(hub: Hub, tmp_path: Path) -> None:
    target = tmp_path / "maker" / "Model-GGUF" / FILE
    target.parent.mkdir(parents=True)
    part_of(target).symlink_to("/dev/full")
    error = refusal(MODEL, tmp_path)
    assert "The disk is full" in error.message
    assert "again" in error.next_step


def test_a_split_model_comes_whole(hub: Hub, tmp_path: Path) -> None:
    names = [f"big/Big-Q8_0-0000{i}-of-00003.gguf" for i in (1, 2, 3)]
    for i, name in enumerate(names):
        hub.add(REPO, name, gguf_bytes(tmp_path, part=(i, 3)))
    # whichever part is named
    fetched, news = run(HubFile(REPO, names[1]), tmp_path / "models")
    assert fetched.path.name == "Big-Q8_0-00001-of-00003.gguf"
    total = sum(len(hub.files[REPO, name]) for name in names)
    assert fetched.info.size_bytes == news[-1].total_bytes == news[-1].done_bytes == total
    assert [path.name for path in parts_of(fetched.path)] == [name.rpartition("/")[2] for name in names]
    done = [item.done_bytes for item in news]
    assert done == sorted(done)


def test_a_missing_part_is_told_before_anything_is_fetched(hub: Hub, tmp_path: Path) -> None:
    hub.add(REPO, "Big-00001-of-00002.gguf", gguf_bytes(tmp_path, part=(0, 2)))
    assert "Big-00002-of-00002.gguf" in refusal(HubFile(REPO, "Big-00001-of-00002.gguf"), tmp_path).message
    assert not hub.requests("cdn")


def test_the_quantisation_chooses_a_file(hub: Hub, tmp_path: Path) -> None:
    hub.add(REPO, "Model-Q8_0.gguf", gguf_bytes(tmp_path, seed=8))
    hub.add(REPO, "mmproj-Model-Q8_0.gguf", b"GGUF no")
    fetched, _ = run(HubFile(REPO, "", quantisation="q8_0"), tmp_path)
    assert fetched.path.name == "Model-Q8_0.gguf"
    fetched, _ = run(HubFile(REPO, ""), tmp_path)
    assert fetched.path.name == FILE


def test_what_is_no_model_is_not_offered(hub: Hub, tmp_path: Path) -> None:
    hub.add(REPO, "page.gguf", b"<!DOCTYPE html><title>Log in</title>" + b" " * 1000)
    assert "web page" in refusal(HubFile(REPO, "page.gguf"), tmp_path).message
    hub.add(REPO, "bad.gguf", b"GGUF" + b"\xff" * 1000)
    error = refusal(HubFile(REPO, "bad.gguf"), tmp_path)
    assert "cannot be run" in error.message
    assert not {name for name in files_in(tmp_path) if name.endswith(".gguf")}


def test_an_address(hub: Hub, content: bytes, tmp_path: Path) -> None:
    source = WebFile(f"{hub.cdn}/{REPO}/{FILE}")
    fetched, news = run(source, tmp_path)
    assert fetched.path == tmp_path / "127.0.0.1" / FILE
    assert fetched.path.read_bytes() == content
    assert fetched.sha256 == ""
    assert news[-1].total_bytes == len(content)
    assert all("authorization" not in asked.headers for asked in hub.asked)


def test_an_address_is_gone_on_with_by_its_etag(hub: Hub, content: bytes, tmp_path: Path) -> None:
    source = WebFile(f"{hub.cdn}/{REPO}/{FILE}")
    iterator = download(source, tmp_path, clock=Hours().clock())
    hub.faults.append(cut(70_000, '"v1"'))
    stop_when(iterator, 70_000)
    assert part_of(tmp_path / "127.0.0.1" / FILE).stat().st_size == 70_000
    fetched, _ = run(source, tmp_path)
    last = hub.requests("cdn")[-1]
    assert (last.range, last.headers["if-range"]) == ("bytes=70000-", '"v1"')
    assert fetched.path.read_bytes() == content


def test_an_address_that_changed_is_begun_anew(hub: Hub, tmp_path: Path) -> None:
    source = WebFile(f"{hub.cdn}/{REPO}/{FILE}")
    hub.faults.append(cut(70_000, '"v1"'))
    stop_when(download(source, tmp_path, clock=Hours().clock()), 70_000)
    newer = gguf_bytes(tmp_path, seed=1)
    hub.add(REPO, FILE, newer)
    hub.web_etag = '"v2"'
    fetched, _ = run(source, tmp_path)
    assert fetched.path.read_bytes() == newer


def test_an_address_without_an_etag_is_begun_anew(hub: Hub, content: bytes, tmp_path: Path) -> None:
    hub.web_etag = ""
    source = WebFile(f"{hub.cdn}/{REPO}/{FILE}")
    hub.faults.append(cut(70_000))
    stop_when(download(source, tmp_path, clock=Hours().clock()), 70_000)
    fetched, _ = run(source, tmp_path)
    assert hub.requests("cdn")[-1].range == ""
    assert fetched.path.read_bytes() == content


def test_an_answer_of_unknown_length(hub: Hub, content: bytes, tmp_path: Path) -> None:
    hub.faults.append(endless())
    fetched, news = run(WebFile(f"{hub.cdn}/{REPO}/{FILE}"), tmp_path)
    assert fetched.path.read_bytes() == content
    assert news[-1].total_bytes == 0


@pytest.mark.parametrize("code", [401, 403, 404, 410, 418])
def test_an_address_that_refuses(hub: Hub, tmp_path: Path, code: int) -> None:
    hub.faults.append(status(code))
    error = refusal(WebFile(f"{hub.cdn}/{REPO}/{FILE}"), tmp_path)
    assert "HF_TOKEN" not in error.next_step


def test_closing_keeps_the_part_and_the_lock_is_free(hub: Hub, content: bytes, tmp_path: Path) -> None:
    hub.faults.append(cut(70_000))
    stop_when(download(MODEL, tmp_path, clock=Hours().clock()), 70_000)
    target = tmp_path / "maker" / "Model-GGUF" / FILE
    assert part_of(target).read_bytes() == content[:70_000]
    assert record_of(target).exists()
    assert part_of(target) in parts_of(target)
    fetched, _ = run(MODEL, tmp_path)
    assert fetched.path.read_bytes() == content


def test_two_at_once_do_not_mix(hub: Hub, content: bytes, tmp_path: Path) -> None:
    first = download(MODEL, tmp_path, clock=Hours().clock())
    next(iter(first))
    error = refusal(MODEL, tmp_path)
    assert "Another Mull is fetching" in error.message
    for item in first:
        last = item
    assert isinstance(last, Fetched)
    assert last.path.read_bytes() == content


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is of POSIX")
def test_a_killed_download_is_gone_on_with(hub: Hub, content: bytes, tmp_path: Path) -> None:
    over = threading.Event()
    hub.faults.append(stall(70_000, over))
    program = (
        "import sys; from pathlib import Path; from assistant.download.get import download; "
        "from assistant.download.source import parse\n"
        "for item in download(parse(sys.argv[1]), Path(sys.argv[2])): print(item.done_bytes, flush=True)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(MODEL), str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    )
    part = part_of(tmp_path / "maker" / "Model-GGUF" / FILE)
    try:
        while not (part.exists() and part.stat().st_size == 70_000):
            assert child.poll() is None
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        over.set()
    fetched, _ = run(MODEL, tmp_path)
    assert hub.requests("cdn")[-1].range == "bytes=70000-"
    assert fetched.path.read_bytes() == content


def test_telemetry_is_off(hub: Hub, tmp_path: Path) -> None:
    run(MODEL, tmp_path)
    assert all("agent/" not in asked.headers["user-agent"] for asked in hub.asked)
    assert hub.asked[0].headers["user-agent"].startswith("mull/")


def test_the_source_of_a_fetched_model_names_it_again(hub: Hub, tmp_path: Path) -> None:
    fetched, _ = run(MODEL, tmp_path)
    assert parse(fetched.source) == MODEL


def stop_when(iterator: Generator[Progress | Fetched, None, None], n_bytes: int) -> None:
    """Go on until a pause after so many bytes, and stop there."""
    for item in iterator:
        if isinstance(item, Progress) and item.note and item.done_bytes == n_bytes:
            break
    else:
        raise AssertionError("it was never so far")
    iterator.close()
