"""Keys are made, shown once, listed without their secret, and revoked; tenants and projects are made once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from wharf.common.clock import new_id


@pytest.fixture
def platform(gateway, backend) -> Iterator[httpx.Client]:
    """The installation's owner."""
    with httpx.Client(base_url=gateway.url, headers={"X-API-Key": backend.platform_key}) as client:
        yield client


def works(gateway, key: str) -> bool:
    return httpx.get(f"{gateway.url}/api/v1/jobs", headers={"Authorization": f"bearer {key}"}).status_code == 200


def test_a_key_is_seen_once(api, gateway, tenant):
    """It works, and nowhere is its secret shown again."""
    answer = api.post("/api/v1/keys", json={"name": "reports", "role": "viewer"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["key"].startswith(f"wk_{made['prefix']}_")
    assert works(gateway, made["key"])
    listed = api.get("/api/v1/keys")
    assert made["key"].split("_", 2)[2] not in listed.text
    (shown,) = [k for k in listed.json()["items"] if k["id"] == made["id"]]
    assert (shown["name"], shown["role"], shown["tenant"], shown["revoked_at"]) == (
        "reports",
        "viewer",
        tenant.name,
        None,
    )
    assert "key" not in shown


def test_a_revoked_key_ends_at_once(api, gateway, tenant):
    """Though it was used a moment ago, and is remembered."""
    made = tenant.key("viewer")
    assert works(gateway, made["key"])
    assert api.delete(f"/api/v1/keys/{made['id']}").status_code == 204
    assert not works(gateway, made["key"])
    assert api.delete(f"/api/v1/keys/{made['id']}").status_code == 204
    assert api.delete(f"/api/v1/keys/{new_id()}").status_code == 404


def test_a_key_revoked_elsewhere_ends_within_its_memory(gateway, tenant, eventually):
    """Another process revoked it: here it is remembered no longer than a second."""
    made = tenant.key("viewer")
    assert works(gateway, made["key"])
    tenant.execute("UPDATE wharf.api_keys SET revoked_at = now() WHERE id = :id", id=made["id"])
    eventually(lambda: not works(gateway, made["key"]), "the key's end")


def test_an_expired_key_is_no_key(gateway, tenant):
    """One that expires later works until then; one whose time has come does not."""
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    made = tenant.key("viewer", expires_at=later)
    assert works(gateway, made["key"])
    other = tenant.key("viewer", expires_at=later)
    tenant.execute("UPDATE wharf.api_keys SET expires_at = now() - interval '1 s' WHERE id = :id", id=other["id"])
    assert not works(gateway, other["key"])


@pytest.mark.parametrize(
    "body",
    [
        {"role": "viewer"},
        {"name": "", "role": "viewer"},
        {"name": "a\0b", "role": "viewer"},
        {"name": "x", "role": "king"},
        {"name": "x", "role": "viewer", "project_id": "../x"},
        {"name": "x", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "x", "role": "viewer", "expires_at": "2099-01-01T00:00:00"},
        {"name": "x", "role": "viewer", "rank": 1},
    ],
)
def test_a_key_that_cannot_be_made(api, body):
    """422 that names what is wrong, and no key."""
    before = len(api.get("/api/v1/keys").json()["items"])
    answer = api.post("/api/v1/keys", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["loc"][0] == "body"
    assert len(api.get("/api/v1/keys").json()["items"]) == before


def test_an_admin_makes_keys_of_its_tenant_only(api, make_tenant):
    """Neither the platform's keys nor another tenant's."""
    other = make_tenant()
    for body in ({"name": "x", "role": "platform"}, {"name": "x", "role": "viewer", "tenant": other.name}):
        answer = api.post("/api/v1/keys", json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_an_admin_of_one_project_manages_its_keys_only(tenant):
    """No key that may do more than itself, and no sight of the others."""
    key = tenant.key("admin", project_id="p1")["key"]
    wide = tenant.key("viewer")
    with httpx.Client(base_url=tenant.gateway.url, headers={"X-API-Key": key}) as client:
        assert client.post("/api/v1/keys", json={"name": "x", "role": "admin"}).status_code == 403
        assert client.post("/api/v1/keys", json={"name": "x", "role": "viewer", "project_id": "p1"}).status_code == 201
        assert {k["project_id"] for k in client.get("/api/v1/keys").json()["items"]} == {"p1"}
        assert client.delete(f"/api/v1/keys/{wide['id']}").status_code == 404
    assert works(tenant.gateway, wide["key"])


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_an_admin_manages(tenant, role):
    """Keys and projects take an admin, tenants the platform."""
    with tenant.client(role) as client:
        assert client.get("/api/v1/keys").status_code == 403
        assert client.post("/api/v1/keys", json={"name": "x", "role": "viewer"}).status_code == 403
        assert client.post("/api/v1/projects", json={"project_id": "x"}).status_code == 403
    with tenant.client("admin") as client:
        assert client.get("/api/v1/tenants").status_code == 403
        assert client.post("/api/v1/tenants", json={"name": "x"}).status_code == 403


def test_the_platform_makes_keys_of_any_tenant(platform, gateway, tenant):
    """By the tenant's name; the tenant has to be there."""
    made = platform.post("/api/v1/keys", json={"name": "x", "role": "operator", "tenant": tenant.name}).json()
    assert made["tenant"] == tenant.name
    assert works(gateway, made["key"])
    for body, code in (
        ({"name": "x", "role": "viewer", "tenant": "nobody-here"}, "unknown_tenant"),
        ({"name": "x", "role": "viewer"}, "wrong_tenant"),
        ({"name": "x", "role": "platform", "tenant": tenant.name}, "wrong_tenant"),
        ({"name": "x", "role": "platform", "project_id": "p"}, "wrong_project"),
    ):
        answer = platform.post("/api/v1/keys", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert platform.delete(f"/api/v1/keys/{made['id']}").status_code == 204
    assert not works(gateway, made["key"])


def test_the_platforms_own_keys(platform, gateway):
    """It makes and ends further keys of its own role."""
    made = platform.post("/api/v1/keys", json={"name": "second", "role": "platform"}).json()
    headers = {"X-API-Key": made["key"]}
    assert httpx.get(f"{gateway.url}/api/v1/tenants", headers=headers).status_code == 200
    assert platform.delete(f"/api/v1/keys/{made['id']}").status_code == 204
    assert httpx.get(f"{gateway.url}/api/v1/tenants", headers=headers).status_code == 401


def test_a_tenants_name_is_its_own(platform, tenant):
    """A second one of the same name is 409; a name that is none is 422."""
    answer = platform.post("/api/v1/tenants", json={"name": tenant.name})
    assert (answer.status_code, answer.json()["code"]) == (409, "tenant_exists")
    for name in ("", "Caps", "a b", "x" * 64, "../x"):
        assert platform.post("/api/v1/tenants", json={"name": name}).status_code == 422


def test_lists_of_the_platform_are_paged(platform, make_tenant):
    """Tenants by name, keys newest first: each once."""
    names = {make_tenant().name for _ in range(3)}
    for path, of in (("/api/v1/tenants", "name"), ("/api/v1/keys", "id")):
        found, query = [], {"limit": 2}
        while True:
            page = platform.get(path, params=query).json()
            found += [item[of] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert len(found) == len(set(found))
        assert found == sorted(found, reverse=of == "id")
        assert of == "id" or names < set(found)


def test_projects_are_made_once(api, tenant):
    """201, then 409; the name is a slug; a key of one project makes no other."""
    assert api.post("/api/v1/projects", json={"project_id": "proj-001"}).json()["project_id"] == "proj-001"
    answer = api.post("/api/v1/projects", json={"project_id": "proj-001"})
    assert (answer.status_code, answer.json()["code"]) == (409, "project_exists")
    assert api.post("/api/v1/projects", json={"project_id": "No Slug"}).status_code == 422
    assert [p["project_id"] for p in api.get("/api/v1/projects").json()["items"]] == ["default", "proj-001"]
    bound = {"X-API-Key": tenant.key("admin", project_id="proj-001")["key"]}
    with httpx.Client(base_url=tenant.gateway.url, headers=bound) as client:
        assert client.post("/api/v1/projects", json={"project_id": "proj-002"}).status_code == 403
        assert [p["project_id"] for p in client.get("/api/v1/projects").json()["items"]] == ["proj-001"]
