"""Checks of the work itself, by the ledger: queues, workers, schedules, and what is sent through the queues."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from wharf.common.clock import now
from wharf.common.ledger.database import Database
from wharf.common.queues import Queue
from wharf.common.schedules.policies import INSTALLATION
from wharf.gateway import workload
from wharf.gateway.checks.part import Level, Part, of_problems

OLD = timedelta(minutes=5)
"""What waits longer, or was not heard of for longer, is told of."""
OVERDUE = timedelta(minutes=2)
MOST_WORKERS = 1000
Row = Mapping[str, Any]
Problems = list[tuple[Level, str]]

BUILT_IN = text("""
    SELECT s.name, s.enabled, s.next_at,
           (SELECT max(j.finished_at) FROM wharf.schedule_runs r JOIN wharf.jobs j ON j.id = r.job_id
            WHERE r.schedule_id = s.id AND j.status = 'completed') AS last_success_at,
           (SELECT count(*) FROM wharf.schedule_runs r
            WHERE r.schedule_id = s.id AND r.outcome = 'missed' AND r.noted_at > now() - interval '1 hour') AS missed
    FROM wharf.schedules s WHERE s.builtin ORDER BY s.name""")
LATE = text("SELECT overdue, since FROM wharf.overdue_schedules(:late)")
CANARIES = text("""
    SELECT queue, max(ended_at) FILTER (WHERE outcome = 'ok') AS last_success_at,
           (array_agg(seconds ORDER BY sent_at DESC) FILTER (WHERE outcome = 'ok'))[1] AS seconds,
           (array_agg(outcome ORDER BY sent_at DESC) FILTER (WHERE outcome IS NOT NULL))[1] AS outcome,
           (array_agg(code ORDER BY sent_at DESC) FILTER (WHERE outcome IS NOT NULL))[1] AS code,
           min(sent_at) FILTER (WHERE outcome IS NULL) AS under_way_since
    FROM wharf.canaries GROUP BY queue ORDER BY queue""")


def work_checks(database: Database) -> dict[str, Callable[[], Part]]:
    """By the name of the part."""
    return {
        "queues": lambda: check_queues(database),
        "workers": lambda: check_workers(database),
        "schedules": lambda: check_schedules(database),
        "canaries": lambda: check_canaries(database),
    }


def check_queues(database: Database) -> Part:
    """What waits in each, how long, and whether anybody takes it."""
    with database.anyone() as connection:
        found = workload.queues_of(connection, None)
    names = ("waiting", "oldest_wait_seconds", "running", "slots", "paused")
    figures = {row["name"].value: {name: row[name] for name in names} for row in found}
    waiting, running = (sum(row[name] for row in found) for name in ("waiting", "running"))
    return of_problems(queue_problems(found), f"{waiting} jobs wait, {running} run.", {"queues": figures})


def queue_problems(found: Sequence[Row]) -> Problems:
    """Of each queue the first thing that is to be said."""
    return [problem for row in found if (problem := _queue_problem(row))]


def _queue_problem(row: Row) -> tuple[Level, str] | None:
    name, wait = row["name"], row["oldest_wait_seconds"]
    if row["paused"]:
        return Level.WARN, f"The queue {name} is paused for everybody."
    if row["waiting"] and not row["slots"]:
        return Level.FAIL, f"{row['waiting']} jobs wait in {name}, which no worker serves."
    if wait is not None and wait > OLD.total_seconds():
        return Level.WARN, f"The oldest job of {name} has waited for {wait / 60:.0f} min."
    return None


def check_workers(database: Database) -> Part:
    """Which live, and whether each queue is served."""
    with database.anyone() as connection:
        found = workload.list_workers(connection, None, MOST_WORKERS)
    alive = [row for row in found if row["alive"]]
    served = {queue.value: sum(row["slots"] for row in alive if queue in row["queues"]) for queue in Queue}
    figures = {"alive": len(alive), "silent": len(found) - len(alive), "slots": served}
    said = f"{len(alive)} workers live; every queue is served."
    return of_problems(worker_problems(found, served), said, figures)


def worker_problems(found: Sequence[Row], served: Mapping[str, int]) -> Problems:
    """Queues that nobody serves, and workers that went without a word."""
    problems = [(Level.FAIL, f"No worker serves the queue {queue}.") for queue, slots in served.items() if not slots]
    if silent := [row["name"] for row in found if not row["alive"]]:
        problems.append((Level.WARN, f"{len(silent)} workers say nothing since 20 s, such as {silent[0]}."))
    return problems


def check_schedules(database: Database) -> Part:
    """Whether what is due is begun; of the built-in ones when they last succeeded."""
    with database.tenant(INSTALLATION) as connection:
        found = [dict(row) for row in connection.execute(BUILT_IN).mappings()]
        late = connection.execute(LATE, {"late": OVERDUE}).one()
    figures = {"overdue": late.overdue, "overdue_since": late.since, "built_in": found}
    return of_problems(schedule_problems(found, late.overdue, late.since), "Schedules begin in time.", figures)


def schedule_problems(found: Sequence[Row], overdue: int, since: datetime | None) -> Problems:
    """A scheduler that does not run, times that it was late for, schedules that somebody switched off."""
    problems: Problems = []
    if overdue:
        problems.append((Level.FAIL, f"{overdue} schedules are overdue since {since}: no scheduler begins them."))
    for row in found:
        if row["missed"]:
            problems.append((Level.WARN, f"{row['name']} missed {row['missed']} of its times within the last hour."))
        if not row["enabled"]:
            problems.append((Level.WARN, f"{row['name']} is disabled."))
    return problems


def check_canaries(database: Database) -> Part:
    """Whether what was last sent through each queue came through, and in which time."""
    with database.tenant(INSTALLATION) as connection:
        found = {row["queue"]: dict(row) for row in connection.execute(CANARIES).mappings()}
    figures = {queue.value: found.get(queue, {}) for queue in Queue}
    slowest = max((row["seconds"] or 0.0 for row in found.values()), default=0.0)
    said = f"They come through every queue, the slowest in {slowest:.1f} s."
    return of_problems(canary_problems(figures, now()), said, {"queues": figures})


def canary_problems(figures: Mapping[str, Row], at: datetime) -> Problems:
    """Of each queue the first thing that is to be said."""
    return [problem for queue, row in figures.items() if (problem := _canary_problem(queue, row, at))]


def _canary_problem(queue: str, row: Row, at: datetime) -> tuple[Level, str] | None:
    outcome, success = row.get("outcome"), row.get("last_success_at")
    if outcome in {"failed", "late"}:
        return Level.FAIL, f"The last canary of {queue} {_how(row)}."
    if success is None:
        return Level.WARN, f"No canary has come through {queue} yet."
    if at - success > OLD and outcome != "paused":
        return Level.WARN, f"No canary has come through {queue} since {success:%Y-%m-%d %H:%M} UTC."
    return None


def _how(row: Row) -> str:
    said = "did not come through in time" if row["outcome"] == "late" else "failed"
    return f"{said} ({row['code']})" if row["code"] else said
