"""A Sentry of a test's own on 127.0.0.1: it takes what Sentry's SDK sends, and keeps the reports."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from wharf.local.ports import HOST

PROJECT = 7
POLL_SECONDS = 0.02


@dataclass
class SentryStub:
    """Where it listens, and what it was told."""

    dsn: str
    events: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    @contextmanager
    def listening(cls, port: int = 0) -> Iterator[SentryStub]:
        """Until the end of the block."""

        class Handler(BaseHTTPRequestHandler):
            """One request with one envelope."""

            def do_POST(self) -> None:
                """Take it."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == f"/api/{PROJECT}/envelope/":
                    found.take(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
                self.send_response(HTTPStatus.OK)
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                """Nobody reads it."""

        with ThreadingHTTPServer((HOST, port), Handler) as server:
            found = cls(f"http://key@{HOST}:{server.server_address[1]}/{PROJECT}")
            Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
            yield found
            server.shutdown()

    def take(self, body: bytes) -> None:
        """Read an envelope (lines: a header, then a header and a body of each item) as Sentry does."""
        _, *lines = body.splitlines()
        items = zip(map(json.loads, lines[::2]), lines[1::2], strict=True)
        self.events += [json.loads(item) for header, item in items if header["type"] == "event"]
