"""`Idempotency-Key`: the same request gets the same answer, and is done once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from wharf.common.clock import new_id

CSV = b"transaction_id,date,quantity,unit_price\nt1,2025-01-02,2,3.50\n"
FILE = ("sales.csv", CSV, "text/csv")
REPLAY = "idempotent-replay"


def send(client, key: str, *, file=FILE, path: str = "/api/v1/uploads", **fields: str):
    return client.post(path, files={"file": file}, data=fields, headers={"Idempotency-Key": key})


def places(gateway, tenant) -> list[str]:
    """The tenant's stored objects."""
    return sorted(path.name for path in gateway.stored() if str(tenant.id) in path.parts)


def test_the_same_upload_is_answered_again_and_stored_once(api, tenant, gateway):
    """Status, body and Location to the byte, marked as a replay; no second job, and no second object."""
    first = send(api, "order-1", profile="transactions", priority="high")
    second = send(api, "order-1", priority="high", profile="transactions")
    assert first.status_code == second.status_code == 202, second.text
    assert first.content == second.content
    assert first.headers["location"] == second.headers["location"]
    assert first.headers["content-type"] == second.headers["content-type"]
    assert (REPLAY in first.headers, second.headers[REPLAY]) == (False, "true")
    assert (tenant.count("uploads"), tenant.count("imports"), tenant.count("jobs")) == (1, 1, 1)
    assert places(gateway, tenant) == [first.json()["upload_id"]]


def test_an_upload_without_a_key_is_done_every_time(api, tenant):
    """Nobody said that it is the same."""
    for _ in range(2):
        assert REPLAY not in api.post("/api/v1/uploads", files={"file": FILE}).headers
    assert tenant.count("jobs") == 2


@pytest.mark.parametrize(
    ("file", "fields"),
    [
        (("sales.csv", CSV + b"t2,2025-01-03,1,1.00\n", "text/csv"), {}),
        (("other.csv", CSV, "text/csv"), {}),
        (FILE, {"priority": "high"}),
        (FILE, {"project_id": "another"}),
        (FILE, {"options": '{"delimiter": ";"}'}),
    ],
)
def test_a_key_stands_for_one_request_only(api, tenant, gateway, file, fields):
    """Another content, name, field or project under the same key is refused, and nothing of it is kept."""
    first = send(api, "order-1")
    other = send(api, "order-1", file=file, **fields)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert tenant.count("jobs") == 1
    assert places(gateway, tenant) == [first.json()["upload_id"]]
    assert "another" not in [p["project_id"] for p in api.get("/api/v1/projects").json()["items"]]


def test_an_import_of_a_stored_file_is_started_once(api, tenant):
    """The same key and wish start one import; another wish, another upload or another route is another request."""
    upload_id = api.post("/api/v1/uploads", files={"file": FILE}).json()["upload_id"]
    other_id = api.post("/api/v1/uploads", files={"file": FILE}).json()["upload_id"]

    def start(upload: str, **wish: str):
        return api.post(f"/api/v1/uploads/{upload}/import", json=wish, headers={"Idempotency-Key": "again-1"})

    first, second = start(upload_id, mode="append"), start(upload_id, mode="append")
    assert (first.status_code, first.content) == (202, second.content)
    assert second.headers[REPLAY] == "true"
    assert tenant.count("jobs") == 3
    for answer in (start(upload_id, mode="upsert"), start(other_id, mode="append"), send(api, "again-1")):
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    assert tenant.count("jobs") == 3


def test_of_two_at_once_one_is_done(tenant, gateway):
    """Eight requests with one key at the same moment are one job; all are told of the same one."""
    together = threading.Barrier(8)

    def one(_: int):
        with tenant.client() as client:
            together.wait(20)
            return send(client, "storm-1")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert sum(REPLAY not in answer.headers for answer in answers) == 1
    assert (tenant.count("jobs"), tenant.count("uploads"), len(places(gateway, tenant))) == (1, 1, 1)


def test_a_key_is_free_again_after_a_day(api, tenant):
    """A minute before its 24 hours are over it still stands for its request; after them it is taken anew."""
    first = send(api, "order-1")
    aged = "UPDATE wharf.idempotency SET created_at = now() - CAST(:age AS interval)"
    tenant.execute(aged, age="23 hours 59 minutes")
    assert send(api, "order-1").headers[REPLAY] == "true"
    tenant.execute(aged, age="24 hours 1 second")
    second = send(api, "order-1", priority="low")
    assert (second.status_code, REPLAY in second.headers) == (202, False)
    assert second.json()["job_id"] != first.json()["job_id"]
    assert send(api, "order-1", priority="low").content == second.content


def test_a_request_that_failed_keeps_no_key(api, tenant):
    """What was refused can be mended and sent again under the same key."""
    assert send(api, "order-1", profile="trnsactions").status_code == 422
    headers = {"Idempotency-Key": "order-1"}
    assert api.post(f"/api/v1/uploads/{new_id()}/import", headers=headers).status_code == 404
    assert tenant.count("idempotency") == 0
    assert send(api, "order-1", profile="transactions").status_code == 202
    assert tenant.count("jobs") == 1


def test_keys_of_tenants_do_not_meet(make_tenant):
    """The same key of another tenant is another request, and shows nothing of the first one's."""
    one, other = make_tenant(), make_tenant()
    with one.client() as first, other.client() as second:
        answers = [send(first, "order-1"), send(second, "order-1")]
    assert [REPLAY in answer.headers for answer in answers] == [False, False]
    assert answers[0].json()["job_id"] != answers[1].json()["job_id"]
    assert (one.count("jobs"), other.count("jobs")) == (1, 1)


@pytest.mark.parametrize("key", ["", "x" * 256, "x" * 10_000, "a b", "tab\there", "schl\u00fcssel".encode()])
@pytest.mark.parametrize("path", ["/api/v1/uploads", f"/api/v1/uploads/{UUID(int=7)}/import"])
def test_a_key_that_cannot_be_used_is_named(api, tenant, gateway, path, key):
    """1 to 255 visible characters of ASCII; else 422 that says where, and nothing is stored."""
    answer = send(api, key, path=path)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["loc"] == ["header", "idempotency-key"]
    assert (tenant.count("jobs"), places(gateway, tenant)) == (0, [])


def test_the_longest_key_is_a_key(api):
    """255 characters, of all that are visible."""
    key = ("".join(map(chr, range(33, 127))) * 3)[:255]
    assert send(api, key).status_code == 202
    assert send(api, key).headers[REPLAY] == "true"
