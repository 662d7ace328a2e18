"""The five systems' clients: what they upload, process and cancel, and what cannot be used."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wharf.common.clock import new_id
from wharf.common.errors import Invalid
from wharf.gateway.clients import source_mapping

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
    job = tenant.move(tenant.job(), status="running", tell=False)
    upload_id = tenant.upload_of(job)
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


def test_a_browsers_form_is_sent_on_to_the_jobs_page(tenant, api):
    """Phase 2's page posts a form; its script, which reads JSON, is answered as before."""
    upload_id = api.post("/data-ingestion/uploads/", files=FILE).json()["upload_id"]
    answer = api.post(f"/data-ingestion/process/{upload_id}/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert answer.status_code == 303
    page = api.get(answer.headers["location"])
    assert page.status_code == 200
    assert "data-field" in page.text
