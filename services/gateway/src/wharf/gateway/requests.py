"""Around every request: its id, its log line, its metrics, headers for browsers, an end for bodies nobody reads.

Pure ASGI, so that streams stream and a client that goes away is noticed.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any

import anyio
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wharf.common.clock import new_id
from wharf.common.logs import get_logger
from wharf.common.metrics import HTTP_REQUESTS, HTTP_SECONDS
from wharf.common.runtime.sentry import SENTRY
from wharf.common.tracing import HEADER, TRACES
from wharf.gateway.problems import CLIENT_CLOSED_REQUEST, ProblemDocument, unexpected

REQUEST_ID = "wharf.request_id"
SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
QUIET = frozenset({"/livez", "/readyz", "/metrics"})
"""Probes come every few seconds: their lines are for debugging only."""

BODY_BYTES = 2**20
"""The largest body of a request that is no upload."""
LEFT_BYTES = 64 * 2**20
LEFT_SECONDS = 2.0
"""How much of a refused body is still read, so that the client sees the answer before the connection ends."""
SMALL_BYTES = 64 * 1024

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
CLOSED_POLICY = "default-src 'none'; frame-ancestors 'none'"


@dataclass
class Exchange:
    """One request and what became of it."""

    scope: Scope
    receive: Receive
    send: Send
    limit: int | None
    request_id: str
    started: float = field(default_factory=time.perf_counter)
    answered: float | None = None
    ended: float | None = None
    status: int = CLIENT_CLOSED_REQUEST
    taken: int = 0
    unread: bool = False

    def __post_init__(self) -> None:
        headers = Headers(scope=self.scope)
        length = headers.get("content-length", "")
        self.unread = "transfer-encoding" in headers or (length.isdigit() and int(length) > SMALL_BYTES)
        if self.limit is not None and length.isdigit() and int(length) > self.limit:
            self.taken = int(length)

    @property
    def route(self) -> str:
        """The route's template: paths have no bound, templates have."""
        return getattr(self.scope.get("route"), "path", None) or "unmatched"

    @property
    def method(self) -> str:
        """The method, or one word for all that HTTP does not know."""
        method = str(self.scope["method"])
        return method if method in METHODS else "OTHER"

    async def take(self) -> Message:
        """Receive, count, and refuse what is too much."""
        self._refuse_excess()
        message = await self.receive()
        if message["type"] == "http.request":
            self.taken += len(message.get("body", b""))
            self.unread = self.unread and message.get("more_body", False)
            self._refuse_excess()
        else:
            self.unread = False
        return message

    def _refuse_excess(self) -> None:
        if self.limit is not None and self.taken > self.limit:
            # An HTTPException, because FastAPI turns any other one that leaves a body into 400.
            raise HTTPException(413, f"The body of this request may have at most {self.limit} bytes.")

    async def give(self, message: Message) -> None:
        """Send, with our headers; where the body was not read, drain some of it before the connection ends."""
        if message["type"] == "http.response.start":
            self._note_start(message)
        elif self.unread and not message.get("more_body", False):
            await self.send({**message, "more_body": True})
            await self._drain()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self.send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.ended = time.perf_counter()

    def _note_start(self, message: Message) -> None:
        self.answered = time.perf_counter()
        self.status = int(message["status"])
        headers = MutableHeaders(scope=message)
        headers["X-Request-ID"] = self.request_id
        for name, value in SECURITY_HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("Cache-Control", "no-store")
        headers.setdefault("Content-Security-Policy", CLOSED_POLICY)
        if self.unread:
            headers["Connection"] = "close"

    async def _drain(self) -> None:
        left = LEFT_BYTES
        with anyio.move_on_after(LEFT_SECONDS):
            while left > 0 and self.unread:
                message = await self.receive()
                left -= len(message.get("body", b""))
                self.unread = message["type"] == "http.request" and message.get("more_body", False)


class Requests:
    """The middleware. `unlimited` are the paths whose handler bounds the body itself."""

    def __init__(self, app: ASGIApp, unlimited: frozenset[str]) -> None:
        self._app = app
        self._unlimited = unlimited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = None if scope["path"] in self._unlimited else BODY_BYTES
        exchange = Exchange(scope, receive, send, limit, _request_id(scope))
        scope[REQUEST_ID] = exchange.request_id
        structlog.contextvars.clear_contextvars()
        with structlog.contextvars.bound_contextvars(request_id=exchange.request_id):
            try:
                await self._trace(exchange)
            finally:
                _account(exchange)

    async def _trace(self, exchange: Exchange) -> None:
        parent = Headers(scope=exchange.scope).get(HEADER)
        with TRACES.span(exchange.method, parent=parent, request_id=exchange.request_id):
            await self._serve(exchange)
            TRACES.note(f"{exchange.method} {exchange.route}", status=exchange.status)

    async def _serve(self, exchange: Exchange) -> None:
        try:
            if b"%00" in exchange.scope["query_string"]:
                await _refuse_nul(exchange)
                return
            await self._app(exchange.scope, exchange.take, exchange.give)
        except Exception as error:  # the border to the outside: what happens inside is logged, and told as one sentence
            get_logger().exception("http.failed", route=exchange.route)
            SENTRY.report(error, route=exchange.route)
            if exchange.answered is not None:
                raise
            await unexpected()(exchange.scope, exchange.take, exchange.give)


async def _refuse_nul(exchange: Exchange) -> None:
    """PostgreSQL has no text with NUL: nothing that we hold can match it."""
    problem = ProblemDocument(422, "invalid_request", "The query has a NUL character, which no text here can have.")
    await problem.response()(exchange.scope, exchange.take, exchange.give)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if SANE_ID.fullmatch(given) else str(new_id())


def _account(exchange: Exchange) -> None:
    """Count and log; the time measured is that to the answer's begin, since a stream lasts as long as it is watched."""
    now = time.perf_counter()
    HTTP_REQUESTS.labels(exchange.method, exchange.route, str(exchange.status)).inc()
    HTTP_SECONDS.labels(exchange.method, exchange.route).observe((exchange.answered or now) - exchange.started)
    fields: dict[str, Any] = {
        "method": exchange.method,
        "route": exchange.route,
        "status": exchange.status,
        "ms": round(((exchange.ended or now) - exchange.started) * 1000, 2),
    }
    log = get_logger().debug if exchange.scope["path"] in QUIET else get_logger().info
    log("http.request", **fields)
