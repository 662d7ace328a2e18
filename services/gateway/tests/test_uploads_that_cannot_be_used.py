"""Bad input: each thing that can be wrong with an upload is said plainly, and leaves nothing behind."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

CSV = b"transaction_id,date\nt1,2025-01-02\n"
FILE = {"file": ("sales.csv", CSV, "text/csv")}
FORM = {"Content-Type": "multipart/form-data; boundary=XX"}
HEAD = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="big.csv"\r\n\r\n'
TAIL = b"\r\n--XX--\r\n"


@pytest.fixture(autouse=True)
def nothing_stays(gateway, tenant) -> Iterator[None]:
    """Whatever a test of this module sends, neither object nor row is left of it."""
    before = set(gateway.stored())
    yield
    assert set(gateway.stored()) == before
    assert (tenant.count("uploads"), tenant.count("imports"), tenant.count("jobs")) == (0, 0, 0)


def refused(answer: httpx.Response, status: int, code: str, *loc: str) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == code
    if loc:
        assert list(loc) in [e["loc"] for e in problem["errors"]]
        assert all(set(e) == {"loc", "code", "message"} for e in problem["errors"])
    return problem


def test_a_3_gb_claim_is_refused_before_the_body_is_sent(tenant, gateway):
    """With a Content-Length above the limit of 2 GiB the answer is 413 while not one byte of the body was sent."""
    target = urlsplit(gateway.url)
    request = (
        f"POST /api/v1/uploads HTTP/1.1\r\nHost: {target.netloc}\r\nAuthorization: Bearer {tenant.keys['operator']}\r\n"
        f"Content-Type: {FORM['Content-Type']}\r\nContent-Length: {3 * 2**30}\r\n\r\n"
    )
    with socket.create_connection((target.hostname, target.port), timeout=20) as connection:
        connection.sendall(request.encode())
        head = connection.recv(65536).decode()
    assert head.startswith("HTTP/1.1 413 "), head
    assert '"code":"file_too_large"' in head
    assert "connection: close" in head.lower()


def test_a_client_that_sends_on_still_reads_the_413(tenant, serve):
    """Refused by its length, a client that has begun to send gets to see the answer."""
    small = serve(upload_max_bytes=1000)
    body = HEAD + b"x" * 5_000_000 + TAIL
    with tenant.client(url=small.url) as client:
        refused(client.post("/api/v1/uploads", content=body, headers=FORM), 413, "file_too_large")
    assert small.stored() == []


def test_without_a_length_the_limit_holds_while_the_file_arrives(tenant, serve, eventually):
    """A stream without Content-Length is cut off at the limit; the part that was stored is gone."""
    small = serve(upload_max_bytes=12_000_000)

    def body() -> Iterator[bytes]:
        yield HEAD
        for _ in range(300):
            yield b"x" * 65536

    with tenant.client(url=small.url) as client:
        refused(client.post("/api/v1/uploads", content=body(), headers=FORM), 413, "file_too_large")
    eventually(lambda: small.stored() == [], "an empty storage")


def test_a_file_of_just_the_limit_is_taken_and_one_byte_more_is_not(tenant, serve, backend):
    """The limit is that of the file, whatever the form adds to it."""
    small = serve(upload_max_bytes=1000)
    with tenant.client(url=small.url) as client:
        refused(client.post("/api/v1/uploads", files={"file": ("a.csv", b"x" * 1001)}), 413, "file_too_large")
        # (a missing profile's 422 comes after the file was taken in, and leaves no row)
        answer = client.post("/api/v1/uploads", files={"file": ("a.csv", b"x" * 1000)}, data={"profile": "nope"})
        refused(answer, 422, "unknown_profile")


def test_a_client_that_goes_away_leaves_nothing(tenant, gateway, eventually):
    """Mid-upload, beyond what the storage writes in one piece, the connection ends: no object, no row."""
    target = urlsplit(gateway.url)
    request = (
        f"POST /api/v1/uploads HTTP/1.1\r\nHost: {target.netloc}\r\nAuthorization: Bearer {tenant.keys['operator']}\r\n"
        f"Content-Type: {FORM['Content-Type']}\r\nContent-Length: 100000000\r\n\r\n"
    )
    before = set(gateway.stored())
    with socket.create_connection((target.hostname, target.port), timeout=20) as connection:
        connection.sendall(request.encode() + HEAD)
        for _ in range(200):
            connection.sendall(b"x" * 65536)
        eventually(lambda: set(gateway.stored()) - before, "the first stored part")
    eventually(lambda: set(gateway.stored()) == before, "a tidy storage")


def test_a_body_that_ends_early_leaves_nothing(tenant, api):
    """A form whose closing boundary never comes is no form."""
    refused(api.post("/api/v1/uploads", content=HEAD + b"abc", headers=FORM), 422, "malformed_form", "body")


def test_options_that_are_no_json(api):
    """Says where: the field options."""
    refused(
        api.post("/api/v1/uploads", files=FILE, data={"options": "{nope"}), 422, "invalid_request", "body", "options"
    )


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"delimiter": "ab"}, "delimiter"),
        ({"encoding": "klingon"}, "encoding"),
        ({"date_order": "YDM"}, "date_order"),
        ({"max_reject_ratio": 1.5}, "max_reject_ratio"),
        ({"header_row": -1}, "header_row"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_an_option_with_a_bad_value_is_named(api, options, field):
    """One problem for the option that is wrong."""
    answer = api.post("/api/v1/uploads", files=FILE, data={"options": json.dumps(options)})
    refused(answer, 422, "invalid_request", "body", "options", field)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("project_id", "../evil"),
        ("project_id", "Caps"),
        ("project_id", "x" * 64),
        ("mode", "merge"),
        ("on_error", "panic"),
        ("dry_run", "perhaps"),
        ("priority", "asap"),
        ("mapping", "[1]"),
        ("mapping", "{"),
        ("profil", "transactions"),
        ("profile", "a\x00b"),
    ],
)
def test_a_field_with_a_bad_value_is_named(api, field, value):
    """One problem for the field that is wrong; a field that does not exist is wrong too."""
    refused(api.post("/api/v1/uploads", files=FILE, data={field: value}), 422, "invalid_request", "body", field)


def test_what_is_wrong_is_said_in_a_sentence(api):
    """To a person that sees nothing but the detail, too; the first three of it."""
    fields = {"project_id": "My Project", "mode": "merge", "on_error": "panic", "dry_run": "perhaps"}
    problem = refused(api.post("/api/v1/uploads", files=FILE, data=fields), 422, "invalid_request")
    assert problem["detail"] == (
        "The form cannot be used as it is. mode: It has to be 'append', 'upsert' or 'replace'. "
        "on_error: It has to be 'reject' or 'abort'. dry_run: true or false is expected."
    )
    assert problem["errors"][3]["message"].startswith("Use small letters, digits, - and _")


@pytest.mark.parametrize("mapping", [{"a": 1}, {"a": ""}, {"nul\0": "date"}, {f"h{i}": "date" for i in range(2001)}])
def test_a_mapping_that_cannot_be_used(api, mapping):
    """A mapping is text to text, of a bounded size, and storable."""
    answer = api.post("/api/v1/uploads", files=FILE, data={"mapping": json.dumps(mapping)})
    assert refused(answer, 422, "invalid_request")["errors"][0]["loc"][:2] == ["body", "mapping"]


def test_an_unknown_profile_is_answered_with_those_there_are(api):
    """422, and the list."""
    answer = api.post("/api/v1/uploads", files=FILE, data={"profile": "trnsactions"})
    problem = refused(answer, 422, "unknown_profile", "body", "profile")
    assert "transactions" in problem["detail"]


def test_a_second_file(api):
    """One file for each request."""
    answer = api.post("/api/v1/uploads", files=[("file", ("a.csv", CSV)), ("file", ("b.csv", CSV))])
    refused(answer, 422, "second_file", "body", "file")


def test_no_file(api):
    """A form without the part `file`."""
    body = b'--XX\r\nContent-Disposition: form-data; name="profile"\r\n\r\ntransactions' + TAIL
    refused(api.post("/api/v1/uploads", content=body, headers=FORM), 422, "file_missing", "body", "file")


def test_a_file_without_a_name(api):
    """The part `file` sent like a text field."""
    body = b'--XX\r\nContent-Disposition: form-data; name="file"\r\n\r\na,b' + TAIL
    refused(api.post("/api/v1/uploads", content=body, headers=FORM), 422, "file_name_missing", "body", "file")


@pytest.mark.parametrize("kind", ["text/csv", "application/json", "application/x-www-form-urlencoded", ""])
def test_a_body_that_is_no_multipart_form(api, kind):
    """Says what to send instead."""
    answer = api.post("/api/v1/uploads", content=CSV, headers={"Content-Type": kind} if kind else {})
    refused(answer, 422, "not_a_form", "header", "content-type")


@pytest.mark.parametrize(
    "body",
    [
        b"no form at all",
        b"",
        b"--XX\r\nno header\r\n\r\nx\r\n--XX--",
        b"--XX\r\nContent-Disposition: form-data\r\n\r\nx" + TAIL,
    ],
)
def test_a_body_that_is_not_what_it_says(api, body):
    """A multipart form only by its Content-Type."""
    refused(api.post("/api/v1/uploads", content=body, headers=FORM), 422, "malformed_form", "body")


def test_fields_are_bounded(api):
    """Neither one huge field, nor many small ones, nor the same one twice."""
    refused(api.post("/api/v1/uploads", files=FILE, data={"mapping": "x" * 300_000}), 422, "fields_too_large", "body")
    many = {f"f{i}": "x" for i in range(40)}
    refused(api.post("/api/v1/uploads", files=FILE, data=many), 422, "too_many_fields", "body")
    refused(
        api.post("/api/v1/uploads", files=FILE, data={"mode": ["append", "upsert"]}), 422, "field_twice", "body", "mode"
    )


def test_headers_of_a_part_are_bounded(api):
    """A part cannot fill the memory with headers."""
    body = HEAD[:-2] + b"X-Long: " + b"y" * 1_000_000 + b"\r\n\r\nabc" + TAIL
    refused(api.post("/api/v1/uploads", content=body, headers=FORM), 422, "malformed_form", "body")


def test_without_a_key_nothing_is_taken(gateway, tenant):
    """401 with a challenge, whatever comes with it."""
    answer = httpx.post(f"{gateway.url}/api/v1/uploads", files=FILE)
    refused(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")
