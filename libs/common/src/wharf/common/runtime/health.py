"""How a service without HTTP shows that it lives: a file that its main loop touches, and a port for Prometheus."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from prometheus_client.registry import Collector

from wharf.common.metrics import exposition

TOUCH_SECONDS = 2.0
STALE_SECONDS = 15.0


class Beacon:
    """The heartbeat file. Liveness never asks the broker: a worker without one still lives."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._touched = time.monotonic()

    def touch(self) -> None:
        """Called by the main loop."""
        self._touched = time.monotonic()
        if self._path is not None:
            self._path.touch()

    @property
    def fresh(self) -> bool:
        """Whether the main loop has come by lately."""
        return time.monotonic() - self._touched < STALE_SECONDS


def serve_health(
    host: str,
    port: int,
    alive: Callable[[], bool],
    ready: Callable[[], bool],
    observers: Sequence[Collector] = (),
) -> None:
    """Serve `/metrics`, `/livez` and `/readyz` from a thread of this process; nothing when the port is 0."""
    if not port:
        return
    answers: dict[str, Callable[[], tuple[int, bytes]]] = {
        "/metrics": lambda: (200, exposition(observers)),
        "/livez": lambda: (200, b"ok\n") if alive() else (503, b"the main loop stands still\n"),
        "/readyz": lambda: (200, b"ok\n") if ready() else (503, b"not ready\n"),
    }
    server = ThreadingHTTPServer((host, port), _handler(answers))
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()


def _handler(answers: dict[str, Callable[[], tuple[int, bytes]]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.get(self.path, lambda: (404, b"not found\n"))()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Probes are not worth a line."""

    return Handler
