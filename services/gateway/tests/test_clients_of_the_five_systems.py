"""The routes of the five systems' clients: every state for every client, whose key counts, what cannot be used."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from wharf.common.clock import new_id
from wharf.common.errors import Invalid
from wharf.common.jobs.states import Status
from wharf.common.settings import load
from wharf.gateway.clients import source_mapping
from wharf.gateway.resources import Resources
from wharf.gateway.settings import GatewaySettings

DEADLINE = 20.0
CSV = b"transaction_id,date,quantity,unit_price\nt1,2025-01-02,2,3.50\n"
FILE = {"file": ("data.csv", CSV, "text/csv")}
POSTS = (
    ("/api/upload", {}),
    ("/api/v1/ingestion/upload-csv", {"project_id": "proj-001"}),
    ("/api/processing/upload/", {}),
    ("/api/processing/upload", {}),
    ("/data-ingestion/uploads/", {}),
    ("/data-ingestion/uploads", {}),
)
RESULT = {
    "rows_read": 10,
    "inserted": 7,
    "updated": 1,
    "unchanged": 0,
    "superseded": 0,
    "rejected": 2,
    "entities": {
        "suppliers": {"created": 2, "updated": 0},
        "materials": {"created": 3, "updated": 1},
        "purchase_orders": {"created": 4, "updated": 0},
        "order_lines": {"created": 7, "updated": 1},
    },
}
EMPTY = {"column": "tag", "code": "required", "message": "It needs a value."}
CUT = {"column": None, "code": "too_few_cells", "message": "It ends too early."}
ROWS = [{"line": 3, "errors": [EMPTY]}, {"line": 4, "errors": [EMPTY, CUT]}]
FIRST = "2 of 3 rows have errors. The first: line 3, tag: It needs a value."
ERROR = {"code": "rows_rejected", "message": FIRST, "detail": {"rejected": 2, "rows": ROWS}, "retryable": False}
WHY = f"{FIRST} Rows: line 4, tag: It needs a value.; line 4: It ends too early."

# What each client is shown of a job: story, synapse, tasks, AYNI, pricing.
STATES = {
    "queued": ("queued", "PENDING", "PENDING", "pending", "PENDING"),
    "running": ("running", "PROGRESS", "PROGRESS", "processing", "PROGRESS"),
    "retrying": ("running", "PROGRESS", "PROGRESS", "processing", "PROGRESS"),
    "cancelling": ("running", "PROGRESS", "PROGRESS", "processing", "PROGRESS"),
    "cancelled": ("cancelled", "FAILURE", "FAILURE", "failed", "FAILURE"),
    "completed": ("completed", "SUCCESS", "SUCCESS", "completed", "SUCCESS"),
    "failed": ("failed", "FAILURE", "FAILURE", "failed", "FAILURE"),
}


def in_state(tenant, status: str):
    """An import's job in that state, as a worker leaves it."""
    progress = {"current": 5, "total": 10, "percent": 50.0, "unit": "rows", "stage": "load", "message": "Reading"}
    changes: dict[str, Any] = {"status": status}
    if status != "queued":
        changes |= {"progress": json.dumps(progress), "started_at": datetime.now(UTC)}
    if status == "completed":
        changes |= {"result": json.dumps(RESULT)}
    if status == "failed":
        changes |= {"error": json.dumps(ERROR)}
    return tenant.move(tenant.job(), **changes)


def upload_of(tenant, job) -> str:
    (row,) = tenant.execute("SELECT payload FROM wharf.jobs WHERE id = :id", id=job.job_id)
    return row["payload"]["upload_id"]


def test_every_state_is_in_the_table():
    """A state that is added has to be added for the clients too."""
    assert set(STATES) == set(Status)


@pytest.mark.parametrize("status", STATES)
def test_every_client_is_shown_a_state_that_it_knows(api, tenant, status):
    """All states, all clients, with and without a snapshot in Redis."""
    job = in_state(tenant, status)
    upload_id = upload_of(tenant, job)
    paths = (
        (f"/api/job/{job.job_id}", "status"),
        (f"/api/v1/ingestion/job-status/{job.job_id}", "status"),
        (f"/api/v1/tasks/{job.job_id}", "status"),
        (f"/api/processing/upload/{upload_id}/", "status"),
        (f"/data-ingestion/progress/{job.job_id}/", "state"),
    )
    for _ in range(2):
        assert tuple(api.get(path).json()[field] for path, field in paths) == STATES[status]
        tenant.feed._redis.delete(f"ingest_progress:{job.job_id}")


@pytest.mark.parametrize("status", STATES)
def test_the_fields_are_those_of_the_documents(api, tenant, status):
    """Exactly them, in every state."""
    job = in_state(tenant, status)
    upload_id = upload_of(tenant, job)
    story = api.get(f"/api/job/{job.job_id}").json()
    fields = "job_id source_type file_name status records_processed started_at completed_at error"
    assert set(story) == set(fields.split())
    assert (story["source_type"], story["file_name"]) == ("csv_upload", "sales.csv")
    synapse = api.get(f"/api/v1/ingestion/job-status/{job.job_id}").json()
    assert set(synapse) == {"status", "percent", "message", "result", "error"}
    task = api.get(f"/api/v1/tasks/{job.job_id}").json()
    assert set(task) == {"task_id", "status", "progress", "message"}
    result = api.get(f"/api/v1/tasks/{job.job_id}/result").json()
    assert set(result) == {"task_id", "status", "result"}
    assert result["status"] == task["status"]
    ayni = api.get(f"/api/processing/upload/{upload_id}/").json()
    assert set(ayni) == {"upload_id", "status", "progress_percentage", "error_message"}
    pricing = api.get(f"/data-ingestion/progress/{job.job_id}").json()
    assert set(pricing) == {"state", "current", "total", "status", "result", "error"}
    assert pricing["total"] > 0


def test_what_is_told_of_a_running_job(api, tenant):
    """Half is half for everybody."""
    job = in_state(tenant, "running")
    assert api.get(f"/api/job/{job.job_id}").json()["records_processed"] == 5
    synapse = api.get(f"/api/v1/ingestion/job-status/{job.job_id}").json()
    assert (synapse["percent"], synapse["message"], synapse["result"], synapse["error"]) == (50, "Reading", None, None)
    task = api.get(f"/api/v1/tasks/{job.job_id}").json()
    assert (task["progress"], task["message"]) == (50, "Reading")
    assert api.get(f"/api/processing/upload/{upload_of(tenant, job)}").json()["progress_percentage"] == 50
    pricing = api.get(f"/data-ingestion/progress/{job.job_id}/").json()
    assert (pricing["current"], pricing["total"], pricing["status"]) == (5, 10, "Reading")


def test_a_claimed_task_that_has_said_nothing_is_started(api, tenant):
    """STARTED is what the transformations' client knows for it; the others see it running."""
    job = tenant.move(tenant.job(), status="running")
    assert api.get(f"/api/v1/tasks/{job.job_id}").json()["status"] == "STARTED"
    assert api.get(f"/api/v1/ingestion/job-status/{job.job_id}").json()["status"] == "PROGRESS"


def test_what_is_told_of_a_completed_job(api, tenant):
    """Each client's own result, made of the import's."""
    job = in_state(tenant, "completed")
    assert api.get(f"/api/job/{job.job_id}").json()["records_processed"] == 10
    synapse = api.get(f"/api/v1/ingestion/job-status/{job.job_id}").json()
    assert synapse["result"] == {"status": "SUCCESS", "created_count": 7, "total_rows": 10}
    assert synapse["percent"] == 100
    assert api.get(f"/api/v1/tasks/{job.job_id}/result").json()["result"] == RESULT
    pricing = api.get(f"/data-ingestion/progress/{job.job_id}/").json()
    assert (pricing["current"], pricing["total"]) == (100, 100)
    assert pricing["result"] == {
        "status": "success",
        "processed": 8,
        "created_suppliers": 2,
        "created_materials": 3,
        "created_pos": 4,
        "created_prices": 0,
    }


@pytest.mark.parametrize(("status", "error"), [("failed", WHY), ("cancelled", "cancelled")])
def test_what_is_told_of_a_job_without_a_result(api, tenant, status, error):
    """Why, with the rows where it was the rows; a cancelled one says so."""
    job = in_state(tenant, status)
    assert api.get(f"/api/job/{job.job_id}").json()["error"] == error
    assert api.get(f"/api/v1/ingestion/job-status/{job.job_id}").json()["error"] == error
    assert api.get(f"/api/v1/tasks/{job.job_id}").json()["message"] == error
    assert api.get(f"/api/v1/tasks/{job.job_id}/result").json()["result"] is None
    assert api.get(f"/api/processing/upload/{upload_of(tenant, job)}/").json()["error_message"] == error
    assert api.get(f"/data-ingestion/progress/{job.job_id}/").json()["error"] == error


def payload_of(tenant, job_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    (row,) = tenant.execute("SELECT * FROM wharf.jobs WHERE id = :id", id=job_id)
    return dict(row), row["payload"]


def test_the_story_client_starts_an_import_whose_profile_is_detected(api, tenant):
    """`POST /api/upload` answers with the job and where to poll it."""
    body = api.post("/api/upload", files=FILE).json()
    assert body == {"job_id": body["job_id"], "status_url": f"/api/job/{body['job_id']}"}
    row, payload = payload_of(tenant, body["job_id"])
    assert (row["kind"], row["project_id"], payload["profile"]) == ("import", "default", None)
    assert api.get(body["status_url"]).json()["status"] == "queued"


@pytest.mark.parametrize(
    ("query", "form", "project"),
    [
        ({}, {"project_id": "proj-001"}, "proj-001"),
        ({"project_id": "proj-001"}, {}, "proj-001"),
        ({"project_id": "p1"}, {"project_id": "p1"}, "p1"),
        ({}, {"project_id": "0E984725-C51C-4BF4-9960-E1C80E27ABA0"}, "0e984725-c51c-4bf4-9960-e1c80e27aba0"),
    ],
)
def test_the_synapse_client_imports_assets_or_nothing(api, tenant, query, form, project):
    """The project comes in the form, as its code sends it, or in the query, as its API declares it."""
    body = api.post("/api/v1/ingestion/upload-csv", files=FILE, data=form, params=query).json()
    assert set(body) == {"job_id", "status", "message"}
    assert body["status"] == "QUEUED"
    row, payload = payload_of(tenant, body["job_id"])
    assert (row["project_id"], payload["profile"], payload["on_error"]) == (project, "assets", "abort")


def test_the_test_task_is_an_echo(api, tenant):
    """On the queue maintenance, with the message."""
    body = api.post("/api/v1/tasks/test?message=Hi").json()
    assert (set(body), body["status"]) == ({"task_id", "status", "message"}, "PENDING")
    row, payload = payload_of(tenant, body["task_id"])
    assert (row["kind"], row["queue"], payload["message"]) == ("echo", "maintenance", "Hi")
    assert api.get(f"/api/v1/tasks/{body['task_id']}").json()["status"] == "PENDING"
    assert api.post("/api/v1/tasks/test").json()["status"] == "PENDING"


@pytest.mark.parametrize("mappings", [{"InvoiceNo": "transaction_id"}, {"transaction_id": "InvoiceNo"}])
def test_the_ayni_client_imports_transactions_through_its_mapping(api, tenant, mappings):
    """In either direction; the upload's id leads to its job."""
    body = api.post("/api/processing/upload/", files=FILE, data={"mappings": json.dumps(mappings)}).json()
    _, payload = payload_of(tenant, body["job_id"])
    assert (payload["profile"], payload["mapping"]) == ("transactions", {"InvoiceNo": "transaction_id"})
    assert payload["upload_id"] == body["upload_id"]
    shown = api.get(f"/api/processing/upload/{body['upload_id']}/").json()
    assert shown == {
        "upload_id": body["upload_id"],
        "status": "pending",
        "progress_percentage": 0,
        "error_message": None,
    }


def test_a_mapping_that_could_be_meant_both_ways_is_source_to_column():
    """And one that is neither is refused with the columns that there are; what leads nowhere is left out."""
    columns = frozenset({"date", "total", "store"})
    assert source_mapping({"date": "total", "total": "date"}, columns) == {"date": "total", "total": "date"}
    assert source_mapping({"Datum": "date", "Note": None, "Other": ""}, columns) == {"Datum": "date"}
    assert source_mapping({"date": "Datum", "total": "Summe"}, columns) == {"Datum": "date", "Summe": "total"}
    for neither in ({"Datum": "day"}, {"date": "Datum", "total": "Datum"}, {"Datum": "date", "total": "Summe"}):
        with pytest.raises(Invalid, match="Columns: date, store, total") as refusal:
            source_mapping(neither, columns)
        assert refusal.value.error_code == "bad_mapping"


def test_the_pricing_client_stores_then_processes_and_cancels(api, tenant, gateway):
    """Storing makes no job; processing makes one each time; cancelling again is no error."""
    upload_id = api.post("/data-ingestion/uploads/", files=FILE, data={"csrfmiddlewaretoken": "x"}).json()["upload_id"]
    assert (tenant.count("jobs"), tenant.count("imports")) == (0, 0)
    assert (gateway.objects / "uploads" / str(tenant.id) / upload_id).read_bytes() == CSV
    assert api.get(f"/api/processing/upload/{upload_id}/").json()["status"] == "pending"
    body = api.post(f"/data-ingestion/process/{upload_id}/").json()
    assert set(body) == {"task_id"}
    _, payload = payload_of(tenant, body["task_id"])
    assert (payload["profile"], payload["upload_id"]) == ("procurement", upload_id)
    assert api.post(f"/data-ingestion/process/{upload_id}").json()["task_id"] != body["task_id"]
    task = f"/data-ingestion/cancel/{body['task_id']}"
    assert api.post(f"{task}/").json() == {"state": "FAILURE"}
    assert tenant.view(body["task_id"]).status == "cancelled"
    assert api.post(task).json() == {"state": "FAILURE"}


def test_cancelling_what_runs_or_has_ended_tells_its_state(api, tenant):
    """A running import gets its flag; a completed one stays so."""
    running, completed = in_state(tenant, "running"), in_state(tenant, "completed")
    assert api.post(f"/data-ingestion/cancel/{running.job_id}/").json() == {"state": "PROGRESS"}
    assert tenant.view(running.job_id).status == "cancelling"
    assert api.post(f"/data-ingestion/cancel/{completed.job_id}/").json() == {"state": "SUCCESS"}
    assert tenant.view(completed.job_id).status == "completed"


def test_a_stored_upload_is_imported_again_as_it_is_told(api, tenant):
    """`POST /api/v1/uploads/{id}/import`: as often as wanted, each time another import; the newest is shown."""
    upload_id = api.post("/data-ingestion/uploads/", files=FILE).json()["upload_id"]
    wish = {"profile": "transactions", "mode": "append", "mapping": {"A": "date"}, "options": {"delimiter": ";"}}
    wish |= {"on_error": "abort", "dry_run": True, "priority": "high"}
    answer = api.post(f"/api/v1/uploads/{upload_id}/import", json=wish)
    assert answer.status_code == 202, answer.text
    first = answer.json()
    assert set(first) == {"job_id", "upload_id", "status", "status_url", "events_url"}
    assert answer.headers["location"] == first["status_url"]
    row, payload = payload_of(tenant, first["job_id"])
    assert (payload["mode"], payload["mapping"], payload["dry_run"]) == ("append", {"A": "date"}, True)
    assert (payload["on_error"], payload["options"]["delimiter"], row["priority"]) == ("abort", ";", 2)
    assert row["label"] == "data.csv"
    second = api.post(f"/api/v1/uploads/{upload_id}/import").json()
    _, again = payload_of(tenant, second["job_id"])
    assert again["profile"] is None
    assert again["import_id"] != payload["import_id"]
    assert tenant.count("imports") == 2
    tenant.move(tenant.view(second["job_id"]), status="running")
    assert api.get(f"/api/processing/upload/{upload_id}/").json()["status"] == "processing"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"profile": "nonsense"}, "unknown_profile"),
        ({"mode": "merge"}, "literal_error"),
        ({"profil": "x"}, "extra_forbidden"),
        ({"options": {"delimiter": "a"}}, "bad_option"),
        ({"mapping": ["a"]}, "dict_type"),
        ([], "model_attributes_type"),
    ],
)
def test_a_wish_that_cannot_be_is_named(api, wish, code):
    """422 with its place; nothing is started."""
    upload_id = api.post("/data-ingestion/uploads/", files=FILE).json()["upload_id"]
    answer = api.post(f"/api/v1/uploads/{upload_id}/import", json=wish)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code), answer.text


def test_a_viewer_starts_nothing(tenant):
    """Every route that starts or ends something takes an operator."""
    job = in_state(tenant, "running")
    upload_id = upload_of(tenant, job)
    starting = [path for path, _ in POSTS] + [
        f"/api/v1/uploads/{upload_id}/import",
        "/api/v1/tasks/test",
        f"/data-ingestion/process/{upload_id}/",
        f"/data-ingestion/cancel/{job.job_id}/",
    ]
    with tenant.client("viewer") as client:
        assert {client.post(path).status_code for path in starting} == {403}
        assert client.get(f"/api/job/{job.job_id}").status_code == 200
    assert tenant.count("jobs") == 1


@pytest.mark.parametrize(("path", "form"), POSTS)
def test_a_file_in_the_wrong_field_is_told_which_is_right(api, tenant, gateway, path, form):
    """422 that names the field that came and the one that is expected, however large the file is."""
    for content in (CSV, CSV * 20_000):
        answer = api.post(path, files={"upload": ("data.csv", content)}, data=form)
        assert (answer.status_code, answer.json()["code"]) == (422, "file_missing"), answer.text
        assert "`upload`" in answer.json()["detail"]
        assert "`file`" in answer.json()["detail"]
    missing = api.post(path, data=form, files={"x": (None, "1")})
    assert (missing.status_code, missing.json()["errors"][0]["loc"]) == (422, ["body", "file"])
    assert api.post(path).json()["code"] == "not_a_form"
    assert tenant.count("uploads") == 0


@pytest.mark.parametrize(("path", "form"), POSTS)
def test_an_unknown_field_is_named(api, tenant, path, form):
    """422 with the fields that there are; nothing of the file is kept."""
    answer = api.post(path, files=FILE, data={**form, "mapings": "{}"})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["loc"], error["code"]) == (422, ["body", "mapings"], "unknown_field")
    assert "file" in error["message"]
    assert tenant.count("uploads") == 0


@pytest.mark.parametrize(
    ("path", "query", "form", "loc"),
    [
        ("/api/v1/ingestion/upload-csv", {}, {}, ["body", "project_id"]),
        ("/api/v1/ingestion/upload-csv", {}, {"project_id": "../x"}, ["body", "project_id"]),
        ("/api/v1/ingestion/upload-csv", {"project_id": "a"}, {"project_id": "b"}, ["query", "project_id"]),
        ("/api/processing/upload/", {}, {"mappings": "{"}, ["body", "mappings"]),
        ("/api/processing/upload/", {}, {"mappings": '["date"]'}, ["body", "mappings"]),
        ("/api/processing/upload/", {}, {"mappings": '{"Datum": "day"}'}, ["body", "mappings"]),
    ],
)
def test_a_field_that_cannot_be_used_is_named(api, tenant, path, query, form, loc):
    """422 with its place."""
    answer = api.post(path, files=FILE, data=form, params=query)
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, loc), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert tenant.count("uploads") == 0


def test_a_job_of_another_kind_is_no_import(api, tenant):
    """An echo is a task, and none of the imports' clients' jobs."""
    echo = tenant.job(kind="echo")
    assert api.get(f"/api/v1/tasks/{echo.job_id}").status_code == 200
    for path in (f"/api/job/{echo.job_id}", f"/data-ingestion/progress/{echo.job_id}/"):
        assert api.get(path).json()["code"] == "job_not_found"
    assert api.post(f"/data-ingestion/cancel/{echo.job_id}/").status_code == 404
    assert tenant.view(echo.job_id).status == "queued"


def test_the_routes_are_found_without_their_slash_too(api, tenant):
    """No redirect, which would lose a form on its way; a foreign id is 404 either way."""
    for path in ("/api/processing/upload/{}", "/data-ingestion/progress/{}"):
        for slash in ("", "/"):
            assert api.get(path.format(new_id()) + slash).status_code == 404
    for path in ("/data-ingestion/process/{}", "/data-ingestion/cancel/{}"):
        for slash in ("", "/"):
            assert api.post(path.format(new_id()) + slash).status_code == 404
    assert api.get("/api/v1/tasks/abc-123").status_code == 422


# --- without a key ---------------------------------------------------------------------------------------------------


@pytest.fixture
def keyless(tenant, serve, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client that brings no key, of a gateway that lends it the tenant's operator's."""
    file = tmp_path / "key"
    file.write_text(tenant.keys["operator"] + "\n")
    with httpx.Client(base_url=serve(legacy_key_file=file).url, timeout=DEADLINE) as client:
        yield client


def test_clients_without_a_key_stand_under_the_legacy_key(keyless, tenant):
    """On their routes, for reading and writing; on no other route."""
    for path, form in POSTS:
        assert keyless.post(path, files=FILE, data=form).status_code == 200, path
    assert tenant.count("uploads") == len(POSTS)
    job = tenant.job()
    assert keyless.get(f"/api/job/{job.job_id}").status_code == 200
    assert keyless.get(f"/api/v1/tasks/{job.job_id}").status_code == 200
    for path in ("/api/v1/jobs", f"/api/v1/jobs/{job.job_id}", "/api/v1/events", "/api/v1/keys"):
        assert keyless.get(path).status_code == 401
    assert keyless.post("/api/v1/uploads", files=FILE).status_code == 401


def test_a_key_that_is_brought_counts(keyless, make_tenant, tenant):
    """Another tenant's key sees its own; a wrong one is not replaced by the legacy key."""
    stranger = make_tenant()
    job = tenant.job()
    other = {"Authorization": f"Bearer {stranger.keys['viewer']}"}
    assert keyless.get(f"/api/job/{job.job_id}", headers=other).status_code == 404
    assert keyless.get(f"/api/job/{job.job_id}", headers={"X-API-Key": "wk_0123456789ab_no"}).status_code == 401


def test_a_page_of_another_site_gets_no_key_lent(keyless, tenant):
    """Or any page in the world could upload through its visitor's browser."""
    for origin in ("https://evil.example", "null"):
        answer = keyless.post("/api/upload", files=FILE, headers={"Origin": origin})
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert tenant.count("uploads") == 0
    assert keyless.post("/api/upload", files=FILE, headers={"Origin": str(keyless.base_url)}).status_code == 200


def test_a_legacy_key_that_is_none_stops_the_start(backend, tmp_path, monkeypatch):
    """One sentence that names the setting, and not what is in the file."""
    file = tmp_path / "key"
    monkeypatch.chdir(tmp_path)
    urls = {"DATABASE": backend.app_url, "REDIS": backend.redis_url, "BROKER": backend.broker_url}
    for name, url in {**urls, "STORAGE": tmp_path.as_uri()}.items():
        monkeypatch.setenv(f"WHARF_{name}_URL", url)
    monkeypatch.setenv("WHARF_LEGACY_KEY_FILE", str(file))
    for content in (None, b"", b"secret-nonsense", b"\xff"):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(Invalid, match="WHARF_LEGACY_KEY_FILE") as refusal:
            Resources.open(load(GatewaySettings))
        assert "nonsense" not in refusal.value.message
    monkeypatch.setenv("WHARF_LEGACY_KEY_FILE", "")
    unset = Resources.open(load(GatewaySettings))
    unset.close()
    assert unset.legacy_key is None


# --- their sockets ---------------------------------------------------------------------------------------------------


@pytest.fixture
def dial() -> Iterator[Callable[..., ClientConnection]]:
    """Open a socket."""
    with ExitStack() as stack:

        def start(url: Any, path: str, **headers: str) -> ClientConnection:
            address = str(url).replace("http", "ws", 1).rstrip("/") + path
            return stack.enter_context(connect(address, additional_headers=headers, open_timeout=DEADLINE))

        yield start


def heard(socket: ClientConnection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(socket.recv(timeout=DEADLINE))
    return found


def closed(socket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as ending:
        socket.recv(timeout=DEADLINE)
    assert ending.value.rcvd
    return ending.value.rcvd.code


@pytest.mark.parametrize(
    ("status", "last"),
    [("completed", "upload.completed"), ("failed", "upload.failed"), ("cancelled", "upload.failed")],
)
def test_an_uploads_socket_tells_its_events_to_the_last(tenant, dial, keyless, status, last):
    """`upload.progress` while it goes on, whatever our state is called, then the end and 1000; no log lines."""
    job = tenant.job()
    upload_id = upload_of(tenant, job)
    socket = dial(keyless.base_url, f"/ws/upload/{upload_id}")
    waiting = {"type": "upload.progress", "upload_id": upload_id, "progress": 0, "message": "Waiting to start..."}
    assert heard(socket) == waiting
    running = tenant.move(job, tell=False, status="running")
    progress = running.progress.model_copy(update={"percent": 50.0, "message": "Processing..."})
    tenant.feed.tell_log(job.job_id, tenant.id, {"level": "info", "event": "import.planned", "fields": {}})
    tenant.feed.tell(running.model_copy(update={"progress": progress}), tenant.id, "job.progress")
    half = {"type": "upload.progress", "upload_id": upload_id, "progress": 50, "message": "Processing..."}
    assert heard(socket) == half
    for state in ("cancelling", "retrying"):
        tenant.move(running, status=state)
        assert heard(socket)["type"] == "upload.progress"
    tenant.move(running, status=status, **({"error": json.dumps(ERROR)} if status == "failed" else {}))
    ending = heard(socket)
    assert (ending["type"], ending["upload_id"]) == (last, upload_id)
    assert ending["message"] == {"completed": "Completed.", "failed": WHY, "cancelled": "cancelled"}[status]
    assert closed(socket) == 1000


def test_an_uploads_socket_is_the_tenants_own(tenant, make_tenant, dial, keyless, gateway):
    """Another tenant's upload, none, and one without an import are 4404; without a key and a legacy key it is 4401."""
    foreign = make_tenant()
    stored = keyless.post("/data-ingestion/uploads/", files=FILE).json()["upload_id"]
    for upload_id in (upload_of(foreign, foreign.job()), new_id(), stored, "abc-123"):
        assert closed(dial(keyless.base_url, f"/ws/upload/{upload_id}/")) == 4404
    own = upload_of(tenant, tenant.job())
    socket = dial(gateway.url, f"/ws/upload/{own}")
    socket.send("{}")
    assert closed(socket) == 4401
    with pytest.raises(InvalidStatus):
        dial(keyless.base_url, f"/ws/upload/{own}", Origin="https://evil.example")


def test_synapses_socket_needs_no_key_and_the_plain_one_does(tenant, dial, keyless):
    """`?format=log` is its client's; `/api/v1/ws` itself is nobody's old route."""
    job = tenant.job()
    assert heard(dial(keyless.base_url, "/api/v1/ws?format=log"))["context"]["task_id"] == str(job.job_id)
    plain = dial(keyless.base_url, "/api/v1/ws")
    plain.send("{}")
    assert closed(plain) == 4401


def test_a_key_told_later_replaces_the_legacy_key(tenant, make_tenant, dial, keyless):
    """From then on the socket shows that key's tenant, and not the other one."""
    stranger = make_tenant()
    first, second = tenant.job(), stranger.job()
    socket = dial(keyless.base_url, "/api/v1/ws?format=log")
    assert heard(socket)["context"]["task_id"] == str(first.job_id)
    socket.send(json.dumps({"type": "auth", "key": stranger.keys["viewer"]}))
    assert heard(socket)["context"]["task_id"] == str(second.job_id)
    tenant.move(first, status="completed")
    stranger.move(second, status="completed")
    assert heard(socket)["context"]["task_id"] == str(second.job_id)
