from __future__ import annotations

import json
from typing import Any

import pytest

from wharf.client.testing import Gateway

WELL = {"status": "ok", "detail": "PostgreSQL 18.0, 9.1 MiB, 12 of 97 connections.", "connections": 12}


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("warn", 0), ("fail", 1)])
def test_the_exit_code_says_whether_something_fails(
    wharf: Any, known: Gateway, monkeypatch: pytest.MonkeyPatch, status: str, code: int
) -> None:
    """A line for each part, asked for with the platform's key; a warning alone fails no script."""
    monkeypatch.setenv("WHARF_PLATFORM_KEY", "platform")
    queues = {"status": status, "detail": "3 jobs wait, 1 run.", "queues": {}}
    report = {"status": status, "at": "2026-05-01T12:00:00Z", "parts": {"database": WELL, "queues": queues}}
    known.says("GET /api/v1/health", report)
    assert wharf("health") == code
    assert "database  ok      PostgreSQL 18.0, 9.1 MiB, 12 of 97 connections." in wharf.out
    assert wharf.out.splitlines()[-1] == f"All in all: {status}."
    assert wharf("health", "--json") == code
    assert json.loads(wharf.out) == report
    assert {request.headers["authorization"] for request in known.asked} == {"Bearer platform"}
