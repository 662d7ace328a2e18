"""`/api/v1/dead-letters`: what failed for good and waits for somebody, by error and kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import event

from wharf.common.ledger.database import dumps
from wharf.gateway.deadletters import groups_of

PATH = "/api/v1/dead-letters"


@pytest.fixture
def fail(tenant):
    """Let a job of the tenant fail, so many minutes ago."""

    def failed(code: str, minutes: int = 0, message: str = "m", **about: Any) -> str:
        error = dumps({"code": code, "message": message, "detail": None, "retryable": False})
        at = datetime.now(UTC) - timedelta(minutes=minutes)
        return str(tenant.move(tenant.job(**about), status="failed", error=error, finished_at=at).job_id)

    return failed


def groups(client: httpx.Client, **query: str) -> list[dict[str, Any]]:
    answer = client.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_groups_say_how_many_since_when_and_show_one(api, fail):
    """The largest first; the newest job is the example; other kinds with the same error are a group of their own."""
    fail("no_header", minutes=60)
    newest = fail("no_header", minutes=1, message="Add a header row.")
    fail("no_header", kind="echo")
    fail("too_large", minutes=5)
    found = groups(api)
    assert [(group["code"], group["kind"], group["jobs"]) for group in found] == [
        ("no_header", "import", 2), ("no_header", "echo", 1), ("too_large", "import", 1),
    ]  # fmt: skip
    first, last = (datetime.fromisoformat(found[0][name]) for name in ("first_at", "last_at"))
    assert timedelta(minutes=58) < last - first < timedelta(minutes=60)
    assert found[0]["example"]["job_id"] == newest
    assert found[0]["example"]["error"]["message"] == "Add a header row."


@pytest.mark.parametrize(
    "meddle",
    ["UPDATE wharf.jobs SET status = 'queued', error = NULL WHERE id = :id", "DELETE FROM wharf.jobs WHERE id = :id"],
    ids=["retried", "removed"],
)
def test_an_example_is_of_the_same_moment_as_its_group(tenant, backend, fail, meddle):
    """Whatever happens to it as soon as the first statement has ended: it has an error, as its group does."""
    job_id = fail("a")
    with tenant.database.tenant(tenant.id) as connection:

        def do(*_args: Any) -> None:
            with psycopg.connect(backend.owner_url) as owner:
                owner.execute(meddle.replace(":id", "%s").encode(), [job_id])

        event.listen(connection, "after_cursor_execute", do, once=True)
        (group,) = groups_of(connection, None)
    assert (str(group.example.job_id), group.example.error and group.example.error.code) == (job_id, "a")


def test_what_was_seen_to_is_none(api, tenant, fail):
    """Discarded, tried again, cancelled or completed: nobody has to look at it."""
    discarded, retried = fail("a"), fail("b")
    tenant.move(tenant.job(), status="cancelled")
    api.post(f"/api/v1/jobs/{discarded}/discard").raise_for_status()
    api.post(f"/api/v1/jobs/{retried}/retry").raise_for_status()
    assert groups(api) == []


def test_a_group_is_retried_without_what_was_discarded(api, tenant, fail):
    """Its filter counts what the group shows, and does it to that: the discarded one and the other error stay."""
    kept, first, second, other = (fail(code) for code in ("a", "a", "a", "b"))
    api.post(f"/api/v1/jobs/{kept}/discard").raise_for_status()
    body = {"action": "retry", "filter": {"status": "failed", "error": "a", "kind": "import", "discarded": False}}
    assert api.post("/api/v1/jobs/bulk", json=body | {"dry_run": True}).json() == {"matched": 2, "done": 0}
    assert api.post("/api/v1/jobs/bulk", json=body).json() == {"matched": 2, "done": 2}
    assert [tenant.view(job).status for job in (kept, first, second, other)] == ["failed", "queued", "queued", "failed"]


def test_they_are_narrowed_down(api, tenant, fail):
    """By project, queue and kind; a key of one project sees its own; the platform sees none."""
    fail("a", project_id="p1")
    fail("b", project_id="p2", kind="echo")
    assert [group["code"] for group in groups(api, project_id="p1")] == ["a"]
    assert [group["code"] for group in groups(api, queue="maintenance")] == ["b"]
    assert [group["code"] for group in groups(api, kind="import")] == ["a"]
    bound = tenant.key("viewer", project_id="p2")
    with httpx.Client(base_url=tenant.gateway.url, headers={"X-API-Key": bound["key"]}) as client:
        assert [group["code"] for group in groups(client)] == ["b"]
        assert client.get(PATH, params={"project_id": "p1"}).status_code == 403
    with httpx.Client(base_url=tenant.gateway.url, headers={"X-API-Key": tenant.backend.platform_key}) as platform:
        assert platform.get(PATH).status_code == 403
