"""Schedules: starts the jobs of those whose time has come.

An occurrence, its job and the schedule's next time are one transaction, and an occurrence is a row with a key: however
many schedulers look at once, and whenever one of them is killed, it is had once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from sqlalchemy import Connection, RowMapping, select, text, update

from wharf.common.clock import new_id
from wharf.common.errors import Invalid
from wharf.common.feed import Feed
from wharf.common.jobs.announcing import Announcer
from wharf.common.jobs.bulk import Action, steps
from wharf.common.jobs.states import Status
from wharf.common.jobs.submission import Order, Written, write_jobs
from wharf.common.ledger.database import Database, dumps
from wharf.common.ledger.models import Job
from wharf.common.logs import get_logger
from wharf.common.metrics import SCHEDULE_MISSED
from wharf.common.queues import Priority, Queue
from wharf.common.runtime.zeros import TENANTS
from wharf.common.schedules import BUILTIN, Builtin, Cron, Misfire, Overlap, schedulable, timing_of
from wharf.scheduler.occurrences import Due, Step, step

BATCH = 100
BUDGET_SECONDS = 0.2
"""How long one batch may think: after a long time without a scheduler much has to be worked out."""

DUE = text("""
    SELECT id, next_at, coalesce(cast(:at AS timestamptz), now()) AS now FROM wharf.schedules
    WHERE enabled AND next_at <= coalesce(cast(:at AS timestamptz), now())
    ORDER BY next_at LIMIT :most FOR UPDATE SKIP LOCKED""")

AT_WORK = text("SELECT * FROM wharf.schedules_at_work(cast(:ids AS uuid[]))")

# Of each schedule the one that has waited longest: the others wait for that. Apart, or each of them would be looked at.
READY = text("""
    WITH first AS MATERIALIZED (
        SELECT DISTINCT ON (schedule_id) schedule_id, scheduled_for FROM wharf.schedule_runs
        WHERE outcome = 'waiting' ORDER BY schedule_id, scheduled_for)
    SELECT schedule_id, scheduled_for FROM first WHERE wharf.live_jobs_of(schedule_id) = '{}' LIMIT :most""")

LOCK = text("SELECT id FROM wharf.schedules WHERE id = ANY (cast(:ids AS uuid[])) FOR UPDATE SKIP LOCKED")

# Looked at again under the schedules' locks: another scheduler may have been here.
TAKE = text("""
    UPDATE wharf.schedule_runs r SET outcome = 'started'
    FROM unnest(cast(:ids AS uuid[]), cast(:moments AS timestamptz[])) AS taken (id, moment)
    WHERE r.schedule_id = taken.id AND r.scheduled_for = taken.moment AND r.outcome = 'waiting'
    RETURNING r.schedule_id, r.scheduled_for""")

SUPERSEDE = text("""
    UPDATE wharf.schedule_runs SET outcome = 'skipped'
    WHERE schedule_id = ANY (cast(:ids AS uuid[])) AND outcome = 'waiting'""")

NOTE = text("""
    INSERT INTO wharf.schedule_runs (schedule_id, scheduled_for, tenant_id, outcome)
    SELECT * FROM unnest(cast(:ids AS uuid[]), cast(:moments AS timestamptz[]), cast(:tenants AS uuid[]),
                         cast(:outcomes AS text[]))
    ON CONFLICT DO NOTHING RETURNING schedule_id, scheduled_for""")

MOVE = text("""
    UPDATE wharf.schedules s SET next_at = moved.next_at
    FROM unnest(cast(:ids AS uuid[]), cast(:moments AS timestamptz[])) AS moved (id, next_at) WHERE s.id = moved.id""")

ATTACH = text("""
    UPDATE wharf.schedule_runs r SET job_id = made.job
    FROM unnest(cast(:ids AS uuid[]), cast(:moments AS timestamptz[]), cast(:jobs AS uuid[])) AS made (id, moment, job)
    WHERE r.schedule_id = made.id AND r.scheduled_for = made.moment""")

DISABLE = text("UPDATE wharf.schedules SET enabled = false, next_at = NULL WHERE id = ANY (cast(:ids AS uuid[]))")
DECLARE = text("SELECT wharf.declare_schedule(cast(:declared AS jsonb))")


@dataclass(slots=True)
class Batch:
    """What one transaction did, for those who are told after its commit."""

    more: bool = False
    written: list[tuple[UUID, Written]] = field(default_factory=list)
    cancelled: list[RowMapping] = field(default_factory=list)
    missed: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Schedules:
    """Those of the ledger. The role of the dispatcher is enough: it sees payloads of schedules, and no data."""

    database: Database
    announcer: Announcer
    feed: Feed

    def tick(self, at: datetime | None = None) -> bool:
        """Do what is due at that moment (None: now, on the database's clock); true where there is more to do."""
        more = self._commit(lambda connection: _start_due(connection, at))
        return self._commit(_start_waiting) or more

    def declare(self, zone: ZoneInfo, now: datetime) -> None:
        """See to it that the built-in schedules are there, as this version has them unless somebody changed them."""
        with self.database.anyone() as connection:
            for one in BUILTIN:
                connection.execute(DECLARE, {"declared": dumps(_declared(one, zone, now))})

    def _commit(self, work: Callable[[Connection], Batch]) -> bool:
        with self.database.anyone() as connection:
            batch = work(connection)
        for tenant_id, written in batch.written:
            self.announcer.announce(written, tenant_id)
        for row in batch.cancelled:
            self.feed.tell_moved(row["id"], row["tenant_id"], row["attempt"], Status(row["status"]))
        for name, number in batch.missed:
            SCHEDULE_MISSED.labels(name).inc(number)
        return batch.more


def _start_due(connection: Connection, at: datetime | None) -> Batch:
    found = connection.execute(DUE, {"at": at, "most": BATCH}).mappings().all()
    if not found:
        return Batch()
    now = found[0]["now"]
    plans, unusable = _plans(_at_work(connection, [row["id"] for row in found]), now)
    whole = len(found) < BATCH and len(plans) + len(unusable) == len(found)
    done = Batch(more=not whole or any(plan.next_at <= now for _, plan in plans))
    _disable(connection, unusable)
    _replace(connection, plans, done)
    _carry_out(connection, plans, done)
    return done


def _plans(rows: Iterable[RowMapping], now: datetime) -> tuple[list[tuple[RowMapping, Step]], list[UUID]]:
    """What each of them does, as far as the time for it goes; and those that nothing can be done with."""
    plans, unusable, end = [], [], time.monotonic() + BUDGET_SECONDS
    for row in rows:
        try:
            plans.append((row, step(_due(row), now)))
        except Invalid as error:
            get_logger().error("schedule.unusable", schedule=str(row["id"]), code=error.error_code)
            unusable.append(row["id"])
        if time.monotonic() > end:
            break
    return plans, unusable


def _due(row: RowMapping) -> Due:
    return Due(
        timing=timing_of(row["cron"], row["interval_seconds"], row["time_zone"]),
        next_at=row["next_at"],
        grace=timedelta(seconds=row["grace_seconds"]),
        overlap=Overlap(row["overlap"]),
        misfire=Misfire(row["misfire"]),
        live=row["live"],
        waiting=row["waiting"],
    )


def _replace(connection: Connection, plans: Sequence[tuple[RowMapping, Step]], done: Batch) -> None:
    """Cancel what is in the way, as a person would."""
    if ids := [row["id"] for row, plan in plans if plan.supersede]:
        connection.execute(SUPERSEDE, {"ids": ids})
    if jobs := [job for _, plan in plans for job in plan.cancel]:
        # By their ids, as those who cancel many do: nobody waits for each other.
        connection.execute(select(Job.id).where(Job.id.in_(jobs)).order_by(Job.id).with_for_update())
        for one in steps(Action.CANCEL):
            chosen = update(Job).where(Job.id.in_(jobs), Job.status.in_(one.states)).values(one.changes)
            told = chosen.returning(Job.id, Job.tenant_id, Job.attempt, Job.status)
            done.cancelled += connection.execute(told).mappings().all()


def _carry_out(connection: Connection, plans: Sequence[tuple[RowMapping, Step]], done: Batch) -> None:
    notes = [(row["id"], at, row["tenant_id"], outcome) for row, plan in plans for at, outcome in plan.notes.items()]
    rows = connection.execute(NOTE, _columns(("ids", "moments", "tenants", "outcomes"), notes))
    noted = {(row.schedule_id, row.scheduled_for) for row in rows}
    moves = [(row["id"], plan.next_at) for row, plan in plans]
    connection.execute(MOVE, _columns(("ids", "moments"), moves))
    _start(connection, [(row, plan.starts) for row, plan in plans if (row["id"], plan.starts) in noted], done)
    done.missed += [(row["name"] if row["builtin"] else TENANTS, plan.missed) for row, plan in plans if plan.missed]


def _start_waiting(connection: Connection) -> Batch:
    ready = {row.schedule_id: row.scheduled_for for row in connection.execute(READY, {"most": BATCH})}
    if not ready:
        return Batch()
    locked = connection.execute(LOCK, {"ids": list(ready)}).scalars().all()
    wanted = _columns(("ids", "moments"), [(one, ready[one]) for one in locked])
    taken = {row.schedule_id: row.scheduled_for for row in connection.execute(TAKE, wanted)}
    done = Batch(more=len(ready) == BATCH)
    _start(connection, [(row, taken[row["id"]]) for row in _at_work(connection, list(taken))], done)
    return done


def _start(connection: Connection, occurrences: Sequence[tuple[RowMapping, datetime | None]], done: Batch) -> None:
    """Write the jobs of occurrences that were taken."""
    orders, unusable = _orders(occurrences)
    written = write_jobs(connection, [order for _, _, order in orders])
    made = [(id_, moment, one.view.job_id) for (id_, moment, _), one in zip(orders, written, strict=True)]
    done.written += [(order.tenant_id, one) for (_, _, order), one in zip(orders, written, strict=True)]
    if made:
        connection.execute(ATTACH, _columns(("ids", "moments", "jobs"), made))
    _disable(connection, unusable)


def _orders(
    occurrences: Iterable[tuple[RowMapping, datetime | None]],
) -> tuple[list[tuple[UUID, datetime | None, Order]], list[UUID]]:
    """What each of them wants; and those that nothing can be done with."""
    orders, unusable = [], []
    for row, moment in occurrences:
        try:
            orders.append((row["id"], moment, _order(row)))
        except (Invalid, ValidationError) as error:
            get_logger().error("schedule.unusable", schedule=str(row["id"]), error=type(error).__name__)
            unusable.append(row["id"])
    return orders, unusable


def _order(row: RowMapping) -> Order:
    """What `POST` would write for the same wish now."""
    found = schedulable(row["kind"], of_tenants=not row["builtin"])
    return Order(
        tenant_id=row["tenant_id"],
        project_id=row["project_id"],
        kind=found.kind,
        payload=found.order(row["payload"], row["declaration"]),
        priority=Priority.of_rank(row["priority"]),
        label=row["name"],
        request_id=f"schedule-{row['id']}",
        queue=Queue(row["queue"]),
    )


def _at_work(connection: Connection, ids: Sequence[UUID]) -> list[RowMapping]:
    rows = connection.execute(AT_WORK, {"ids": ids}).mappings().all()
    return sorted(rows, key=lambda row: list(ids).index(row["id"]))


def _disable(connection: Connection, ids: Sequence[UUID]) -> None:
    """Rather than find them due for ever: a later version, or one with other zones, wrote what this one cannot read."""
    if ids:
        connection.execute(DISABLE, {"ids": list(ids)})


def _declared(one: Builtin, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "name": one.name,
        "cron": one.cron,
        "time_zone": zone.key,
        "kind": one.kind.name,
        "payload": one.payload_in(zone),
        "queue": one.kind.queue,
        "priority": Priority.NORMAL.rank,
        "overlap": one.overlap,
        "misfire": one.misfire,
        "grace_seconds": one.grace_seconds,
        "next_at": Cron.parse(one.cron, zone).after(now),
    }


def _columns(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """Rows as the arrays that `unnest` takes."""
    return {name: [row[nth] for row in rows] for nth, name in enumerate(names)}
