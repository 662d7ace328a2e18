from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import httpx
import pytest

from wharf.local.trial import Trial, eventually

LIMIT = 20
FLOODED = 1000
FLOOD = """
    INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status, payload, created_at)
    SELECT gen_random_uuid(), id, 'default', 'echo', 'maintenance', %s, 'queued', '{"version": 1, "message": "flood"}',
           now() - interval '1 minute'
    FROM wharf.tenants, generate_series(1, %s) WHERE name = %s RETURNING id::text"""
STARTED_BETWEEN = """
    SELECT count(*) FROM wharf.attempts WHERE tenant_id = (SELECT id FROM wharf.tenants WHERE name = %s)
    AND started_at BETWEEN (SELECT created_at FROM wharf.jobs WHERE id = %s)
                       AND (SELECT started_at FROM wharf.jobs WHERE id = %s)"""


@contextmanager
def tenant(wharf: Trial, **limits: int) -> Iterator[tuple[str, httpx.Client]]:
    """A new tenant with these limits, and a client with a key of its operator."""
    name = f"t-{uuid4().hex[:12]}"
    base = wharf.connection.url
    with httpx.Client(base_url=base, headers={"X-API-Key": wharf.connection.platform_key}) as platform:
        platform.post("/api/v1/tenants", json={"name": name}).raise_for_status()
        if limits:
            platform.patch(f"/api/v1/tenants/{name}", json={"limits": limits}).raise_for_status()
        asked = {"name": "test", "role": "operator", "tenant": name}
        key = platform.post("/api/v1/keys", json=asked).raise_for_status().json()["key"]
    with httpx.Client(base_url=base, headers={"X-API-Key": key}, timeout=30) as client:
        yield name, client


def echo(client: httpx.Client) -> str:
    """Submit a job of the kind echo; its id."""
    job_id: str = client.post("/api/v1/tasks/test", params={"message": "hello"}).raise_for_status().json()["task_id"]
    return job_id


def waiting(wharf: Trial, name: str) -> int:
    """Jobs of a tenant that have not begun."""
    query = (
        "SELECT count(*) FROM wharf.jobs JOIN wharf.tenants t ON t.id = tenant_id WHERE name = %s AND status = 'queued'"
    )
    return int(wharf.one(query, name))


def test_another_tenants_job_waits_for_no_more_than_the_flooders_limit(wharf: Trial) -> None:
    """Of a thousand jobs of one tenant only its limit is before it, and what begins until its bell rings."""
    with tenant(wharf, published=LIMIT) as (flooder, _), tenant(wharf) as (_, other):
        wharf.ask(FLOOD, 1, FLOODED, flooder)
        eventually(lambda: waiting(wharf, flooder) < FLOODED, "the flood's first start")
        job_id = echo(other)
        eventually(lambda: wharf.one("SELECT finished_at FROM wharf.jobs WHERE id = %s", job_id), "the other's end")
        assert waiting(wharf, flooder) > 0
        assert wharf.one(STARTED_BETWEEN, flooder, job_id, job_id) <= 3 * LIMIT
        eventually(lambda: waiting(wharf, flooder) == 0, "the end of the flood")


@pytest.mark.parametrize("priority", ["low", "urgent"])
def test_a_flood_is_done_completely_and_each_job_once(wharf: Trial, priority: str) -> None:
    """What has no place waits in the ledger and gets one; nothing of it runs twice."""
    with tenant(wharf, published=LIMIT, urgent=LIMIT) as (flooder, _):
        ids = [row["id"] for row in wharf.ask(FLOOD, {"low": 0, "urgent": 3}[priority], 300, flooder)]
        eventually(lambda: waiting(wharf, flooder) == 0, "the end of the flood")
        query = "SELECT count(*) FROM wharf.attempts WHERE job_id = ANY(%s::uuid[]) AND outcome = 'complete'"
        eventually(lambda: wharf.one(query, ids) == len(ids), "the end of every job")
        assert wharf.one("SELECT count(*) FROM wharf.attempts WHERE job_id = ANY(%s::uuid[])", ids) == len(ids)


def test_an_urgent_job_begins_before_a_flood_of_its_own_tenant(wharf: Trial) -> None:
    """Urgent ones have an allowance of their own, so the flood takes no place from them."""
    with tenant(wharf, published=LIMIT) as (flooder, _):
        wharf.ask(FLOOD, 0, 300, flooder)
        eventually(lambda: waiting(wharf, flooder) < 300, "the flood's first start")
        job_id = str(wharf.ask(FLOOD, 3, 1, flooder)[0]["id"])
        eventually(
            lambda: wharf.one("SELECT finished_at FROM wharf.jobs WHERE id = %s", job_id), "the urgent one's end"
        )
        assert waiting(wharf, flooder) > 0
        eventually(lambda: waiting(wharf, flooder) == 0, "the end of the flood")
