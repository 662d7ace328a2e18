from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi import FastAPI

from wharf.gateway.app import create_app

ROOT = Path(__file__).parents[2]
ROUTE = re.compile(r"^\| `(GET|POST|PATCH|PUT|DELETE) (/\S+)` \|", re.MULTILINE)


@pytest.fixture
def application(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FastAPI:
    """The gateway as it would start; it connects to nothing until it is asked something."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHARF_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("WHARF_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("WHARF_BROKER_URL", "redis://127.0.0.1:1/1")
    monkeypatch.setenv("WHARF_STORAGE_URL", (tmp_path / "objects").as_uri())
    return create_app()


def test_the_document_and_the_gateway_have_the_same_routes(application: FastAPI) -> None:
    """A route that is not in docs/api.md, or is there and not in the gateway, fails here."""
    served = {(m.upper(), path) for path, methods in application.openapi()["paths"].items() for m in methods}
    written = set(ROUTE.findall((ROOT / "docs" / "api.md").read_text("utf-8")))
    assert written == served
