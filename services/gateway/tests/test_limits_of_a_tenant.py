"""How many of a tenant's jobs may be published at once, and that it holds at once."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

FILE = {"file": ("sales.csv", b"transaction_id,date,quantity,unit_price\n", "text/csv")}


@pytest.fixture
def platform(gateway, backend) -> Iterator[httpx.Client]:
    """The installation's owner."""
    with httpx.Client(base_url=gateway.url, headers={"X-API-Key": backend.platform_key}) as client:
        yield client


def limited(platform, tenant, **limits):
    return platform.patch(f"/api/v1/tenants/{tenant.name}", json={"limits": limits})


def shown(platform, tenant) -> dict[str, int]:
    items = platform.get("/api/v1/tenants", params={"limit": 1000}).json()["items"]
    return next(item["limits"] for item in items if item["name"] == tenant.name)


def room(tenant, priority: int) -> int:
    (row,) = tenant.execute("SELECT wharf.room(:t, 'ingest', CAST(:p AS smallint)) AS n", t=tenant.id, p=priority)
    return row["n"]


def test_what_is_not_set_is_the_ledgers_default(platform, tenant):
    """What the list shows is what the ledger counts with."""
    assert shown(platform, tenant) == {"published": room(tenant, 1), "urgent": room(tenant, 3)}


def test_a_limit_holds_from_the_next_job_on(platform, tenant, api):
    """Beyond it jobs wait in the ledger without a place; urgent ones have places of their own; null takes it back."""
    assert limited(platform, tenant, published=2, urgent=1).json()["limits"] == {"published": 2, "urgent": 1}
    for priority in ("normal", "high", "low", "urgent", "urgent"):
        answer = api.post("/api/v1/uploads", files=FILE, data={"priority": priority})
        assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    rows = tenant.execute("SELECT priority, admitted FROM wharf.jobs ORDER BY id")
    assert [row["admitted"] for row in rows] == [True, True, False, True, False]
    assert limited(platform, tenant, published=None).json()["limits"] == {"published": 200, "urgent": 1}
    assert shown(platform, tenant) == {"published": 200, "urgent": 1}
    api.post("/api/v1/uploads", files=FILE)
    assert tenant.execute("SELECT admitted FROM wharf.jobs ORDER BY id DESC LIMIT 1")[0]["admitted"]


def test_a_job_tried_again_without_room_waits(platform, tenant, api, broker, eventually):
    """It is queued, unpublished, and nobody has rung for it."""
    job = tenant.move(tenant.job(), status="failed")
    limited(platform, tenant, published=1)
    other = api.post("/api/v1/uploads", files=FILE).json()["job_id"]
    assert api.post(f"/api/v1/jobs/{job.job_id}/retry").json()["status"] == "queued"
    marked = "SELECT 1 FROM wharf.jobs WHERE id = :id AND published_at IS NOT NULL"
    eventually(lambda: tenant.execute(marked, id=other), "the other job's mark")
    (row,) = tenant.execute("SELECT admitted, published_at FROM wharf.jobs WHERE id = :id", id=job.job_id)
    assert (row["admitted"], row["published_at"]) == (False, None)
    assert not [m for m in broker.lrange("wharf:ingest\x06\x163", 0, -1) if str(job.job_id).encode() in m]


def test_one_tenants_limit_is_not_anothers(platform, make_tenant):
    """Only the named one changes."""
    one, other = make_tenant(), make_tenant()
    limited(platform, one, published=3)
    assert (room(one, 1), room(other, 1)) == (3, 200)


@pytest.mark.parametrize("value", [0, -1, 100_001, "5", "many", 1.5, True, [], {}])
@pytest.mark.parametrize("name", ["published", "urgent"])
def test_a_limit_that_is_none_is_named(platform, tenant, name, value):
    """A whole number from 1 to 100,000, or null; else 422 and nothing changes."""
    answer = limited(platform, tenant, **{name: value})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["loc"] == ["body", "limits", name]
    assert shown(platform, tenant) == {"published": 200, "urgent": 20}


@pytest.mark.parametrize(
    "body", [{}, {"limits": None}, {"limits": 5}, {"limits": {"running": 5}}, {"limits": {}, "name": "x"}]
)
def test_a_change_that_is_none_is_named(platform, tenant, body):
    """Unknown keys are refused, not ignored."""
    assert platform.patch(f"/api/v1/tenants/{tenant.name}", json=body).status_code == 422


@pytest.mark.parametrize("name", ["nobody-here", "a%00b", "No%20Slug"])
def test_an_unknown_tenant_is_not_found(platform, name):
    """404, whatever its name looks like."""
    answer = platform.patch(f"/api/v1/tenants/{name}", json={"limits": {"published": 5}})
    assert (answer.status_code, answer.json()["code"]) == (404, "tenant_not_found")


def test_a_tenant_does_not_limit_itself(tenant):
    """Its admin is refused."""
    with tenant.client() as client:
        answer = client.patch(f"/api/v1/tenants/{tenant.name}", json={"limits": {"published": 100_000}})
    assert answer.status_code == 403
    assert room(tenant, 1) == 200
