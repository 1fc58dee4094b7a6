"""A hub on this machine, as far as downloads know it, and a file server beside it as the hub has one.

It answers HEAD and GET of `/owner/repo/resolve/revision/file` with a redirect to the other server and with
the headers in which the hub says what the file is, and the list of a repository's files. What goes wrong
is scripted: each request for bytes takes the next fault, if one is left.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "c0ffee" * 6 + "c0ff"


@dataclass
class Asked:
    """One request."""

    server: str
    method: str
    path: str
    headers: dict[str, str]

    @property
    def range(self) -> str:
        """What part was asked for."""
        return self.headers.get("range", "")


Fault = Callable[[BaseHTTPRequestHandler, bytes, int], bool]
"""Does something wrong with an answer of these bytes from this offset on; whether it was all."""


def cut(n_bytes: int, etag: str = "") -> Fault:
    """Promise everything, send so many bytes, and hang up."""

    def fault(request: BaseHTTPRequestHandler, content: bytes, offset: int) -> bool:
        send_head(request, content, offset, etag)
        request.wfile.write(content[offset : offset + n_bytes])
        request.close_connection = True
        return True

    return fault


def stall(n_bytes: int, until: threading.Event) -> Fault:
    """Send so many bytes, then nothing until the event."""

    def fault(request: BaseHTTPRequestHandler, content: bytes, offset: int) -> bool:
        send_head(request, content, offset)
        request.wfile.write(content[offset : offset + n_bytes])
        request.wfile.flush()
        until.wait(30)
        request.close_connection = True
        return True

    return fault


def silent(until: threading.Event) -> Fault:
    """Take the request, and say nothing until the event."""

    def fault(request: BaseHTTPRequestHandler, content: bytes, offset: int) -> bool:
        until.wait(30)
        request.close_connection = True
        return True

    return fault


def status(code: int, **headers: str) -> Fault:
    """Answer with an error."""

    def fault(request: BaseHTTPRequestHandler, content: bytes, offset: int) -> bool:
        refuse(request, code, **headers)
        return True

    return fault


def whole() -> Fault:
    """Send everything, whatever part was asked for, as servers without ranges do."""

    def fault(request: BaseHTTPRequestHandler, content: bytes, offset: int) -> bool:
        send_head(request, content, 0)
        request.wfile.write(content)
        return True

    return fault


def spoilt() -> Fault:
    """Send what was asked for with one bit turned in the middle."""

    def fault(request: BaseHTTPRequestHandler, content: bytes, offset: int) -> bool:
        send_head(request, content, offset)
        wrong = bytearray(content[offset:])
        wrong[len(wrong) // 2] ^= 1
        request.wfile.write(wrong)
        return True

    return fault


def endless() -> Fault:
    """Send the bytes without saying how many there are."""

    def fault(request: BaseHTTPRequestHandler, content: bytes, offset: int) -> bool:
        request.send_response(200)
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(content)
        request.close_connection = True
        return True

    return fault


def refuse(request: BaseHTTPRequestHandler, code: int, **headers: str) -> None:
    """An error without a body worth reading."""
    request.send_response(code)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Length", "0")
    request.end_headers()


def send_head(request: BaseHTTPRequestHandler, content: bytes, offset: int, etag: str = "") -> None:
    """The head of an answer that sends the content from an offset on."""
    request.send_response(206 if offset else 200)
    if offset:
        request.send_header("Content-Range", f"bytes {offset}-{len(content) - 1}/{len(content)}")
    request.send_header("Content-Length", str(len(content) - offset))
    if etag:
        request.send_header("ETag", etag)
    request.end_headers()


@dataclass
class Hub:
    """What the hub has, what it was asked, and what it does wrong next."""

    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """Content by repository and path."""
    private: set[str] = field(default_factory=set)
    """Repositories that need the token."""
    gated: set[str] = field(default_factory=set)
    """Repositories whose terms nobody has agreed to."""
    token: str = "hf_right"
    asked: list[Asked] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    """For requests of bytes."""
    hub_faults: deque[Fault] = field(default_factory=deque)
    """For requests to the hub itself."""
    web_etag: str = '"v1"'
    """ETag of plain files; "" for a server that gives none."""
    url: str = ""
    """Of the hub."""
    cdn: str = ""
    """Of the server that the hub hands files out from; it has them as plain files too."""

    def add(self, repo: str, file: str, content: bytes) -> str:
        """Put a file there; its sha256."""
        self.files[repo, file] = content
        return hashlib.sha256(content).hexdigest()

    def requests(self, server: str, method: str = "GET") -> list[Asked]:
        """What one of the servers was asked."""
        return [asked for asked in self.asked if (asked.server, asked.method) == (server, method)]


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what some tests are about."""
        if not isinstance(sys.exception(), ConnectionError):
            raise


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve it on two free ports of this machine until the end."""
    servers = [
        _Server(("127.0.0.1", 0), _handler(hub, name, answer))
        for name, answer in (("hub", _answer_hub), ("cdn", _answer_cdn))
    ]
    hub.url, hub.cdn = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()


def _handler(
    hub: Hub, name: str, answer: Callable[[Hub, BaseHTTPRequestHandler], None]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            headers = {key.lower(): value for key, value in self.headers.items()}
            hub.asked.append(Asked(name, self.command, self.path, headers))
            try:
                answer(hub, self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        do_GET = do_HEAD = _do  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Nothing: the test looks at `asked`."""

    return Handler


def _answer_hub(hub: Hub, request: BaseHTTPRequestHandler) -> None:
    if hub.hub_faults and hub.hub_faults.popleft()(request, b"", 0):
        return None
    path = unquote(urlsplit(request.path).path)
    tree = re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", path)
    found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
    repo = tree[1] if tree else found[1] if found else ""
    if not any(known == repo for known, _ in hub.files):
        return refuse(
            request, 401 if "authorization" not in _lower(request) else 404, X_Error_Code="RepoNotFound"
        )
    if repo in hub.private and _lower(request).get("authorization") != f"Bearer {hub.token}":
        return refuse(request, 401, X_Error_Code="RepoNotFound")
    if repo in hub.gated:
        code = 403 if "authorization" in _lower(request) else 401
        return refuse(request, code, X_Error_Code="GatedRepo")
    if tree:
        files = [{"type": "file", "path": file} for known, file in hub.files if known == repo]
        body = json.dumps(files).encode()
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
        return None
    assert found
    if found[2] not in ("main", COMMIT):
        return refuse(request, 404, X_Error_Code="RevisionNotFound")
    content = hub.files.get((repo, found[3]))
    if content is None:
        return refuse(request, 404, X_Error_Code="EntryNotFound")
    digest = hashlib.sha256(content).hexdigest()
    request.send_response(302)
    request.send_header("Location", f"{hub.cdn}/{repo}/{found[3]}?signature=secret")
    request.send_header("X-Repo-Commit", COMMIT)
    request.send_header("X-Linked-ETag", f'"{digest}"')
    request.send_header("X-Linked-Size", str(len(content)))
    request.send_header("ETag", f'"{digest[:32]}"')
    request.send_header("Content-Length", "0")
    request.end_headers()
    return None


def _answer_cdn(hub: Hub, request: BaseHTTPRequestHandler) -> None:
    path = unquote(urlsplit(request.path).path).lstrip("/")
    content = hub.files.get(("/".join(path.split("/")[:2]), "/".join(path.split("/")[2:])))
    if content is None:
        return refuse(request, 404)
    headers = _lower(request)
    found = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
    offset = int(found[1]) if found else 0
    if offset and "if-range" in headers and headers["if-range"] != hub.web_etag:
        offset = 0
    if hub.faults and hub.faults.popleft()(request, content, offset):
        return None
    if offset >= len(content):
        return refuse(request, 416)
    send_head(request, content, offset, hub.web_etag)
    request.wfile.write(content[offset:])
    return None


def _lower(request: BaseHTTPRequestHandler) -> dict[str, str]:
    return {key.lower(): value for key, value in request.headers.items()}
