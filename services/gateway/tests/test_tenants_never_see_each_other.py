"""Another tenant's things do not exist, on any route; nor does a tenant for the platform's key."""

from __future__ import annotations

import json

import httpx
import pytest

from wharf.common.clock import new_id

OF_THE_PLATFORM = tuple(
    f"/api/v1/{name}" for name in ("keys", "tenants", "queues", "workers", "schedules", "backups", "health")
)
AUDIT = "/api/v1/audit"
"""The platform reads what it did itself."""


BODIES = {("POST", "/api/v1/jobs/{job_id}/conflicts"): {"take": "existing", "all": True}}
"""What a route must be sent before it looks at the id."""


@pytest.fixture(scope="module")
def routes(gateway) -> list[tuple[str, str]]:
    """Every method and path of the API, as it describes itself."""
    paths = httpx.get(f"{gateway.url}/openapi.json").json()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


def test_every_route_takes_a_key(gateway, routes):
    """Without a key, or with a wrong one, each answers 401 with a challenge."""
    assert len(routes) > 20
    wrong = {"Authorization": "Bearer wk_0123456789ab_nonsense"}
    for method, path in routes:
        for headers in ({}, wrong, {"Authorization": "Basic abc"}, {"X-API-Key": "x"}):
            answer = httpx.request(method, gateway.url + filled(path, new_id()), headers=headers)
            assert answer.status_code == 401, (method, path, answer.text)
            assert answer.headers["www-authenticate"].startswith("Bearer")


def filled(path: str, value: object) -> str:
    for name in ("job_id", "upload_id", "key_id", "task_id"):
        path = path.replace(f"{{{name}}}", str(value))
    return path.replace("{profile}", "transactions").replace("{name}", "transactions")


def test_another_tenants_things_are_not_there(make_tenant, routes, gateway):
    """Every route with an id answers 404 for another tenant's, as for one that never was, and changes nothing."""
    owner, stranger = make_tenant(), make_tenant()
    job = owner.job()
    owner.feed.tell(job, owner.id)
    (upload,) = owner.execute("SELECT id FROM wharf.uploads")
    ids = {"job_id": job.job_id, "task_id": job.job_id, "upload_id": upload["id"], "key_id": owner.key("viewer")["id"]}
    tried = 0
    with stranger.client() as client:
        for method, path in routes:
            for name, value in ids.items():
                if f"{{{name}}}" in path and not path.startswith("/api/v1/backups"):
                    place, body = path.replace(f"{{{name}}}", str(value)), BODIES.get((method, path))
                    answer = client.request(method, place, json=body)
                    assert answer.status_code == 404, (method, path, answer.text)
                    assert json.dumps(answer.json()).count("sales.csv") == 0
                    tried += 1
    assert tried >= 19
    assert owner.view(job.job_id).status == "queued"
    with owner.client() as client:
        keys = {k["id"]: k["revoked_at"] for k in client.get("/api/v1/keys").json()["items"]}
    assert keys[ids["key_id"]] is None


def test_lists_hold_only_ones_own(make_tenant):
    """Jobs, projects and keys of one tenant are in no list of another's."""
    owner, stranger = make_tenant(), make_tenant()
    owner.job(project_id="secret-project")
    with stranger.client() as client:
        assert client.get("/api/v1/jobs").json() == {"items": [], "next_cursor": None}
        assert [p["project_id"] for p in client.get("/api/v1/projects").json()["items"]] == ["default"]
        assert len(client.get("/api/v1/keys").json()["items"]) == len(stranger.keys)


def test_the_platform_sees_no_tenants_data(backend, tenant, routes, gateway):
    """Its key answers 403 on every route of a tenant; among the installation's jobs, which it sees, is none of one."""
    job = tenant.job()
    with httpx.Client(base_url=gateway.url, headers={"X-API-Key": backend.platform_key}) as platform:
        for method, path in routes:
            if not path.startswith((*OF_THE_PLATFORM, AUDIT)):
                answer = platform.request(method, filled(path, job.job_id))
                expected = {403, 404} if path.startswith("/api/v1/jobs/{job_id}") else {403}
                assert answer.status_code in expected, (method, path, answer.text)
                assert "sales.csv" not in answer.text
        assert platform.get("/api/v1/tenants").status_code == 200
        assert tenant.key("viewer")["id"] not in platform.get(AUDIT).text


def test_a_key_of_one_project_sees_no_other(tenant):
    """Jobs of other projects are not there, in lists neither; what belongs to its own is."""
    own, other = tenant.job(project_id="p1"), tenant.job(project_id="p2")
    for job in (own, other):
        tenant.feed.tell(job, tenant.id)
    key = tenant.key("admin", project_id="p1")["key"]
    with httpx.Client(base_url=tenant.gateway.url, headers={"X-API-Key": key}) as client:
        assert client.get(f"/api/v1/jobs/{own.job_id}").status_code == 200
        for part in ("", "/logs", "/attempts", "/rejects", "/rejects.csv", "/result", "/events"):
            assert client.get(f"/api/v1/jobs/{other.job_id}{part}").status_code == 404
        for action in ("cancel", "retry", "discard"):
            assert client.post(f"/api/v1/jobs/{other.job_id}/{action}").status_code == 404
        assert [j["job_id"] for j in client.get("/api/v1/jobs").json()["items"]] == [str(own.job_id)]
        assert client.get("/api/v1/jobs", params={"project_id": "p2"}).status_code == 403
        assert client.get("/api/v1/datasets/transactions/rows", params={"project_id": "p2"}).status_code == 403
        assert client.get(f"/api/v1/uploads/{tenant.upload_of(other)}").status_code == 404
        assert client.get(f"/api/v1/uploads/{tenant.upload_of(own)}").status_code == 200
    assert tenant.view(other.job_id).status == "queued"
