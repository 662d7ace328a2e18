"""Pages of webhooks: what was sent and why not, buttons for those who may, no secret in any of them."""

from __future__ import annotations

from typing import Any

import httpx
import psycopg
import pytest

from wharf.common.access import Role
from wharf.common.jobs.kinds import Kind
from wharf.common.ledger.database import dumps
from wharf.gateway.console.webhooks import routes
from wharf.gateway.console.webhooks.form import KINDS

HOSTILE = "<img src=x onerror=alert(1)>\"'</td><script>alert(2)</script>"
HOOK: dict[str, Any] = {"name": "erp", "url": "https://hooks.example.org/wharf", "events": ["job.failed"]}
PAGES = ("/webhooks", "/webhooks/{id}", "/webhooks/new", "/webhooks/{id}/edit")


def written(api: httpx.Client, **change: Any) -> dict[str, Any]:
    answer = api.post("/api/v1/webhooks", json=HOOK | change)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.fixture
def fail(backend):
    """A delivery of a webhook as the sender leaves it after its last try."""

    def leave(api: httpx.Client, hook: dict[str, Any], status: str = "failed", **try_: Any) -> str:
        delivery_id: str = api.post(f"/api/v1/webhooks/{hook['id']}/test").json()["id"]
        told = {
            "at": "2026-11-26T05:00:00Z",
            "code": "answered_with_error",
            "status": 503,
            "message": "m",
            "seconds": 1,
        }
        with psycopg.connect(backend.owner_url) as connection:
            connection.execute(
                "UPDATE wharf.webhook_deliveries SET status = %s, next_at = NULL, ended_at = now(), attempt = 10,"
                " tries = %s::jsonb WHERE id = %s",
                [status, dumps([told | try_]), delivery_id],
            )
        return delivery_id

    return leave


def test_a_delivery_tells_what_its_receiver_said(api, fail):
    """Its state, how often it was tried, what was answered last, and the way to send it again."""
    hook = written(api)
    delivery_id = fail(api, hook, message="It said 503.")
    page = api.get(f"/webhooks/{hook['id']}").text
    for told in ("failed", "10 tries", "503, answered with error", "It said 503.", "webhook.test"):
        assert told in page
    replay = f"POST /api/v1/webhooks/{hook['id']}/deliveries/{delivery_id}/replay"
    assert f'data-call="{replay}"' in page
    assert "10 tries" not in api.get(f"/webhooks/{hook['id']}?status=delivered").text
    assert "10 tries" in api.get(f"/webhooks/{hook['id']}?status=failed").text


def test_a_page_loads_itself_anew_only_while_something_is_about_to_come(api, fail):
    """A delivery that is due is followed; one that has ended is not asked for again and again."""
    hook = written(api)
    fail(api, hook)
    assert "every 3s" not in api.get(f"/webhooks/{hook['id']}").text
    api.post(f"/api/v1/webhooks/{hook['id']}/test")
    assert "every 3s" in api.get(f"/webhooks/{hook['id']}").text


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("asked", "somebody disabled it"),
        ("failing", "for days nothing could be delivered"),
        ("gone", "its receiver answered 410"),
    ],
)
def test_why_it_is_disabled_is_told_with_the_way_out(api, tenant, reason, words):
    """On the list and on its page; it can be enabled, and nothing is tested or replayed meanwhile."""
    hook = written(api)
    tenant.execute("UPDATE wharf.webhooks SET enabled = false, disabled_reason = :reason", reason=reason)
    for path in ("/webhooks", f"/webhooks/{hook['id']}"):
        page = api.get(path).text
        assert words in page
        assert "Enable" in page
        assert "/test" not in page


def test_no_page_holds_a_secret(api):
    """Not after it was made, and not after it was exchanged: it is in the API's answer alone."""
    hook = written(api)
    secrets = {hook["secret"], api.post(f"/api/v1/webhooks/{hook['id']}/rotate").json()["secret"]}
    for path in PAGES:
        page = api.get(path.format(**hook)).text
        assert not [secret for secret in secrets if secret in page]
        assert "whsec_" not in page


def test_a_viewer_sees_none_of_it_and_an_operator_no_way_to_change_it(api, tenant):
    """An operator tests and replays; only an admin writes."""
    hook = written(api)
    with tenant.client("viewer") as viewer:
        assert 'href="/webhooks"' not in viewer.get("/").text
        assert [viewer.get(path.format(**hook)).status_code for path in PAGES] == [403] * 4
    with tenant.client("operator") as operator:
        assert [operator.get(path.format(**hook)).status_code for path in PAGES] == [200, 200, 403, 403]
        page = operator.get(f"/webhooks/{hook['id']}").text
        assert f"POST /api/v1/webhooks/{hook['id']}/test" in page
        assert "PATCH" not in page
        assert "DELETE" not in page
        assert "rotate" not in page


def test_texts_of_users_and_receivers_never_become_markup(api, fail):
    """Names, addresses, answers and messages are shown as they are, and do nothing."""
    hook = written(api, name=HOSTILE, url="https://example.org/?q=<script>alert(3)</script>")
    fail(api, hook, message=HOSTILE, code=HOSTILE)
    for path in PAGES:
        page = api.get(path.format(**hook)).text
        assert "<img" not in page
        assert "<script>" not in page
    assert "&lt;img" in api.get(f"/webhooks/{hook['id']}").text


def test_a_key_of_one_project_sees_its_webhooks(api, tenant):
    """The others are not there; its form offers no other project."""
    written(api, name="north", project_id="north")
    other = written(api, name="south", project_id="south")
    bound = tenant.key(Role.ADMIN, project_id="north")
    with httpx.Client(base_url=tenant.gateway.url, headers={"X-API-Key": bound["key"]}) as client:
        page = client.get("/webhooks").text
        assert "north" in page
        assert "south" not in page
        assert client.get(f"/webhooks/{other['id']}").status_code == 404
        assert "All projects" not in client.get("/webhooks/new").text


def test_pages_of_deliveries_go_on_where_the_last_ended(api, fail, monkeypatch):
    """By cursor, under the same filter."""
    monkeypatch.setattr(routes, "PAGE", 1)
    hook = written(api)
    older, _ = fail(api, hook), fail(api, hook)
    page = api.get(f"/webhooks/{hook['id']}?status=failed").text
    assert older not in page
    place = page.split('rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "status=failed" in place
    assert older in api.get(place).text


def test_the_form_offers_kinds_that_there_are():
    """Each is one of those that jobs have."""
    assert set(KINDS) <= Kind.registry.keys()
