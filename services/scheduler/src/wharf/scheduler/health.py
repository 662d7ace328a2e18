"""The job `health`, each minute: account for the canaries sent before, forget the old ones, send new ones.

It waits for none of them: a slot of the queue `maintenance` is held for moments, however long the other queues are.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, text

from wharf.common.errors import Conflict
from wharf.common.jobs import control
from wharf.common.jobs.kinds import HealthPayload
from wharf.common.jobs.states import Status
from wharf.common.metrics import CANARY_FAILURES, CANARY_ROUND_TRIP, CANARY_SECONDS, CANARY_SUCCESS
from wharf.common.packages.files import file_key
from wharf.common.queues import Queue
from wharf.common.runtime.context import JobContext
from wharf.common.schedules.policies import INSTALLATION
from wharf.common.storage import Storage
from wharf.scheduler.canaries import Packed, declare, delete_rows, send, upload_key
from wharf.scheduler.verdicts import Outcome, Sent, Verdict, judge

Context = JobContext[HealthPayload]
KEPT = 3
"""Canaries of a queue that came through and are still there, the newest."""
KEPT_FAILURES = 100
"""Others of a queue, the newest, and none that is older than a day."""
KEPT_JOBS = 20
"""Jobs of this kind that were completed, the newest."""

UNDER_WAY = text("""
    SELECT c.id, c.queue, c.job_id, c.sent_at, j.kind, j.status, j.result, j.error ->> 'code' AS code, j.finished_at,
           CAST(extract(epoch FROM j.finished_at - j.created_at) AS double precision) AS seconds,
           EXISTS (SELECT FROM wharf.pauses p WHERE p.queue = c.queue) AS paused, now() AS now
    FROM wharf.canaries c LEFT JOIN wharf.jobs j ON j.id = c.job_id
    WHERE c.outcome IS NULL ORDER BY c.sent_at FOR UPDATE OF c SKIP LOCKED""")
NOTE = text("""
    UPDATE wharf.canaries
    SET outcome = :outcome, code = :code, ended_at = coalesce(:finished_at, now()), seconds = :seconds
    WHERE id = :id""")
OLD = text("""
    SELECT told.id, told.job_id FROM (
        SELECT c.*, row_number() OVER (PARTITION BY c.queue, c.outcome = 'ok' ORDER BY c.sent_at DESC) AS nth
        FROM wharf.canaries c WHERE c.outcome IS NOT NULL) told
    LEFT JOIN wharf.jobs j ON j.id = told.job_id
    WHERE CASE told.outcome WHEN 'ok' THEN told.nth > :kept
               ELSE told.nth > :failures OR told.sent_at < now() - interval '1 day' END
      AND (j.id IS NULL OR j.status IN ('completed', 'failed', 'cancelled'))""")
FORGET = text("SELECT wharf.forget_canaries(cast(:ids AS uuid[]))")
FORGET_JOBS = text("SELECT wharf.forget_health(:kept, interval '1 day')")
BUSY = text("""
    SELECT queue FROM wharf.canaries WHERE outcome IS NULL UNION SELECT queue FROM wharf.pauses""")


@dataclass(frozen=True, slots=True)
class Told:
    """A canary and what became of it."""

    row: RowMapping
    verdict: Verdict

    @property
    def counted(self) -> bool:
        """Whether it says something of its queue."""
        return self.verdict.outcome is not Outcome.PAUSED


def run_health(context: Context) -> dict[str, Any]:
    """One round; what it found by queue, and how many canaries were sent and forgotten."""
    _show_zeros()
    told = _account(context)
    forgotten = _forget(context)
    sent = _send(context)
    counts = Counter(one.verdict.outcome.value for one in told)
    context.report(3, 3, stage="health", message=", ".join(f"{n} {name}" for name, n in counts.items()))
    found = {one.row["queue"]: _figures(one) for one in told}
    return {"queues": found, "sent": sent, "forgotten": forgotten} | {o.value: counts[o.value] for o in Outcome}


def _account(context: Context) -> list[Told]:
    """What became of those that were sent before; the metrics tell of it once it is written down."""
    with context.transaction() as connection:
        rows = connection.execute(UNDER_WAY).mappings().all()
        told = [Told(row, verdict) for row in rows if (verdict := judge(_sent(row), row["now"]))]
        for one in told:
            _note(connection, one)
    for one in told:
        _count(context, one)
    return told


def _sent(row: RowMapping) -> Sent:
    status = Status(row["status"]) if row["status"] else None
    return Sent(row["sent_at"], row["paused"], row["kind"] or "", status, row["result"], row["code"])


def _note(connection: Connection, one: Told) -> None:
    told = {name: one.row[name] for name in ("id", "seconds", "finished_at")}
    connection.execute(NOTE, told | {"outcome": one.verdict.outcome, "code": one.verdict.code})
    if one.row["finished_at"] is None and one.row["status"]:
        # Nobody waits for it any more; one that ended just now has ended.
        with suppress(Conflict):
            control.cancel(connection, one.row["job_id"])


def _count(context: Context, one: Told) -> None:
    queue, outcome = one.row["queue"], one.verdict.outcome
    if outcome is Outcome.OK:
        CANARY_ROUND_TRIP.labels(queue).set(one.row["seconds"])
        CANARY_SECONDS.labels(queue).observe(one.row["seconds"])
        CANARY_SUCCESS.labels(queue).set(one.row["finished_at"].timestamp())
    elif one.counted:
        CANARY_FAILURES.labels(queue, outcome).inc()
        context.log("warning", "canary.lost", queue=queue, outcome=outcome.value, code=one.verdict.code)


def _figures(one: Told) -> dict[str, Any]:
    return {"outcome": one.verdict.outcome, "code": one.verdict.code, "seconds": one.row["seconds"]}


def _forget(context: Context) -> int:
    """Files first: were the rows to go first, nobody would know of files that were left."""
    with context.database.tenant(context.tenant_id) as connection:
        old = connection.execute(OLD, {"kept": KEPT, "failures": KEPT_FAILURES}).mappings().all()
    for row in old:
        _delete_files(context.storage, row["id"], row["job_id"])
    ids = [row["id"] for row in old]
    with context.transaction() as connection:
        delete_rows(connection, ids)
        connection.execute(FORGET_JOBS, {"kept": KEPT_JOBS})
        return int(connection.execute(FORGET, {"ids": ids}).scalar_one())


def _delete_files(storage: Storage, number: UUID, job_id: UUID) -> None:
    """By what is there, not by what the job said: a worker may have died before it said so."""
    storage.delete(upload_key(number))
    for made in storage.list(file_key(INSTALLATION, job_id, "")):
        storage.delete(made.key)


def _show_zeros() -> None:
    """From the first round on: of a counter that appears with its first canary nobody sees that it grew."""
    for queue in Queue:
        CANARY_SECONDS.labels(queue)
        for outcome in (Outcome.FAILED, Outcome.LATE):
            CANARY_FAILURES.labels(queue, outcome)


def _send(context: Context) -> int:
    """One through each queue that goes on and has none under way: what stands still is not filled up."""
    with context.database.tenant(context.tenant_id) as connection:
        busy = set(connection.execute(BUSY).scalars())
    packed = [Packed.of(queue, context.storage) for queue in Queue if queue not in busy]
    with context.transaction() as connection:
        declare(connection)
        written = [send(connection, canary) for canary in packed]
    for one in written:
        context.announce(one, INSTALLATION)
    return len(written)
