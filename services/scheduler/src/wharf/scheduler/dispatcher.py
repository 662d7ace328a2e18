"""The dispatcher: publishes what is due, takes back what a dead worker held.

Every step is one statement that claims rows with `SKIP LOCKED`: any number of dispatchers may run.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, RowMapping, text

from wharf.common.doorbell import Doorbell
from wharf.common.feed import Feed
from wharf.common.jobs.states import Status
from wharf.common.ledger.database import Database
from wharf.common.logs import get_logger
from wharf.common.metrics import JOB_RECOVERY, JOBS_FINISHED, JOBS_REDISPATCHED
from wharf.common.queues import Priority

BATCH = 500
UNHEARD_SECONDS = 30.0
"""How long a published job may be unclaimed before the broker is asked whether it still has the message."""
DEATHS = 3
"""So many dead workers in a row make a dead letter: a file that kills its worker must not loop for ever."""

DUE = text("""
    UPDATE wharf.jobs SET status = 'queued', published_at = NULL WHERE id IN (
        SELECT id FROM wharf.jobs WHERE status = 'retrying' AND available_at <= now()
        ORDER BY available_at LIMIT :batch FOR UPDATE SKIP LOCKED)
    RETURNING id, tenant_id, attempt, status""")

UNPUBLISHED = text("""
    SELECT id, tenant_id, attempt, kind, queue, priority FROM wharf.jobs
    WHERE status = 'queued' AND published_at IS NULL AND available_at <= now()
      AND (attempt > 1 OR created_at < now() - make_interval(secs => :grace))
    ORDER BY available_at LIMIT :batch FOR UPDATE SKIP LOCKED""")

PUBLISHED = text("UPDATE wharf.jobs SET published_at = now() WHERE id = ANY(:ids)")

EXPIRED = text("""
    SELECT j.id, j.tenant_id, j.attempt, j.status, j.kind, j.queue, j.deaths,
           extract(epoch FROM now() - greatest(l.expires_at, l.acquired_at))::float AS late
    FROM wharf.leases l JOIN wharf.jobs j ON j.id = l.job_id
    WHERE l.expires_at < clock_timestamp() LIMIT :batch FOR UPDATE OF j SKIP LOCKED""")

BURY = text("""
    UPDATE wharf.attempts SET ended_at = now(), outcome = 'die' WHERE job_id = :id AND attempt = :attempt""")

TAKE_LEASE = text("""
    DELETE FROM wharf.leases WHERE job_id = :id AND attempt = :attempt AND expires_at < clock_timestamp()""")

MOVE = text("""
    UPDATE wharf.jobs SET status = :status, attempt = attempt + :again, deaths = deaths + 1, published_at = NULL,
        available_at = now(), error = cast(:error AS jsonb), finished_at = CASE WHEN :again = 0 THEN now() END
    WHERE id = :id RETURNING attempt""")

# Published long ago, and still nobody's: ordered so that what the broker still holds is left alone.
UNHEARD = text("""
    SELECT queue, array_agg(id ORDER BY published_at) AS ids FROM wharf.jobs
    WHERE status = 'queued' AND published_at < now() - make_interval(secs => :patience) GROUP BY queue""")

RING_AGAIN = text("UPDATE wharf.jobs SET published_at = NULL WHERE id = ANY(:ids) AND status = 'queued'")

POISON = (
    '{"code": "poison", "message": "Three workers died on this job. Look at its file, then retry or discard it.",'
    ' "detail": null, "retryable": false}'
)
CANCELLED = '{"code": "cancelled", "message": "The job was cancelled.", "detail": null, "retryable": false}'
SWEEP = text("SELECT wharf.sweep_staging()")


@dataclass(frozen=True)
class Dispatcher:
    """One dispatcher. `tick` does everything that is due and says how much that was."""

    database: Database
    doorbell: Doorbell
    feed: Feed
    grace: float

    def tick(self) -> int:
        """Reap, wake, publish: in this order, so that what was taken back is published in the same tick."""
        return self.reap() + self.wake() + self.publish()

    def wake(self) -> int:
        """Queue the retries whose time has come."""
        with self.database.anyone() as connection:
            rows = connection.execute(DUE, {"batch": BATCH}).mappings().all()
        for row in rows:
            JOBS_REDISPATCHED.labels("retry").inc()
            self.feed.tell_moved(row["id"], row["tenant_id"], row["attempt"], Status(row["status"]))
        return len(rows)

    def publish(self) -> int:
        """Ring for every queued job that has no publication mark."""
        with self.database.anyone() as connection:
            rows = connection.execute(UNPUBLISHED, {"batch": BATCH, "grace": self.grace}).mappings().all()
            heard = [row for row in rows if self._ring(row)]
            if heard:
                connection.execute(PUBLISHED, {"ids": [row["id"] for row in heard]})
        for row in heard:
            if row["attempt"] == 1:
                JOBS_REDISPATCHED.labels("unpublished").inc()
        return len(heard)

    def reap(self) -> int:
        """Take back the jobs whose lease ran out: their worker is dead, or as good as dead."""
        with self.database.anyone() as connection:
            rows = connection.execute(EXPIRED, {"batch": BATCH}).mappings().all()
            reaped = [(row, self._bury(connection, row)) for row in rows]
        for row, moved in reaped:
            if moved is not None:
                self._tell(row, *moved)
        return len(reaped)

    def reconcile(self) -> int:
        """Ring again for what was published and is neither claimed nor in the broker: a lost message is no lost job."""
        with self.database.anyone() as connection:
            unheard = connection.execute(UNHEARD, {"patience": UNHEARD_SECONDS}).all()
            lost = [job for queue, ids in unheard for job in self._missing(queue, ids)]
            connection.execute(RING_AGAIN, {"ids": lost})
        if lost:
            JOBS_REDISPATCHED.labels("lost").inc(len(lost))
            get_logger().warning("dispatcher.messages_lost", jobs=len(lost))
        return len(lost)

    def _missing(self, queue: str, ids: list[UUID]) -> list[UUID]:
        """As many as the broker holds too few; a second ring for the wrong one finds nothing to claim."""
        waiting = self.doorbell.waiting(queue)
        return [] if waiting is None else ids[: max(len(ids) - waiting, 0)]

    def sweep(self) -> int:
        """Drop staging tables that no job will come back for."""
        with self.database.anyone() as connection:
            return int(connection.execute(SWEEP).scalar_one())

    def _ring(self, row: RowMapping) -> bool:
        return self.doorbell.ring(
            row["id"], row["attempt"], row["kind"], row["queue"], Priority.of_rank(row["priority"])
        )

    def _bury(self, connection: Connection, row: RowMapping) -> tuple[Status, int] | None:
        """Close a dead attempt; gives the job's new state and attempt, None where the lease was renewed after all."""
        own = {"id": row["id"], "attempt": row["attempt"]}
        if connection.execute(TAKE_LEASE, own).rowcount == 0:
            return None
        connection.execute(BURY, own)
        status, error = _after_death(row)
        again = int(status is Status.QUEUED)
        values = {"id": row["id"], "status": status, "again": again, "error": error}
        return status, connection.execute(MOVE, values).scalar_one()

    def _tell(self, row: RowMapping, status: Status, attempt: int) -> None:
        get_logger().warning(
            "job.reaped",
            job_id=str(row["id"]),
            attempt=row["attempt"],
            kind=row["kind"],
            queue=row["queue"],
            status=status,
        )
        self.feed.tell_moved(row["id"], row["tenant_id"], attempt, status)
        if status is Status.QUEUED:
            JOBS_REDISPATCHED.labels("reaped").inc()
            JOB_RECOVERY.observe(max(row["late"], 0.0))
        else:
            JOBS_FINISHED.labels(row["kind"], row["queue"], status).inc()


def _after_death(row: RowMapping) -> tuple[Status, str | None]:
    if row["status"] == Status.CANCELLING:
        return Status.CANCELLED, CANCELLED
    if row["deaths"] + 1 >= DEATHS:
        return Status.FAILED, POISON
    return Status.QUEUED, None
