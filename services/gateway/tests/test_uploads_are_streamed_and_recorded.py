"""What becomes of a file that arrives."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
import pytest
import redis
import structlog

CSV = b"transaction_id,date,quantity,unit_price\nt1,2025-01-02,2,3.50\n"
FILE = {"file": ("sales.csv", CSV, "text/csv")}


def test_a_file_is_answered_at_once_with_a_queued_job(api, tenant):
    """202, with everything that a client needs to go on, and a Location."""
    answer = api.post("/api/v1/uploads", files=FILE, data={"profile": "transactions"})
    assert answer.status_code == 202, answer.text
    body = answer.json()
    own = f"/api/v1/jobs/{body['job_id']}"
    assert set(body) == {"job_id", "upload_id", "status", "status_url", "events_url"}
    assert body["status"] == "queued"
    assert (body["status_url"], body["events_url"], answer.headers["location"]) == (own, f"{own}/events", own)
    assert UUID(body["job_id"]).version == UUID(body["upload_id"]).version == 7


def test_the_stored_bytes_are_the_sent_bytes(api, tenant, gateway):
    """The object, its size and its sha256 are those of the file; its name is ours and lies in the tenant's folder."""
    content = CSV + bytes(range(256)) * 5000 + b"\r\n--not-the-boundary\r\n"
    upload_id = api.post("/api/v1/uploads", files={"file": ("sales.csv", content, "text/csv")}).json()["upload_id"]
    stored = gateway.objects / "uploads" / str(tenant.id) / upload_id
    assert stored.read_bytes() == content
    shown = api.get(f"/api/v1/uploads/{upload_id}").json()
    assert shown["sha256"] == hashlib.sha256(content).hexdigest()
    assert shown["size"] == len(content)
    assert (shown["file_name"], shown["media_type"], shown["project_id"]) == ("sales.csv", "text/csv", "default")
    assert set(shown) == {
        "id",
        "file_name",
        "media_type",
        "size",
        "sha256",
        "project_id",
        "created_at",
        "inspection",
        "removed_at",
    }
    assert shown["inspection"] is None


def test_what_is_said_beside_the_file_reaches_the_job(api, tenant):
    """Fields before or after the file mean the same, and end up in the payload of the job."""
    fields = {
        "profile": "transactions",
        "project_id": "proj-001",
        "mode": "append",
        "mapping": json.dumps({"InvoiceNo": "transaction_id"}),
        "options": json.dumps({"delimiter": ";", "date_order": "MDY", "max_reject_ratio": 0.5}),
        "on_error": "abort",
        "dry_run": "true",
        "priority": "high",
    }
    before, after = form_of(fields, file_last=True), form_of(fields, file_last=False)
    for body in (before, after):
        answer = api.post("/api/v1/uploads", content=body, headers={"Content-Type": "multipart/form-data; boundary=XX"})
        assert answer.status_code == 202, answer.text
        (job,) = tenant.execute("SELECT * FROM wharf.jobs WHERE id = :id", id=answer.json()["job_id"])
        payload = job["payload"]
        assert (job["project_id"], job["priority"], job["label"], job["kind"]) == ("proj-001", 2, "sales.csv", "import")
        assert payload["mapping"] == {"InvoiceNo": "transaction_id"}
        assert payload["options"]["delimiter"] == ";"
        assert payload["options"]["max_reject_ratio"] == 0.5
        assert (payload["mode"], payload["on_error"], payload["dry_run"]) == ("append", "abort", True)
        assert payload["upload_id"] == answer.json()["upload_id"]
        (row,) = tenant.execute("SELECT * FROM wharf.imports WHERE id = :id", id=payload["import_id"])
        assert (row["profile"], row["mode"], str(row["upload_id"])) == ("transactions", "append", payload["upload_id"])


def form_of(fields: dict[str, str], *, file_last: bool) -> bytes:
    parts = [f'--XX\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    file = f'--XX\r\nContent-Disposition: form-data; name="file"; filename="sales.csv"\r\n\r\n{CSV.decode()}\r\n'
    return "".join([*parts, file] if file_last else [file, *parts]).encode() + b"--XX--\r\n"


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_form_may_be_cut_anywhere(api, tenant, gateway, size):
    """However the network cuts the body, fields and file are the same."""
    body = form_of({"profile": "transactions", "project_id": "cut"}, file_last=False)
    pieces = (body[i : i + size] for i in range(0, len(body), size))
    answer = api.post("/api/v1/uploads", content=pieces, headers={"Content-Type": "multipart/form-data; boundary=XX"})
    assert answer.status_code == 202, answer.text
    upload_id = answer.json()["upload_id"]
    assert (gateway.objects / "uploads" / str(tenant.id) / upload_id).read_bytes() == CSV
    assert api.get(f"/api/v1/uploads/{upload_id}").json()["project_id"] == "cut"


def test_the_job_is_published_with_its_ids_only(api, tenant, broker: redis.Redis, eventually):
    """The message names the job and its attempt, and the ledger knows that the broker was told."""
    answer = api.post("/api/v1/uploads", files=FILE, data={"priority": "urgent"}).json()
    marked = "SELECT 1 FROM wharf.jobs WHERE id = :id AND published_at IS NOT NULL"
    eventually(lambda: tenant.execute(marked, id=answer["job_id"]), "the outbox mark")
    found = [json.loads(m) for m in broker.lrange("wharf:ingest", 0, -1)]
    (message,) = [m for m in found if answer["job_id"] in json.dumps(m["headers"])]
    assert message["headers"]["task"] == "wharf.import"


def test_the_requests_id_travels_to_the_job(api, tenant):
    """A sane X-Request-ID is taken over, answered, and kept with the job."""
    answer = api.post("/api/v1/uploads", files=FILE, headers={"X-Request-ID": "order-66"})
    assert answer.headers["x-request-id"] == "order-66"
    (job,) = tenant.execute("SELECT request_id FROM wharf.jobs WHERE id = :id", id=answer.json()["job_id"])
    assert job["request_id"] == "order-66"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\sales.csv", "sales.csv"),
        ("/absolute/path.csv", "path.csv"),
        ("tab\tand\x7fbell.csv", "tabandbell.csv"),
        ("evil\u202evsc.exe", "evilvsc.exe"),
        ("Umsätze 2025.csv", "Umsätze 2025.csv"),
        ("x" * 300 + ".csv", "x" * 251 + ".csv"),
    ],
)
def test_a_files_name_is_only_shown(api, tenant, gateway, sent, shown):
    """Whatever path a name holds, its last part is shown, and nothing is stored outside our own place."""
    disposition = f'Content-Disposition: form-data; name="file"; filename="{sent.replace(chr(92), chr(92) * 2)}"'
    body = f"--XX\r\n{disposition}\r\n\r\na,b\r\n--XX--\r\n".encode()
    answer = api.post("/api/v1/uploads", content=body, headers={"Content-Type": "multipart/form-data; boundary=XX"})
    assert answer.status_code == 202, answer.text
    upload_id = answer.json()["upload_id"]
    assert api.get(f"/api/v1/uploads/{upload_id}").json()["file_name"] == shown
    assert api.get(f"/api/v1/jobs/{answer.json()['job_id']}").json()["label"] == shown
    assert [path.name for path in (gateway.objects / "uploads" / str(tenant.id)).iterdir()] == [upload_id]


def test_an_empty_file_is_taken_and_judged_by_the_worker(api, tenant, gateway):
    """Nothing of a file is judged before the 202: an empty one is stored like any other."""
    answer = api.post("/api/v1/uploads", files={"file": ("empty.csv", b"")})
    assert answer.status_code == 202, answer.text
    assert (gateway.objects / "uploads" / str(tenant.id) / answer.json()["upload_id"]).read_bytes() == b""


def test_a_project_is_created_at_first_use(api, tenant):
    """An upload into a project that is not there makes it."""
    api.post("/api/v1/uploads", files=FILE, data={"project_id": "proj-007"})
    assert "proj-007" in [p["project_id"] for p in api.get("/api/v1/projects").json()["items"]]


def test_without_a_broker_the_answer_is_still_202(backend, tenant, tmp_path: Path, serve):
    """The job waits in the ledger, unpublished, until the dispatcher finds it."""
    away = serve(WHARF_BROKER_URL="redis://127.0.0.1:1/0")
    with tenant.client(url=away.url) as client:
        answer = client.post("/api/v1/uploads", files=FILE)
    assert answer.status_code == 202, answer.text
    (job,) = tenant.execute("SELECT status, published_at FROM wharf.jobs WHERE id = :id", id=answer.json()["job_id"])
    assert (job["status"], job["published_at"]) == ("queued", None)


def test_a_large_file_goes_through_in_pieces(api, tenant, gateway):
    """More than the storage's parts, sent without a length: the stored bytes are the sent ones."""
    piece = bytes(range(256)) * 1024
    count = 100
    digest = hashlib.sha256(piece * count).hexdigest()

    def body() -> Iterator[bytes]:
        yield b'--XX\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n\r\n'
        for _ in range(count):
            yield piece
        yield b"\r\n--XX--\r\n"

    answer = api.post("/api/v1/uploads", content=body(), headers={"Content-Type": "multipart/form-data; boundary=XX"})
    assert answer.status_code == 202, answer.text
    shown = api.get(f"/api/v1/uploads/{answer.json()['upload_id']}").json()
    assert (shown["size"], shown["sha256"]) == (len(piece) * count, digest)


def test_if_the_ledger_refuses_nothing_stays_stored(api, tenant, gateway):
    """A transaction that fails takes the stored file with it, and says nothing of the inside."""
    before = len(gateway.stored())
    with psycopg.connect(tenant.backend.owner_url, autocommit=True) as owner:
        owner.execute("ALTER TABLE wharf.imports ADD CONSTRAINT never CHECK (profile <> 'transactions') NOT VALID")
        try:
            # Drawing the traceback as people see it takes longer than the request.
            with structlog.testing.capture_logs():
                answer = api.post("/api/v1/uploads", files=FILE, data={"profile": "transactions"})
        finally:
            owner.execute("ALTER TABLE wharf.imports DROP CONSTRAINT never")
    assert answer.status_code == 500
    assert "never" not in answer.text
    assert len(gateway.stored()) == before
    assert (tenant.count("uploads"), tenant.count("jobs")) == (0, 0)


def test_a_viewer_may_not_upload(tenant):
    """The role viewer reads; it takes an operator to change anything."""
    with tenant.client("viewer") as client:
        answer = client.post("/api/v1/uploads", files=FILE)
    assert answer.status_code == 403
    assert answer.json()["code"] == "forbidden"


def test_a_key_of_one_project_uploads_into_it(tenant):
    """Without a word the file goes into the key's own project; another one is refused and nothing is stored."""
    key = tenant.key("operator", project_id="proj-1")["key"]
    with httpx.Client(base_url=tenant.gateway.url, headers={"X-API-Key": key}) as client:
        own = client.post("/api/v1/uploads", files=FILE)
        before = len(tenant.gateway.stored())
        other = client.post("/api/v1/uploads", files=FILE, data={"project_id": "proj-2"})
    (job,) = tenant.execute("SELECT project_id FROM wharf.jobs WHERE id = :id", id=own.json()["job_id"])
    assert job["project_id"] == "proj-1"
    assert (other.status_code, other.json()["code"]) == (403, "wrong_project")
    assert len(tenant.gateway.stored()) == before
