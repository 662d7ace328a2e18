"""How an attempt ends: the job moves, the attempt closes and the lease goes, in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg.rows import dict_row
from sqlalchemy import Connection, text

from wharf.common.errors import Permanent, WharfError
from wharf.common.jobs.results import kept
from wharf.common.jobs.states import Event, Status, after, allows
from wharf.common.jobs.submission import Written, write_jobs
from wharf.common.jobs.view import JobView, job_view, moved_view
from wharf.common.ledger.database import driver_of, dumps
from wharf.common.ledger.patience import AWAY, is_away, patiently
from wharf.common.logs import get_logger
from wharf.common.runtime.context import JobContext
from wharf.common.runtime.implementation import Implementation
from wharf.common.runtime.points import Point, reach
from wharf.common.runtime.sentry import SENTRY

HOLDING = (Status.RUNNING, Status.CANCELLING)
"""The states in which an attempt holds a job."""
FINISH = """
    SELECT attempt, status, priority, finished_at, available_at, cancel_requested_at, error, result
    FROM wharf.finish(%(job)s, %(attempt)s, %(outcome)s, %(targets)s::jsonb, %(result)s::jsonb,
                      %(error)s::jsonb, %(progress)s::jsonb, %(delay)s, %(worker)s)"""
"""What may have changed since the claim, and no more: each column of each job's row costs its reading."""
WRITTEN = text("""
    SELECT j.* FROM wharf.jobs j JOIN wharf.attempts a ON a.job_id = j.id
    WHERE a.job_id = :job AND a.attempt = :attempt AND a.outcome = :outcome""")


@dataclass(frozen=True)
class Ending:
    """What became of an attempt."""

    event: Event
    result: dict[str, Any] | None = None
    error: WharfError | None = None
    delay: float = 0.0


def finish(context: JobContext[Any], implementation: Implementation[Any], ending: Ending) -> JobView | None:
    """Write the end into the ledger; None where the attempt had lost its lease and nothing was written."""
    ending = _with_short_result(context, ending)

    def write() -> JobView | None:
        reach(Point.BEFORE_END)
        return _finish(context, implementation, ending) or _written_before(context, ending)

    try:
        return patiently(write, "job.end")
    except AWAY as error:
        if is_away(error) or ending.event is not Event.COMPLETE:
            # The reaper takes over.
            return None
        get_logger().exception("job.result_refused")
        SENTRY.report(error)
    message = "The ledger refused the job's result. This is a mistake in Wharf: tell those who run it the job's id."
    return finish(context, implementation, Ending(Event.FAIL, error=Permanent(message, code="result_refused")))


def _with_short_result(context: JobContext[Any], ending: Ending) -> Ending:
    """A large result goes into the storage. Where that does not take it the ledger does, until housekeeping comes."""
    if not ending.result:
        return ending
    try:
        result = kept(context.storage, context.tenant_id, context.job_id, context.attempt, ending.result)
    except WharfError as error:
        get_logger().warning("job.result_not_stored", code=error.error_code)
        return ending
    return replace(ending, result=result)


def _written_before(context: JobContext[Any], ending: Ending) -> JobView | None:
    """The end may be there although its answer was lost: by an earlier try of ours, and by nobody else."""
    values = {"job": context.job_id, "attempt": context.attempt, "outcome": ending.event.value}
    with context.database.tenant(context.tenant_id) as connection:
        row = connection.execute(WRITTEN, values).mappings().first()
    return job_view(row) if row else None


def _finish(context: JobContext[Any], implementation: Implementation[Any], ending: Ending) -> JobView | None:
    values = _values(context, ending)
    if implementation.ends_alone and not context.lines:
        with context.database.direct() as cursor:
            return _view(context, cursor.execute(FINISH, values).fetchone())
    following: Sequence[Written] = ()
    with context.database.tenant(context.tenant_id) as connection:
        cursor = driver_of(connection).cursor(row_factory=dict_row)
        view = _view(context, cursor.execute(FINISH, values).fetchone())
        if view is not None:
            following = _leave(connection, context, implementation, view)
    for written in following:
        context.announce(written, context.tenant_id)
    return view


def _leave(
    connection: Connection, context: JobContext[Any], implementation: Implementation[Any], view: JobView
) -> Sequence[Written]:
    """What else is part of the end; the jobs that follow."""
    following: Sequence[Written] = ()
    if view.ended and context.payload is not None:
        implementation.clean(connection, context.payload, view.status)
        if view.status is Status.COMPLETED:
            following = write_jobs(connection, implementation.follow(connection, context))
    context.flush_lines(connection)
    return following


def _values(context: JobContext[Any], ending: Ending) -> dict[str, Any]:
    return {
        "job": context.job_id,
        "attempt": context.attempt,
        "worker": context.pulse.worker,
        "outcome": ending.event.value,
        "targets": dumps({state.value: after(state, ending.event) for state in HOLDING if allows(state, ending.event)}),
        "result": None if ending.result is None else dumps(ending.result),
        "error": dumps(ending.error.as_dict()) if ending.error else None,
        "progress": context.progress.view.model_dump_json(),
        "delay": ending.delay,
    }


def _view(context: JobContext[Any], row: dict[str, Any] | None) -> JobView | None:
    return moved_view(context.view, row, context.progress.view) if row else None
