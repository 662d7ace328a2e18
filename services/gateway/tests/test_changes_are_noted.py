"""The audit: who changed what, in the transaction of the change, for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from wharf.common.access import Role

SCHEDULE = {"name": "nightly", "cron": "0 2 * * *", "kind": "echo"}
HOOK = {"name": "h", "url": "https://example.org/h", "events": ["job.failed"]}
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
"""Sessions that wait for another one."""


def changes(client: httpx.Client, **query: str) -> list[dict]:
    """The lines, newest first."""
    return client.get("/api/v1/audit", params=query).json()["items"]


def test_a_change_says_who_what_and_how_it_was(tenant, api):
    """The key by its name and role, the job, its state before and after, and the request that did it."""
    job = tenant.job()
    answer = api.post(f"/api/v1/jobs/{job.job_id}/cancel", headers={"X-Request-ID": "r-1"})
    assert answer.status_code == 202
    (line,) = changes(api)
    assert line["who"] == str(tenant.caller().key_id)
    assert (line["who_name"], line["role"]) == ("admin", "admin")
    assert (line["what"], line["target"], line["request_id"]) == ("job.cancel", str(job.job_id), "r-1")
    assert (line["before"], line["after"]) == ({"status": "queued"}, {"status": "cancelled"})


def test_what_is_refused_is_not_noted(tenant, api):
    """The line and the change are one transaction."""
    job = tenant.job()
    assert api.post(f"/api/v1/jobs/{job.job_id}/discard").status_code == 409
    assert changes(api) == []


@pytest.mark.parametrize("noun", ["schedule", "webhook"])
def test_of_two_removals_at_once_one_is_noted(tenant, api, backend, eventually, noun):
    """The other finds nothing any more."""
    made = api.post(f"/api/v1/{noun}s", json=SCHEDULE if noun == "schedule" else HOOK).json()
    watching = psycopg.connect(backend.owner_url, autocommit=True)
    with watching as watcher, psycopg.connect(backend.owner_url) as owner, ThreadPoolExecutor(2) as pool:
        owner.execute(f"SELECT 1 FROM wharf.{noun}s WHERE id = %s FOR UPDATE".encode(), [made["id"]])
        removals = [pool.submit(api.delete, f"/api/v1/{noun}s/{made['id']}") for _ in range(2)]
        eventually(lambda: watcher.execute(WAITING).fetchone() == (2,), "two removals that wait")
        owner.rollback()
        assert sorted(removal.result().status_code for removal in removals) == [204, 404]
    assert len(changes(api, what=f"{noun}.remove")) == 1


def steer(tenant, api: httpx.Client) -> None:
    """Change something of each kind."""
    failed = tenant.job()
    tenant.execute("UPDATE wharf.jobs SET status = 'failed' WHERE id = :id", id=failed.job_id)
    api.post(f"/api/v1/jobs/{failed.job_id}/discard")
    api.post(f"/api/v1/jobs/{failed.job_id}/retry")
    api.post("/api/v1/jobs/bulk", json={"action": "cancel", "filter": {"job_ids": [str(failed.job_id)]}})
    key = tenant.key(Role.VIEWER)
    api.delete(f"/api/v1/keys/{key['id']}")
    schedule = api.post("/api/v1/schedules", json=SCHEDULE).json()
    api.patch(f"/api/v1/schedules/{schedule['id']}", json={"cron": "0 3 * * *"})
    api.post(f"/api/v1/schedules/{schedule['id']}/run")
    api.delete(f"/api/v1/schedules/{schedule['id']}")
    webhook = api.post("/api/v1/webhooks", json=HOOK).json()
    api.patch(f"/api/v1/webhooks/{webhook['id']}", json={"enabled": False})
    api.post(f"/api/v1/webhooks/{webhook['id']}/rotate")
    api.delete(f"/api/v1/webhooks/{webhook['id']}")
    api.post("/api/v1/queues/ingest/pause")
    api.post("/api/v1/queues/ingest/resume")


def test_every_kind_of_change_is_noted(tenant, api):
    """In the order in which they were made; what changed of a schedule stands on both sides."""
    steer(tenant, api)
    lines = changes(api, limit="100")
    assert [line["what"] for line in reversed(lines)] == [
        "job.discard", "job.retry", "jobs.cancel", "key.create", "key.revoke",
        "schedule.create", "schedule.change", "schedule.run", "schedule.remove",
        "webhook.create", "webhook.change", "webhook.rotate", "webhook.remove", "queue.pause", "queue.resume",
    ]  # fmt: skip
    (changed,) = changes(api, what="schedule.change")
    assert (changed["before"], changed["after"]) == ({"cron": "0 2 * * *"}, {"cron": "0 3 * * *"})
    assert "secret" not in str(lines)
    assert "wk_" not in str(lines)


def test_the_list_goes_by_cursor_and_filter(tenant, api):
    """A noun finds all of its verbs."""
    steer(tenant, api)
    first = api.get("/api/v1/audit", params={"limit": 2}).json()
    rest = api.get("/api/v1/audit", params={"limit": 100, "cursor": first["next_cursor"]}).json()["items"]
    assert len(first["items"]) + len(rest) == 15
    assert {line["what"] for line in changes(api, what="queue")} == {"queue.pause", "queue.resume"}
    assert changes(api, what="que") == []


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_admins_read_it(tenant, role):
    """It tells of keys."""
    with tenant.client(role) as client:
        assert client.get("/api/v1/audit").status_code == 403


def test_tenants_see_their_own(make_tenant):
    """Neither another's lines nor those of the installation."""
    one, other = make_tenant(), make_tenant()
    with one.client() as client:
        client.post("/api/v1/queues/ingest/pause")
        client.post("/api/v1/queues/ingest/resume")
        assert len(changes(client)) == 2
    with other.client() as client:
        assert changes(client) == []


def test_the_platforms_changes_are_the_installations(tenant, backend, gateway):
    """Making a tenant and its keys is noted there."""
    with httpx.Client(base_url=gateway.url, headers={"X-API-Key": backend.platform_key}) as platform:
        lines = changes(platform, limit="1000")
    made = [line for line in lines if line["what"] == "tenant.create" and line["target"] == tenant.name]
    keys = [line for line in lines if line["what"] == "key.create" and line["after"]["tenant"] == tenant.name]
    assert len(made) == 1
    assert len(keys) == 3


def test_a_key_of_one_project_sees_what_such_keys_did(tenant, api):
    """An admin of a project is no admin of the tenant."""
    steer(tenant, api)
    bound = tenant.key(Role.ADMIN, project_id="p1")
    with httpx.Client(base_url=tenant.gateway.url, headers={"X-API-Key": bound["key"]}) as client:
        assert changes(client) == []
        client.post("/api/v1/keys", json={"name": "k", "role": "viewer", "project_id": "p1"})
        assert [line["what"] for line in changes(client)] == ["key.create"]


def test_nobody_changes_a_line(tenant, api, backend):
    """Not the services' role, and not the owner's functions either: row security is forced and knows new lines only."""
    steer(tenant, api)
    for statement in (
        "UPDATE wharf.audit SET what = 'x'",
        "DELETE FROM wharf.audit",
        "INSERT INTO wharf.audit DEFAULT VALUES",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            tenant.execute(statement)
    with psycopg.connect(backend.owner_url) as connection:
        connection.execute("SET SESSION AUTHORIZATION wharf_owner")
        assert connection.execute("UPDATE wharf.audit SET what = 'x'").rowcount == 0
        assert connection.execute("DELETE FROM wharf.audit").rowcount == 0


def test_a_transaction_notes_nothing_for_another_tenant(make_tenant):
    """The function that writes lines looks at the tenant that the transaction named."""
    one, other = make_tenant(), make_tenant()
    with pytest.raises(DBAPIError, match="tenant of its transaction"):
        one.execute(
            "SELECT wharf.note(:who, :tenant, 'x.y', 'z', NULL, NULL, NULL)", who=one.caller().key_id, tenant=other.id
        )
