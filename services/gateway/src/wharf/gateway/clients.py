"""What the five systems' clients read: their states, answers, events and frames, made of the same jobs.

| client | document | what it polls or hears |
|---|---|---|
| story | STORY-002, Jira exports | `ingest_job` |
| synapse | background processing, assets | `ingestion_status`, `log_frame` |
| transformations | milestone 6 | `task`, `task_result` |
| ayni | task 008, transactions | `processing_upload`, `upload_event` |
| pricing | phase 2, procurement | `task_progress` |
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

from wharf.common.errors import Invalid, Problem
from wharf.common.jobs.states import Status
from wharf.common.jobs.view import JobView
from wharf.gateway.events import Item

Answer = dict[str, Any]


class Names(NamedTuple):
    """What one of our states is called by: the Jira importer, the three that speak Celery, AYNI, a person."""

    story: str
    celery: str
    ayni: str
    text: str


STATES: Final[dict[Status, Names]] = {
    Status.QUEUED: Names("queued", "PENDING", "pending", "Waiting to start..."),
    Status.RUNNING: Names("running", "PROGRESS", "processing", "Processing..."),
    Status.RETRYING: Names("running", "PROGRESS", "processing", "Waiting to try again..."),
    Status.CANCELLING: Names("running", "PROGRESS", "processing", "Cancelling..."),
    Status.CANCELLED: Names("cancelled", "FAILURE", "failed", "cancelled"),
    Status.COMPLETED: Names("completed", "SUCCESS", "completed", "Completed."),
    Status.FAILED: Names("failed", "FAILURE", "failed", "failed"),
}
STARTED: Final = "STARTED"
"""Of the transformations' client: a worker has the task and has not reported yet."""
UPLOAD_EVENTS: Final = {
    "pending": "upload.progress",
    "processing": "upload.progress",
    "completed": "upload.completed",
    "failed": "upload.failed",
}
ACTIONS: Final = {"backup": "BACKUP"}
"""SYNAPSE's action of a kind of job that has one of its own."""
ENTITIES: Final = {
    "created_suppliers": "suppliers",
    "created_materials": "materials",
    "created_pos": "purchase_orders",
    "created_prices": "prices",
}


def ingest_job(job: JobView) -> Answer:
    """`GET /api/job/{job_id}`."""
    return {
        "job_id": job.job_id,
        "source_type": "csv_upload",
        "file_name": job.label,
        "status": STATES[job.status].story,
        "records_processed": (job.result or {}).get("rows_read", job.progress.current),
        "started_at": job.started_at,
        "completed_at": job.finished_at,
        "error": error_of(job),
    }


def ingestion_status(job: JobView) -> Answer:
    """`GET /api/v1/ingestion/job-status/{job_id}`."""
    result = job.result and {
        "status": "SUCCESS",
        "created_count": job.result.get("inserted", 0),
        "total_rows": job.result.get("rows_read", 0),
    }
    return {
        "status": STATES[job.status].celery,
        "percent": percent_of(job),
        "message": message_of(job),
        "result": result,
        "error": error_of(job),
    }


def task(job: JobView) -> Answer:
    """`GET /api/v1/tasks/{task_id}`."""
    return {
        "task_id": job.job_id,
        "status": _task_status(job),
        "progress": percent_of(job),
        "message": message_of(job),
    }


def task_result(job: JobView) -> Answer:
    """`GET /api/v1/tasks/{task_id}/result`; without a result before its end and after a failure."""
    return {"task_id": job.job_id, "status": _task_status(job), "result": job.result}


def _task_status(job: JobView) -> str:
    silent = not (job.progress.current or job.progress.percent)
    return STARTED if job.status is Status.RUNNING and silent else STATES[job.status].celery


def processing_upload(upload_id: UUID, job: JobView | None) -> Answer:
    """`GET /api/processing/upload/{upload_id}/`; without a job for a file that is only stored."""
    return {
        "upload_id": upload_id,
        "status": STATES[job.status if job else Status.QUEUED].ayni,
        "progress_percentage": percent_of(job) if job else 0,
        "error_message": error_of(job) if job else None,
    }


def upload_event(upload_id: UUID, item: Item) -> bytes | None:
    """A message of `/ws/upload/{upload_id}`; None for what its client knows no event for."""
    if item.type == "job.log":
        return None
    job = JobView.model_validate_json(item.data)
    event = {
        "type": UPLOAD_EVENTS[STATES[job.status].ayni],
        "upload_id": upload_id,
        "progress": percent_of(job),
        "message": message_of(job),
    }
    return orjson.dumps(event)


def task_progress(job: JobView) -> Answer:
    """`GET /data-ingestion/progress/{task_id}/`. Its client divides `current` by `total`: that is never 0."""
    current, total = measure(job)
    return {
        "state": STATES[job.status].celery,
        "current": current,
        "total": total,
        "status": message_of(job),
        "result": procurement_result(job.result) if job.result is not None else None,
        "error": error_of(job),
    }


def procurement_result(result: Answer) -> Answer:
    """What was created by an import of orders; `processed` are the rows that were not rejected."""
    entities = result.get("entities") or {}
    created = {name: (entities.get(entity) or {}).get("created", 0) for name, entity in ENTITIES.items()}
    return {"status": "success", "processed": result.get("rows_read", 0) - result.get("rejected", 0), **created}


def log_frame(item: Item) -> bytes:
    """A message of `/api/v1/ws?format=log`.

    A log line has no context: the client would take a missing percentage of its own task for its progress.
    """
    if item.type == "job.log":
        line = orjson.loads(item.data)
        message = f"[{line['job_id']}] {line['event']}"
        return _frame(line["level"].upper(), message, "LOG", None)
    job = JobView.model_validate_json(item.data)
    current, total = measure(job)
    context = {"task_id": job.job_id, "percent": percent_of(job), "current": current, "total": total}
    level = "ERROR" if job.status is Status.FAILED else "INFO"
    return _frame(level, message_of(job), ACTIONS.get(job.kind, "PROGRESS"), context)


def _frame(level: str, message: str, action: str, context: Answer | None) -> bytes:
    return orjson.dumps(
        {"level": level, "message": message, "source": "CELERY", "action_type": action, "context": context}
    )


def percent_of(job: JobView) -> int:
    """Whole percent, rounded down: 100 is the end."""
    return int(job.progress.percent)


def measure(job: JobView) -> tuple[int, int]:
    """Units done and in all, in the ratio of the percentage; in percent where no units are counted or all is done."""
    progress = job.progress
    if job.status is Status.COMPLETED or progress.current <= 0 or progress.percent <= 0:
        return percent_of(job), 100
    total = max(progress.total or math.ceil(progress.current * 100 / progress.percent), 1)
    return min(progress.current, int(total * progress.percent / 100)), total


def message_of(job: JobView) -> str:
    """A sentence for the person who waits."""
    error = error_of(job)
    telling = job.status in {Status.RUNNING, Status.COMPLETED}
    return error or (telling and job.progress.message) or STATES[job.status].text


def error_of(job: JobView) -> str | None:
    """Why there will be no result: `cancelled`, or what went wrong, with the rows where it was the rows."""
    if job.status is Status.CANCELLED:
        return STATES[job.status].text
    if job.status is not Status.FAILED:
        return None
    if job.error is None:
        return STATES[job.status].text
    message = job.error.message
    # The sentence may show the first row already.
    rows = [row for row in _rows(job.error.detail or {}) if row not in message]
    return f"{message} Rows: {'; '.join(rows)}" if rows else message


def _rows(detail: Answer) -> list[str]:
    return [
        ": ".join([f"line {row['line']}{_column(error)}", error["message"]])
        for row in detail.get("rows") or ()
        for error in row["errors"]
    ]


def _column(error: Answer) -> str:
    """A row may be wrong as a whole."""
    return f", {error['column']}" if error.get("column") else ""


def source_mapping(given: dict[str, str | None], columns: frozenset[str]) -> dict[str, str]:
    """Source header to column, from a mapping of either direction; what leads nowhere is left out.

    Where both directions could be meant it is source to column. Raises `Invalid` (`bad_mapping`) where neither is.
    """
    said = {source: target for source, target in given.items() if target}
    if columns.issuperset(said.values()):
        return said
    turned = {target: source for source, target in said.items()}
    if columns.issuperset(said) and len(turned) == len(said):
        return turned
    unknown = ", ".join(sorted(set(said.values()) - columns))
    message = f"The mapping leads to columns that there are not: {unknown}. Columns: {', '.join(sorted(columns))}."
    raise Invalid(message, code="bad_mapping", problems=(Problem("body.mappings", "bad_mapping", message),))
