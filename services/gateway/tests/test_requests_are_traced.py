"""A request's span: named by its route, on the trace that its client sent, and there for what it submits."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest

from wharf.common import tracing
from wharf.gateway import requests
from wharf.gateway.requests import Requests


class Noting:
    """Traces that keep what they are told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    @contextmanager
    def span(self, name: str, **said: Any) -> Any:
        self.told.append({"name": name} | said)
        yield

    def note(self, name: str, **said: Any) -> None:
        self.told.append({"name": name} | said)


async def test_a_request_is_a_span(monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins with the client's `traceparent` and the request's id, and ends with the route's name and status."""
    noting = Noting()
    monkeypatch.setattr(requests, "TRACES", noting)

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        scope["route"] = type("Route", (), {"path": "/api/v1/jobs/{job_id}"})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(_message: Any) -> None:
        return

    headers = [(tracing.HEADER.encode(), b"00-1-2-01"), (b"x-request-id", b"r-1")]
    scope = {"type": "http", "method": "GET", "path": "/api/v1/jobs/1", "query_string": b"", "headers": headers}
    await Requests(app, frozenset())(scope, receive, send)
    assert noting.told == [
        {"name": "GET", "parent": "00-1-2-01", "request_id": "r-1"},
        {"name": "GET /api/v1/jobs/{job_id}", "status": 200},
    ]
