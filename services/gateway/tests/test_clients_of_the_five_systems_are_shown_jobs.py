"""The five systems' clients: every state of a job for every client, in the fields of their documents."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from wharf.common.jobs.states import Status

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


def test_every_state_is_in_the_table():
    """A state that is added has to be added for the clients too."""
    assert set(STATES) == set(Status)


@pytest.mark.parametrize("status", STATES)
def test_every_client_is_shown_a_state_that_it_knows(api, tenant, status):
    """All states, all clients, with and without a snapshot in Redis."""
    job = in_state(tenant, status)
    upload_id = tenant.upload_of(job)
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
    upload_id = tenant.upload_of(job)
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
    assert api.get(f"/api/processing/upload/{tenant.upload_of(job)}").json()["progress_percentage"] == 50
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
    assert api.get(f"/api/processing/upload/{tenant.upload_of(job)}/").json()["error_message"] == error
    assert api.get(f"/data-ingestion/progress/{job.job_id}/").json()["error"] == error


def test_cancelling_what_runs_or_has_ended_tells_its_state(api, tenant):
    """A running import gets its flag, and the audit its line; a completed one stays so."""
    running, completed = in_state(tenant, "running"), in_state(tenant, "completed")
    assert api.post(f"/data-ingestion/cancel/{running.job_id}/").json() == {"state": "PROGRESS"}
    assert tenant.view(running.job_id).status == "cancelling"
    assert api.post(f"/data-ingestion/cancel/{completed.job_id}/").json() == {"state": "SUCCESS"}
    assert tenant.view(completed.job_id).status == "completed"
    (line,) = api.get("/api/v1/audit").json()["items"]
    assert (line["what"], line["target"]) == ("job.cancel", str(running.job_id))
    assert (line["before"], line["after"]) == ({"status": "running"}, {"status": "cancelling"})
