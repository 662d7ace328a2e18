"""Pages of keys and tenants: who may come in, when they last did; no key in any of them."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest

from wharf.common.access import Role
from wharf.common.clock import new_id
from wharf.gateway import uses
from wharf.gateway.sessions import COOKIE, proof_of
from wharf.gateway.uses import EVERY_SECONDS, Uses

HOSTILE = "<img src=x onerror=alert(1)>\"'</td><script>alert(2)</script>"


@pytest.fixture
def platform(gateway, backend) -> Iterator[httpx.Client]:
    """The installation's owner."""
    with httpx.Client(base_url=gateway.url, headers={"X-API-Key": backend.platform_key}, timeout=20) as client:
        yield client


def used_at(api: httpx.Client, key_id: str) -> str | None:
    (found,) = [key for key in api.get("/api/v1/keys").json()["items"] if key["id"] == key_id]
    told: str | None = found["used_at"]
    return told


def test_a_key_is_used_when_it_is_brought_whole(api, tenant):
    """Not before; somebody who knows its beginning has not used it."""
    made = tenant.key(Role.VIEWER)
    headers = {"X-API-Key": made["key"][:-1] + ("a" if made["key"][-1] != "a" else "b")}
    assert httpx.get(f"{tenant.gateway.url}/api/v1/jobs", headers=headers).status_code == 401
    assert used_at(api, made["id"]) is None
    assert httpx.get(f"{tenant.gateway.url}/api/v1/jobs", headers={"X-API-Key": made["key"]}).status_code == 200
    assert used_at(api, made["id"]) is not None


def test_a_program_that_only_reads_a_stream_uses_its_key(api, tenant):
    """What its page does by itself is said of sessions alone."""
    made = tenant.key(Role.VIEWER)
    headers = {"X-API-Key": made["key"], "Accept": "text/event-stream"}
    with httpx.stream("GET", f"{tenant.gateway.url}/api/v1/events", headers=headers) as stream:
        assert stream.status_code == 200
    assert used_at(api, made["id"]) is not None


def test_a_session_uses_its_key_and_what_its_page_does_by_itself_does_not(api, tenant):
    """So an old key that somebody still logs in with is seen to be in use."""
    made = tenant.key(Role.VIEWER)
    with httpx.Client(base_url=tenant.gateway.url, headers={"Origin": tenant.gateway.url}) as person:
        person.post("/login", data={"key": made["key"]})
        tenant.execute("UPDATE wharf.api_keys SET used_at = NULL WHERE id = :id", id=made["id"])
        sessions, token = tenant.gateway.resources.sessions, person.cookies[COOKIE]
        assert sessions.identify(token, used=False)
        assert used_at(api, made["id"]) is None
        assert sessions.identify(token)
        assert used_at(api, made["id"]) is not None


def test_the_ledger_is_told_of_a_use_once_a_minute(monkeypatch):
    """A process that is asked a hundred times a second writes no more often; what it forgot it tells again."""
    times, key_id = [0.0], new_id()
    told = Uses(lambda: times[0])
    assert [told.is_news(key_id), told.is_news(key_id), told.is_news(new_id())] == [True, False, True]
    times[0] = EVERY_SECONDS
    assert told.is_news(key_id)
    monkeypatch.setattr(uses, "MOST", 1)
    assert told.is_news(new_id())
    assert told.is_news(key_id)


def test_the_list_tells_whose_keys_there_are(api, tenant):
    """Role, project, when it was used, until when it is good; only one that is good can be revoked."""
    made = tenant.key(Role.OPERATOR, project_id="p1", expires_at="2999-01-01T00:00:00Z")
    ended = tenant.key(Role.VIEWER)
    api.delete(f"/api/v1/keys/{ended['id']}")
    page = api.get("/keys").text
    for told in (f"wk_{made['prefix']}_…", "operator", "p1", "2999-01-01", "not used yet", "revoked", "yours"):
        assert told in page
    assert f'data-call="DELETE /api/v1/keys/{made["id"]}"' in page
    assert f'data-call="DELETE /api/v1/keys/{ended["id"]}"' not in page


def test_no_page_holds_a_key(api, tenant, platform):
    """It is in the answer of the API that made it, and nowhere else."""
    made = tenant.key(Role.VIEWER)
    secrets = [key.split("_", 2)[2] for key in (made["key"], *tenant.keys.values())]
    for client, path in ((api, "/keys"), (api, "/keys/new"), (platform, "/keys"), (platform, "/keys/new")):
        answer = client.get(path)
        assert answer.status_code == 200
        assert not [secret for secret in secrets if secret in answer.text]


def test_who_is_no_admin_sees_none_of_it(tenant):
    """No entry leads there, and the page is refused."""
    for role in ("viewer", "operator"):
        with tenant.client(role) as client:
            assert 'href="/keys"' not in client.get("/").text
            assert [client.get(path).status_code for path in ("/keys", "/keys/new")] == [403] * 2


def test_tenants_are_the_platforms(api, tenant, platform):
    """It sees them with the limits that hold, and which keys are whose; an admin of a tenant sees neither."""
    assert api.get("/tenants").status_code == 403
    assert 'href="/tenants"' not in api.get("/").text
    platform.patch(f"/api/v1/tenants/{tenant.name}", json={"limits": {"published": 7}})
    page = _all_pages(platform, "/tenants")
    row = page.partition(f'id="tenant-{tenant.id}"')[2].partition("</tr>")[0]
    assert tenant.name in row
    assert 'value="7"' in row
    assert f'data-call="PATCH /api/v1/tenants/{tenant.name}"' in row
    assert tenant.name in platform.get("/keys").text
    assert 'value="platform"' in platform.get("/keys/new").text
    assert 'value="platform"' not in api.get("/keys/new").text


def _all_pages(client: httpx.Client, path: str) -> str:
    """One after another, as their links lead."""
    text = client.get(path).text
    while 'rel="next"' in text.rpartition("<section")[2]:
        place = text.rpartition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
        text += client.get(place.replace("&amp;", "&")).text
    return text


def test_an_admin_of_one_project_makes_keys_of_it(tenant):
    """It sees those of its project, and is offered no other."""
    tenant.key(Role.VIEWER)
    bound = tenant.key(Role.ADMIN, project_id="p1")
    with httpx.Client(base_url=tenant.gateway.url, headers={"X-API-Key": bound["key"]}) as client:
        assert client.get("/keys").text.count('id="key-') == 1
        page = client.get("/keys/new").text
        assert 'value="p1"' in page
        assert "All projects" not in page


def test_names_of_keys_never_become_markup(api, tenant):
    """They are shown as they are, on the list and in the question before one is revoked."""
    api.post("/api/v1/keys", json={"name": HOSTILE, "role": "viewer"})
    page = api.get("/keys").text
    assert "<img" not in page
    assert "<script>" not in page
    assert "&lt;img" in page


def test_a_session_changes_keys_with_its_proof_only(tenant, api):
    """As every change: a page of another site cannot revoke one."""
    made = tenant.key(Role.VIEWER)
    with httpx.Client(base_url=tenant.gateway.url, headers={"Origin": tenant.gateway.url}) as person:
        person.post("/login", data={"key": tenant.keys["admin"]})
        assert person.delete(f"/api/v1/keys/{made['id']}").status_code == 403
        person.headers["X-CSRF-Token"] = proof_of(person.cookies[COOKIE])
        assert person.delete(f"/api/v1/keys/{made['id']}").status_code == 204
    (line,) = api.get("/api/v1/audit", params={"what": "key.revoke"}).json()["items"]
    assert UUID(line["target"]) == UUID(made["id"])
