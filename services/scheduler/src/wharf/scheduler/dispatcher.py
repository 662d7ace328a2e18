"""The dispatcher: gives jobs their places, publishes what is due, and rings again for what the broker lost.

One of several leads (see `leadership`); every step would bear two of them all the same, since a claim is had once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import RowMapping, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from wharf.common.doorbell import Doorbell
from wharf.common.feed import Feed
from wharf.common.jobs.states import Status
from wharf.common.ledger.database import Database
from wharf.common.logs import get_logger
from wharf.common.metrics import JOBS_REDISPATCHED
from wharf.common.queues import Priority, Queue
from wharf.common.runtime.points import Point, reach
from wharf.common.runtime.sentry import SENTRY
from wharf.scheduler.reaper import Reaper
from wharf.scheduler.reconciler import Reconciler
from wharf.scheduler.resting import Rest

BATCH = 200
UNHEARD_SECONDS = 10.0
"""How long the broker may hold fewer messages than jobs wait for one, before the difference is published again."""
SETTLED_SECONDS = 2.0
"""Younger publications may still be on their way."""

# An array: a planner may look into a plain IN once for every row, and then the LIMIT is none.
DUE = text("""
    UPDATE wharf.jobs SET status = 'queued', published_at = NULL, admitted = false WHERE id = ANY (ARRAY(
        SELECT id FROM wharf.jobs WHERE status = 'retrying' AND available_at <= now()
        ORDER BY available_at LIMIT :batch FOR UPDATE SKIP LOCKED))
    RETURNING id, tenant_id, attempt, status""")

ADMIT = text("SELECT wharf.admit(:batch)")

# Without a lock: a worker that claims one of them must not wait until all are rung. The gateway rings for new jobs;
# nobody does for parts, or for what got its place later or was refused by a paused queue (both: `available_at`).
UNPUBLISHED = text("""
    SELECT id, attempt, kind, queue, priority, raised FROM wharf.jobs
    WHERE status = 'queued' AND admitted AND published_at IS NULL AND available_at <= now()
      AND (attempt > 1 OR part IS NOT NULL OR available_at > created_at
           OR created_at < now() - make_interval(secs => :grace))
      AND NOT wharf.is_paused(queue, tenant_id)
    ORDER BY available_at LIMIT :batch""")

MARK = text("SELECT wharf.mark_published(cast(:jobs AS uuid[]), cast(:attempts AS bigint[]))")

# A level for every so many seconds of waiting, in the broker too: its lists serve the urgent first, and only them.
RAISE = text("""
    UPDATE wharf.jobs SET raised = raised + 1, published_at = now() WHERE id = ANY (ARRAY(
        SELECT id FROM wharf.jobs
        WHERE status = 'queued' AND admitted AND published_at < now() - make_interval(secs => :seconds)
          AND priority + raised < 3 AND NOT wharf.is_paused(queue, tenant_id)
        ORDER BY published_at LIMIT :batch FOR UPDATE SKIP LOCKED))
    RETURNING id, attempt, kind, queue, priority, raised""")

PUBLISHED = text("""
    SELECT queue, count(*) AS jobs FROM wharf.jobs
    WHERE status = 'queued' AND admitted AND published_at < now() - make_interval(secs => :settled) GROUP BY queue""")

RING_AGAIN = text("""
    UPDATE wharf.jobs SET published_at = NULL WHERE id = ANY (ARRAY(
        SELECT id FROM wharf.jobs WHERE queue = :queue AND status = 'queued' AND admitted AND published_at IS NOT NULL
        ORDER BY published_at LIMIT :missing FOR UPDATE SKIP LOCKED))""")

SWEEP = text("SELECT wharf.drop_staging_older(make_interval(days => :days), :most, false)")
FORGET = text("SELECT wharf.forget_old()")


def _done(step: Callable[[], int]) -> int:
    """How many jobs a step was for; a bug in one, with every tick, must not keep the others from their jobs.

    Raises what the ledger raises: who leads is asked anew then.
    """
    try:
        return step()
    except (DBAPIError, PoolTimeout):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is: it is told, and the other steps go on
        get_logger().exception("dispatcher.step_failed", step=getattr(step, "__name__", ""))
        SENTRY.report(error)
        return 0


def unclaimed(database: Database) -> dict[str, int]:
    """By queue: jobs whose message is in the broker, unless it was lost."""
    with database.anyone() as connection:
        found = connection.execute(PUBLISHED, {"settled": SETTLED_SECONDS}).all()
    return {row.queue: row.jobs for row in found}


@dataclass(frozen=True)
class Dispatcher:
    """One dispatcher. `grace` and `ageing` in seconds."""

    database: Database
    doorbell: Doorbell
    feed: Feed
    grace: float
    ageing: float
    reaper: Reaper
    reconciler: Reconciler = field(default_factory=lambda: Reconciler(UNHEARD_SECONDS))
    keep_staging_days: int = 1
    rest: Rest = field(default_factory=Rest)

    def tick(self) -> bool:
        """Reap, wake, admit, publish: in this order, so that what was taken back is published in the same tick.

        True where there was more to do than one batch.
        """
        return BATCH in [_done(step) for step in (self.reaper.reap, self.wake, self.admit, self.publish)]

    def wake(self) -> int:
        """Queue the retries whose time has come."""
        with self.database.anyone() as connection:
            rows = connection.execute(DUE, {"batch": BATCH}).mappings().all()
        for row in rows:
            JOBS_REDISPATCHED.labels("retry").inc()
            self.feed.tell_moved(row["id"], row["tenant_id"], row["attempt"], Status(row["status"]))
        return len(rows)

    def admit(self) -> int:
        """Give free places to jobs that wait for one."""
        with self.database.anyone() as connection:
            given = int(connection.execute(ADMIT, {"batch": BATCH}).scalar_one())
        self.rest.gave(given)
        return given

    def publish(self) -> int:
        """Ring for every admitted job that has no publication mark."""
        with self.database.anyone() as connection:
            rows = connection.execute(UNPUBLISHED, {"batch": BATCH, "grace": self.grace}).mappings().all()
        heard = self._ring(rows)
        if heard:
            reach(Point.BEFORE_PUBLISHED_MARK)
            with self.database.anyone() as connection:
                connection.execute(MARK, {"jobs": [r["id"] for r in heard], "attempts": [r["attempt"] for r in heard]})
        JOBS_REDISPATCHED.labels("unpublished").inc(sum(row["attempt"] == 1 for row in heard))
        return len(heard)

    def age(self) -> int:
        """Ring again, a level higher, for what has waited long in the broker."""
        with self.database.anyone() as connection:
            rows = connection.execute(RAISE, {"batch": BATCH, "seconds": self.ageing}).mappings().all()
        JOBS_REDISPATCHED.labels("aged").inc(len(self._ring(rows)))
        return len(rows)

    def reconcile(self) -> int:
        """Publish again what was published and is neither claimed nor in the broker: a lost message is no lost job."""
        published = unclaimed(self.database)
        return sum(self._reconcile(queue, published.get(queue, 0)) for queue in Queue)

    def sweep(self) -> int:
        """Drop staging tables that no job will come back for, answers that nobody asks for again, silent workers.

        Here and not in the nightly clean-up: a failed import's rows take room, and a worker that left would be shown.
        """
        with self.database.anyone() as connection:
            connection.execute(FORGET)
            return int(connection.execute(SWEEP, {"days": self.keep_staging_days, "most": BATCH}).scalar_one())

    def _reconcile(self, queue: Queue, published: int) -> int:
        waiting = self.doorbell.waiting(queue)
        if waiting is None:
            return 0
        missing = self.reconciler.observe(queue, published, waiting, time.monotonic())
        if missing:
            with self.database.anyone() as connection:
                connection.execute(RING_AGAIN, {"queue": queue, "missing": missing})
            JOBS_REDISPATCHED.labels("lost").inc(missing)
            get_logger().warning("dispatcher.messages_lost", queue=queue, jobs=missing)
        return missing

    def _ring(self, rows: Sequence[RowMapping]) -> list[RowMapping]:
        """Those that the broker took; after the first that it did not take nobody else is tried."""
        heard: list[RowMapping] = []
        for row in rows:
            level = Priority.of_rank(min(row["priority"] + row["raised"], Priority.URGENT.rank))
            if not self.doorbell.ring(row["id"], row["attempt"], row["kind"], row["queue"], level):
                break
            heard.append(row)
        return heard
