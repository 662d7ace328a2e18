"""The reaper: takes back what a dead worker held, and what one that stops gave back."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, RowMapping, text

from wharf.common.errors import Cancelled, Permanent, TimeLimit, WharfError
from wharf.common.feed import Feed
from wharf.common.jobs.states import ENDED, Event, Status, after
from wharf.common.jobs.tally import Tally
from wharf.common.ledger.database import Database
from wharf.common.logs import get_logger
from wharf.common.metrics import JOB_RECOVERY, JOBS_REDISPATCHED
from wharf.common.runtime.points import Point, reach

BATCH = 200
DEATHS = 3
"""So many dead workers without progress in between make a dead letter: a file that kills its worker must not loop."""
SHUTDOWN = "shutdown"
TIME_LIMIT = "time_limit"

# After a start of the server nobody could renew for a while: those who live get the time for one renewal.
# The leases first, whatever the planner thinks of their number: the jobs are all that ever were.
EXPIRED = text("""
    WITH over AS MATERIALIZED (
        SELECT job_id, why, renewed_at, expires_at FROM wharf.leases WHERE why IS NOT NULL
            OR (expires_at < clock_timestamp() AND pg_postmaster_start_time() < now() - interval '10 seconds')
        LIMIT :batch)
    SELECT j.id, j.tenant_id, j.attempt, j.status, j.kind, j.queue, j.part, j.deaths, l.why, extract(epoch FROM
        clock_timestamp() - CASE WHEN l.why IS NULL THEN l.renewed_at ELSE l.expires_at END)::float AS late
    FROM over l CROSS JOIN LATERAL (
        SELECT id, tenant_id, attempt, status, kind, queue, part, deaths FROM wharf.jobs
        WHERE id = l.job_id FOR UPDATE SKIP LOCKED) j""")

# Looked at again under the job's lock: it may have been renewed.
TAKE_LEASE = text("""
    DELETE FROM wharf.leases WHERE job_id = :id AND attempt = :attempt
        AND (why IS NOT NULL OR expires_at < clock_timestamp())""")

CLOSE = text("""
    UPDATE wharf.attempts SET ended_at = clock_timestamp(), outcome = :outcome, error = cast(:error AS jsonb)
    WHERE job_id = :id AND attempt = :attempt""")

# It had its turn: it goes on before those who have not.
MOVE = text("""
    UPDATE wharf.jobs SET status = :status, raised = 3, attempt = attempt + cast(:again AS int), published_at = NULL,
        deaths = deaths + cast(:died AS int), give_backs = give_backs + cast(:gave_back AS int),
        error = cast(:error AS jsonb), available_at = CASE WHEN :again = 1 THEN clock_timestamp() ELSE available_at END,
        finished_at = CASE WHEN :again = 0 THEN clock_timestamp() END
    WHERE id = :id RETURNING attempt""")


@dataclass(frozen=True)
class Reaper:
    """Ends attempts whose lease is over."""

    database: Database
    feed: Feed

    def reap(self) -> int:
        """One batch; says how many. What was taken back is published by the next step of the dispatcher."""
        with self.database.anyone() as connection:
            rows = connection.execute(EXPIRED, {"batch": BATCH}).mappings().all()
            moved = [(row, *_bury(connection, row)) for row in rows]
        if moved:
            reach(Point.AFTER_REAP)
        for row, status, attempt in moved:
            if status is not None:
                self._tell(row, status, attempt)
        return len(moved)

    def _tell(self, row: RowMapping, status: Status, attempt: int) -> None:
        known = {name: row[name] for name in ("attempt", "kind", "queue")}
        get_logger().warning("job.reaped", job_id=str(row["id"]), status=status, why=row["why"] or "silent", **known)
        self.feed.tell_moved(row["id"], row["tenant_id"], attempt, status)
        if status in ENDED:
            tally = Tally.of(row["tenant_id"], row["kind"], row["queue"], row["part"])
            tally.ended(status, TimeLimit.cause if row["why"] == TIME_LIMIT else "died")
            return
        JOBS_REDISPATCHED.labels("given_back" if row["why"] == SHUTDOWN else "reaped").inc()
        JOB_RECOVERY.observe(max(row["late"], 0.0))


def _bury(connection: Connection, row: RowMapping) -> tuple[Status | None, int]:
    """Close an attempt; the job's new state and attempt, no state where the lease was renewed after all."""
    own = {"id": row["id"], "attempt": row["attempt"]}
    if connection.execute(TAKE_LEASE, own).rowcount == 0:
        return None, row["attempt"]
    event, error = verdict(Status(row["status"]), row["why"], row["deaths"])
    target = after(Status(row["status"]), event)
    shown = orjson.dumps(error.as_dict()).decode() if error else None
    died = row["why"] not in {SHUTDOWN, TIME_LIMIT}
    connection.execute(CLOSE, own | {"outcome": Event.DIE if died else event, "error": shown})
    values = {"status": target, "again": int(target not in ENDED), "died": int(died), "error": shown}
    gave_back = int(event is Event.GIVE_BACK)
    return target, connection.execute(MOVE, {"id": row["id"], "gave_back": gave_back} | values).scalar_one()


def verdict(status: Status, why: str | None, deaths: int) -> tuple[Event, WharfError | None]:
    """What the end of a lease means for its job; `deaths` before this one, since its last progress."""
    if status is Status.CANCELLING:
        return Event.STOP, Cancelled()
    if why == SHUTDOWN:
        return Event.GIVE_BACK, None
    if why == TIME_LIMIT:
        message = "The job took longer than its time limit. Split the file, or raise WHARF_TIME_LIMIT."
        return Event.FAIL, TimeLimit(message)
    if deaths + 1 >= DEATHS:
        message = "Three workers died on this job without getting further. Look at its file, then retry or discard it."
        return Event.FAIL, Permanent(message, code="poison", detail={"deaths": deaths + 1})
    return Event.DIE, None
