"""`/api/v1/queues` and `/api/v1/workers`: what waits, who works, and how a queue rests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import psycopg
import pytest

from wharf.common.queues import Queue

FIELDS = {
    "name", "paused", "paused_by", "paused_at", "pause_reason", "depth", "waiting", "oldest_wait_seconds",
    "running", "slots", "ended_lately", "drain_seconds",
}  # fmt: skip
TELLS = {
    "name", "service", "queues", "slots", "version", "started_at", "seen_at", "alive", "memory_bytes",
    "draining_since", "running", "jobs",
}  # fmt: skip
NOBODY = {"low": 0, "normal": 0, "high": 0, "urgent": 0}


@pytest.fixture
def platform(gateway, backend) -> Iterator[httpx.Client]:
    """The installation's owner; it leaves no pause behind."""
    with httpx.Client(base_url=gateway.url, headers={"X-API-Key": backend.platform_key}) as client:
        yield client
        for queue in Queue:
            client.post(f"/api/v1/queues/{queue}/resume")


@pytest.fixture
def worker(backend) -> Iterator[str]:
    """A worker that lives, one that has gone silent, and their end."""
    name = f"w-{uuid4().hex[:12]}"
    seen = "SELECT wharf.worker_seen(%s, 'ingest-worker', 'here', 7, %s, 3, '1.2.3')"
    with psycopg.connect(backend.owner_url, autocommit=True) as owner:
        owner.execute(seen, (name, ["ingest", "ingest-bulk"]))
        owner.execute(seen, (f"{name}-old", ["ingest", "package"]))
        owner.execute(
            "UPDATE wharf.workers SET seen_at = now() - interval '1 minute' WHERE name = %s", (f"{name}-old",)
        )
        yield name
        owner.execute("DELETE FROM wharf.workers WHERE starts_with(name, %s)", (name,))


def queue(client: httpx.Client, name: str) -> dict:
    answer = client.get("/api/v1/queues")
    assert answer.status_code == 200, answer.text
    (found,) = [item for item in answer.json()["items"] if item["name"] == name]
    return found


def test_every_queue_is_listed(api):
    """Also those where nothing is."""
    answer = api.get("/api/v1/queues").json()
    assert [item["name"] for item in answer["items"]] == [queue.value for queue in Queue]
    assert answer["next_cursor"] is None
    package = queue(api, "package")
    assert set(package) == FIELDS
    assert (package["depth"], package["waiting"], package["running"]) == (NOBODY, 0, 0)
    assert (package["paused"], package["paused_by"], package["paused_at"]) == (False, None, None)
    assert package["oldest_wait_seconds"] is None


def test_depths_and_waits_are_counted(api, tenant):
    """By priority; what runs apart; what has ended not at all; the oldest one's wait in seconds."""
    for rank in (0, 1, 1, 3):
        tenant.move(tenant.job(), tell=False, priority=rank)
    for status in ("running", "cancelling", "completed", "failed", "retrying"):
        tenant.move(tenant.job(), tell=False, status=status)
    tenant.execute("UPDATE wharf.jobs SET available_at = now() - interval '90 seconds' WHERE priority = 0")
    ingest = queue(api, "ingest")
    assert ingest["depth"] == {"low": 1, "normal": 2, "high": 0, "urgent": 1}
    assert (ingest["waiting"], ingest["running"]) == (4, 2)
    assert 90 <= ingest["oldest_wait_seconds"] < 180


def test_figures_are_the_tenants_own(make_tenant, platform):
    """Another tenant's jobs are in nobody's figures but the platform's."""
    owner, stranger = make_tenant(), make_tenant()
    before = queue(platform, "ingest")["waiting"]
    owner.job()
    with stranger.client("viewer") as client:
        assert queue(client, "ingest")["waiting"] == 0
    with owner.client("viewer") as client:
        assert queue(client, "ingest")["waiting"] == 1
    assert queue(platform, "ingest")["waiting"] == before + 1


def test_slots_are_those_of_workers_that_live(api, worker):
    """A worker counts in each queue that it serves, and no longer when it has said nothing for a while."""
    slots = {item["name"]: item["slots"] for item in api.get("/api/v1/queues").json()["items"]}
    assert slots == {"ingest": 3, "ingest-bulk": 3, "package": 0, "maintenance": 0}


def test_what_each_worker_holds_is_not_counted_for_the_queues(api, backend):
    """Every page asks for them: they are told while nobody can read a lease."""
    with psycopg.connect(backend.owner_url) as owner:
        owner.execute("LOCK TABLE wharf.leases IN ACCESS EXCLUSIVE MODE")
        assert api.get("/api/v1/queues").status_code == 200


def test_the_pace_of_a_queue_tells_how_long_it_takes(api, tenant):
    """What waits, at the pace of the last ten minutes; nothing can be told where nothing ended, or only long ago."""
    for _ in range(3):
        tenant.job()
    assert (queue(api, "ingest")["ended_lately"], queue(api, "ingest")["drain_seconds"]) == (0, None)
    assert queue(api, "package")["drain_seconds"] == 0
    for minutes in (1, 9, 11):
        at = datetime.now(UTC) - timedelta(minutes=minutes)
        tenant.move(tenant.job(), tell=False, status="completed", finished_at=at)
    assert (queue(api, "ingest")["ended_lately"], queue(api, "ingest")["drain_seconds"]) == (2, 900)


def test_who_has_how_much_is_told(make_tenant, platform):
    """A tenant sees its own, the platform everybody's, with the limits that hold; what has no place is held back."""
    owner, stranger = make_tenant(), make_tenant()
    platform.patch(f"/api/v1/tenants/{owner.name}", json={"limits": {"published": 1}})
    for _ in range(3):
        owner.job()
    owner.move(owner.job(), tell=False, status="running", admitted=True)
    stranger.job(kind="echo")
    with owner.client("viewer") as client:
        (mine,) = client.get("/api/v1/queues/loads").json()["items"]
    assert mine.pop("oldest_wait_seconds") >= 0
    assert mine == {
        "tenant": owner.name, "queue": "ingest", "waiting": 3, "held": mine["held"], "running": 1,
        "limits": {"published": 1, "urgent": 20},
    }  # fmt: skip
    assert mine["held"] >= 2
    everybody = platform.get("/api/v1/queues/loads").json()["items"]
    told = {(load["tenant"], load["queue"], load["waiting"]) for load in everybody}
    assert {(owner.name, "ingest", 3), (stranger.name, "maintenance", 1)} <= told
    assert [load["waiting"] for load in everybody] == sorted((load["waiting"] for load in everybody), reverse=True)


def test_a_worker_tells_what_it_holds(make_tenant, worker, backend, platform):
    """How many jobs of whichever tenant; which ones, only to theirs. One that drains has no places any more."""
    owner, stranger = make_tenant(), make_tenant()
    seen = "SELECT wharf.worker_seen(%s, 'ingest-worker', 'here', 7, %s, 3, '1.2.3', %s, 1048576, %s)"
    name = f"{worker}-busy:7"
    job = owner.move(owner.job(), tell=False, status="running")
    owner.execute(
        "INSERT INTO wharf.leases (job_id, tenant_id, attempt, worker, expires_at)"
        " VALUES (:id, :tenant, 1, :worker, now() + interval '1 hour')",
        id=job.job_id, tenant=owner.id, worker=f"{worker}-busy:71",
    )  # fmt: skip
    with psycopg.connect(backend.owner_url, autocommit=True) as connection:
        connection.execute(seen, (name, ["package"], [70, 71], False))
        assert queue(platform, "package")["slots"] == 3
        connection.execute(seen, (name, ["package"], [70, 71], True))
    assert queue(platform, "package")["slots"] == 0
    told = {}
    for who in (owner, stranger):
        with who.client("operator") as client:
            (told[who.name],) = [one for one in client.get("/api/v1/workers").json()["items"] if one["name"] == name]
    mine, other = told[owner.name], told[stranger.name]
    assert (mine["running"], mine["memory_bytes"], mine["draining_since"] is None) == (1, 1048576, False)
    assert [held["job"]["job_id"] for held in mine["jobs"]] == [str(job.job_id)]
    assert (other["running"], other["jobs"]) == (1, [])


def test_workers_are_listed(tenant, platform, worker):
    """For operators and the platform, page by page; nothing of the machine that they run on."""
    with tenant.client("viewer") as client:
        assert client.get("/api/v1/workers").status_code == 403
    with tenant.client("operator") as client:
        first = client.get("/api/v1/workers", params={"limit": 1}).json()
        second = client.get("/api/v1/workers", params={"limit": 1, "cursor": first["next_cursor"]}).json()
    assert second["next_cursor"] is None
    (lives,), (silent,) = first["items"], second["items"]
    assert set(lives) == TELLS
    assert (lives["name"], lives["service"], lives["slots"], lives["version"]) == (worker, "ingest-worker", 3, "1.2.3")
    assert (lives["queues"], lives["alive"]) == (["ingest", "ingest-bulk"], True)
    assert (silent["name"], silent["alive"]) == (f"{worker}-old", False)
    assert platform.get("/api/v1/workers").json()["items"] == [lives, silent]
    assert platform.get("/api/v1/workers", params={"cursor": "x"}).status_code == 422


def test_a_tenants_pause_is_its_own(make_tenant, platform):
    """Its jobs are refused to workers, another tenant's are not; resuming takes it back; both may be repeated."""
    owner, stranger = make_tenant(), make_tenant()
    with owner.client() as mine, stranger.client() as other:
        for _ in range(2):
            item = mine.post("/api/v1/queues/ingest/pause").json()
        assert (item["name"], item["paused"], item["paused_by"]) == ("ingest", True, "tenant")
        assert item["paused_at"] is not None
        assert queue(mine, "ingest") == item
        assert not queue(mine, "package")["paused"]
        assert not queue(other, "ingest")["paused"]
        assert not queue(platform, "ingest")["paused"]
        assert (claimed(owner), claimed(stranger)) == (False, True)
        for _ in range(2):
            item = mine.post("/api/v1/queues/ingest/resume").json()
        assert (item["paused"], item["paused_by"]) == (False, None)
    assert claimed(owner)


def test_a_pause_says_why(make_tenant, platform):
    """To all who see the queue; again with another reason that one stands, again without one the old one stays."""
    owner = make_tenant()
    with owner.client() as mine, owner.client("viewer") as viewer:
        mine.post("/api/v1/queues/ingest/pause", json={"reason": "first"})
        mine.post("/api/v1/queues/ingest/pause", json={"reason": "the second"})
        assert mine.post("/api/v1/queues/ingest/pause").json()["pause_reason"] == "the second"
        assert queue(viewer, "ingest")["pause_reason"] == "the second"
        assert mine.post("/api/v1/queues/ingest/resume").json()["pause_reason"] is None
        platform.post("/api/v1/queues/ingest/pause", json={"reason": "new disks"})
        assert (queue(viewer, "ingest")["paused_by"], queue(viewer, "ingest")["pause_reason"]) == (
            "platform",
            "new disks",
        )
        assert mine.post("/api/v1/queues/ingest/pause", json={"reason": "x" * 201}).status_code == 422
        noted = mine.get("/api/v1/audit", params={"what": "queue.pause"}).json()["items"]
    assert [line["after"] for line in noted] == [None, {"reason": "the second"}, {"reason": "first"}]


def claimed(tenant) -> bool:
    """Whether a worker may have a new job of that tenant."""
    job = tenant.job()
    return bool(tenant.execute("SELECT * FROM wharf.claim(:id, 1, 'w', 20)", id=job.job_id))


def test_the_platforms_pause_is_everybodys(make_tenant, platform):
    """Every tenant sees whose it is, and none can end it."""
    owner = make_tenant()
    assert platform.post("/api/v1/queues/ingest/pause").json()["paused_by"] == "platform"
    with owner.client() as mine:
        assert queue(mine, "ingest")["paused_by"] == "platform"
        mine.post("/api/v1/queues/ingest/pause")
        assert mine.post("/api/v1/queues/ingest/resume").json()["paused_by"] == "platform"
        assert not claimed(owner)
        mine.post("/api/v1/queues/ingest/pause")
        assert not platform.post("/api/v1/queues/ingest/resume").json()["paused"]
        assert queue(mine, "ingest")["paused_by"] == "tenant"
        assert not claimed(owner)


@pytest.mark.parametrize("action", ["pause", "resume"])
@pytest.mark.parametrize("name", ["nope", "INGEST", "ingest%00", "%2e%2e", "x" * 300])
def test_an_unknown_queue_is_not_found(api, platform, action, name):
    """404 as a problem, for a tenant's admin and for the platform."""
    for client in (api, platform):
        answer = client.post(f"/api/v1/queues/{name}/{action}")
        assert (answer.status_code, answer.json()["code"]) == (404, "queue_not_found")


def test_pausing_takes_an_admin_of_the_whole_tenant(tenant):
    """An operator, and an admin of one project, may look on only."""
    bound = tenant.key("admin", project_id="p1")["key"]
    for key, code in ((tenant.keys["operator"], "forbidden"), (bound, "wrong_project")):
        with httpx.Client(base_url=tenant.gateway.url, headers={"X-API-Key": key}) as client:
            for action in ("pause", "resume"):
                answer = client.post(f"/api/v1/queues/ingest/{action}")
                assert (answer.status_code, answer.json()["code"]) == (403, code)
            assert not queue(client, "ingest")["paused"]
