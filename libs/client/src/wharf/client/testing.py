"""A gateway of few words, to try clients without the stack: it speaks the contract as far as it is scripted."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

JOB = "01999999-0000-7000-8000-000000000001"
KEY = "wk_0123456789ab_not-a-secret"
PIECE = 65536
PATIENCE = 30.0


def job_document(status: str = "running", **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON may be anything
    """The API's `Job`; `progress` need name only what is of interest."""
    progress = {"current": 0, "total": None, "percent": 0.0, "unit": "rows", "stage": status, "message": ""}
    progress |= fields.pop("progress", {})
    return {"job_id": JOB, "kind": "import", "status": status, "progress": progress, **fields}


def event_bytes(kind: str, document: dict[str, Any], event_id: str) -> bytes:
    """One Server-Sent Event."""
    return f"event: {kind}\nid: {event_id}\ndata: {json.dumps(document)}\n\n".encode()


@dataclass
class Request:
    """What came in; `body` is left empty where the gateway keeps none, `sha256` and `length` are there always."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    length: int
    sha256: str

    @property
    def form(self) -> dict[str, Any]:
        """The parts of a multipart body by name: text, or of a file `(name, bytes)`."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        found: dict[str, Any] = {}
        for part in BytesParser(policy=HTTP).parsebytes(head + self.body).iter_parts():
            data = part.get_payload(decode=True)
            content = data if isinstance(data, bytes) else b""
            file_name = part.get_filename()
            name = str(part.get_param("name", header="content-disposition"))
            found[name] = (file_name, content) if file_name else content.decode()
        return found


@dataclass
class Gateway:
    """Answers as scripted and remembers what was asked.

    `answers` maps `"GET /path"` to what is said one after the other, the last one again and again; each is a status
    and a document. `streams` holds the chunks of one event stream after the other; then there is none (503). With
    `release` cleared a stream stays open when all has been said.
    """

    url: str = ""
    answers: dict[str, list[tuple[int, object]]] = field(default_factory=dict)
    streams: list[list[bytes]] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)
    keeps_bodies: bool = True
    release: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.release.set()

    def says(self, what: str, *documents: object, status: int = 200) -> None:
        """Script the answers to `"GET /path"`."""
        self.answers[what] = [(status, document) for document in documents]

    def requests(self, what: str) -> list[Request]:
        """What was asked of `"GET /path"`, first to last."""
        return [one for one in self.asked if f"{one.method} {one.path}" == what]

    def next_answer(self, what: str) -> tuple[int, bytes]:
        """Status and body of the next answer; 404 where nothing is scripted."""
        scripted = self.answers.get(what) or [(404, {"title": "Not Found", "detail": f"There is no {what}."})]
        status, document = scripted.pop(0) if len(scripted) > 1 else scripted[0]
        return status, document if isinstance(document, bytes) else json.dumps(document).encode()


@contextmanager
def serving(gateway: Gateway) -> Iterator[Gateway]:
    """Let it answer on a free port of the loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(gateway))
    gateway.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=[0.02])
    thread.start()
    try:
        yield gateway
    finally:
        gateway.release.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(gateway: Gateway) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = PATIENCE

        def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the base class'
            """Say nothing."""

        def handle_all(self) -> None:
            gateway.asked.append(self._read())
            what = f"{self.command} {urlsplit(self.path).path}"
            if what.endswith("/events") and what not in gateway.answers:
                self._stream()
            else:
                self._send(*gateway.next_answer(what))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_all  # noqa: N815 - the base class' names

        def _read(self) -> Request:
            parts, digest, kept = urlsplit(self.path), hashlib.sha256(), bytearray()
            length = left = int(self.headers.get("Content-Length", 0))
            while left > 0 and (piece := self.rfile.read(min(left, PIECE))):
                left -= len(piece)
                digest.update(piece)
                kept += piece if gateway.keeps_bodies else b""
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = parse_qs(parts.query)
            return Request(self.command, parts.path, query, headers, bytes(kept), length, digest.hexdigest())

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _stream(self) -> None:
            if not gateway.streams:
                self._send(503, b"")
                return
            self.close_connection = True
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for chunk in gateway.streams.pop(0):
                self.wfile.write(chunk)
                self.wfile.flush()
            gateway.release.wait(PATIENCE)

    return Handler
