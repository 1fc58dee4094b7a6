"""The network itself: what a file on the hub is, and its bytes. The only module that opens a connection.

Requests go through huggingface_hub's client, so that its conventions hold: `HF_ENDPOINT`, `HF_TOKEN` and
the token that its own login keeps, `HTTPS_PROXY` and its kin, `HF_HUB_OFFLINE`. A token goes to the hub
alone, never on to the servers that it hands out files from.

Its `hf_hub_download` is not used: it begins anew after every interruption, and throws away what had come.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from assistant import __version__
from assistant.download.meter import duration
from assistant.download.source import HubFile, WebFile, chosen
from assistant.errors import DownloadError

if TYPE_CHECKING:
    from types import ModuleType

_CONNECT_S: Final = 10.0
_READ_S: Final = 30.0
_KEPT: Final = "Try again later with the same command; what has arrived is kept."


@dataclass(frozen=True, slots=True)
class Remote:
    """One file to fetch."""

    url: str
    name: str
    """Its file name."""
    size_bytes: int | None = None
    """None where the server has not said."""
    digest: str = ""
    """Its sha256 as the hub has it on record, or git's sha1 of a small file; "" where none is known."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """For the request; not shown, as it may hold a token."""
    label: str = ""
    """What the user calls the place that it comes from, such as the repository."""


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that is being read."""

    status: int
    """200 for the whole file, 206 for what was asked of it, 416 if there is no such part."""
    headers: Mapping[str, str]
    chunks: Iterator[bytes]


class BrokenError(Exception):
    """A passing fault: trying again may help. `wait_s` is what the server asks to wait, in seconds."""

    def __init__(self, reason: str, next_step: str = _KEPT, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.next_step = next_step
        self.wait_s = wait_s


def hub_file(source: HubFile, file: str) -> Remote:
    """Ask the hub what a file of a repository is.

    Raises:
        DownloadError: there is none, or it may not be had.
        BrokenError: the hub does not answer properly now.
    """
    endpoint, hub = _endpoint(), _hub()
    _client()
    url = hub.hf_hub_url(source.repo, file, revision=source.revision, endpoint=endpoint)
    with _translated(url, source.repo, file):
        found = hub.get_hf_file_metadata(
            url, timeout=_CONNECT_S, endpoint=endpoint, library_name="mull", library_version=__version__
        )
    if not found.commit_hash or not found.etag:
        raise DownloadError(
            f"{endpoint} does not answer as a Hugging Face hub does.",
            "Check HF_ENDPOINT and the proxy settings.",
        )
    return Remote(
        url=hub.hf_hub_url(source.repo, file, revision=found.commit_hash, endpoint=endpoint),
        name=file.rpartition("/")[2],
        size_bytes=found.size,
        digest=found.etag.lower() if re.fullmatch(r"[0-9a-fA-F]{64}|[0-9a-fA-F]{40}", found.etag) else "",
        headers=_hub_headers(),
        label=source.repo,
    )


def chosen_file(source: HubFile) -> HubFile:
    """The source with a file, chosen from the repository's list by the quantisation.

    Raises:
        DownloadError: the repository has no such file, or cannot be seen.
        BrokenError: the hub does not answer properly now.
    """
    endpoint = _endpoint()
    url = f"{endpoint}/api/models/{source.repo}/tree/{source.revision}?recursive=true"
    with _translated(url, source.repo, ""):
        answer = _client().get(url, headers=dict(_hub_headers()), timeout=_timeout())
        _raise_for_status(answer, source.repo, "")
        try:
            listed = answer.json()
        except ValueError:
            listed = None
    if listed is None:
        raise BrokenError(f"{urlsplit(endpoint).netloc} answered in a way that makes no sense.")
    files = tuple(
        entry["path"]
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, dict) and isinstance(entry.get("path"), str)
    )
    file = chosen(files, source.quantisation)
    if not file:
        ggufs = [name for name in files if name.lower().endswith(".gguf")]
        what = (
            f"in {source.quantisation}" if source.quantisation and ggufs else "that could be chosen by itself"
        )
        raise DownloadError(
            f"{source.repo} has no GGUF file {what}." if ggufs else f"{source.repo} has no GGUF files.",
            f"Name one of them: {', '.join(f'hf:{source.repo}/{name}' for name in ggufs[:3])}."
            if ggufs
            else "Look for a repository whose name ends in -GGUF.",
        )
    return HubFile(source.repo, file, source.revision)


def web_file(source: WebFile, name: str) -> Remote:
    """The file of that name beside the one at an address; what it is the transfer will tell."""
    url = source.url if name == source.name else source.url.replace(source.name, name)
    return Remote(url=url, name=name, headers={"User-Agent": f"mull/{__version__}"}, label=source.host)


@contextmanager
def stream(remote: Remote, offset: int, validator: str = "") -> Iterator[Stream]:
    """The bytes of a file from `offset` on, if the server can do that.

    Args:
        remote: what to read.
        offset: where to begin, in bytes.
        validator: the ETag or date of what was read before; another version is then sent whole.

    Raises:
        DownloadError: the server has refused it.
        BrokenError: the connection broke, or the server fails now.
    """
    headers = {**remote.headers, "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if validator:
            headers["If-Range"] = validator
    with (
        _translated(remote.url, remote.label, remote.name),
        _client().stream("GET", remote.url, headers=headers, timeout=_timeout()) as answer,
    ):
        if answer.status_code != 416:
            _raise_for_status(answer, remote.label, remote.name)
        yield Stream(answer.status_code, answer.headers, answer.iter_bytes())


@contextmanager
def _translated(url: str, label: str, file: str) -> Iterator[None]:
    """Other people's errors as ours."""
    import httpx2
    from huggingface_hub import errors

    host = urlsplit(url).netloc
    try:
        yield
    except errors.OfflineModeIsEnabled:
        raise DownloadError("HF_HUB_OFFLINE forbids the network.", "Unset it to fetch models.") from None
    except errors.HfHubHTTPError as error:
        _raise_for_status(error.response, label, file)
        raise BrokenError(f"{host} answered in a way that makes no sense.") from None
    except errors.HFValidationError:
        raise DownloadError(f"{label} is no name of a repository.", "Check the name.") from None
    except httpx2.ProxyError as error:
        raise BrokenError(
            f"The proxy refuses: {_reason(error)}.", "Check HTTPS_PROXY and ALL_PROXY, then try again."
        ) from None
    except httpx2.ConnectError as error:
        raise BrokenError(
            f"{host} cannot be reached: {_reason(error)}.",
            "Check the network, the proxy settings and HF_ENDPOINT; what has arrived is kept.",
        ) from None
    except httpx2.TimeoutException:
        raise BrokenError(f"{host} has gone silent.") from None
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL, httpx2.LocalProtocolError):
        raise DownloadError(f"{url} is no address that can be read.", "Check the address.") from None
    except httpx2.TooManyRedirects:
        raise DownloadError(f"{host} sends the request round in a circle.", "Check the address.") from None
    except httpx2.HTTPError:
        raise BrokenError(f"The connection to {host} broke.") from None


def _raise_for_status(answer: Any, label: str, file: str) -> None:
    status = answer.status_code
    if status < 400:
        return
    what = f"{label}/{file}" if file else label
    code = answer.headers.get("X-Error-Code", "")
    endpoint = _endpoint()
    is_hub = "/" in label
    if code == "GatedRepo":
        raise DownloadError(
            f"{label} is gated: only those may fetch it who have agreed to its makers' terms.",
            f"Agree at {endpoint}/{label}, then set HF_TOKEN to a token from {endpoint}/settings/tokens.",
        )
    if is_hub and (code == "RepoNotFound" or (status == 401 and not code)):
        raise DownloadError(
            f"There is no repository {label} on the hub, or it is private.",
            "Check the name; for a private one set HF_TOKEN to a token of yours.",
        )
    if status in (401, 403):
        raise DownloadError(
            f"{what} may not be fetched: the server says {status}.",
            "Set HF_TOKEN to a token that may read it." if is_hub else "Check the address.",
        )
    if code == "RevisionNotFound":
        raise DownloadError(f"{label} has no such version.", f"See {endpoint}/{label}/commits/main.")
    if status in (404, 410):
        where = f"See its files at {endpoint}/{label}/tree/main." if is_hub else "Check the address."
        raise DownloadError(
            f"There is no {file or 'such list'} in {label}." if is_hub else f"There is no {what}.", where
        )
    if status in (408, 425, 429) or status >= 500:
        wait_s = _wait_s(answer.headers)
        if status == 429:
            wait = f" and asks to wait {duration(wait_s)}" if wait_s else ""
            raise BrokenError(
                f"{urlsplit(str(answer.url)).netloc} has had too many requests{wait}.", wait_s=wait_s
            )
        raise BrokenError(f"{urlsplit(str(answer.url)).netloc} fails now ({status}).", wait_s=wait_s)
    raise DownloadError(f"{what} may not be fetched: the server says {status}.", "Check the address.")


def _wait_s(headers: Mapping[str, str]) -> float | None:
    """What a server asks to wait, in seconds."""
    limit = re.search(r";\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d{1,6})", headers.get("ratelimit", ""))
    text = limit[1] if limit else headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdecimal() and len(text) <= 6 else None


def _reason(error: Exception) -> str:
    text = str(error).strip().rstrip(".") or type(error).__name__
    return re.sub(r"^\[Errno -?\d+\] ", "", text)


def _hub() -> ModuleType:
    """huggingface_hub, which takes a quarter of a second to load, with its telemetry off.

    With it on, the client would ask the hub which other programs it should tell apart.
    """
    import huggingface_hub
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True
    return huggingface_hub


def _client() -> Any:
    """The client that all of huggingface_hub shares; settings of the environment are read when it is made."""
    try:
        return _hub().get_session()
    except ImportError:
        raise DownloadError(
            "The proxy speaks SOCKS, and the package for that is not installed.",
            "Install it (pip install socksio), name an HTTP proxy, or unset ALL_PROXY.",
        ) from None
    except (OSError, ValueError) as error:
        raise DownloadError(
            f"The network settings of the environment cannot be used: {_reason(error)}.",
            "Check HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
        ) from None


def _endpoint() -> str:
    endpoint = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    try:
        parts = urlsplit(endpoint)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address:
        raise DownloadError(
            f"HF_ENDPOINT is {endpoint}, which is no address of the web.",
            "Set it to one such as https://huggingface.co, or unset it.",
        )
    return endpoint


def _hub_headers() -> Mapping[str, str]:
    from huggingface_hub.utils._headers import build_hf_headers

    _hub()
    headers: Mapping[str, str] = build_hf_headers(library_name="mull", library_version=__version__)
    return headers


def _timeout() -> Any:
    import httpx2

    return httpx2.Timeout(_READ_S, connect=_CONNECT_S)
