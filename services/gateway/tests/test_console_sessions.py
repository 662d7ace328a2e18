"""A key is exchanged for a session, which is as good as the key, ends in time, and cannot be used by another site."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psycopg
import pytest

from wharf.gateway.console.login import local
from wharf.gateway.console.tries import MOST, WITHIN_SECONDS, Tries
from wharf.gateway.sessions import COOKIE, proof_of

DEADLINE = 20.0


@contextmanager
def browser(url: str) -> Iterator[httpx.Client]:
    """A client that keeps cookies and sends what a browser does."""
    with httpx.Client(base_url=url, timeout=DEADLINE, headers={"Origin": url}) as client:
        yield client


def log_in(client: httpx.Client, key: str, wanted: str = "/jobs") -> httpx.Response:
    return client.post("/login", data={"key": key, "next": wanted})


@pytest.fixture
def person(tenant) -> Iterator[httpx.Client]:
    """The tenant's admin with a session."""
    with browser(tenant.gateway.url) as client:
        assert log_in(client, tenant.keys["admin"]).status_code == 303
        yield client


def proof(client: httpx.Client) -> dict[str, str]:
    return {"X-CSRF-Token": proof_of(client.cookies[COOKIE])}


def test_a_key_is_exchanged_for_a_session(tenant):
    """The cookie cannot be read by scripts or sent by other sites; the person goes on where they wanted to go."""
    with browser(tenant.gateway.url) as client:
        answer = log_in(client, f" {tenant.keys['viewer']} ", "/jobs?state=failed")
        assert (answer.status_code, answer.headers["location"]) == (303, "/jobs?state=failed")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Secure" not in cookie
        assert tenant.keys["viewer"] not in cookie
        assert client.get("/jobs").status_code == 200
        assert client.get("/api/v1/jobs").status_code == 200


@pytest.mark.parametrize("told", ["https", "https, http", "https,https"])
def test_over_https_the_cookie_is_secure(tenant, told):
    """A proxy in front tells how the browser came; of several the first one."""
    with browser(tenant.gateway.url) as client:
        client.headers["X-Forwarded-Proto"] = told
        assert "Secure" in log_in(client, tenant.keys["viewer"]).headers["set-cookie"]


def test_the_ledger_keeps_no_token(person, tenant):
    """Whoever reads the table can be nobody."""
    rows = tenant.gateway.resources.database.engine
    with rows.begin() as connection:
        connection.exec_driver_sql("SELECT set_config('wharf.tenant', %s, true)", (str(tenant.id),))
        with pytest.raises(Exception, match="permission denied"):
            connection.exec_driver_sql("SELECT * FROM wharf.sessions")


def test_a_person_without_a_session_is_asked_for_a_key(tenant):
    """And comes back to the page that they wanted; a part of a page sends the whole window there."""
    with browser(tenant.gateway.url) as client:
        answer = client.get("/jobs?state=failed")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fjobs%3Fstate%3Dfailed")
        assert client.get("/jobs", headers={"HX-Request": "true"}).headers["hx-redirect"].startswith("/login")


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "/a\nb"]
)
def test_nobody_is_led_to_another_host(wanted):
    """Only pages of this host follow a log-in."""
    assert local(wanted) == "/"


def test_a_key_that_is_none_is_refused(tenant):
    """With a sentence that says what a key looks like; neither the key nor a session's token gets in."""
    with browser(tenant.gateway.url) as client:
        for wrong in ("", "wk_000000000000_nothing", "ws_" + "x" * 43, "<script>alert(1)</script>"):
            answer = log_in(client, wrong)
            assert answer.status_code == 401
            assert "wk_…" in answer.text
            assert "<script>alert" not in answer.text
            assert COOKIE not in client.cookies


def test_another_site_logs_nobody_in(tenant):
    """A form of another site with a key of its own would let a person work in a foreign account."""
    with browser(tenant.gateway.url) as client:
        client.headers["Origin"] = "https://evil.example"
        assert log_in(client, tenant.keys["admin"]).status_code == 403


def test_too_many_wrong_keys_are_too_many(serve, tenant):
    """Even the right one has to wait then; the answer says how long."""
    with browser(serve().url) as client:
        answers = [log_in(client, "wk_000000000000_nothing").status_code for _ in range(MOST)]
        late = log_in(client, tenant.keys["admin"])
    assert set(answers) == {401}
    assert late.status_code == 429
    assert 0 < int(late.headers["retry-after"]) <= WITHIN_SECONDS


def test_tries_are_forgotten_in_time():
    """Each for itself: the oldest first."""
    time = 0.0
    tries = Tries(lambda: time)
    for _ in range(MOST):
        tries.fail("a")
    assert tries.wait("a") == WITHIN_SECONDS
    assert tries.wait("b") == 0
    time = WITHIN_SECONDS
    assert tries.wait("a") == 0


def test_a_change_with_the_cookie_needs_the_proof(person, tenant):
    """A browser sends the cookie with whatever a page makes it send: alone it changes nothing, on pages and the API."""
    job = tenant.job()
    for headers in ({}, {"X-CSRF-Token": "x"}, {"X-CSRF-Token": proof_of("ws_other")}):
        answer = person.post(f"/api/v1/jobs/{job.job_id}/cancel", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "forged_request")
    assert tenant.view(job.job_id).status == "queued"
    assert person.post(f"/api/v1/jobs/{job.job_id}/cancel", headers=proof(person)).status_code == 202


def test_pages_bring_the_proof(person):
    """Its place is the page's head, which no other site can read."""
    found = re.search(r'name="wharf-proof" content="(\w+)"', person.get("/jobs").text)
    assert found
    assert found[1] == proof_of(person.cookies[COOKIE])


def test_clients_of_the_five_systems_show_by_their_origin_whose_they_are(person):
    """They know of no proof; a page of this host sends its own name, one of another host a foreign one."""
    assert person.post("/api/v1/tasks/test").status_code == 200
    person.headers["Origin"] = "https://evil.example"
    assert person.post("/api/v1/tasks/test").status_code == 403
    del person.headers["Origin"]
    assert person.post("/api/v1/tasks/test").status_code == 403


def test_a_key_needs_no_proof(tenant, api):
    """Programs that bring a key in a header are as ever, even with a cookie beside it."""
    job = tenant.job()
    api.cookies.set(COOKIE, "ws_" + "x" * 43)
    assert api.post(f"/api/v1/jobs/{job.job_id}/cancel").status_code == 202


def test_logging_out_ends_the_session_everywhere(person, tenant):
    """The same cookie in another window is worth nothing; and another site cannot log anybody out."""
    with browser(tenant.gateway.url) as other:
        other.cookies.set(COOKIE, person.cookies[COOKIE])
        assert other.get("/api/v1/jobs").status_code == 200
        assert person.post("/logout").status_code == 403
        assert person.post("/logout", data={"proof": proof(person)["X-CSRF-Token"]}).headers["location"] == "/login"
        assert COOKIE not in person.cookies
        assert other.get("/api/v1/jobs").status_code == 401


def test_a_session_ends_with_its_key(person, tenant):
    """A revoked key's people are out at once."""
    revoker = tenant.key("admin")
    with httpx.Client(base_url=tenant.gateway.url, headers={"X-API-Key": revoker["key"]}) as client:
        assert client.delete(f"/api/v1/keys/{tenant.caller('admin').key_id}").status_code == 204
    assert person.get("/api/v1/jobs").status_code == 401


def age(backend, tenant, what: str, interval: str) -> None:
    """Let a tenant's sessions be older than they are."""
    with psycopg.connect(backend.owner_url) as connection:
        connection.execute(
            f"UPDATE wharf.sessions SET {what} = {what} - %s::interval WHERE tenant_id = %s", [interval, tenant.id]
        )


@pytest.mark.parametrize(("what", "interval"), [("seen_at", "61 minutes"), ("expires_at", "12 hours 1 minute")])
def test_sessions_end_by_themselves(person, tenant, backend, eventually, what, interval):
    """Unused for an hour, or half a day old: then a key is asked for again."""
    assert person.get("/jobs").status_code == 200
    age(backend, tenant, what, interval)
    eventually(lambda: person.get("/jobs").status_code == 303, "the session's end")


@pytest.mark.parametrize("passive", [{"X-Wharf-Passive": "1"}, {"Accept": "text/event-stream"}], ids=["list", "stream"])
def test_what_a_page_does_by_itself_keeps_no_session(person, tenant, backend, eventually, passive):
    """Only what a person does counts as use."""
    age(backend, tenant, "seen_at", "50 minutes")
    eventually(lambda: person.get("/jobs", headers=passive).status_code == 200)
    age(backend, tenant, "seen_at", "11 minutes")
    eventually(lambda: person.get("/jobs", headers=passive).status_code == 303, "the session's end")


def test_use_keeps_a_session(person, tenant, backend):
    """Each request of a person begins the hour anew, even one that comes right after a request of their page."""
    age(backend, tenant, "seen_at", "50 minutes")
    for headers in ({"X-Wharf-Passive": "1"}, {}):
        assert person.get("/jobs", headers=headers).status_code == 200
    assert _seen(backend, tenant) < 60
    age(backend, tenant, "seen_at", "11 minutes")
    assert person.get("/jobs").status_code == 200


def _seen(backend, tenant) -> float:

    with psycopg.connect(backend.owner_url) as connection:
        query = "SELECT extract(epoch FROM now() - max(seen_at)) FROM wharf.sessions WHERE tenant_id = %s"
        ((seconds,),) = connection.execute(query, [tenant.id]).fetchall()
    return float(seconds)
