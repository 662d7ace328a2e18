"""Schedules: written by a tenant's operators, or by the platform for the installation; their history; run now."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from wharf.common.access import Caller
from wharf.common.clock import new_id
from wharf.common.errors import Conflict, Forbidden, Invalid, Problem
from wharf.common.jobs.submission import Order, Written, write_job
from wharf.common.ledger.models import Job, OwnPackageType, Schedule, ScheduleRun
from wharf.common.queues import Priority
from wharf.common.schedules import Outcome, schedulable, timing_of
from wharf.common.schedules.policies import INSTALLATION
from wharf.gateway.authentication import hidden
from wharf.gateway.cursors import decode, moment_of, page
from wharf.gateway.intake import DEFAULT_PROJECT
from wharf.gateway.packages import PROJECT

MOST = 200
"""Schedules of a tenant."""
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('schedules of ' || %(tenant)s::text, 0))"
WAKE = text("SELECT pg_notify('wharf_dispatch', '')")
NOW = text("SELECT clock_timestamp()")
LAST_RUNS = text("""
    SELECT s.id AS schedule_id, r.scheduled_for, r.outcome, r.manual, r.job_id, j.status
    FROM wharf.schedules s CROSS JOIN LATERAL (
        SELECT * FROM wharf.schedule_runs r WHERE r.schedule_id = s.id ORDER BY r.scheduled_for DESC LIMIT 1) r
    LEFT JOIN wharf.jobs j ON j.id = r.job_id WHERE s.id = ANY(:ids)""")
WHEN = frozenset({"cron", "interval_seconds", "time_zone", "enabled"})
"""What its next occurrence depends on."""
WORK = frozenset({"kind", "payload"})
"""What it begins."""
TAKEN = ("name", "project_id", "cron", "interval_seconds", "time_zone", "kind", "enabled", "overlap", "misfire",
         "grace_seconds")  # fmt: skip
"""Columns that are as a request says them."""
FIXED = frozenset({"name", "kind", "payload", "project_id"})
"""What of a built-in one is the same in every installation."""
Item = dict[str, Any]
Page = tuple[list[Item], str | None]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose schedules a caller sees: those of its tenant, or of its key's project; the platform the installation's."""

    tenant_id: UUID
    project_id: str | None
    is_platform: bool

    @classmethod
    def of(cls, caller: Caller) -> Owner:
        """The one that the caller acts for."""
        return cls(caller.tenant_id or INSTALLATION, caller.project_id, is_platform=caller.tenant_id is None)

    def project(self, wanted: str | None) -> str:
        """The project of a schedule; raises `Forbidden` for one that the key may not see."""
        if self.project_id is not None and wanted not in {None, self.project_id}:
            message = f"This key is for the project {self.project_id} only."
            raise Forbidden(message, code="wrong_project")
        return wanted or self.project_id or DEFAULT_PROJECT

    def conditions(self) -> list[ColumnElement[bool]]:
        """For a query on schedules."""
        return [Schedule.project_id == self.project_id] if self.project_id is not None else []


def list_schedules(connection: Connection, owner: Owner, cursor: str | None, limit: int) -> Page:
    """Oldest first."""
    query = select(*Schedule.__table__.c).where(*owner.conditions()).order_by(Schedule.id).limit(limit + 1)
    if cursor:
        query = query.where(Schedule.id > decode(cursor, (UUID,))[0])
    rows = [dict(row) for row in connection.execute(query).mappings()]
    return page(rows, limit, lambda row: (row["id"],))


def find(connection: Connection, owner: Owner, schedule_id: UUID, *, lock: bool = False) -> Item:
    """One of them; raises `NotFound`."""
    query = select(*Schedule.__table__.c).where(Schedule.id == schedule_id, *owner.conditions())
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise hidden("schedule", schedule_id, "schedule_not_found")
    return dict(row)


def create(connection: Connection, owner: Owner, wanted: Item) -> Item:
    """Write a new one. Raises `Conflict` where its name is taken, `Invalid` for what is wrong with it."""
    connection.exec_driver_sql(LOCK, {"tenant": owner.tenant_id})
    if connection.execute(select(func.count()).select_from(Schedule)).scalar_one() >= MOST:
        raise _wrong("name", "too_many_schedules", f"There may be {MOST} schedules. Remove one that is not used.")
    project_id = owner.project(wanted["project_id"])
    connection.exec_driver_sql(PROJECT, {"tenant_id": owner.tenant_id, "project_id": project_id})
    row = _row(connection, owner, wanted | {"project_id": project_id}, wanted.keys())
    own = {"id": new_id(), "tenant_id": owner.tenant_id}
    values = own | row | {"next_at": _first(connection, row)}
    return _written(connection, insert(Schedule).values(values).returning(*Schedule.__table__.c), wanted["name"])


def change(connection: Connection, owner: Owner, before: Item, changes: Item) -> Item:
    """Change what is said of one that was found and locked, from now on.

    Raises as `create`, and `Conflict` for what of a built-in one is fixed.
    """
    _refuse_fixed(before, changes)
    if "project_id" in changes:
        changes["project_id"] = owner.project(changes["project_id"])
        connection.exec_driver_sql(PROJECT, {"tenant_id": owner.tenant_id, "project_id": changes["project_id"]})
    said = before | {"priority": Priority.of_rank(before["priority"])} | _one_timing(changes)
    row = _row(connection, owner, said, changes.keys())
    more: Item = {"updated_at": func.now(), "adjusted": before["builtin"]}
    if WHEN & changes.keys():
        more["next_at"] = _first(connection, row)
    if not row["enabled"]:
        _forget_waiting(connection, before["id"])
    chosen = update(Schedule).where(Schedule.id == before["id"]).values(row | more).returning(*Schedule.__table__.c)
    return _written(connection, chosen, row["name"])


def remove(connection: Connection, before: Item) -> None:
    """Take one that was found and locked away with its history; its jobs stay. Raises `Conflict` for a built-in one."""
    if before["builtin"]:
        message = "This schedule is built in: it cannot be removed. Disable it instead."
        raise Conflict(message, code="builtin_schedule")
    connection.execute(delete(Schedule).where(Schedule.id == before["id"]))


def run(connection: Connection, owner: Owner, schedule_id: UUID, request_id: str, *, dry_run: bool = False) -> Written:
    """Start its job now, whatever else of it runs; noted in its history. Raises `Invalid` where it has no dry run."""
    row = find(connection, owner, schedule_id, lock=True)
    if dry_run:
        with _in_body():
            trial = schedulable(row["kind"], of_tenants=not row["builtin"]).trial(row["payload"])
        row = row | {"payload": trial}
    written = write_job(connection, _order(connection, row, request_id))
    noted = {"schedule_id": schedule_id, "tenant_id": row["tenant_id"], "job_id": written.view.job_id}
    moment = connection.execute(NOW).scalar_one()
    own = {"scheduled_for": moment, "outcome": Outcome.STARTED, "manual": True}
    connection.execute(insert(ScheduleRun).values(noted | own))
    return written


def list_runs(connection: Connection, owner: Owner, schedule_id: UUID, cursor: str | None, limit: int) -> Page:
    """What became of its occurrences, newest first, with the states of their jobs."""
    find(connection, owner, schedule_id)
    columns = (*(c for c in ScheduleRun.__table__.c if c.name not in {"schedule_id", "tenant_id"}), Job.status)
    query = select(*columns).outerjoin(Job, Job.id == ScheduleRun.job_id).where(ScheduleRun.schedule_id == schedule_id)
    if cursor:
        query = query.where(ScheduleRun.scheduled_for < decode(cursor, (moment_of,))[0])
    query = query.order_by(ScheduleRun.scheduled_for.desc()).limit(limit + 1)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    return page(rows, limit, lambda row: (row["scheduled_for"].isoformat(),))


def last_runs(connection: Connection, ids: Collection[UUID]) -> dict[UUID, Item]:
    """The newest occurrence of each of these schedules that has one, with the state of its job."""
    return {row["schedule_id"]: dict(row) for row in connection.execute(LAST_RUNS, {"ids": list(ids)}).mappings()}


def _row(connection: Connection, owner: Owner, said: Item, new: Collection[str]) -> Item:
    """A schedule's columns. What is new is checked: one whose package type has gone can still be disabled."""
    with _in_body():
        found = schedulable(said["kind"], of_tenants=not owner.is_platform)
        wish = found.read(said["payload"])
        if not WORK.isdisjoint(new):
            found.check(connection, wish)
        if WHEN.intersection(new) - ({"enabled"} if not said["enabled"] else set()):
            timing_of(said["cron"], said["interval_seconds"], said["time_zone"])
    row = {name: said[name] for name in TAKEN}
    kept = {"payload": wish.model_dump(mode="json", exclude_unset=True), "queue": found.kind.queue}
    return row | kept | {"priority": Priority(said["priority"]).rank}


@contextmanager
def _in_body() -> Iterator[None]:
    """What is wrong with a schedule is wrong with the request's body."""
    try:
        yield
    except Invalid as error:
        problems = tuple(replace(problem, loc=f"body.{problem.loc}") for problem in error.problems)
        raise Invalid(error.message, code=error.error_code, problems=problems) from None


def _one_timing(changes: Item) -> Item:
    """The new way to say when stands instead of the old one."""
    other = {"cron": "interval_seconds", "interval_seconds": "cron"}
    gone = [other[name] for name in other if changes.get(name) is not None and other[name] not in changes]
    return changes | dict.fromkeys(gone)


def _first(connection: Connection, row: Item) -> datetime | None:
    """The first occurrence from now on, on the ledger's clock; None for one that is not enabled."""
    if not row["enabled"]:
        return None
    now: datetime = connection.execute(NOW).scalar_one()
    return timing_of(row["cron"], row["interval_seconds"], row["time_zone"]).after(now, now)


def _written(connection: Connection, statement: Any, name: str) -> Item:  # noqa: ANN401 - an insert or an update
    try:
        row: RowMapping = connection.execute(statement).mappings().one()
    except IntegrityError as error:
        message = f"There is a schedule {name} already. Choose another name, or change that one."
        problem = Problem("body.name", "schedule_exists", message)
        raise Conflict(message, code="schedule_exists", problems=(problem,)) from error
    # Heard by the scheduler at the commit.
    connection.execute(WAKE)
    return dict(row)


def _forget_waiting(connection: Connection, schedule_id: UUID) -> None:
    waiting = (ScheduleRun.schedule_id == schedule_id, ScheduleRun.outcome == Outcome.WAITING)
    connection.execute(update(ScheduleRun).where(*waiting).values(outcome=Outcome.SKIPPED))


def _refuse_fixed(before: Item, changes: Item) -> None:
    if before["builtin"] and (fixed := sorted(FIXED & changes.keys())):
        message = f"This schedule is built in: its {', '.join(fixed)} cannot be changed. When and whether it runs can."
        problems = tuple(Problem(f"body.{name}", "builtin_schedule", message) for name in fixed)
        raise Conflict(message, code="builtin_schedule", problems=problems)


def _order(connection: Connection, row: Item, request_id: str) -> Order:
    found = schedulable(row["kind"], of_tenants=not row["builtin"])
    own = select(OwnPackageType.declaration).where(OwnPackageType.name == row["payload"].get("package_type"))
    return Order(
        tenant_id=row["tenant_id"],
        project_id=row["project_id"],
        kind=found.kind,
        payload=found.order(row["payload"], connection.execute(own).scalar()),
        priority=Priority.of_rank(row["priority"]),
        label=row["name"],
        request_id=request_id,
    )


def _wrong(field: str, code: str, message: str) -> Invalid:
    return Invalid(message, code=code, problems=(Problem(f"body.{field}", code, message),))
