"""Webhooks by API: what is written and shown, who may, what is refused and where."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from wharf.common.access import Role
from wharf.common.clock import new_id
from wharf.gateway.webhooks import MOST

PATH = "/api/v1/webhooks"
HOOK: dict[str, Any] = {
    "name": "erp",
    "url": "https://hooks.example.org/wharf",
    "events": ["job.completed", "job.failed"],
}


def written(api: httpx.Client, **change: Any) -> dict[str, Any]:
    answer = api.post(PATH, json=HOOK | change)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def tried(api: httpx.Client, webhook: dict[str, Any]) -> dict[str, Any]:
    answer = api.post(f"{PATH}/{webhook['id']}/test")
    assert answer.status_code == 202, answer.text
    made: dict[str, Any] = answer.json()
    return made


def end(tenant: Any, delivery: dict[str, Any], status: str = "failed") -> None:
    """As the sender leaves it."""
    ended = "status = :status, next_at = NULL, ended_at = now(), failures = 10"
    tenant.execute(f"UPDATE wharf.webhook_deliveries SET {ended} WHERE id = :id", status=status, id=delivery["id"])


def test_a_secret_is_shown_once(api):
    """In the answer to its making, which nobody keeps; the webhook shows all the rest."""
    answer = api.post(PATH, json=HOOK)
    made = answer.json()
    assert made.pop("secret").startswith("whsec_")
    assert answer.headers["cache-control"] == "no-store"
    assert (made["enabled"], made["project_id"], made["kinds"], made["failing_since"]) == (True, None, None, None)
    assert api.get(f"{PATH}/{made['id']}").json() == made
    assert api.get(PATH).json() == {"items": [made], "next_cursor": None}


def test_a_new_secret_is_shown_once_and_the_old_one_signs_for_a_day(api):
    """So that the receiver can change its own in its own time."""
    made = written(api)
    answer = api.post(f"{PATH}/{made['id']}/rotate")
    changed = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert changed.pop("secret") not in {None, made["secret"]}
    assert changed["previous_until"] > changed["updated_at"]
    assert api.get(f"{PATH}/{made['id']}").json() == changed


def test_it_is_changed_disabled_enabled_and_removed(api):
    """What is not said stays; null is all projects and kinds."""
    made = written(api, project_id="north", kinds=["import"])
    path = f"{PATH}/{made['id']}"
    changed = api.patch(path, json={"url": "https://other.example.org", "kinds": None, "enabled": False}).json()
    assert (changed["url"], changed["kinds"], changed["project_id"]) == ("https://other.example.org/", None, "north")
    assert (changed["enabled"], changed["disabled_reason"]) == (False, "asked")
    assert api.post(f"{path}/test").json()["code"] == "webhook_disabled"
    changed = api.patch(path, json={"enabled": True, "name": "new"}).json()
    assert (changed["enabled"], changed["disabled_reason"], changed["name"]) == (True, None, "new")
    assert api.delete(path).status_code == 204
    assert api.get(path).json()["code"] == "webhook_not_found"


def test_one_that_is_removed_is_marked_and_its_name_is_free(api, tenant):
    """Its deliveries go later, in small steps: until then nobody sees either."""
    made = written(api)
    path = f"{PATH}/{made['id']}"
    tried(api, made)
    assert api.delete(path).status_code == 204
    assert {api.delete(path).status_code, api.get(f"{path}/deliveries").status_code} == {404}
    again = written(api)
    assert [one["id"] for one in api.get(PATH).json()["items"]] == [again["id"]]
    assert len(tenant.execute("SELECT 1 FROM wharf.webhook_deliveries WHERE webhook_id = :id", id=made["id"])) == 1


def test_a_test_is_written_and_shown(api):
    """It waits for the sender; a second one waits for the first."""
    made = written(api)
    delivery = tried(api, made)
    assert (delivery["type"], delivery["status"], delivery["tries"], delivery["job_id"]) == (
        "webhook.test", "waiting", [], None,
    )  # fmt: skip
    assert delivery["body"]["data"] == {"webhook_id": made["id"], "name": "erp"}
    path = f"{PATH}/{made['id']}"
    assert api.post(f"{path}/test").json()["code"] == "test_under_way"
    assert api.get(f"{path}/deliveries").json() == {"items": [delivery], "next_cursor": None}
    assert api.get(f"{path}/deliveries", params={"status": "failed"}).json()["items"] == []


def test_a_delivery_is_replayed_under_its_id(api, tenant):
    """Whatever became of it, with all its tries; not while it is being sent."""
    made = written(api)
    delivery = tried(api, made)
    path = f"{PATH}/{made['id']}/deliveries/{delivery['id']}/replay"
    for status in ("failed", "delivered"):
        end(tenant, delivery, status)
        answer = api.post(path)
        assert (answer.status_code, answer.json()["id"], answer.json()["status"]) == (202, delivery["id"], "waiting")
        assert tenant.execute("SELECT failures FROM wharf.webhook_deliveries")[0]["failures"] == 0
    tenant.execute("UPDATE wharf.webhook_deliveries SET status = 'sending'")
    assert api.post(path).json()["code"] == "wrong_state"
    assert api.post(f"{PATH}/{made['id']}/deliveries/{new_id()}/replay").json()["code"] == "delivery_not_found"


def test_what_waits_for_a_webhook_that_is_disabled_is_given_up(api):
    """It is in the log, and may be replayed later."""
    made = written(api)
    tried(api, made)
    api.patch(f"{PATH}/{made['id']}", json={"enabled": False})
    (given_up,) = api.get(f"{PATH}/{made['id']}/deliveries").json()["items"]
    assert (given_up["status"], given_up["next_at"]) == ("failed", None)


def test_deliveries_are_listed_newest_first_by_page(api, tenant):
    """Each page goes on where the one before ended."""
    made = written(api)
    ids = []
    for _ in range(3):
        ids.insert(0, tried(api, made)["id"])
        end(tenant, {"id": ids[0]})
    path = f"{PATH}/{made['id']}/deliveries"
    first = api.get(path, params={"limit": 2}).json()
    rest = api.get(path, params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [one["id"] for one in first["items"] + rest["items"]] == ids
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"url": "http://127.0.0.1/x"}, "url", "address_not_allowed"),
        ({"url": "http://2130706433/x"}, "url", "address_not_allowed"),
        ({"url": "http://0x7f.1/x"}, "url", "address_not_allowed"),
        ({"url": "http://[::1]:8000/"}, "url", "address_not_allowed"),
        ({"url": "http://[::ffff:169.254.169.254]/"}, "url", "address_not_allowed"),
        ({"url": "http://169.254.169.254/latest"}, "url", "address_not_allowed"),
        ({"url": "http://localhost:9000"}, "url", "address_not_allowed"),
        ({"url": "https://me:secret@example.org/"}, "url", "credentials_in_url"),
        ({"url": "https://example.org:0/"}, "url", "bad_port"),
        ({"url": "https://example.org:70000/"}, "url", "url_parsing"),
        ({"url": "ftp://example.org/"}, "url", "url_scheme"),
        ({"url": "file:///etc/passwd"}, "url", "url_scheme"),
        ({"url": "example.org"}, "url", "url_parsing"),
        ({"url": "https://example.org/#part"}, "url", "fragment_in_url"),
        ({"url": "https://example.org/" + "a" * 2000}, "url", "url_too_long"),
        ({"events": ["job.done"]}, "events.0", "unknown_event"),
        ({"events": []}, "events", "too_short"),
        ({"kinds": ["nonsense"]}, "kinds", "unknown_kind"),
        *(
            ({"kinds": ["import", never]}, "kinds", "unknown_kind")
            for never in ("import_part", "reports", "backup", "cleanup", "health", "benchmark")
        ),
        ({"kinds": []}, "kinds", "too_short"),
        ({"name": "a\0b"}, "name", "control_character"),
        ({"project_id": "No Slug"}, "project_id", "string_pattern_mismatch"),
        ({"secret": "mine"}, "secret", "extra_forbidden"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(api, change, field, code):
    """When it is made, and when it is changed."""
    made = written(api)
    for answer in (api.post(PATH, json=HOOK | {"name": "b"} | change), api.patch(f"{PATH}/{made['id']}", json=change)):
        assert answer.status_code == 422, answer.text
        told = {(".".join(map(str, one["loc"])), one["code"]) for one in answer.json()["errors"]}
        assert (f"body.{field}", code) in told


def test_a_network_that_the_installation_allows_is_no_mistake(serve, tenant):
    """For receivers inside: that one, and no other."""
    gateway = serve(webhook_allowed_networks="127.0.0.0/8")
    with tenant.client(url=gateway.url) as api:
        assert api.post(PATH, json=HOOK | {"url": "http://localhost:9000/"}).status_code == 201
        assert api.post(PATH, json=HOOK | {"url": "http://10.0.0.1/"}).status_code == 422


def test_a_name_is_taken_once_and_a_tenant_has_a_bounded_number(api):
    """Both are told."""
    made = written(api)
    assert api.post(PATH, json=HOOK).json()["code"] == "webhook_exists"
    other = written(api, name="other")
    assert api.patch(f"{PATH}/{other['id']}", json={"name": made["name"]}).json()["code"] == "webhook_exists"
    for number in range(MOST - 2):
        written(api, name=str(number))
    assert api.post(PATH, json=HOOK | {"name": "more"}).json()["code"] == "too_many_webhooks"


@pytest.mark.parametrize(
    ("method", "rest", "least"),
    [
        ("GET", "", "operator"), ("POST", "", "admin"), ("GET", "/{id}", "operator"), ("PATCH", "/{id}", "admin"),
        ("DELETE", "/{id}", "admin"), ("POST", "/{id}/rotate", "admin"), ("POST", "/{id}/test", "operator"),
        ("GET", "/{id}/deliveries", "operator"), ("POST", "/{id}/deliveries/{nothing}/replay", "operator"),
    ],
)  # fmt: skip
def test_data_leave_by_an_admin_s_word_alone(api, tenant, backend, gateway, method, rest, least):
    """Operators look at them and send again; a viewer sees no addresses, and the platform no tenant's."""
    made = written(api)
    path, body = (
        PATH + rest.format(id=made["id"], nothing=new_id()),
        {"json": HOOK} if method in {"POST", "PATCH"} and "/" not in rest[1:] else {},
    )
    roles = {"viewer": tenant.keys["viewer"], "operator": tenant.keys["operator"], "platform": backend.platform_key}
    allowed = {"operator"} if least == "operator" else set()
    for role, key in roles.items():
        with httpx.Client(base_url=gateway.url, headers={"X-API-Key": key}) as client:
            answer = client.request(method, path, **body)
        assert (answer.status_code != 403) == (role in allowed), (role, answer.text)


def test_nobody_sees_another_tenant_s_nor_another_project_s(api, tenant, make_tenant, gateway):
    """Neither the webhook nor its deliveries, nor may a key of one project be told of all."""
    made, stranger = written(api, project_id="north"), make_tenant()
    bound = tenant.key(Role.ADMIN, project_id="south")["key"]
    rests = ("", "/rotate", "/test", "/deliveries", f"/deliveries/{tried(api, made)['id']}/replay")
    for key in (stranger.keys["admin"], bound):
        with httpx.Client(base_url=gateway.url, headers={"X-API-Key": key}) as client:
            assert client.get(PATH).json()["items"] == []
            for rest in rests:
                answer = client.request("GET" if rest in {"", "/deliveries"} else "POST", f"{PATH}/{made['id']}{rest}")
                assert (answer.status_code, answer.json()["code"]) == (404, "webhook_not_found")
            for method in ("PATCH", "DELETE"):
                answer = client.request(
                    method, f"{PATH}/{made['id']}", json={"enabled": False} if method == "PATCH" else None
                )
                assert answer.status_code == 404
    with httpx.Client(base_url=gateway.url, headers={"X-API-Key": bound}) as client:
        assert client.post(PATH, json=HOOK | {"name": "own"}).json()["project_id"] == "south"
        assert client.post(PATH, json=HOOK | {"name": "no", "project_id": "north"}).json()["code"] == "wrong_project"
