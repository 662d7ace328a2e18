"""Profiles of one tenant are written one after the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from wharf.common.profiles import Profile
from wharf.gateway import profiles
from wharf.gateway.authentication import member

WAITING = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def declared(title: str) -> dict[str, Any]:
    return {"name": "boats", "title": title, "columns": [{"name": "a"}]}


def test_who_comes_second_finds_the_name_taken(api, tenant, eventually):
    """The first one has not committed when the second one asks: it waits, and is refused instead of going over it."""
    with ThreadPoolExecutor(1) as pool:
        with tenant.database.tenant(tenant.id) as connection:
            profiles.create(connection, member(tenant.caller()), Profile.model_validate(declared("first")))
            second = pool.submit(api.post, "/api/v1/profiles", json=declared("second"))
            eventually(lambda: connection.execute(text(WAITING)).first(), "the second one to wait")
        answer = second.result()
    assert (answer.status_code, answer.json()["code"]) == (409, "profile_exists")
    assert api.get("/api/v1/profiles/boats").json()["title"] == "first"


@pytest.mark.parametrize("path", ["/api/v1/profiles", "/api/v1/profiles?dry_run=true"])
def test_a_nul_in_a_title_is_told(api, path):
    """PostgreSQL has no text with NUL: 422 with the field, not 500."""
    answer = api.post(path, json=declared("a\0b"))
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["body", "title"])
