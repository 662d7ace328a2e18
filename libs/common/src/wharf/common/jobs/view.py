"""How a job looks from outside: the contract's `Job`."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import RowMapping

from wharf.common.jobs.states import ENDED, Status
from wharf.common.queues import Priority

Row = RowMapping | dict[str, Any]


class ProgressView(BaseModel):
    """How far a job is. `rate` is in units a second."""

    current: int = 0
    total: int | None = None
    percent: float = 0.0
    unit: str = "steps"
    stage: str = "queued"
    message: str = ""
    rate: float | None = None
    eta_seconds: float | None = None


class ErrorView(BaseModel):
    """Why a job failed."""

    code: str
    message: str
    detail: dict[str, Any] | None = None
    retryable: bool


class JobView(BaseModel):
    """A job as the API shows it."""

    job_id: UUID
    kind: str
    queue: str
    priority: Priority
    status: Status
    project_id: str
    label: str
    parent_id: UUID | None
    part: int | None = None
    """Which of its parent's parts it is, from 1; null for all other jobs."""
    attempt: int
    max_attempts: int
    progress: ProgressView
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    available_at: datetime
    cancel_requested_at: datetime | None
    discarded_at: datetime | None = None
    error: ErrorView | None
    result: dict[str, Any] | None
    links: dict[str, str]

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.status in ENDED


def job_view(row: Row) -> JobView:
    """A row of `wharf.jobs` as the API shows it."""
    fields = {name: row[name] for name in JobView.model_fields if name in row}
    fields["job_id"] = row["id"]
    fields["priority"] = Priority.of_rank(row["priority"])
    fields["progress"] = _progress(ProgressView.model_validate(row["progress"] or {}), row["status"])
    fields["links"] = links(row["id"], row["kind"])
    return JobView(**fields)


def moved_view(view: JobView, row: Row, progress: ProgressView) -> JobView:
    """A job that was seen before, with the columns in which it may have changed since, and how far it is."""
    fields = dict(row)
    fields["status"] = Status(row["status"])
    fields["priority"] = Priority.of_rank(row["priority"])
    fields["error"] = ErrorView.model_validate(row["error"]) if row["error"] else None
    fields["progress"] = _progress(progress, row["status"])
    return view.model_copy(update=fields)


def _progress(saved: ProgressView, status: str) -> ProgressView:
    if status == Status.COMPLETED:
        return saved.model_copy(update={"percent": 100.0, "stage": "done", "eta_seconds": 0.0})
    if status in ENDED:
        return saved.model_copy(update={"stage": str(status), "eta_seconds": None, "rate": None})
    return saved


def links(job_id: UUID, kind: str) -> dict[str, str]:
    """Where to go on from a job."""
    own = f"/api/v1/jobs/{job_id}"
    parts = ["events", "logs", "attempts", "result", *(["rejects"] if kind == "import" else [])]
    return {"self": own} | {part: f"{own}/{part}" for part in parts}
