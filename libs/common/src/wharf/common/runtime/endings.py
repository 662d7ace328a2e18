"""How an attempt ends: one transaction that moves the job, closes the attempt and gives up the lease."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, literal, update
from sqlalchemy.exc import DBAPIError

from wharf.common.errors import Cancelled, Fenced, WharfError
from wharf.common.jobs.states import ENDED, Event, Status, after, sources
from wharf.common.jobs.view import JobView, job_view
from wharf.common.ledger.models import Attempt, Job, Lease
from wharf.common.logs import get_logger
from wharf.common.runtime.context import JobContext
from wharf.common.runtime.implementation import Implementation

TRIES = 5
"""How often the end of an attempt is tried when the ledger does not answer; then the reaper takes over."""


@dataclass(frozen=True)
class Ending:
    """What became of an attempt."""

    event: Event
    result: dict[str, Any] | None = None
    error: WharfError | None = None
    delay: float = 0.0


def finish(context: JobContext[Any], implementation: Implementation[Any], ending: Ending) -> JobView | None:
    """Write the end into the ledger; None where the attempt had lost its lease and nothing was written."""
    for nth in range(TRIES):
        try:
            return _finish(context, implementation, ending)
        except Fenced:
            return None
        except DBAPIError as error:
            get_logger().warning("job.end_not_written", error=type(error).__name__, nth=nth)
            time.sleep(0.2 * 2**nth)
    return None


def _finish(context: JobContext[Any], implementation: Implementation[Any], ending: Ending) -> JobView:
    with context.database.tenant(context.tenant_id) as connection:
        view = _move_job(connection, context, ending)
        _close_attempt(connection, context, ending)
        if view.ended:
            implementation.clean(connection, context.payload)
        context.flush_lines(connection)
        _give_up_lease(connection, context)
    return view


def _move_job(connection: Connection, context: JobContext[Any], ending: Ending) -> JobView:
    current = _current_status(connection, context)
    target = after(current, ending.event)
    changes: dict[str, Any] = {"status": target, "progress": context.progress.view.model_dump(mode="json")}
    if target in ENDED:
        changes |= {"finished_at": func.clock_timestamp(), "result": ending.result, "checkpoint": None}
    if ending.event in {Event.FAIL, Event.FAIL_FOR_NOW}:
        changes["failures"] = Job.failures + 1
    if target is Status.RETRYING:
        delay = func.make_interval(0, 0, 0, 0, 0, 0, literal(ending.delay))
        changes |= {"attempt": Job.attempt + 1, "available_at": func.clock_timestamp() + delay, "published_at": None}
    changes["error"] = _error_of(target, ending)
    statement = update(Job).where(Job.id == context.job_id).values(changes).returning(*Job.__table__.c)
    return job_view(connection.execute(statement).mappings().one())


def _current_status(connection: Connection, context: JobContext[Any]) -> Status:
    own = (Job.id == context.job_id, Job.attempt == context.attempt, Job.status.in_(sources_of_running()))
    row = connection.execute(Job.__table__.select().with_only_columns(Job.status).where(*own).with_for_update()).first()
    if row is None:
        message = "Another attempt has this job now."
        raise Fenced(message)
    return Status(row.status)


def sources_of_running() -> tuple[Status, ...]:
    """The states in which an attempt holds a job."""
    return (*sources(Event.COMPLETE, Status.COMPLETED),)


def _error_of(target: Status, ending: Ending) -> dict[str, object] | None:
    if target is Status.COMPLETED:
        return None
    if target is Status.CANCELLED:
        return Cancelled("The job was cancelled.").as_dict()
    return ending.error.as_dict() if ending.error else None


def _close_attempt(connection: Connection, context: JobContext[Any], ending: Ending) -> None:
    values = {
        "ended_at": func.clock_timestamp(),
        "outcome": ending.event.value,
        "error": ending.error.as_dict() if ending.error else None,
    }
    own = (Attempt.job_id == context.job_id, Attempt.attempt == context.attempt)
    connection.execute(update(Attempt).where(*own).values(values))


def _give_up_lease(connection: Connection, context: JobContext[Any]) -> None:
    own = (Lease.job_id == context.job_id, Lease.attempt == context.attempt)
    if connection.execute(delete(Lease).where(*own)).rowcount != 1:
        message = "Another attempt has this job now."
        raise Fenced(message)
