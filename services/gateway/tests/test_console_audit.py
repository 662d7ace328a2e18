"""The page of the audit: who changed what, both sides, under a filter that stays in the address."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest

from wharf.common.access import Role
from wharf.common.clock import first_id, new_id
from wharf.gateway.console.audit import routes
from wharf.gateway.console.audit.sides import LONG, Line
from wharf.gateway.routes.audit import ChangeView

HOSTILE = "<img src=x onerror=alert(1)>\"'</td><script>alert(2)</script>"
HOOK = {"name": "erp", "url": "https://example.org/h", "events": ["job.failed"]}


def rows(client: httpx.Client, **query: str) -> int:
    answer = client.get("/audit", params=query)
    assert answer.status_code == 200, answer.text
    return answer.text.count('<tr id="change-')


@pytest.fixture
def changed(api):
    """A webhook that was made, changed and removed, and a queue that rested."""
    hook = api.post("/api/v1/webhooks", json=HOOK).json()
    api.patch(f"/api/v1/webhooks/{hook['id']}", json={"events": ["job.completed", "job.failed"], "enabled": False})
    api.delete(f"/api/v1/webhooks/{hook['id']}")
    api.post("/api/v1/queues/ingest/pause")
    return hook


def test_both_sides_of_a_change_stand_side_by_side(api, changed):
    """Field by field: what it said, and what it says."""
    page = api.get("/audit", params={"what": "webhook.change"}).text
    assert "<dt>events</dt>" in page
    assert '<dd class="was">job.failed</dd>' in page
    assert '<dd class="became">job.completed, job.failed</dd>' in page
    assert '<dd class="was">yes</dd>' in page
    assert '<dd class="became">no</dd>' in page


def test_the_filter_is_in_the_address(api, tenant, changed):
    """By who, what, to what and since when; each line leads to the others like it."""
    who = str(tenant.caller().key_id)
    assert rows(api) == 4
    assert rows(api, what="webhook") == 3
    assert rows(api, what="queue.pause") == 1
    assert rows(api, target=changed["id"]) == 3
    assert rows(api, who=who, since="1h") == 4
    assert rows(api, who=str(new_id())) == 0
    page = api.get("/audit", params={"what": "webhook", "since": "24h"}).text
    assert f"/audit?what=webhook&amp;since=24h&amp;who={who}" in page
    assert "/audit?what=webhook.remove&amp;since=24h" in page
    assert '<option value="webhook" selected>' in page


def test_what_is_older_than_the_time_is_left_out(api, backend, tenant, changed):
    """A change of yesterday is none of the last hour."""
    before = datetime.now(UTC) - timedelta(hours=2)
    _write(backend, tenant, before)
    assert rows(api, what="old") == 1
    assert rows(api, what="old", since="24h") == 1
    assert rows(api, what="old", since="1h") == 0


def _write(backend, tenant, at: datetime) -> None:
    with psycopg.connect(backend.owner_url) as connection:
        connection.execute(
            "INSERT INTO wharf.audit (id, tenant_id, who, who_name, role, what, target, at)"
            " VALUES (%s, %s, %s, 'x', 'admin', 'old.change', 't', %s)",
            [first_id(at), tenant.id, new_id(), at],
        )


def test_ids_made_since_a_moment_sort_after_its_first_one():
    """And those before it sort before."""
    before = new_id()
    moment = datetime.now(UTC) + timedelta(milliseconds=2)
    assert before < first_id(moment) < first_id(moment + timedelta(milliseconds=1))
    assert first_id(datetime.now(UTC) - timedelta(milliseconds=1)) < new_id()
    assert first_id(datetime(1960, 1, 1, tzinfo=UTC)).int == 0


def test_pages_go_on_where_the_last_ended(api, changed, monkeypatch):
    """By cursor, under the same filter."""
    monkeypatch.setattr(routes, "PAGE", 2)
    page = api.get("/audit", params={"what": "webhook"}).text
    place = page.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "what=webhook" in place
    rest = api.get(place).text
    assert rest.count('<tr id="change-') == 1
    assert "webhook.create" in rest


def test_each_sees_their_own(make_tenant, gateway, backend):
    """A tenant's admin its tenant's, the platform the installation's, a key of one project what such keys did."""
    one, other = make_tenant(), make_tenant()
    with one.client() as client:
        client.post("/api/v1/queues/ingest/pause")
        assert rows(client, what="queue") == 1
    with other.client() as client:
        assert rows(client) == 0
    with httpx.Client(base_url=gateway.url, headers={"X-API-Key": backend.platform_key}) as platform:
        assert rows(platform, what="tenant.create", target=one.name) == 1
        assert rows(platform, who=str(one.caller().key_id)) == 0
    bound = one.key(Role.ADMIN, project_id="p1")
    with httpx.Client(base_url=gateway.url, headers={"X-API-Key": bound["key"]}) as client:
        assert rows(client) == 0


def test_no_line_holds_a_key_or_a_secret(api, tenant):
    """What was shown once is not kept here either; who is no admin is not shown the page at all."""
    key = tenant.key(Role.VIEWER)["key"]
    hook = api.post("/api/v1/webhooks", json=HOOK).json()
    rotated = api.post(f"/api/v1/webhooks/{hook['id']}/rotate").json()
    page = api.get("/audit").text
    assert page.count('<tr id="change-') == 3
    assert not [secret for secret in (key.split("_", 2)[2], hook["secret"], rotated["secret"]) if secret in page]
    for role in ("viewer", "operator"):
        with tenant.client(role) as client:
            assert 'href="/audit"' not in client.get("/").text
            assert client.get("/audit").status_code == 403


def test_texts_of_users_never_become_markup(api):
    """Whatever somebody wrote into what they changed, and whatever stands in the address."""
    hook = api.post("/api/v1/webhooks", json=HOOK | {"name": HOSTILE * 3}).json()
    api.patch(f"/api/v1/webhooks/{hook['id']}", json={"name": HOSTILE})
    for query in ({}, {"target": HOSTILE}, {"what": HOSTILE}):
        page = api.get("/audit", params=query).text
        assert "<img" not in page
        assert "<script>" not in page
        assert "&lt;img" in page


def test_a_line_leads_to_what_is_still_there(api, changed):
    """A webhook that was removed has no page any more."""
    assert f'href="/webhooks/{changed["id"]}"' not in api.get("/audit", params={"what": "webhook.remove"}).text
    assert f'href="/webhooks/{changed["id"]}"' in api.get("/audit", params={"what": "webhook.create"}).text


def test_sides_are_texts_whatever_they_hold():
    """None, lists, numbers and objects; a field that one side has not is none of it."""
    view = ChangeView(
        id=new_id(), at=datetime.now(UTC), who=new_id(), who_name="n", role=Role.ADMIN, project_id=None, what="x.y",
        target="t", before={"a": None, "b": [1, "two"]}, after={"b": {"c": 1}, "d": 7}, request_id=None,
    )  # fmt: skip
    sides = {side.name: (side.before, side.after) for side in Line(view).sides}
    assert sides == {"a": ("none", None), "b": ("1, two", '{"c":1}'), "d": (None, "7")}


def test_a_long_value_is_folded(api, tenant):
    """A list shows its beginning; all of it is there for who wants it."""
    for _ in range(5):
        tenant.job()
    api.post("/api/v1/jobs/bulk", json={"action": "cancel", "filter": {"status": ["queued"]}})
    page = api.get("/audit", params={"what": "jobs"}).text
    assert "<details><summary>" in page.partition('id="change-')[2]
    assert len(page) > LONG
